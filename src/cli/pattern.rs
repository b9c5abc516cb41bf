use super::error::{CliError, Exit};
use super::print::{as_json, counted, out};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{PatternRelation, PatternReport, PatternRule, Screenings, explain_pattern};
use crate::model::Escaped;
use crate::overlay::NamePattern;

/// Says what a pattern of names covers.
pub(super) async fn explain(settings: Settings, text: &str, json: bool) -> Result<Exit, CliError> {
    let refused = |source| CliError::Pattern { text: text.to_owned(), source };
    NamePattern::parse(text).map_err(refused)?;
    let report: PatternReport = match Target::open_known(&settings)? {
        Target::Store(offline) => {
            let (snapshot, now) = offline.known()?;
            let (policy, screenings) = (offline.policy(), Screenings::offline());
            explain_pattern(&snapshot, policy, &screenings, now, text)?.map_err(refused)?
        }
        Target::Daemon(operator) => operator.get(&["patterns", text], &[]).await?,
    };
    if json {
        as_json(&report);
    } else {
        print_report(&report);
    }
    Ok(Exit::Done)
}

fn print_report(report: &PatternReport) {
    let PatternReport { pattern, names, versions, served, .. } = report;
    let names = counted(*names, "server", "servers");
    let versions = counted(*versions, "version", "versions");
    let verb = if *served == 1 { "is" } else { "are" };
    out(&format!(
        "`{}` covers {names} with {versions}, of which {served} {verb} served",
        Escaped(pattern)
    ));
    if report.rules.is_empty() {
        out("  no rule is about all of these names");
    }
    report.rules.iter().for_each(print_rule);
    if report.more_rules > 0 {
        out(&format!("  and {}", counted(report.more_rules, "more such rule", "more such rules")));
    }
    if report.narrower_rules > 0 {
        let (rules, verb) = match report.narrower_rules {
            1 => ("1 rule".to_owned(), "is"),
            many => (format!("{many} rules"), "are"),
        };
        out(&format!("  {rules} {verb} about some of these names only"));
    }
    print_entries("served", report.served, &report.examples);
    for hidden in &report.hidden {
        let label = format!("hidden: {} (gate `{}`)", hidden.state, hidden.gate);
        print_entries(&label, hidden.count, &hidden.examples);
    }
}

fn print_rule(rule: &PatternRule) {
    let relation = match rule.relation {
        PatternRelation::Wider => ", which covers it",
        PatternRelation::Same | PatternRelation::Narrower => "",
    };
    let state = rule.state.as_deref().unwrap_or("no decision");
    let (selector, place) = (Escaped(&rule.selector), &rule.place);
    out(&format!("  rule `{selector}` at {place}{relation}: {state}"));
}

fn print_entries(label: &str, count: u64, examples: &[String]) {
    if count == 0 {
        return;
    }
    let listed: Vec<String> = examples.iter().map(|entry| Escaped(entry).to_string()).collect();
    let more = count.saturating_sub(listed.len() as u64);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    out(&format!("  {count} {label}"));
    out(&format!("      {}{more}", listed.join(", ")));
}
