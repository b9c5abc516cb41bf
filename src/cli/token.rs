use std::time::Duration;

use super::args::TokenAction;
use super::error::{CliError, Exit};
use super::history::moment;
use super::print::{as_json, err, out, table};
use super::target::Target;
use crate::api::{NewToken, TokenRefused, TokenReport};
use crate::config::Settings;
use crate::daemon::StatusReport;
use crate::model::{Role, Timestamp, TokenName};

/// Does what a command says about tokens, here or in the daemon.
pub(super) async fn act(
    settings: Settings,
    action: TokenAction,
    json: bool,
) -> Result<Exit, CliError> {
    let target = Target::open(&settings)?;
    match action {
        TokenAction::Create { name, role, expires } => {
            let new = create(&target, name, role, &expires).await?;
            if json {
                as_json(&new);
            } else {
                let NewToken { name, role, expires, secret } = new;
                err(&format!(
                    "token {name} with the role {role}, until {expires}; its secret is shown only now"
                ));
                // Alone on standard output, so that a script can keep it.
                out(&secret);
            }
        }
        TokenAction::List => print(&list(&target).await?, json),
        TokenAction::Revoke { name } => {
            if !revoke(&target, &name).await? {
                let why = format!("there is no token `{name}`; `vidimus token list` lists them");
                return Err(CliError::Declined(why));
            }
            if json {
                as_json(&name);
            } else {
                out(&format!("token {name} is revoked"));
            }
        }
    }
    Ok(Exit::Done)
}

async fn create(
    target: &Target,
    name: TokenName,
    role: Role,
    expires: &str,
) -> Result<NewToken, CliError> {
    let refused = |why: TokenRefused| CliError::Declined(why.to_string());
    match target {
        Target::Store(offline) => {
            let now = offline.clock.now();
            let expires = end(expires, now)?;
            NewToken::create(&offline.store, name, role, expires, now)?.map_err(refused)
        }
        Target::Daemon(operator) => {
            let status: StatusReport = operator.get(&["status"], &[]).await?;
            let expires = end(expires, status.now)?.to_rfc3339();
            let query = [("role", role.as_str()), ("expires", expires.as_str())];
            let path = ["ops", "tokens", name.as_str(), "create"];
            match operator.post(&path, &query).await {
                Err(CliError::Refused { status: 409 | 422, detail, .. }) => {
                    Err(CliError::Declined(detail))
                }
                answer => answer,
            }
        }
    }
}

async fn list(target: &Target) -> Result<Vec<TokenReport>, CliError> {
    match target {
        Target::Store(offline) => {
            let now = offline.clock.now();
            let tokens = offline.store.snapshot()?.tokens()?;
            Ok(tokens.into_iter().map(|token| TokenReport::of(token, now)).collect())
        }
        Target::Daemon(operator) => operator.get(&["tokens"], &[]).await,
    }
}

async fn revoke(target: &Target, name: &TokenName) -> Result<bool, CliError> {
    match target {
        Target::Store(offline) => Ok(offline.store.revoke_token(name, offline.clock.now())?),
        Target::Daemon(operator) => {
            operator.post(&["ops", "tokens", name.as_str(), "revoke"], &[]).await
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_DAYS: u32 = 3660;

/// Reads the end of a token: a time, a day, or a number of days from now.
fn end(text: &str, now: Timestamp) -> Result<Timestamp, CliError> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    if let Some(days) = days.filter(|days| (1..=MAX_DAYS).contains(days)) {
        return Ok(now.plus(DAY * days));
    }
    moment(text).map_err(|_| {
        CliError::Declined(format!(
            "`{text}` is not the end of a token; write a time such as 2027-01-31T00:00:00Z, a day such as 2027-01-31, or 1d \
             to {MAX_DAYS}d"
        ))
    })
}

fn print(tokens: &[TokenReport], json: bool) {
    if json {
        return as_json(&tokens);
    }
    if tokens.is_empty() {
        return out("No tokens. The one in `ops.token` of the data folder is not listed.");
    }
    let mut lines = table(&["NAME", "ROLE", "CREATED", "EXPIRES"]);
    for TokenReport { name, role, created, expires, expired } in tokens {
        let end = if *expired { format!("{expires} (expired)") } else { expires.to_string() };
        lines.add_row([name.to_string(), role.to_string(), created.to_string(), end]);
    }
    out(&lines.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_a_token_is_a_time_a_day_or_a_number_of_days() {
        let now = Timestamp::parse("2026-11-29T10:00:00Z").expect("a time");
        let ends = |text: &str| end(text, now).ok().map(Timestamp::to_rfc3339);
        let whole = |text: &str| Timestamp::parse(text).ok().map(Timestamp::to_rfc3339);
        assert_eq!(ends("30d"), whole("2026-12-29T10:00:00Z"));
        assert_eq!(ends("2027-01-31"), whole("2027-01-31T00:00:00Z"));
        assert_eq!(ends("2027-01-31T12:00:00+02:00"), whole("2027-01-31T10:00:00Z"));
        for bad in ["", "d", "0d", "3661d", "-1d", "30", "tomorrow", "2027-13-01"] {
            assert_eq!(ends(bad), None, "{bad}");
        }
    }
}
