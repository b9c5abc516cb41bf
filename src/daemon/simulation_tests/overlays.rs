//! Overlay files as a reviewer edits them, and what they say, stated a second time.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{Digest, Timestamp};

const DAY: Duration = Duration::from_hours(24);

/// A rule about servers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) pattern: String,
    pub(super) versions: Option<&'static str>,
    pub(super) upstream: Option<&'static str>,
    pub(super) tier: Option<u8>,
    pub(super) says: Says,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Says {
    Approved { reviewed: Option<Reviewed>, expires: Option<Timestamp>, digest: Option<Digest> },
    Denied,
    Suspended,
    Nothing,
}

/// The time of a review.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reviewed {
    At(Timestamp),
    /// The day that begins then.
    Day(Timestamp),
}

/// An entry that is served, as rules select it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selected<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) upstream: &'a str,
}

impl Rule {
    fn line(&self) -> String {
        let mut line = format!("  - {{name: \"{}\"", self.pattern);
        if let Some(versions) = self.versions {
            let _ = write!(line, ", versions: \"{versions}\"");
        }
        if let Some(upstream) = self.upstream {
            let _ = write!(line, ", upstream: {upstream}");
        }
        if let Some(tier) = self.tier {
            let _ = write!(line, ", tier: {tier}");
        }
        let approval = match &self.says {
            Says::Nothing => return line + "}\n",
            Says::Denied => "state: denied".to_owned(),
            Says::Suspended => "state: suspended".to_owned(),
            Says::Approved { reviewed, expires, digest } => {
                let mut text = "state: approved".to_owned();
                match reviewed {
                    Some(Reviewed::At(at)) => {
                        let _ = write!(text, ", reviewed: \"{at}\"");
                    }
                    Some(Reviewed::Day(day)) => {
                        let _ = write!(text, ", reviewed: {}", day.day());
                    }
                    None => {}
                }
                if let Some(expires) = expires {
                    let _ = write!(text, ", expires: \"{expires}\"");
                }
                if let Some(digest) = digest {
                    let _ = write!(text, ", digest: \"{digest}\"");
                }
                text
            }
        };
        format!("{line}, approval: {{{approval}}}}}\n")
    }

    pub(super) fn hides(&self) -> bool {
        matches!(self.says, Says::Denied | Says::Suspended)
    }

    pub(super) fn approves(&self) -> bool {
        matches!(self.says, Says::Approved { .. })
    }

    pub(super) fn is_exact(&self) -> bool {
        self.versions.is_some_and(|versions| !versions.starts_with('>'))
            && !self.pattern.ends_with('*')
    }

    /// Returns true if two rules select the same.
    pub(super) fn collides(&self, other: &Self) -> bool {
        (&self.pattern, self.versions, self.upstream)
            == (&other.pattern, other.versions, other.upstream)
    }

    /// Returns true if a denial or suspension covers the entry, in any spelling of its name and release.
    pub(super) fn denies(&self, entry: Selected<'_>) -> bool {
        self.hides()
            && self.upstream.is_none_or(|upstream| upstream == entry.upstream)
            && selects_name(&spelled(&self.pattern), &spelled(entry.name))
            && self.versions.is_none_or(|versions| match versions.strip_prefix('>') {
                Some(_) => major(entry.version).is_none_or(|major| major >= least(versions)),
                None => release(versions) == release(entry.version),
            })
    }

    /// Returns true if an approval covers content that counts from `counts_from`, at `now`.
    pub(super) fn covers(
        &self,
        entry: Selected<'_>,
        received: Digest,
        counts_from: Timestamp,
        now: Timestamp,
    ) -> bool {
        let Says::Approved { reviewed, expires, digest } = &self.says else { return false };
        let is_covered = match reviewed {
            // A review that lies ahead admits nothing yet.
            Some(Reviewed::At(at)) if now < *at => false,
            _ if self.is_exact() => true,
            Some(Reviewed::At(at)) => counts_from <= *at,
            Some(Reviewed::Day(day)) if entry.upstream == "ours" => counts_from < day.plus(DAY),
            Some(Reviewed::Day(day)) => counts_from < *day,
            None => false,
        };
        is_covered
            && selects_name(&self.pattern, entry.name)
            && self.versions.is_none_or(|versions| match versions.strip_prefix('>') {
                Some(_) => major(entry.version).is_some_and(|major| major >= least(versions)),
                None => versions == entry.version,
            })
            && self.upstream.is_none_or(|upstream| upstream == entry.upstream)
            && digest.is_none_or(|digest| digest == received)
            && expires.is_none_or(|expires| now <= expires)
    }
}

fn selects_name(pattern: &str, name: &str) -> bool {
    let namespace = name.split('/').next().unwrap_or_default();
    match pattern.strip_suffix("/*").map(|stem| (stem, stem.strip_suffix(".*"))) {
        None => pattern == "*" || pattern == name,
        Some((_, Some(above))) => namespace == above || namespace.starts_with(&format!("{above}.")),
        Some((stem, None)) => namespace == stem,
    }
}

/// Returns a name or pattern without case and outer dots.
fn spelled(name: &str) -> String {
    let folded = name.to_ascii_lowercase();
    let parts: Vec<&str> = folded.split('/').map(|part| part.trim_matches('.')).collect();
    parts.join("/")
}

/// Returns the release that a version spells.
fn release(version: &str) -> String {
    let folded = version.to_ascii_lowercase();
    let plain = folded.strip_prefix('v').unwrap_or(&folded);
    plain.split('+').next().unwrap_or_default().to_owned()
}

/// Returns the first number of a version; `None` if it has no such form.
fn major(version: &str) -> Option<u64> {
    version.split('.').next()?.parse().ok()
}

fn least(range: &str) -> u64 {
    range.trim_start_matches(">=").parse().expect("a range of the simulation")
}

/// The condition in which a file is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Whole,
    /// Only the beginning is written.
    Cut,
    Broken,
    Absent,
}

#[derive(Debug, Clone)]
pub(super) struct File {
    path: PathBuf,
    pub(super) rules: Vec<Rule>,
    /// Items of `namespaces`.
    pub(super) namespaces: Vec<&'static str>,
    pub(super) condition: Condition,
}

impl File {
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        Self { path, rules: Vec::new(), namespaces: Vec::new(), condition: Condition::Absent }
    }

    /// Returns true if it is the file of this path.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.path == Path::new(path)
    }

    fn text(&self) -> String {
        let mut text = "# rules\n".to_owned();
        text += if self.rules.is_empty() { "servers: []\n" } else { "servers:\n" };
        self.rules.iter().for_each(|rule| text += &rule.line());
        if !self.namespaces.is_empty() {
            text += "namespaces:\n";
            self.namespaces.iter().for_each(|item| text += &format!("  - {item}\n"));
        }
        text
    }

    /// Writes the file in this condition; `cut` selects where a half-written one ends. Returns what it wrote.
    pub(super) fn save(&mut self, condition: Condition, cut: usize) -> Option<String> {
        self.condition = condition;
        let text = self.text();
        let text = match condition {
            Condition::Whole => text,
            Condition::Cut => text[..cut % text.len()].to_owned(),
            Condition::Broken => text + "  - {name: [\n",
            Condition::Absent => {
                let _ = fs::remove_file(&self.path);
                return None;
            }
        };
        let aside = self.path.with_extension("md");
        fs::write(&aside, &text).expect("a file");
        fs::rename(&aside, &self.path).expect("a file");
        Some(text)
    }
}
