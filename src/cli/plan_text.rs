//! A plan as people read it: on a terminal, or as Markdown below a pull request.

use super::print::counted;
use crate::daemon::{
    Cause, Plan, PlannedEffect, PlannedEntry, PlannedGroup, PlannedView, RuleEffect,
};
use crate::lint::Finding;
use crate::model::Escaped;

/// The form of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Text,
    Markdown,
}

/// A forge takes 65,536 characters in a comment.
const MAX_COMMENT: usize = 50_000;

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
        let runs = text.split(|character| character != '`');
        let fence = "`".repeat(runs.map(str::len).max().unwrap_or_default() + 1);
        let touches = |text: &str| text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
        let space = if touches(&text) || text.is_empty() { " " } else { "" };
        format!("{fence}{space}{text}{space}{fence}")
    }

    fn heading(self, text: &str) -> String {
        if self == Self::Text { text.to_owned() } else { format!("\n**{text}**\n") }
    }

    fn item(self, text: &str) -> String {
        if self == Self::Text { format!("    {text}") } else { format!("- {text}") }
    }
}

/// Returns a number of entries in words.
pub(super) fn entries(count: u64) -> String {
    counted(count, "entry", "entries")
}

/// Returns the findings for which a set would be refused, as Markdown.
pub(super) fn refused(findings: &[Finding]) -> Vec<String> {
    let (style, all) = (Style::Markdown, findings.len() as u64);
    let (_, _, most) = style.most();
    let heading = format!("The overlays would be refused: {}", counted(all, "finding", "findings"));
    let listed = findings.iter().take(most);
    let listed = listed.map(|finding| style.item(&style.quote(&finding.to_string())));
    let more = all.saturating_sub(most as u64);
    let more = (more > 0).then(|| style.item(&format!("and {more} more")));
    std::iter::once(style.heading(&heading)).chain(listed).chain(more).collect()
}

/// Returns the lines of a plan.
pub(super) fn lines(plan: &Plan, style: Style, allowed: Option<u64>) -> Vec<String> {
    let (most_groups, _, most_rules) = style.most();
    let mut lines = totals(plan, style, allowed);
    let mut room = MAX_COMMENT;
    let mut more = plan.more_groups;
    for (index, group) in plan.groups.iter().enumerate() {
        let block = of_group(group, plan.views.len(), style);
        let characters: usize = block.iter().map(|line| line.chars().count() + 1).sum();
        if index >= most_groups || (style == Style::Markdown && characters > room) {
            more += 1;
            continue;
        }
        room = room.saturating_sub(characters);
        lines.extend(block);
    }
    if more > 0 {
        lines.push(style.heading(&format!("and {}", counted(more, "more cause", "more causes"))));
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

fn totals(plan: &Plan, style: Style, allowed: Option<u64>) -> Vec<String> {
    let Plan { visible, hidden, described, names, .. } = *plan;
    let names = counted(names, "server", "servers");
    let changes = match [visible, hidden, described] {
        [0, 0, 0] => "The plan changes nothing that is served".to_owned(),
        counts => self::changes(counts),
    };
    let mut lines = vec![format!("{changes} ({names} compared).")];
    if let Some(allowed) = allowed.filter(|allowed| visible > *allowed) {
        let entries = entries(visible);
        lines.push(style.heading(&format!(
            "{entries} would become visible, more than `--allow-visible {allowed}` allows."
        )));
    }
    if plan.views.len() > 1 && visible + hidden + described > 0 {
        for PlannedView { view, visible, hidden, described } in &plan.views {
            let changes = self::changes([*visible, *hidden, *described]);
            lines.push(style.item(&format!("view {}: {changes}", style.quote(view))));
        }
    }
    lines
}

/// Says in words how many entries change, without the kinds of change of which there are none.
fn changes(counts: [u64; 3]) -> String {
    let effects = [PlannedEffect::Visible, PlannedEffect::Hidden, PlannedEffect::Described];
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
        (PlannedEffect::Hidden, 1) => "becomes hidden",
        (PlannedEffect::Hidden, _) => "become hidden",
        (PlannedEffect::Described, 1) => "is described otherwise",
        (PlannedEffect::Described, _) => "are described otherwise",
    }
}

fn of_group(group: &PlannedGroup, views: usize, style: Style) -> Vec<String> {
    let PlannedGroup { effect, cause, count, entries: listed } = group;
    let (_, most_entries, _) = style.most();
    let verb = verb(*effect, *count);
    let heading = format!("{} {verb}: {}", entries(*count), of_cause(cause, style));
    let mut lines = vec![style.heading(&heading)];
    let shown = listed.iter().take(most_entries);
    lines.extend(shown.map(|entry| style.item(&of_entry(entry, *effect, views, style))));
    let more = count.saturating_sub(listed.len().min(most_entries) as u64);
    if more > 0 {
        lines.push(style.item(&format!("and {more} more")));
    }
    lines
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
        PlannedEffect::Described => why.clone(),
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
            views: vec![PlannedView {
                view: "default".into(),
                visible: 60,
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
        assert!(text.contains("and 50 more\n") && text.ends_with("and 17 more causes"), "{text}");
        let markdown = lines(&plan(60, "1.0.0"), Style::Markdown, Some(5)).join("\n");
        assert!(markdown.contains("**and 47 more causes**"), "{markdown}");
        assert!(markdown.contains("more than `--allow-visible 5` allows"), "{markdown}");
    }

    #[test]
    fn comment_stays_within_the_limit_of_a_forge() {
        let markdown = lines(&plan(60, &"`".repeat(400)), Style::Markdown, None).join("\n");
        assert!(markdown.chars().count() < 60_000);
        assert!(markdown.contains("more causes"), "{markdown}");
    }
}
