//! Names that upstreams list, for answers about one that none of them does.

use super::error::CliError;
use super::target::Target;
use crate::daemon::{StatusReport, known_names};
use crate::lint::nearest;
use crate::model::Name;
use crate::store::StoreError;
use crate::sync::OutOfRoom;

/// The known names, and what upstreams list beside them.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) names: Vec<String>,
    /// The rows of each upstream that a limit left out.
    left_out: Vec<(String, OutOfRoom)>,
}

/// Returns every known name.
pub(super) async fn names(target: &Target) -> Result<Names, CliError> {
    let (names, left_out): (Option<Vec<String>>, Vec<_>) = match target {
        Target::Store(offline) => {
            let snapshot = offline.store.snapshot()?;
            let names = known_names(&snapshot)?;
            let states = offline.upstreams.iter().map(|upstream| {
                let state = snapshot.upstream(&upstream.id)?;
                Ok(state.out_of_room.map(|limit| (upstream.id.clone(), limit)))
            });
            let states: Result<Vec<_>, StoreError> = states.collect();
            let names = names.map(|names| names.iter().map(Name::to_string).collect());
            (names, states?.into_iter().flatten().collect())
        }
        Target::Daemon(operator) => {
            let status: StatusReport = operator.get(&["status"], &[]).await?;
            let upstreams = status.upstreams.into_iter();
            let limits = upstreams.filter_map(|known| Some((known.id, known.out_of_room?)));
            (operator.get(&["names"], &[]).await?, limits.collect())
        }
    };
    Ok(Names { names: names.unwrap_or_default(), left_out })
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
    let Names { names, left_out } = known;
    let left_out: Vec<String> = left_out
        .iter()
        .map(|(upstream, limit)| format!("{} of the upstream `{upstream}`", limit.left_out()))
        .collect();
    if !left_out.is_empty() {
        return CliError::NotStored { text: text.to_owned(), left_out: left_out.join(", ") };
    }
    let advice = if names.iter().any(|known| known == name) {
        format!("`vidimus show {name}` lists its versions")
    } else if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
        format!("did you mean `{near}`?")
    } else {
        return CliError::Unknown(text.to_owned());
    };
    CliError::NotListed { text: text.to_owned(), advice }
}
