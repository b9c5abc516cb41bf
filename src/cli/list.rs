use std::cmp::{Ordering, Reverse};

use super::client::Operator;
use super::error::{CliError, Exit};
use super::list_args::{ListArguments, SortBy};
use super::print::{as_json, counted, err, out, table};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{
    Listed, QuarantineReport, RuleEffect, Screenings, StatusReport, list as list_entries,
    rule_effects,
};
use crate::model::{Escaped, Timestamp, Version};

/// Rules without effect that are named below a list.
const MAX_EFFECTS: usize = 20;

/// Lists entries, or the rows in quarantine.
pub(super) async fn list(settings: Settings, arguments: &ListArguments) -> Result<Exit, CliError> {
    let target = Target::open(&settings)?;
    if arguments.quarantined {
        let rows = match target {
            Target::Store(offline) => crate::daemon::quarantine(&offline.store.snapshot()?)?,
            Target::Daemon(operator) => operator.get(&["quarantine"], &[]).await?,
        };
        print_quarantine(&rows, arguments.json);
        return Ok(Exit::Done);
    }
    let now = match &target {
        Target::Store(offline) => offline.clock.now(),
        Target::Daemon(operator) if arguments.expiring.is_some() => {
            operator.get::<StatusReport>(&["status"], &[]).await?.now
        }
        Target::Daemon(_) => Timestamp::MIN,
    };
    let (lines, effects) = read(target, arguments).await?;
    let lines = select(lines, arguments, now);
    if arguments.json {
        as_json(&lines);
        return Ok(Exit::Done);
    }
    print_entries(&lines);
    if prints_effects(arguments) {
        let messages: Vec<String> = effects.iter().filter_map(RuleEffect::message).collect();
        messages.iter().take(MAX_EFFECTS).for_each(|message| err(message));
        if let Some(more) = messages.len().checked_sub(MAX_EFFECTS).filter(|more| *more > 0) {
            let rules = counted(more as u64, "more rule has", "more rules have");
            err(&format!("{rules} no effect; `vidimus check` lists them"));
        }
    }
    Ok(Exit::Done)
}

async fn read(
    target: Target,
    arguments: &ListArguments,
) -> Result<(Vec<Listed>, Vec<RuleEffect>), CliError> {
    let all = arguments.all || arguments.state.is_some();
    let wants_effects = prints_effects(arguments);
    match target {
        Target::Store(offline) => {
            let (snapshot, now) = offline.known()?;
            let (policy, screenings) = (offline.policy(), Screenings::offline());
            let lines = list_entries(&snapshot, policy, &screenings, now, all)?;
            let effects = if wants_effects {
                rule_effects(&snapshot, policy, &screenings, now, |_| true)?
            } else {
                Vec::new()
            };
            Ok((lines, effects))
        }
        Target::Daemon(operator) => {
            let query = [("all", if all { "true" } else { "false" })];
            let lines = operator.get(&["list"], &query).await?;
            let effects = if wants_effects { effects(&operator).await } else { Vec::new() };
            Ok((lines, effects))
        }
    }
}

/// Returns true if the effects of the rules stand below the table.
///
/// Each needs a second evaluation of all names, so `read` asks before it computes them.
fn prints_effects(arguments: &ListArguments) -> bool {
    !arguments.json && arguments.pattern.is_none() && arguments.expiring.is_none()
}

async fn effects(operator: &Operator) -> Vec<RuleEffect> {
    // A daemon of an older release does not know the route.
    operator.get(&["rules"], &[]).await.unwrap_or_default()
}

fn select(mut lines: Vec<Listed>, arguments: &ListArguments, now: Timestamp) -> Vec<Listed> {
    let pattern = arguments.pattern.as_deref().map(str::to_lowercase);
    let last = arguments.expiring.map(|within| now.plus(within));
    lines.retain(|line| {
        last.is_none_or(|last| line.served && line.expires.is_some_and(|end| end <= last))
            && pattern.as_deref().is_none_or(|pattern| matches(&line.name.to_lowercase(), pattern))
            && arguments.state.is_none_or(|state| line.state == state)
            && arguments.owner.as_ref().is_none_or(|owner| line.owner.as_ref() == Some(owner))
            && arguments.tier.is_none_or(|tier| line.tier == Some(tier))
    });
    lines.sort_by(|left, right| {
        left.name.cmp(&right.name).then_with(|| by_version(&right.version, &left.version))
    });
    if arguments.latest {
        lines.dedup_by(|next, kept| next.name == kept.name && next.upstream == kept.upstream);
    }
    match arguments.sort {
        SortBy::Name => {}
        SortBy::State => lines.sort_by_key(|line| line.state),
        SortBy::Tier => lines.sort_by_key(|line| (line.tier.is_none(), line.tier)),
        SortBy::Owner => lines.sort_by_key(|line| (line.owner.is_none(), line.owner.clone())),
        SortBy::Until => lines.sort_by_key(|line| Reverse(line.expires.map(Reverse))),
    }
    lines
}

/// Returns true if a name contains the pattern or, where the pattern has a `*`, matches it whole.
pub(super) fn matches(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next().filter(|_| pattern.contains('*')) else {
        return name.contains(pattern);
    };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

/// Orders versions as `latest` does: a semantic one above another one, those by their text.
pub(super) fn by_version(left: &str, right: &str) -> Ordering {
    let semantic = |text: &str| Version::parse(text).ok().and_then(|version| version.semantic());
    Version::precedence(semantic(left).as_ref(), semantic(right).as_ref())
        .then_with(|| left.cmp(right))
}

fn print_entries(lines: &[Listed]) {
    if lines.is_empty() {
        return out("No entries.");
    }
    out(&entries_table(lines, terminal_width()));
}

/// The columns that a narrow terminal loses, in this order; `explain` shows what they hold.
const OPTIONAL: [&str; 6] = ["CLASS", "FLOATING", "UPSTREAM SAYS", "OWNERSHIP", "TIER", "OWNER"];
/// Characters of what an upstream says of a version that a line shows.
const MAX_SAID: usize = 60;

/// Draws a table of at most `width` characters, if leaving out columns can do that. No cell is broken: a name in pieces
/// cannot be copied.
fn entries_table(lines: &[Listed], width: Option<usize>) -> String {
    for left_out in 0..=OPTIONAL.len() {
        let text = draw(lines, &OPTIONAL[..left_out]);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        if left_out == OPTIONAL.len() || width.is_none_or(|width| widest <= width) {
            return text;
        }
    }
    String::new()
}

fn draw(lines: &[Listed], left_out: &[&str]) -> String {
    type Column = (&'static str, fn(&Listed) -> String);
    let columns: [Column; 10] = [
        ("NAME", |line| line.name.clone()),
        ("VERSION", |line| Escaped(&line.version).to_string()),
        ("STATE", |line| line.state.to_string()),
        ("TIER", |line| line.tier.map(|tier| tier.to_string()).unwrap_or_default()),
        ("CLASS", |line| line.classification.clone().unwrap_or_default()),
        ("OWNER", |line| Escaped(line.owner.as_deref().unwrap_or_default()).to_string()),
        ("OWNERSHIP", |line| line.ownership.clone().unwrap_or_default()),
        ("UNTIL", |line| line.expires.map(Timestamp::day).unwrap_or_default()),
        ("FLOATING", |line| if line.floating { "yes" } else { "" }.to_owned()),
        ("UPSTREAM SAYS", said),
    ];
    let is_silent = lines.iter().all(|line| line.upstream_status.is_none());
    let is_fixed = lines.iter().all(|line| !line.floating);
    let is_empty =
        |header: &str| is_silent && header == "UPSTREAM SAYS" || is_fixed && header == "FLOATING";
    let is_shown = |header: &str| !(left_out.contains(&header) || is_empty(header));
    let shown: Vec<Column> = columns.into_iter().filter(|(header, _)| is_shown(header)).collect();
    let mut table = table(&shown.iter().map(|(header, _)| *header).collect::<Vec<_>>());
    for line in lines {
        table.add_row(shown.iter().map(|(_, cell)| cell(line)));
    }
    trimmed(&table.to_string())
}

/// Returns the status that the upstream gives to a version that is not active, with the beginning of its message.
fn said(line: &Listed) -> String {
    let Some(status) = &line.upstream_status else { return String::new() };
    let message = status.status_message.as_deref().unwrap_or_default();
    let text = Escaped(message).to_string();
    let kept: String = text.chars().take(MAX_SAID).collect();
    let cut = if kept.len() < text.len() { "…" } else { "" };
    let colon = if kept.is_empty() { "" } else { ": " };
    format!("{}{colon}{kept}{cut}", status.status)
}

/// Returns the width of the terminal that the list is printed on; `None` where it is not a terminal.
fn terminal_width() -> Option<usize> {
    comfy_table::Table::new().width().map(usize::from)
}

/// Removes the spaces that a table without borders leaves at the ends of its lines.
fn trimmed(table: &str) -> String {
    table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn print_quarantine(rows: &[QuarantineReport], json: bool) {
    if json {
        return as_json(&rows);
    }
    if rows.is_empty() {
        return out("No rows in quarantine.");
    }
    let mut table = table(&["UPSTREAM", "NAME", "VERSION", "BYTES", "REASON"]);
    for row in rows {
        table.add_row([
            row.upstream.clone(),
            Escaped(row.file.as_ref().unwrap_or(&row.name)).to_string(),
            Escaped(&row.version).to_string(),
            row.bytes.to_string(),
            Escaped(&row.reason).to_string(),
        ]);
    }
    out(&trimmed(&table.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curation::EntryState;

    #[rstest::rstest]
    #[case("com.example/tools", "example", true)]
    #[case("com.example/tools", "tool", true)]
    #[case("com.example/tools", "com.*/tools", true)]
    #[case("com.example/tools", "com.*/tool", false)]
    #[case("com.example/tools", "*tools", true)]
    #[case("com.example/tools", "example*", false)]
    #[case("com.example/tools", "*ex*le*", true)]
    #[case("com.example/tools", "*", true)]
    #[case("com.example/tools", "other", false)]
    fn pattern_selects_names(#[case] name: &str, #[case] pattern: &str, #[case] selected: bool) {
        assert_eq!(matches(name, pattern), selected);
    }

    #[test]
    fn narrow_terminal_loses_columns_and_no_cell_is_broken() {
        let line = Listed {
            name: "com.example/a-long-name-of-a-server".into(),
            version: "1.0.0".into(),
            upstream: "official".into(),
            served: true,
            state: EntryState::Served,
            hidden_by: None,
            tier: Some(1),
            classification: Some("internal".into()),
            owner: Some("data-platform".into()),
            ownership: Some("verified".into()),
            floating: false,
            expires: None,
            upstream_status: None,
            successor: None,
        };
        let lines = [line];
        let wide = entries_table(&lines, Some(120));
        assert!(wide.contains("CLASS") && wide.contains("data-platform"), "{wide}");
        let narrow = entries_table(&lines, Some(80));
        assert!(!narrow.contains("CLASS") && narrow.contains("OWNER"), "{narrow}");
        let narrowest = entries_table(&lines, Some(20));
        assert!(narrowest.contains(" com.example/a-long-name-of-a-server "), "{narrowest}");
        assert!(!narrowest.contains("OWNER"), "{narrowest}");
    }

    #[test]
    fn versions_are_ordered_as_versions() {
        let mut versions = ["1.10.0", "auto", "1.9.0", "1.10.0-rc.1", "2024-05-01"];
        versions.sort_by(|left, right| by_version(left, right));
        assert_eq!(versions, ["2024-05-01", "auto", "1.9.0", "1.10.0-rc.1", "1.10.0"]);
    }
}
