use serde_json::value::RawValue;

use super::wellformed::{Fault, Malformed, members, string};
use super::{Name, Version};

/// What `vidimus` itself reads in a `server` object. Everything else in it is carried, not
/// understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub name: Name,
    pub version: Version,
}

impl Manifest {
    /// Reads a `server` object.
    ///
    /// # Errors
    /// When it is no object, or has no usable name or version.
    pub fn read(server: &RawValue) -> Result<Self, Malformed> {
        let members = members(server)?;
        let find =
            |wanted: &str| members.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value);
        let text = |member| {
            find(member)
                .ok_or_else(|| Malformed::from(Fault::Missing))
                .and_then(string)
                .map_err(|malformed| malformed.within(member))
        };
        let name =
            Name::parse(&text("name")?).map_err(|bad| Malformed::from(bad).within("name"))?;
        let version = Version::parse(&text("version")?)
            .map_err(|bad| Malformed::from(bad).within("version"))?;
        Ok(Self { name, version })
    }
}
