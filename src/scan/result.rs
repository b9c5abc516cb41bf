use std::fmt;

use smol_str::SmolStr;

use crate::model::{Digest, Escaped, Name, Timestamp, Version};

/// The result of a scan as a whole, the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Passed,
    /// The tool could not tell.
    Inconclusive,
    Failed,
}

impl Verdict {
    pub(super) const WORDS: [(&'static str, Self); 3] =
        [("pass", Self::Passed), ("fail", Self::Failed), ("inconclusive", Self::Inconclusive)];
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, verdict)| verdict == self);
        f.write_str(word.map_or("", |(word, _)| *word))
    }
}

/// The result of one scan of one content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScanResult {
    /// The file below the evidence folder.
    pub file: String,
    /// The digest of the whole file.
    pub digest: Digest,
    pub tool: SmolStr,
    pub tool_version: SmolStr,
    pub name: Name,
    pub version: Version,
    /// The digest of the content that was scanned, as it was received.
    pub received: Digest,
    pub verdict: Verdict,
    /// The number of findings by severity or level, the worst first, without those that are absent.
    pub counts: Vec<(&'static str, usize)>,
    /// The time that the file states for the scan.
    pub time: Timestamp,
    /// The last moment at which the result counts.
    pub expires: Timestamp,
}

impl fmt::Display for ScanResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tool, tool_version, verdict, time, .. } = self;
        write!(f, "{} {} of {time}: {verdict}", Escaped(tool), Escaped(tool_version))?;
        if !self.counts.is_empty() {
            let counts: Vec<String> =
                self.counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
            write!(f, " ({})", counts.join(", "))?;
        }
        write!(f, ", {}", Escaped(&self.file))
    }
}
