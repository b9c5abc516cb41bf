use super::alerts::{print_alerts, stored};
use super::error::{CliError, Exit};
use super::history::moment;
use super::print::{as_json, out};
use super::target::Target;
use crate::alert::{Alert, AlertKind, AlertReport, Evidence};
use crate::config::Settings;
use crate::daemon::{Lookalike, lookalikes_of};
use crate::lookalike::Level;
use crate::model::{Escaped, EscapedWhole, Name};

/// Lists unresolved alerts about lookalikes and the floods of them, the heaviest first; 1 when one of them is open.
pub(super) async fn list(
    settings: Settings,
    since: Option<&str>,
    level: Option<Level>,
    json: bool,
) -> Result<Exit, CliError> {
    let since = since.map(moment).transpose()?;
    let mut alerts = stored(&settings).await?;
    alerts.retain(|AlertReport { alert, .. }| {
        is_about_lookalikes(alert)
            && !alert.is_resolved()
            && since.is_none_or(|since| alert.raised >= since)
            && level.is_none_or(|least| Level::of(alert.score.unwrap_or_default()) >= least)
    });
    alerts.sort_by_key(|AlertReport { alert, .. }| {
        (std::cmp::Reverse(alert.score), !alert.served, alert.raised)
    });
    if alerts.is_empty() && !json {
        out("No lookalikes.");
    }
    print_alerts(&alerts, json);
    Ok(if alerts.iter().any(AlertReport::is_open) { Exit::Findings } else { Exit::Done })
}

/// Returns true for an alert about a lookalike, and for a flood that counts one.
fn is_about_lookalikes(alert: &Alert) -> bool {
    let counts_one = |item: &Evidence| matches!(item, Evidence::Counted { alert } if alert.kind == AlertKind::Lookalike);
    alert.kind() == AlertKind::Lookalike || alert.evidence.iter().any(counts_one)
}

/// Shows everything that a name resembles, and how; 1 when anything of it is not suppressed.
pub(super) async fn why(settings: Settings, text: &str, json: bool) -> Result<Exit, CliError> {
    let name =
        Name::parse(text).map_err(|source| CliError::Name { text: text.to_owned(), source })?;
    let found: Vec<Lookalike> = match Target::open(&settings)? {
        Target::Store(offline) => {
            let (snapshot, now) = (offline.store.snapshot()?, offline.clock.latest());
            lookalikes_of(&snapshot, offline.policy(), now, &name)?
        }
        Target::Daemon(operator) => operator.get(&["lookalikes", text], &[]).await?,
    };
    let is_reported = found.iter().any(|lookalike| lookalike.found.suppressed.is_none());
    if json {
        as_json(&found);
        return Ok(if is_reported { Exit::Findings } else { Exit::Done });
    }
    if found.is_empty() {
        out(&format!("{name} resembles nothing that is protected"));
    }
    for Lookalike { found, alert } in &found {
        let weight = match &found.suppressed {
            None => format!("{} ({})", found.level, found.score),
            Some(reason) => format!("suppressed, since {}", Escaped(&reason.to_string())),
        };
        let target = Escaped(&found.target);
        let protection = found.protection();
        out(&format!("{weight}: {name} resembles {target}: {}", Escaped(&protection)));
        for signal in &found.signals {
            out(&format!("    {}", EscapedWhole(&signal.to_string())));
        }
        let state = alert
            .as_ref()
            .filter(|_| found.suppressed.is_none())
            .map(|alert| format!("    alert {} is {}", alert.id, alert.state.as_str()));
        state.iter().for_each(|state| out(state));
    }
    Ok(if is_reported { Exit::Findings } else { Exit::Done })
}
