use serde_json::value::RawValue;

use super::wellformed::{ValidationError, ValidationRule, members, string};
use super::{Name, Version};

/// The members of a `server` object that `vidimus` itself reads. All others are carried, not
/// interpreted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub name: Name,
    pub version: Version,
}

impl Manifest {
    /// Reads a `server` object.
    ///
    /// # Errors
    /// When it is not an object, or has no usable name or version.
    pub fn read(server: &RawValue) -> Result<Self, ValidationError> {
        let members = members(server)?;
        let find =
            |wanted: &str| members.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value);
        let text = |member| {
            find(member)
                .ok_or_else(|| ValidationError::from(ValidationRule::Missing))
                .and_then(string)
                .map_err(|invalid| invalid.within(member))
        };
        let name =
            Name::parse(&text("name")?).map_err(|bad| ValidationError::from(bad).within("name"))?;
        let version = Version::parse(&text("version")?)
            .map_err(|bad| ValidationError::from(bad).within("version"))?;
        Ok(Self { name, version })
    }
}
