//! Rules: items of the `servers` list of overlays.

use std::collections::BTreeSet;

use super::dice::Dice;
use super::policy::Policy;
use super::rows::{Plot, Subject};
use super::world::{MIDNIGHT, NOON};

/// Approvals of several versions, with reviews of several days.
const WIDE: [(usize, &str); 8] = [
    (6, "{state: approved, reviewed: 2026-02-18, expires: 2027-06-01}"),
    (6, "{state: approved, reviewed: 2026-03-01, expires: 2027-06-01}"),
    (3, "{state: approved, reviewed: 2026-01-15, expires: 2027-06-01}"),
    (3, "{state: approved, reviewed: 2026-02-18, expires: \"2026-03-20T12:00:00Z\"}"),
    (3, "{state: approved, reviewed: 2026-02-18, expires: 2026-03-20}"),
    // Valid until the end of 2026-03-20.
    (2, "{state: approved, reviewed: 2026-02-18, track: heavy}"),
    (1, "{state: approved, reviewed: 2026-02-18, track: fast, reviewers: [alice, bob]}"),
    (1, "{state: approved, reviewed: 2026-02-01, expires: 2026-03-04}"),
];
/// Approvals of one version.
const NARROW: [(usize, &str); 4] = [
    (4, "{state: approved, expires: 2027-06-01}"),
    (2, "{state: approved, expires: \"2026-03-20T12:00:00Z\"}"),
    (1, "{state: approved, expires: 2026-03-20}"),
    (1, "{state: approved, reviewed: 2026-01-10}"),
];
const RANGES: [&str; 4] = [">=1, <2", ">=1.1, <3", "<=1.1.0", ">=2"];
const FACTS: [(usize, &str); 6] = [
    (5, ""),
    (3, "tier: 1, classification: internal, "),
    (2, "tier: 2, labels: [dev, ops], owner: team-a, "),
    (2, "tier: 3, classification: regulated, "),
    (2, "labels: [dev], classification: public, "),
    (1, "owner: team-b, "),
];
/// A digest that no listed content has.
pub(crate) const NO_DIGEST: &str =
    "sha256:3b1f7c6a0e5d4c2b9a8877665544332211ffeeddccbbaa99887766554433221f";

/// The rules about one name.
#[derive(Debug, Clone, Copy)]
enum Rules {
    Silent,
    All,
    Each,
    Range,
    Pinned,
    Pending,
    Suspended,
    DeniedInOtherCase,
    DeniedVersions,
    OfUpstream,
}

const RULES: [(usize, Rules); 10] = [
    (22, Rules::Silent),
    (28, Rules::All),
    (8, Rules::Each),
    (8, Rules::Range),
    (20, Rules::Pinned),
    (2, Rules::Pending),
    (2, Rules::Suspended),
    (3, Rules::DeniedInOtherCase),
    (3, Rules::DeniedVersions),
    (6, Rules::OfUpstream),
];

/// Writes the rules about one name, which one or more upstreams list.
pub(crate) fn about_name(dice: &mut Dice, subjects: &[&Subject], plot: &Plot, policy: &mut Policy) {
    let name = subjects[0].name.as_str();
    let versions: BTreeSet<&str> =
        subjects.iter().flat_map(|subject| &subject.versions).copied().collect();
    let facts = dice.weighed(&FACTS);
    let is_suspect = name.contains("stri") || name.contains("strl") || name.contains("someone");
    let rules = if is_suspect && dice.chance(60) { Rules::Silent } else { dice.weighed(&RULES) };
    let wide = dice.weighed(&WIDE);
    if !matches!(rules, Rules::Silent | Rules::Each | Rules::Pending) {
        versions.iter().for_each(|version| tag_end(policy, name, version, wide));
    }
    let mut say = |text: String| policy.first.push(format!("{{name: {name}, {text}}}"));
    match rules {
        Rules::Silent if facts.is_empty() => {}
        Rules::Silent => say(facts.trim_end_matches(", ").to_owned()),
        Rules::All => say(format!("{facts}approval: {wide}")),
        Rules::Each => {
            for version in &versions {
                let approval = dice.weighed(&NARROW);
                tag_end(policy, name, version, approval);
                let text = format!("versions: \"{version}\", {facts}approval: {approval}");
                policy.first.push(format!("{{name: {name}, {text}}}"));
            }
        }
        Rules::Range => {
            let range = dice.pick(&RANGES);
            say(format!("versions: \"{range}\", {facts}approval: {wide}"));
        }
        Rules::Pinned => {
            say(format!("{facts}approval: {wide}"));
            for version in &versions {
                pin(dice, name, version, plot, policy);
            }
        }
        Rules::Pending => say(format!("{facts}approval: {{state: pending}}")),
        Rules::Suspended => {
            say(format!("versions: \">=1.1, <9\", approval: {wide}"));
            say(format!("{facts}approval: {{state: suspended}}"));
        }
        Rules::DeniedInOtherCase => {
            say(format!("{facts}approval: {wide}"));
            let (namespace, leaf) = name.split_once('/').expect("a name");
            let other = format!("{namespace}/{}", leaf.to_ascii_uppercase());
            policy.first.push(format!("{{name: {other}, approval: {{state: denied}}}}"));
        }
        Rules::DeniedVersions => {
            say(format!("{facts}approval: {wide}"));
            let range = dice.pick(&RANGES);
            say(format!("versions: \"{range}\", approval: {{state: denied}}"));
        }
        Rules::OfUpstream => {
            let upstream = dice.pick(subjects).upstream;
            // A set that names an upstream without a file is refused.
            let upstream = if upstream == "second" { "official" } else { upstream };
            say(format!("upstream: {upstream}, {facts}approval: {wide}"));
        }
    }
}

/// Tags a version with an approval that ends about when worlds end.
fn tag_end(policy: &mut Policy, name: &str, version: &str, approval: &str) {
    if approval.contains("T12:00:00Z") {
        policy.tag_version(name, version, NOON);
    } else if approval.contains("expires: 2026-03-20}") || approval.contains("heavy") {
        policy.tag_version(name, version, MIDNIGHT);
    }
}

/// Pins the content of a version, or does nothing.
fn pin(dice: &mut Dice, name: &str, version: &str, plot: &Plot, policy: &mut Policy) {
    let known = plot.tags.get(&(name.to_owned(), version.to_owned()));
    let is = |tag: &str| known.is_some_and(|tags| tags.contains(tag));
    let approval = |digest: &str| {
        format!(
            "{{name: {name}, versions: \"{version}\", approval: {{state: approved, expires: 2027-06-01, digest: \"{digest}\"}}}}"
        )
    };
    let first = format!("{{{{first:{name}@{version}}}}}");
    let other = format!("{{{{other:{name}@{version}}}}}");
    if is("rewritten") && dice.chance(70) {
        policy.later.push(approval(&other));
        policy.tag_version(name, version, "pins-other");
    } else if is("replaced") && dice.chance(50) {
        policy.later.push(approval(&first));
        policy.tag_version(name, version, "pins-replacement");
    } else {
        match dice.below(6) {
            0 | 1 => {
                policy.first.push(approval(&first));
                policy.tag_version(name, version, "pins-first");
            }
            2 => {
                policy.first.push(approval(NO_DIGEST));
                policy.tag_version(name, version, "pins-nothing");
            }
            _ => {}
        }
    }
}

/// Writes the rules about all names of a namespace, or of those below it.
pub(crate) fn about_namespace(dice: &mut Dice, namespace: &str, plot: &Plot, policy: &mut Policy) {
    let below = dice.chance(30);
    let pattern = if below { format!("{namespace}.*/*") } else { format!("{namespace}/*") };
    let facts = dice.weighed(&FACTS);
    let wide = dice.weighed(&WIDE);
    let is_suspect = matches!(namespace, "io.github.someone" | "com.strlpe");
    match dice.below(if is_suspect { 65 } else { 100 }) {
        0..65 => {
            policy.first.push(format!("{{name: \"{pattern}\", {facts}approval: {wide}}}"));
            let spelled: Vec<&Subject> = plot
                .names
                .iter()
                .filter(|subject| subject.namespace() == namespace)
                .filter(|subject| !is_approved(policy, &subject.name))
                .collect();
            for subject in spelled {
                for version in &subject.versions {
                    policy.tag_version(&subject.name, version, "wildcard");
                }
            }
        }
        65..72 => {
            policy.first.push(format!("{{name: \"{pattern}\", approval: {{state: denied}}}}"));
        }
        _ => {}
    }
}

/// Returns true if a rule decides about the approval of exactly this name.
fn is_approved(policy: &Policy, name: &str) -> bool {
    let begin = format!("{{name: {name}, ");
    let rules = policy.first.iter().chain(&policy.later);
    rules.filter(|item| item.starts_with(&begin)).any(|item| item.contains("approval:"))
}

/// Writes the rules about all names.
pub(crate) fn about_all(dice: &mut Dice, policy: &mut Policy) {
    match dice.below(10) {
        0 | 1 => policy.first.push("{name: \"*\", labels: [dev]}".to_owned()),
        2 => policy.first.push("{name: \"*\", tier: 3, classification: public}".to_owned()),
        3 => policy
            .first
            .push("{name: \"*\", versions: \">=3\", approval: {state: denied}}".to_owned()),
        _ => {}
    }
}
