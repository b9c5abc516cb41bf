//! Names that upstreams list, for answers about one that none of them does.

use super::error::CliError;
use super::target::Target;
use crate::daemon::{StatusReport, known_names};
use crate::lint::nearest;
use crate::model::{Name, Timestamp};
use crate::store::StoreError;
use crate::sync::OutOfRoom;

/// The known names, and what upstreams list beside them.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) names: Vec<String>,
    /// The reasons why upstreams may list others.
    incomplete: Vec<String>,
}

/// Returns every known name.
pub(super) async fn names(target: &Target) -> Result<Names, CliError> {
    let (names, incomplete): (Option<Vec<String>>, Vec<_>) = match target {
        Target::Store(offline) => {
            let snapshot = offline.store.snapshot()?;
            let names = known_names(&snapshot)?;
            let enabled = offline.upstreams.iter().filter(|upstream| upstream.enabled);
            let states = enabled.map(|upstream| {
                let state = snapshot.upstream(&upstream.id)?;
                Ok(incomplete(&upstream.id, state.out_of_room, state.last_full_sync))
            });
            let states: Result<Vec<_>, StoreError> = states.collect();
            let names = names.map(|names| names.iter().map(Name::to_string).collect());
            (names, states?.into_iter().flatten().collect())
        }
        Target::Daemon(operator) => {
            let status: StatusReport = operator.get(&["status"], &[]).await?;
            let enabled = status.upstreams.iter().filter(|known| known.enabled);
            let reasons = enabled
                .filter_map(|known| incomplete(&known.id, known.out_of_room, known.last_full_sync));
            (operator.get(&["names"], &[]).await?, reasons.collect())
        }
    };
    Ok(Names { names: names.unwrap_or_default(), incomplete })
}

/// Returns the reason why an upstream may list names that are not stored.
fn incomplete(
    upstream: &str,
    out_of_room: Option<OutOfRoom>,
    last_full_sync: Option<Timestamp>,
) -> Option<String> {
    match (out_of_room, last_full_sync) {
        (Some(limit), _) => {
            Some(format!("a limit left out {} of the upstream `{upstream}`", limit.left_out()))
        }
        (None, None) => Some(format!("no list of the upstream `{upstream}` was accepted yet")),
        (None, Some(_)) => None,
    }
}

/// Says which name was probably meant, or that the name has other versions; a row in quarantine is none of those that
/// can be approved.
pub(super) fn not_listed(text: &str, name: &str, names: &Names) -> CliError {
    match unknown(text, name, names) {
        CliError::NotListed { text, advice } if names.names.iter().any(|known| known == name) => {
            let advice = format!("{advice}; a row in quarantine cannot be approved");
            CliError::NotListed { text, advice }
        }
        other => other,
    }
}

/// Says which name was probably meant, or that the name has other versions.
pub(super) fn unknown(text: &str, name: &str, known: &Names) -> CliError {
    let Names { names, incomplete } = known;
    let advice = if names.iter().any(|known| known == name) {
        Some(format!("`vidimus show {name}` lists its versions"))
    } else {
        let near = nearest(name, names.iter().map(String::as_str));
        near.map(|near| format!("did you mean `{near}`?"))
    };
    let text = text.to_owned();
    match advice {
        advice if !incomplete.is_empty() => {
            let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
            CliError::NotStored { text, why: incomplete.join(", and "), advice }
        }
        Some(advice) => CliError::NotListed { text, advice },
        None => CliError::Unknown(text),
    }
}
