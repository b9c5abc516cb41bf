//! Names that upstreams list, for answers about one that none of them does.

use super::error::CliError;
use super::target::Target;
use crate::daemon::known_names;
use crate::lint::nearest;
use crate::model::Name;

/// Returns every known name.
pub(super) async fn names(target: &Target) -> Result<Vec<String>, CliError> {
    let names: Option<Vec<String>> = match target {
        Target::Store(offline) => known_names(&offline.store.snapshot()?)?
            .map(|names| names.iter().map(Name::to_string).collect()),
        Target::Daemon(operator) => operator.get(&["names"], &[]).await?,
    };
    Ok(names.unwrap_or_default())
}

/// Says which name was probably meant, or that the name has other versions; a row in quarantine is none of those that
/// can be approved.
pub(super) fn not_listed(text: &str, name: &str, names: &[String]) -> CliError {
    match unknown(text, name, names) {
        CliError::NotListed { text, advice } if names.iter().any(|known| known == name) => {
            let advice = format!("{advice}; a row in quarantine cannot be approved");
            CliError::NotListed { text, advice }
        }
        other => other,
    }
}

/// Says which name was probably meant, or that the name has other versions.
pub(super) fn unknown(text: &str, name: &str, names: &[String]) -> CliError {
    let advice = if names.iter().any(|known| known == name) {
        format!("`vidimus show {name}` lists its versions")
    } else if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
        format!("did you mean `{near}`?")
    } else {
        return CliError::Unknown(text.to_owned());
    };
    CliError::NotListed { text: text.to_owned(), advice }
}
