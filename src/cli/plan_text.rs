//! A plan as people read it: on a terminal, or as Markdown below a pull request.

use super::markdown;
use super::print::counted;
use crate::daemon::{
    Cause, Plan, PlannedEffect, PlannedEntry, PlannedGroup, PlannedView, Restriction, RuleEffect,
    WeakenedBy, WeakenedRule,
};
use crate::lint::Finding;
use crate::model::Escaped;

/// The form of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Text,
    Markdown,
}

/// The characters of the groups in a comment. A forge takes 65,536 in all.
const BLOCKS: usize = 25_000;
/// The characters of the causes with one line each.
const LINES: usize = 15_000;
/// The characters of the removed and changed restrictions.
const RESTRICTIONS: usize = 10_000;

impl Style {
    /// Returns the groups, the entries of each, and the rules that are listed; the others are counted.
    const fn most(self) -> (usize, usize, usize) {
        match self {
            Self::Text => (50, 10, 50),
            Self::Markdown => (20, 5, 20),
        }
    }

    /// Writes text from outside so that it is read as text. Nothing in a code span of Markdown is a link, a mention or
    /// HTML, and nothing ends it but as many backticks as begin it.
    fn quote(self, text: &str) -> String {
        let text = Escaped(text).to_string();
        if self == Self::Text {
            return format!("`{text}`");
        }
        markdown::span(&text)
    }

    fn heading(self, text: &str) -> String {
        if self == Self::Text { text.to_owned() } else { format!("\n**{text}**\n") }
    }

    fn item(self, text: &str) -> String {
        if self == Self::Text { format!("    {text}") } else { format!("- {text}") }
    }
}

/// Returns a number of entries in words.
fn entries(count: u64) -> String {
    counted(count, "entry", "entries")
}

/// Returns the findings for which a set would be refused, as Markdown.
pub(super) fn refused(findings: &[Finding]) -> Vec<String> {
    let found = counted(findings.len() as u64, "finding", "findings");
    listed(&format!("The overlays would be refused: {found}"), findings, Style::Markdown)
}

/// Returns the warnings of a set that is planned.
pub(super) fn warned(warnings: &[Finding], style: Style) -> Vec<String> {
    if warnings.is_empty() {
        return Vec::new();
    }
    let found = counted(warnings.len() as u64, "warning", "warnings");
    listed(&format!("The overlays have {found}:"), warnings, style)
}

fn listed(heading: &str, findings: &[Finding], style: Style) -> Vec<String> {
    let (all, (_, _, most)) = (findings.len() as u64, style.most());
    let listed = findings.iter().take(most);
    let quote = |text: &str| match style {
        // The findings have quotes of their own.
        Style::Text => Escaped(text).to_string(),
        Style::Markdown => style.quote(text),
    };
    let listed = listed.map(|finding| style.item(&quote(&finding.to_string())));
    let more = all.saturating_sub(most as u64);
    let more = (more > 0).then(|| style.item(&format!("and {more} more")));
    std::iter::once(style.heading(heading)).chain(listed).chain(more).collect()
}

/// Returns the lines of a plan. What was denied or suspended until now comes first, and each other cause that does not fit
/// has a line.
pub(super) fn lines(plan: &Plan, style: Style, allowed: Option<u64>) -> Vec<String> {
    let (most_groups, _, most_rules) = style.most();
    let mut lines = totals(plan, style, allowed);
    lines.extend(weakened(plan, style));
    let (mut for_blocks, mut for_lines) = (Room::of(style, BLOCKS), Room::of(style, LINES));
    let (mut more, mut more_lifting, mut short) = (plan.more_groups, 0, Vec::new());
    for (index, group) in plan.groups.iter().enumerate() {
        let block = of_group(group, plan.views.len(), style);
        if index < most_groups && for_blocks.takes(&block) {
            lines.extend(block);
            continue;
        }
        let line = [style.item(&summary(group, style))];
        if for_lines.takes(&line) {
            short.extend(line);
        } else {
            more += 1;
            more_lifting += u64::from(group.lifts);
        }
    }
    if !short.is_empty() {
        lines.push(style.heading("Other causes:"));
        lines.append(&mut short);
    }
    if more > 0 {
        let mut text = format!("and {}", counted(more, "more cause", "more causes"));
        if more_lifting > 0 {
            text.push_str(&format!(", {more_lifting} of a lifted denial or suspension"));
        }
        lines.push(style.heading(&text));
    }
    if !plan.stays_hidden.is_empty() {
        lines.push(style.heading("New and changed rules that do not serve all that they approve:"));
        let rules = plan.stays_hidden.iter().take(most_rules);
        lines.extend(rules.map(|effect| style.item(&of_rule(effect, style))));
        let more = plan.stays_hidden.len().saturating_sub(most_rules) as u64;
        let more = more + plan.more_stays_hidden;
        if more > 0 {
            let more = counted(more, "more rule", "more rules");
            lines.push(style.item(&format!("and {more}")));
        }
    }
    lines
}

/// The characters that one part of the text may still use. A terminal has no limit.
struct Room(Option<usize>);

impl Room {
    fn of(style: Style, characters: usize) -> Self {
        Self((style == Style::Markdown).then_some(characters))
    }

    /// Returns true if the lines fit, and takes their room.
    fn takes(&mut self, lines: &[String]) -> bool {
        let Some(room) = &mut self.0 else { return true };
        let characters = lines.iter().map(|line| line.chars().count() + 1).sum();
        let left = room.checked_sub(characters);
        *room = left.unwrap_or(*room);
        left.is_some()
    }
}

/// Returns the restrictions that are removed or changed. They stand before the effects: a removed denial may have none now.
fn weakened(plan: &Plan, style: Style) -> Vec<String> {
    let mut room = Room::of(style, RESTRICTIONS);
    let (mut lines, mut more) = (Vec::new(), plan.more_weakened);
    for weakened in &plan.weakened {
        let line = [style.item(&of_weakened(weakened, style))];
        if room.takes(&line) { lines.extend(line) } else { more += 1 }
    }
    if lines.is_empty() {
        return lines;
    }
    lines.insert(0, style.heading("Restrictions that are removed or changed:"));
    if more > 0 {
        lines.push(style.item(&format!("and {}", counted(more, "more rule", "more rules"))));
    }
    lines
}

fn of_weakened(weakened: &WeakenedRule, style: Style) -> String {
    let WeakenedRule { restriction, selector, place, alteration, has_effect } = weakened;
    let by = match alteration {
        WeakenedBy::Removed => "removed",
        WeakenedBy::Changed => "changed",
        WeakenedBy::Added => "new",
    };
    let restriction = match restriction {
        Restriction::Denial => "denial",
        Restriction::Suspension => "suspension",
        Restriction::Condition => "condition",
        Restriction::Waiver => "waiver of a condition or an advisory",
        Restriction::Pin => "pin of content",
        Restriction::OnDrift => "suspension on drift",
        Restriction::OnDeprecated => "end after deprecation",
        Restriction::Internal => "internal namespace",
        Restriction::Ownership if *alteration == WeakenedBy::Added => "waiver of ownership",
        Restriction::Ownership => "ownership",
        Restriction::Protection if *alteration == WeakenedBy::Added => {
            "exemption from the comparison"
        }
        Restriction::Protection => "protection from lookalikes",
    };
    let effect = if *has_effect { "" } else { " (without effect now)" };
    let place =
        if place.is_empty() { String::new() } else { format!(" at {}", style.quote(place)) };
    format!("{by} {restriction} of {}{place}{effect}", style.quote(selector))
}

/// Says in words how many entries clients would get that they did not get before.
pub(super) fn exposed(plan: &Plan) -> String {
    let entries = entries(plan.exposed);
    let content = if plan.content > 0 { " or get other content" } else { "" };
    format!("{entries} would become visible{content}")
}

fn totals(plan: &Plan, style: Style, allowed: Option<u64>) -> Vec<String> {
    let Plan { visible, lifted, content, hidden, described, names, .. } = *plan;
    let compared = match names {
        0 => "both sets say the same of every server".to_owned(),
        names => format!("{} compared", counted(names, "server", "servers")),
    };
    let changes = match [visible, content, hidden, described] {
        [0, 0, 0, 0] => "The plan changes nothing that is served".to_owned(),
        counts => self::changes(counts),
    };
    let mut lines = vec![format!("{changes} ({compared}).")];
    if let Some(allowed) = allowed.filter(|allowed| plan.exposed > *allowed) {
        let exposed = exposed(plan);
        lines.push(
            style.heading(&format!("{exposed}, more than `--allow-visible {allowed}` allows.")),
        );
    }
    if lifted > 0 {
        let (entries, verb) = (entries(lifted), verb(PlannedEffect::Visible, lifted));
        lines.push(style.heading(&format!("{entries} {verb} that a rule denied or suspended.")));
    }
    if plan.views.len() > 1 && visible + content + hidden + described > 0 {
        for PlannedView { view, visible, content, hidden, described } in &plan.views {
            let changes = self::changes([*visible, *content, *hidden, *described]);
            lines.push(style.item(&format!("view {}: {changes}", style.quote(view))));
        }
    }
    lines
}

/// Says in words how many entries change, without the kinds of change of which there are none.
fn changes(counts: [u64; 4]) -> String {
    let effects = [
        PlannedEffect::Visible,
        PlannedEffect::Content,
        PlannedEffect::Hidden,
        PlannedEffect::Described,
    ];
    let parts = effects.into_iter().zip(counts).filter(|(_, count)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(effect, count)| format!("{} {}", entries(count), verb(effect, count)))
        .collect();
    if parts.is_empty() { "no change".to_owned() } else { parts.join(", ") }
}

const fn verb(effect: PlannedEffect, count: u64) -> &'static str {
    match (effect, count) {
        (PlannedEffect::Visible, 1) => "becomes visible",
        (PlannedEffect::Visible, _) => "become visible",
        (PlannedEffect::Content, 1) => "gets other content",
        (PlannedEffect::Content, _) => "get other content",
        (PlannedEffect::Hidden, 1) => "becomes hidden",
        (PlannedEffect::Hidden, _) => "become hidden",
        (PlannedEffect::Described, 1) => "is described otherwise",
        (PlannedEffect::Described, _) => "are described otherwise",
    }
}

fn of_group(group: &PlannedGroup, views: usize, style: Style) -> Vec<String> {
    let PlannedGroup { effect, count, entries: listed, .. } = group;
    let (_, most_entries, _) = style.most();
    let mut lines = vec![style.heading(&summary(group, style))];
    let shown = listed.iter().take(most_entries);
    lines.extend(shown.map(|entry| style.item(&of_entry(entry, *effect, views, style))));
    let more = count.saturating_sub(listed.len().min(most_entries) as u64);
    if more > 0 {
        lines.push(style.item(&format!("and {more} more")));
    }
    lines
}

/// Says in one line how many entries change, and by what cause.
fn summary(group: &PlannedGroup, style: Style) -> String {
    let PlannedGroup { effect, lifts, cause, count, .. } = group;
    let lifts = if *lifts { ", denied or suspended until now" } else { "" };
    let verb = verb(*effect, *count);
    format!("{} {verb}{lifts}: {}", entries(*count), of_cause(cause, style))
}

fn of_cause(cause: &Cause, style: Style) -> String {
    let at = |what: &str, selector: &str, place: &str| {
        format!("{what} {} at {}", style.quote(selector), style.quote(place))
    };
    match cause {
        Cause::NewRule { selector, place } => at("new rule", selector, place),
        Cause::ChangedRule { selector, place } => at("changed rule", selector, place),
        Cause::RemovedRule { selector, place } => at("removed rule", selector, place),
        Cause::Namespace { selector, place: Some(place) } => {
            at("the ownership of namespace", selector, place)
        }
        Cause::Namespace { selector, place: None } => {
            format!("the rule for namespace {}", style.quote(selector))
        }
        Cause::Successor { name } => {
            format!("what is served of its successor {}", style.quote(name))
        }
        Cause::Protection => "other names are protected from lookalikes".to_owned(),
        Cause::Other => "several parts of the edit together".to_owned(),
    }
}

fn of_entry(entry: &PlannedEntry, effect: PlannedEffect, views: usize, style: Style) -> String {
    let PlannedEntry { name, version, views: of_entry, why } = entry;
    let why = match effect {
        PlannedEffect::Visible => format!("{why} until now"),
        PlannedEffect::Hidden => format!("then {why}"),
        PlannedEffect::Content | PlannedEffect::Described => why.clone(),
    };
    let within = if of_entry.len() < views {
        let noun = if of_entry.len() == 1 { "view" } else { "views" };
        format!(", {noun} {}", of_entry.join(", "))
    } else {
        String::new()
    };
    format!("{} ({why}{within})", style.quote(&format!("{name}@{version}")))
}

fn of_rule(effect: &RuleEffect, style: Style) -> String {
    let RuleEffect { approves, serves, waiting, place, selector, remedy, .. } = effect;
    let place = style.quote(place);
    if approves <= serves {
        let (found, advice) = effect.surprise().unwrap_or_default();
        let text = format!("{found}: {advice}");
        let text = if style == Style::Text { text } else { style.quote(&text) };
        return format!("{place}: {text}");
    }
    let versions = counted(*approves, "version", "versions");
    let remedy = remedy.as_deref().unwrap_or("`vidimus explain` shows the gate");
    let waiting = match waiting {
        0 => String::new(),
        1 => " (1 of them waits for a first lookup or comparison)".to_owned(),
        many => format!(" ({many} of them wait for a first lookup or comparison)"),
    };
    let selector = style.quote(selector);
    format!("{place}: {selector} approves {versions}, serves {serves}: {remedy}{waiting}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("com.a/x@1.0.0", "`com.a/x@1.0.0`")]
    #[case("a`b", "``a`b``")]
    #[case("``", "``` `` ```")]
    #[case("</code><script>@team [x](y) #1", "`</code><script>@team [x](y) #1`")]
    #[case("a\n# heading", "`a\\n# heading`")]
    fn text_from_outside_stays_within_a_code_span(#[case] text: &str, #[case] written: &str) {
        assert_eq!(Style::Markdown.quote(text), written);
    }

    fn plan(groups: usize, version: &str) -> Plan {
        let group = |index: usize| PlannedGroup {
            effect: PlannedEffect::Visible,
            lifts: false,
            cause: Cause::NewRule { selector: format!("a.b/x{index}"), place: "a.yaml:1:1".into() },
            count: 60,
            entries: (0..50)
                .map(|_| PlannedEntry {
                    name: "a.b/x".into(),
                    version: version.to_owned(),
                    views: vec!["default".into()],
                    why: "never decided".into(),
                })
                .collect(),
        };
        Plan {
            visible: 60,
            exposed: 60,
            views: vec![PlannedView {
                view: "default".into(),
                visible: 60,
                content: 0,
                hidden: 0,
                described: 0,
            }],
            groups: (0..groups).map(group).collect(),
            more_groups: 7,
            ..Plan::default()
        }
    }

    #[test]
    fn lists_are_bounded_and_count_the_rest() {
        let text = lines(&plan(60, "1.0.0"), Style::Text, None).join("\n");
        assert!(text.contains("and 50 more\n") && text.ends_with("and 7 more causes"), "{text}");
        assert_eq!(text.matches("60 entries become visible: new rule").count(), 60, "{text}");
        let markdown = lines(&plan(60, "1.0.0"), Style::Markdown, Some(5)).join("\n");
        assert_eq!(markdown.matches("- 60 entries become visible: new rule").count(), 40);
        assert!(markdown.contains("**and 7 more causes**"), "{markdown}");
        assert!(markdown.contains("more than `--allow-visible 5` allows"), "{markdown}");
    }

    #[test]
    fn lifted_denials_and_removed_restrictions_are_not_cut_from_a_comment() {
        let mut plan = plan(1_000, &"`".repeat(400));
        let lifts = |group: PlannedGroup| PlannedGroup { lifts: true, count: 1, ..group };
        let lifted = plan.groups.pop().map(lifts).expect("a group");
        plan.groups.insert(0, lifted);
        plan.lifted = 1;
        let weakened = |index: usize| WeakenedRule {
            restriction: Restriction::Denial,
            selector: format!("a.b/y{index}"),
            place: "a.yaml:1:1".into(),
            alteration: WeakenedBy::Removed,
            has_effect: index > 0,
        };
        plan.weakened = (0..1_000).map(weakened).collect();
        let markdown = lines(&plan, Style::Markdown, None).join("\n");
        assert!(markdown.chars().count() < 60_000, "{}", markdown.chars().count());
        let at = |text: &str| markdown.find(text).unwrap_or_else(|| panic!("{text}: {markdown}"));
        let lifted =
            at("1 entry becomes visible, denied or suspended until now: new rule `a.b/x999`");
        assert!(lifted < at("60 entries become visible: new rule `a.b/x0`"), "{markdown}");
        let removed = at("removed denial of `a.b/y0` at `a.yaml:1:1` (without effect now)");
        assert!(removed < lifted, "{markdown}");
        at("1 entry becomes visible that a rule denied or suspended.");
        at(" more causes**");
        plan.groups.iter_mut().for_each(|group| group.lifts = true);
        let markdown = lines(&plan, Style::Markdown, None).join("\n");
        assert!(markdown.contains(" of a lifted denial or suspension**"), "{markdown}");
    }

    #[test]
    fn comment_stays_within_the_limit_of_a_forge() {
        let markdown = lines(&plan(60, &"`".repeat(400)), Style::Markdown, None).join("\n");
        assert!(markdown.chars().count() < 60_000);
        assert!(markdown.contains("more causes"), "{markdown}");
    }
}
