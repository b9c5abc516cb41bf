use super::error::{CliError, Exit};
use super::names::names;
use super::print::{as_json, counted, out};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{PatternRelation, PatternReport, PatternRule, Screenings, explain_pattern};
use crate::lint::nearest;
use crate::model::Escaped;
use crate::overlay::NamePattern;

/// Says what a pattern of names covers.
pub(super) async fn explain(settings: Settings, text: &str, json: bool) -> Result<Exit, CliError> {
    let refused = |source| CliError::Pattern { text: text.to_owned(), source };
    NamePattern::parse(text).map_err(refused)?;
    let target = Target::open(&settings)?;
    let report: PatternReport = match &target {
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
        if report.names == 0
            && let Some(near) = near_pattern(text, &names(&target).await?.names)
        {
            out(&format!("  did you mean `{near}`?"));
        }
    }
    Ok(Exit::Done)
}

/// Returns the pattern of the namespace that was probably meant by one of which nothing is stored.
fn near_pattern(text: &str, names: &[String]) -> Option<String> {
    let namespace = text.strip_suffix("/*")?;
    let known = names.iter().filter_map(|name| Some(name.split_once('/')?.0));
    let near = nearest(namespace, known)?;
    (near != namespace).then(|| format!("{near}/*"))
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
    let listed = report.hidden.iter().map(|hidden| (hidden.count, &hidden.examples));
    let mut listed = listed.chain([(report.served, &report.examples)]);
    if listed.any(|(count, examples)| count > examples.len() as u64) {
        out(&format!("  `vidimus list --all '{}'` lists all of them", Escaped(pattern)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_of_a_misspelt_namespace_names_the_near_one() {
        let names = ["com.example/wiki".to_owned(), "org.other/x".to_owned()];
        assert_eq!(near_pattern("com.exampl/*", &names).as_deref(), Some("com.example/*"));
        assert_eq!(near_pattern("net.unlike/*", &names), None);
        assert_eq!(near_pattern("com.example/*", &names), None);
    }
}
