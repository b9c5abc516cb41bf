//! Tests of edits: tables of texts, and generated files with comments.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::lint::Source;
use crate::model::{Digest, Timestamp, Version};
use crate::overlay::{Answer, Area, Check, NamePattern, Reference, State, Terms, VersionPattern};

const REVIEWED: &str = "2026-11-29T10:00:00.000000Z";

fn context() -> Context<'static> {
    let now = Timestamp::parse("2026-11-29T12:00:00Z").expect("a time");
    Context { terms: Terms::default(), now, upstreams: None }
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn contents(versions: &[&str]) -> BTreeMap<Version, Digest> {
    let listed = versions
        .iter()
        .map(|version| (Version::parse(version).expect("a version"), digest(version)));
    listed.collect()
}

fn approval(name: &str, versions: &[&str]) -> Decision {
    Decision {
        name: NamePattern::parse(name).expect("a name"),
        versions: VersionPattern::Any,
        upstream: None,
        tier: None,
        classification: None,
        owner: None,
        reason: None,
        approval: Decided {
            state: State::Approved,
            track: None,
            reviewers: vec!["alice".to_owned()],
            reviewed: Timestamp::parse(REVIEWED).expect("a time"),
            expires: None,
            scope: None,
            contents: Some(contents(versions)),
            reference: None,
            checks: Vec::new(),
        },
    }
}

fn denial(name: &str) -> Decision {
    let mut decision = approval(name, &[]);
    decision.reason = Some("it was taken over".to_owned());
    decision.approval.state = State::Denied;
    decision.approval.contents = None;
    decision
}

fn edited(text: &str, decision: &Decision) -> String {
    let source = Source::new("x.yaml", text);
    edit(&source, decision, &context()).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"))
}

fn refused(text: &str, decision: &Decision) -> String {
    let source = Source::new("x.yaml", text);
    let refusal = edit(&source, decision, &context()).expect_err(text);
    format!("{refusal}\n{}", refusal.paste())
}

/// Writes the digests of versions as `D(version)`, to be read.
fn short(text: &str) -> String {
    ["1.0.0", "1.1.0", "1.10", "2.0.0"]
        .iter()
        .fold(text.to_owned(), |text, version| {
            text.replace(&digest(version).to_string(), &format!("D({version})"))
        })
        .replace(REVIEWED, "NOW")
}

fn long(text: &str) -> String {
    ["1.0.0", "1.1.0", "1.10", "2.0.0"]
        .iter()
        .fold(text.to_owned(), |text, version| {
            text.replace(&format!("D({version})"), &digest(version).to_string())
        })
        .replace("NOW", REVIEWED)
}

const NEW: &str = "  - name: com.a/x
    approval:
      state: approved
      reviewers: [alice]
      reviewed: NOW
      contents:
        1.0.0: D(1.0.0)
";

#[rstest::rstest]
#[case::no_file("", &format!("servers:\n{NEW}"))]
#[case::comments_only("# ours\n", &format!("# ours\nservers:\n{NEW}"))]
#[case::no_list("namespaces:\n- name: com.a\n  internal: true\n", &format!("namespaces:\n- name: com.a\n  internal: true\nservers:\n{NEW}"))]
#[case::null_list("servers: # none yet\n", &format!("servers: # none yet\n{NEW}"))]
#[case::empty_list("servers: []\nnamespaces: []\n", &format!("servers:\n{NEW}namespaces: []\n"))]
#[case::empty_list_with_comment(
    "servers: [] # none\n",
    "servers: [{name: com.a/x, approval: {state: approved, reviewers: [alice], reviewed: NOW, contents: {1.0.0: D(1.0.0)}}}] # none\n"
)]
#[case::block_list("servers:\n  - name: com.b/y\n    tier: 1\n", &format!("servers:\n  - name: com.b/y\n    tier: 1\n{NEW}"))]
#[case::no_final_line_end("servers:\n  - name: com.b/y\n    tier: 1", &format!("servers:\n  - name: com.b/y\n    tier: 1\n{NEW}"))]
#[case::comment_of_the_last_item("servers:\n  - name: com.b/y\n    tier: 1\n    # by phone\n# the end\n", &format!("servers:\n  - name: com.b/y\n    tier: 1\n    # by phone\n{NEW}# the end\n"))]
#[case::flow_item("servers:\n  - {name: com.b/y, tier: 1} # ours\n\nnamespaces: []\n", &format!("servers:\n  - {{name: com.b/y, tier: 1}} # ours\n{NEW}\nnamespaces: []\n"))]
#[case::flow_list(
    "servers: [{name: com.b/y, tier: 1}]\n",
    "servers: [{name: com.b/y, tier: 1}, {name: com.a/x, approval: {state: approved, reviewers: [alice], reviewed: NOW, contents: {1.0.0: D(1.0.0)}}}]\n"
)]
#[case::quoted_key("\"servers\":\n  - name: com.b/y\n    tier: 1\n", &format!("\"servers\":\n  - name: com.b/y\n    tier: 1\n{NEW}"))]
#[case::second_document("servers:\n  - name: com.b/y\n    tier: 1\n---\nservers:\n  - name: com.c/z\n    tier: 1\n...\n", &format!("servers:\n  - name: com.b/y\n    tier: 1\n---\nservers:\n  - name: com.c/z\n    tier: 1\n{NEW}...\n"))]
#[case::document_about_the_name("servers:\n  - name: com.a/x\n    versions: 3.0.0\n    tier: 1\n---\nservers:\n  - name: com.c/z\n    tier: 1\n", &format!("servers:\n  - name: com.a/x\n    versions: 3.0.0\n    tier: 1\n{NEW}---\nservers:\n  - name: com.c/z\n    tier: 1\n"))]
#[case::long_text("servers:\n  - name: com.b/y\n    reason: |\n      two\n\n      lines\n    tier: 1\n  - name: com.c/y\n    tier: 1\n    reason: >-\n      folded\n      text\n", &format!("servers:\n  - name: com.b/y\n    reason: |\n      two\n\n      lines\n    tier: 1\n  - name: com.c/y\n    tier: 1\n    reason: >-\n      folded\n      text\n{NEW}"))]
fn rule_is_added_where_people_would_write_it(#[case] text: &str, #[case] wanted: &str) {
    let added = edited(&long(text), &approval("com.a/x", &["1.0.0"]));
    assert_eq!(short(&added), wanted);
}

#[test]
fn rule_is_added_at_the_column_of_the_list() {
    let text = "servers:\n- name: com.b/y\n  tier: 1\n";
    let wanted = NEW.replace("\n  ", "\n");
    let added = edited(text, &approval("com.a/x", &["1.0.0"]));
    assert_eq!(short(&added), format!("{text}{}", &wanted[2..]));
}

#[test]
fn line_ends_of_another_system_stay() {
    let text = "servers:\r\n- name: com.a/x\r\n  approval:\r\n    state: pending\r\n- name: com.b/y\r\n  tier: 1\r\n";
    let added = edited(text, &approval("com.c/z", &["1.0.0"]));
    let replaced = edited(text, &approval("com.a/x", &["1.0.0"]));
    for text in [added, replaced] {
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
    }
}

#[rstest::rstest]
#[case::block(
    "# top\nservers:\n  # about\n  - name: com.a/x # ours\n    tier: 1\n    approval:\n      state: approved # yes\n      reviewed: 2026-01-01 # by phone\n      scope: read only\n      # last\n\n  - name: com.b/y\n    tier: 2\n",
    "# top\nservers:\n  # about\n  - name: com.a/x # ours\n    tier: 1\n    approval:\n      state: approved # yes\n      reviewed: NOW # by phone\n      scope: read only\n      reviewers: [alice]\n      contents:\n        1.0.0: D(1.0.0)\n        '1.10': D(1.10)\n      # last\n\n  - name: com.b/y\n    tier: 2\n"
)]
#[case::flow(
    "servers:\n- {name: com.a/x, approval: {state: approved, reviewed: 2026-01-01}} # ours\n",
    "servers:\n- {name: com.a/x, approval: {state: approved, reviewed: NOW, reviewers: [alice], contents: {1.0.0: D(1.0.0), '1.10': D(1.10)}}} # ours\n"
)]
#[case::no_approval(
    "servers:\n- name: com.a/x\n  tier: 1\n",
    "servers:\n- name: com.a/x\n  tier: 1\n  approval:\n    state: approved\n    reviewers: [alice]\n    reviewed: NOW\n    contents:\n      1.0.0: D(1.0.0)\n      '1.10': D(1.10)\n"
)]
#[case::listed(
    "servers:\n- name: com.a/x\n  approval:\n    state: approved\n    reviewers:\n    - bob\n    reviewed: 2026-01-01\n    contents:\n      1.0.0: D(1.0.0) # first\n      2.0.0: D(2.0.0) # gone\n",
    "servers:\n- name: com.a/x\n  approval:\n    state: approved\n    reviewers: [alice]\n    reviewed: NOW\n    contents:\n      1.0.0: D(1.0.0) # first\n      '1.10': D(1.10)\n"
)]
#[case::number_as_a_key(
    "servers:\n- name: com.a/x\n  approval:\n    contents: {1.10: D(1.0.0), \"1.0.0\": D(2.0.0)}\n    'state': approved\n    reviewed: 2026-01-01\n    reviewers: [ 'alice' ]\n",
    "servers:\n- name: com.a/x\n  approval:\n    contents: {1.10: D(1.10), \"1.0.0\": D(1.0.0)}\n    'state': approved\n    reviewed: NOW\n    reviewers: [ 'alice' ]\n"
)]
fn rule_is_edited_member_by_member(#[case] text: &str, #[case] wanted: &str) {
    let replaced = edited(&long(text), &approval("com.a/x", &["1.0.0", "1.10"]));
    assert_eq!(short(&replaced), wanted);
}

#[test]
fn denial_removes_what_only_an_approval_has() {
    let text = long(
        "servers:\n- name: com.a/x\n  approval:\n    state: approved\n    track: heavy\n    reviewed: 2026-01-01\n    expires: 2027-01-01 # a year\n    follow: benign\n    reference: {version: 1.0.0, digest: D(1.0.0)}\n    cooldown: 3d\n    contents:\n      1.0.0: D(1.0.0)\n",
    );
    let wanted = "servers:\n- name: com.a/x\n  approval:\n    state: denied\n    track: heavy\n    reviewed: NOW\n    reviewers: [alice]\n  reason: it was taken over\n";
    assert_eq!(short(&edited(&text, &denial("com.a/x"))), wanted);
}

#[test]
fn approval_with_everything_is_written_and_read() {
    let mut decision = approval("com.a/x", &["1.0.0"]);
    decision.versions = VersionPattern::parse(">=1, <2").expect("a range");
    decision.upstream = Some("official".to_owned());
    decision.tier = Some(2);
    decision.owner = Some("service desk: #1".to_owned());
    decision.approval.expires = Some(Expiry::parse("2027-02-01").expect("a date"));
    decision.approval.scope = Some("read \"only\"\nno writes".to_owned());
    let version = Version::parse("1.0.0").expect("a version");
    decision.approval.reference = Some(Reference { version, digest: digest("1.0.0") });
    let note = Some("sends: texts # abroad".to_owned());
    let concern = Check { area: Area::DataFlow, answer: Answer::Concern, note };
    let ok = Check { area: Area::Drift, answer: Answer::Ok, note: None };
    decision.approval.checks = vec![concern, ok];
    let text = edited("", &decision);
    // The same decision once more changes nothing.
    assert_eq!(edited(&text, &decision), text);
    decision.approval.checks = vec![Check { area: Area::DataFlow, answer: Answer::Ok, note: None }];
    let again = edited(&text, &decision);
    assert!(again.contains("drift:") && !again.contains("abroad"), "{again}");
}

#[rstest::rstest]
#[case::broken("servers:\n  - name: [\n", "this is not YAML")]
#[case::tab("servers:\n\t- name: com.a/x\n", "this is not YAML")]
#[case::anchor("servers:\n- &a {name: com.a/x, tier: 1}\n", "an anchor")]
#[case::unknown_key("servers:\n- {name: com.a/x, tire: 1}\n", "unknown key `tire`")]
#[case::flow_document("{namespaces: []}\n", "the document is in flow style")]
#[case::several_documents("namespaces: []\n---\nnamespaces: []\n", "none of the documents")]
fn text_that_cannot_be_edited_is_refused_with_the_text_to_paste(
    #[case] text: &str,
    #[case] why: &str,
) {
    let message = refused(text, &approval("com.a/x", &["1.0.0"]));
    assert!(message.starts_with("x.yaml:") && message.contains(why), "{message}");
    assert!(short(&message).ends_with(NEW), "{message}");
}

#[test]
fn decision_that_no_file_can_state_is_refused_without_a_text_to_paste() {
    let mut decision = approval("com.a/x", &["1.0.0"]);
    decision.versions = VersionPattern::parse(">=2").expect("a range");
    let message = refused("servers: []\n", &decision);
    let wanted =
        "the decision is not valid: `1.0.0` is outside of `>=2`; versions that the rule selects\n";
    assert_eq!(message, wanted);
}

#[test]
fn file_of_a_mebibyte_is_edited_and_a_greater_one_refused() {
    let rule = "- name: com.b/y\n  versions: 1.0.";
    let mut text = String::from("servers:\n");
    let mut count = 0;
    while text.len() + 100 < MAX_BYTES {
        text.push_str(&format!("{rule}{count} # {count}\n  tier: 1\n"));
        count += 1;
    }
    let added = edited(&text, &approval("com.a/x", &["1.0.0"]));
    assert!(added.starts_with(&text));
    text.push_str(&"#".repeat(MAX_BYTES));
    let message = refused(&text, &approval("com.a/x", &["1.0.0"]));
    assert!(message.contains("more than 1 MiB"), "{message}");
}

/// A generated item: its name, its style, and the comments in it.
fn item() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["com.a/x", "com.b/y", "com.c/z"]);
    let style = 0..6_u8;
    let comment = prop::sample::select(vec!["", " # ours", " # it's \"fine\": really"]);
    let below = prop::sample::select(vec!["", "    # below\n", "\n", "\n\n  # apart\n"]);
    let versions = 0..1000_u32;
    let plain = long(
        "    approval:COMMENT\n      state: approved\n      reviewed: 2026-01-01COMMENT\n      # inside\n      contents:\n        1.0.0: D(1.0.0)COMMENT\n        2.0.0: \"D(2.0.0)\"\n",
    );
    (name, style, comment, below, versions).prop_map(move |(name, style, comment, below, versions)| {
        let head = format!("  - name: {name}{comment}\n    versions: 9.0.{versions}\n");
        let text = match style {
            0 => format!("  - {{name: {name}, versions: 9.0.{versions}, tier: 1}}{comment}\n"),
            1 => format!("{head}    tier: 1{comment}\n"),
            2 => format!("  - name: '{name}'\n{}", plain.replace("COMMENT", comment)),
            3 => format!("{head}    reason: |\n      # no comment\n      a: b\n    tier: 2\n"),
            4 => format!("  - {{name: {name}, approval: {{state: denied}}}}{comment}\n"),
            _ => format!("  -{comment}\n    \"name\": {name}\n    labels: [a, 'b # c']\n    approval:\n      state: pending{comment}\n"),
        };
        text + below
    })
}

proptest! {
    /// Whatever a file has, an edit keeps every other byte and every comment, and changes the rule that is meant.
    #[test]
    fn edit_keeps_every_other_byte_and_changes_the_meant_rule(
        items in prop::collection::vec(item(), 0..6),
        is_denial in any::<bool>(),
        is_foreign in any::<bool>(),
        cut in any::<bool>(),
        is_flat in any::<bool>(),
        (before, behind) in (0..BEFORE.len(), 0..BEHIND.len()),
    ) {
        // A key stands once in a document.
        prop_assume!((before, behind) != (2, 2));
        let items = items.concat();
        let items = if is_flat { flat(&items) } else { items };
        let list = if items.trim().is_empty() { "servers: []\n".to_owned() } else { format!("servers:\n{items}") };
        let mut text = format!("{}{list}{}", BEFORE[before], BEHIND[behind]);
        if is_foreign {
            text = text.replace('\n', "\r\n");
        }
        if cut {
            text.truncate(text.trim_end().len());
        }
        let decision = if is_denial { denial("com.a/x") } else { approval("com.a/x", &["1.0.0", "1.1.0"]) };
        let source = Source::new("x.yaml", text.as_str());
        let before = crate::overlay::parse(std::slice::from_ref(&source), &context());
        let new = match edit(&source, &decision, &context()) {
            Ok(new) => new,
            Err(refusal) => return Err(TestCaseError::fail(format!("{refusal}\n{text}"))),
        };
        let after = crate::overlay::parse(&[Source::new("x.yaml", new.as_str())], &context());
        let selectors = |rules: &[Rule]| -> Vec<String> { rules.iter().map(Rule::selector).collect() };
        let mut left = selectors(&after.rules);
        for selector in selectors(&before.rules) {
            let at = left.iter().position(|other| *other == selector);
            prop_assert!(at.is_some(), "{} is gone: {}", selector, new);
            left.remove(at.unwrap_or_default());
        }
        prop_assert!(left.len() <= 1);
        // A line without a member of an approval or a reason stays, in order.
        let mut lines = new.lines();
        for line in text.lines().filter(|line| is_kept(line)) {
            prop_assert!(lines.any(|other| other == line), "{line:?} is gone:\n{text}\n{new}");
        }
        // The same decision once more changes nothing.
        let again = edit(&Source::new("x.yaml", new.as_str()), &decision, &context());
        if before.rules.len() + 1 >= after.rules.len() && !decision.rules_in(&after.rules).is_empty() {
            prop_assert_eq!(again.map_err(|refusal| refusal.to_string()), Ok(new));
        }
    }
}

/// Texts in front of a list and behind it.
const BEFORE: [&str; 4] = [
    "# top\n",
    "\u{feff}",
    "namespaces:\n  - {name: com.a, internal: true} # ours\n\n",
    "# one\nservers:\n  - {name: com.q/q, tier: 2}\n--- # two\n",
];
const BEHIND: [&str; 4] = [
    "",
    "# the end\n\n",
    "namespaces: [\n  {name: com.b, internal: true}, # ours\n]\n",
    "...\n---\n# three\nservers: [{name: com.z/z, tier: 1}]\n",
];

/// Moves the items of a list to the column of its key.
fn flat(items: &str) -> String {
    items.split_inclusive('\n').map(|line| line.strip_prefix("  ").unwrap_or(line)).collect()
}

/// Returns true for a line that no decision of these tests may change.
fn is_kept(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim_start();
    let changing = [
        "servers:",
        "...",
        "# inside",
        "state:",
        "reviewed:",
        "contents:",
        "1.0.0:",
        "2.0.0:",
        "- {name: com.a/x",
    ];
    !changing.iter().any(|start| line.starts_with(start))
}

#[test]
fn several_approvals_of_one_selection_are_left_to_a_person() {
    let text = "servers:\n- {name: com.a/x, approval: {state: pending}}\n- {name: com.a/x, approval: {state: pending}}\n";
    let source = Arc::clone(&Source::new("x.yaml", text));
    let decision = approval("com.a/x", &["1.0.0"]);
    let rules = crate::overlay::parse(&[source], &context()).rules;
    assert!(decision.rules_in(&rules).is_empty());
}

/// Each mistake of an editor is refused.
#[rstest::rstest]
#[case::nothing("", "", None)]
#[case::other_rule("tier: 2", "tier: 3", Some("other rules"))]
#[case::comment_of_the_item("# by phone", "# by mail", Some("remove a comment"))]
#[case::comment_elsewhere("# top", "# to", Some("other parts of the text"))]
#[case::blanks_elsewhere("\n\n", "\n", Some("other parts of the text"))]
#[case::spelling("'read only'", "read only", Some("spell other members"))]
#[case::own_rule("scope: 'read only'", "scope: all", Some("not say what was decided"))]
#[case::other_digest("D(1.0.0)", "D(1.1.0)", Some("not say what was decided"))]
#[case::namespaces("internal: true", "internal: false", Some("other parts of the file"))]
#[case::error("state: approved", "state: aproved", Some("would have an error"))]
fn text_with_any_other_change_is_refused(
    #[case] from: &str,
    #[case] to: &str,
    #[case] wanted: Option<&str>,
) {
    let text = "# top\nnamespaces:\n- {name: com.a, internal: true}\nservers:\n- name: com.a/x\n  approval:\n    scope: 'read only' # by phone\n    state: approved\n    reviewed: 2026-01-01\n\n- name: com.b/y\n  tier: 2\n";
    let source = Source::new("x.yaml", text);
    let decision = approval("com.a/x", &["1.0.0"]);
    let (context, layout) = (context(), Layout::of(&source));
    let before = crate::overlay::parse(std::slice::from_ref(&source), &context);
    let rule = decision.rules_in(&before.rules)[0];
    let item = layout.item_of(rule).expect("an item");
    let good = edited(text, &decision);
    let verify = verify::Verify {
        source: &source,
        before: &before,
        edited: Some((rule, item)),
        decision: &decision,
        context: &context,
    };
    let why = verify.judge(&good.replacen(&long(from), &long(to), 1)).err();
    assert_eq!(why.is_some(), wanted.is_some(), "{why:?}");
    let why = why.unwrap_or_default();
    assert!(why.contains(wanted.unwrap_or_default()), "{why}");
}

const EQUAL: &str = "servers:\n- name: com.a/x # one\n  approval: {state: approved, reviewed: 2026-01-01}\n- name: com.b/y\n  tier: 2\n- name: com.a/x # two\n  tier: 1\n  approval: {state: approved, reviewed: 2026-01-01}\n";

#[test]
fn denial_is_stated_by_all_equal_rules() {
    let text = edited(EQUAL, &denial("com.a/x"));
    assert_eq!(text.matches("state: denied").count(), 2, "{text}");
    assert!(!text.contains("state: approved") && text.contains("# one"), "{text}");
    let read = crate::overlay::read(&[Source::new("x.yaml", text)], &context());
    assert_eq!(read.findings, []);
}

#[test]
fn comment_of_a_member_that_goes_goes_with_it() {
    let text = "servers:
- name: com.a/x # ours
  approval:
    state: approved
    # how it was reviewed
    reviewed: 2026-01-01
    # by contract
    expires: 2099-01-01 # until the end of it
    contents:
      # the first one
      1.0.0: sha256:1111111111111111111111111111111111111111111111111111111111111111 # and its digest
    # by phone
    scope: read only
";
    let after = edited(text, &denial("com.a/x"));
    let is_left = |comment: &str| after.contains(comment);
    for comment in ["# ours", "# how it was reviewed", "# by contract", "# by phone"] {
        assert!(is_left(comment), "{comment} in {after}");
    }
    for comment in ["# until the end of it", "# the first one", "# and its digest"] {
        assert!(!is_left(comment), "{comment} in {after}");
    }
}

#[test]
fn reason_of_another_state_goes_with_it() {
    let denied = edited(
        "servers:\n- name: com.a/x\n  tier: 1\n  approval: {state: approved, reviewed: 2026-01-01}\n",
        &denial("com.a/x"),
    );
    assert!(denied.contains("reason: it was taken over"), "{denied}");
    let mut again = approval("com.a/x", &["1.0.0"]);
    let text = edited(&denied, &again);
    assert!(text.contains("state: approved") && !text.contains("reason"), "{text}");
    again.reason = Some("it is ours again".to_owned());
    let text = edited(&denied, &again);
    assert!(text.contains("reason: it is ours again"), "{text}");
    let kept = edited(&text, &approval("com.a/x", &["1.0.0"]));
    assert!(kept.contains("reason: it is ours again"), "{kept}");
}

#[rstest::rstest]
#[case::same(&["1.0.0"], &[], true)]
#[case::fewer(&["1.0.0", "1.1.0"], &[], true)]
#[case::other(&["1.1.0"], &[], false)]
#[case::other_with_answers(&["1.1.0"], &[Area::Drift], false)]
fn answers_about_another_content_go(
    #[case] before: &[&str],
    #[case] given: &[Area],
    #[case] is_kept: bool,
) {
    let mut first = approval("com.a/x", before);
    let check = |area| Check { area, answer: Answer::Ok, note: Some("old".to_owned()) };
    first.approval.checks = vec![check(Area::Logging)];
    let text = edited("", &first);
    assert!(text.contains("logging"), "{text}");
    let mut second = approval("com.a/x", &["1.0.0"]);
    second.approval.checks = given.iter().map(|area| check(*area)).collect();
    let text = edited(&text, &second);
    assert_eq!(text.contains("logging"), is_kept, "{text}");
    assert_eq!(text.contains("checklist"), is_kept || !given.is_empty(), "{text}");
}

#[test]
fn refused_edit_has_the_whole_rule_to_put_in_place_of_the_old_one() {
    let text = "servers:\n- name: com.a/x\n  tier: 2\n  labels: [a, b]\n  approval: {state: pending, scope: \"read: only\"}\n";
    let source = Source::new("x.yaml", text);
    let decision = approval("com.a/x", &["1.0.0"]);
    let (context, layout) = (context(), Layout::of(&source));
    let before = crate::overlay::parse(std::slice::from_ref(&source), &context);
    let Some(rule) = before.rules.first() else { panic!("{:?}", before.findings) };
    let item = layout.item_of(rule).expect("an item");
    let refusal = manual(rule.place.clone(), "it is not edited".to_owned(), &decision);
    let refusal = merged::in_place_of(refusal, &source, (rule, item), &decision, &context);
    let place = rule.place.to_string();
    assert!(refusal.to_string().ends_with(&format!("In place of the rule at {place} belongs:")));
    let pasted = short(refusal.paste());
    let wanted = "  - name: com.a/x\n    tier: 2\n    labels: [a, b]\n    approval:\n      state: approved\n      scope: \"read: only\"\n      reviewers: [alice]\n      reviewed: NOW\n      contents:\n        1.0.0: D(1.0.0)\n";
    assert_eq!(pasted, wanted);
}
