use super::checksum::Checksum;

/// The number of files of one package that are recorded.
pub const MAX_FILES: usize = 64;
/// Platforms of an image that are kept.
const MAX_PLATFORMS: usize = 64;
/// The limit on the name of a file, in bytes. The name of a bundle is its URL.
const MAX_NAME: usize = 1024;

/// The answer of a registry about one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageLookup {
    Files(Vec<StatedFile>),
    /// The registry has no such package, or no such version of it.
    Absent,
    /// No usable answer, with the reason.
    Unclear(String),
}

/// A file of a package, as the registry states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedFile {
    pub name: String,
    /// `None` if the registry states no digest that identifies a file.
    pub checksum: Option<Checksum>,
    /// The platforms of an image.
    pub platforms: Vec<String>,
}

impl StatedFile {
    #[must_use]
    pub fn new(name: impl Into<String>, checksum: Option<Checksum>) -> Self {
        Self { name: name.into(), checksum, platforms: Vec::new() }
    }

    /// Returns the file with the platforms of its image, up to a number.
    #[must_use]
    pub fn for_platforms(self, platforms: impl IntoIterator<Item = String>) -> Self {
        Self { platforms: platforms.into_iter().take(MAX_PLATFORMS).collect(), ..self }
    }

    /// Returns true if the name can be recorded: it is visible ASCII without a space, and not too long.
    pub(super) fn has_usable_name(&self) -> bool {
        (1..=MAX_NAME).contains(&self.name.len())
            && self.name.bytes().all(|byte| byte.is_ascii_graphic())
    }
}
