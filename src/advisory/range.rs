//! The order of versions, and the ranges of advisories.

use std::cmp::Ordering;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::ecosystem::Ecosystem;

/// A bound of a range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Introduced(SmolStr),
    Fixed(SmolStr),
    LastAffected(SmolStr),
}

/// The versions between the bounds of an advisory, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range(Vec<Event>);

/// The bounds of a range, ready for comparison.
#[derive(Debug, Clone)]
pub(super) struct Bounds(Vec<(Ordered, EventKind)>);

#[derive(Debug, Clone, Copy)]
enum EventKind {
    Introduced,
    Fixed,
    LastAffected,
}

/// The start before every version.
const ZERO: &str = "0";

/// A version that can be compared with others of its ecosystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ordered {
    Zero,
    Semantic(semver::Version),
    Python(pep440_rs::Version),
}

impl Ordered {
    /// Reads a version of an ecosystem; `None` if it is not one, or the ecosystem has no order here.
    pub(super) fn read(ecosystem: Ecosystem, text: &str) -> Option<Self> {
        match ecosystem {
            Ecosystem::Npm | Ecosystem::Cargo | Ecosystem::Go => semantic(text).map(Self::Semantic),
            Ecosystem::Pypi => pep440_rs::Version::from_str(text).ok().map(Self::Python),
            Ecosystem::Nuget | Ecosystem::Oci | Ecosystem::Mcpb => None,
        }
    }

    fn bound(ecosystem: Ecosystem, text: &str) -> Option<Self> {
        if text == ZERO { Some(Self::Zero) } else { Self::read(ecosystem, text) }
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Semantic(left), Self::Semantic(right)) => left.cmp_precedence(right),
            (Self::Python(left), Self::Python(right)) => left.cmp(right),
            (Self::Zero, Self::Zero) => Ordering::Equal,
            (Self::Zero, _) => Ordering::Less,
            // Versions of two ecosystems are not compared.
            _ => Ordering::Greater,
        }
    }
}

/// Reads a semantic version. Bounds of real advisories leave out numbers, and versions of Go begin with a `v`.
fn semantic(text: &str) -> Option<semver::Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    match numbers.bytes().filter(|byte| *byte == b'.').count() {
        2 => semver::Version::parse(text).ok(),
        missing @ (0 | 1) => {
            let zeros = if missing == 0 { ".0.0" } else { ".0" };
            semver::Version::parse(&format!("{numbers}{zeros}{rest}")).ok()
        }
        _ => None,
    }
}

impl Event {
    /// Returns the version of the bound.
    #[must_use]
    pub fn version(&self) -> &str {
        let (Self::Introduced(version) | Self::Fixed(version) | Self::LastAffected(version)) = self;
        version
    }

    const fn kind(&self) -> EventKind {
        match self {
            Self::Introduced(_) => EventKind::Introduced,
            Self::Fixed(_) => EventKind::Fixed,
            Self::LastAffected(_) => EventKind::LastAffected,
        }
    }
}

impl Range {
    /// Returns the range of every version.
    #[must_use]
    pub fn everything() -> Self {
        Self(vec![Event::Introduced(ZERO.into())])
    }

    /// Checks and orders the bounds of a range.
    ///
    /// # Errors
    /// The reason why no version can be in it, or why it cannot be compared.
    pub(super) fn new(ecosystem: Ecosystem, events: Vec<Event>) -> Result<Self, String> {
        if events == [Event::Introduced(ZERO.into())] {
            return Ok(Self(events));
        }
        if !ecosystem.has_order() {
            return Err(format!("ranges of {ecosystem} are not compared here"));
        }
        let mut ordered = Vec::with_capacity(events.len());
        for event in events {
            let Some(bound) = Ordered::bound(ecosystem, event.version()) else {
                return Err(format!("`{}` is not a version of {ecosystem}", event.version()));
            };
            ordered.push((bound, event));
        }
        // Bounds of one version keep their order: one range may begin where another ends.
        ordered.sort_by(|(left, _), (right, _)| left.compare(right));
        let mut kept: Vec<(Ordered, Event)> = Vec::new();
        let mut is_open = false;
        let mut empty = None;
        for (bound, event) in ordered {
            match (&event, kept.last()) {
                (Event::Introduced(_), _) if is_open => {}
                (Event::Introduced(_), _) => {
                    is_open = true;
                    kept.push((bound, event));
                }
                (Event::Fixed(version), Some((begin, _)))
                    if is_open && begin.compare(&bound).is_eq() =>
                {
                    empty = Some(format!("it begins and ends at {version}"));
                    is_open = false;
                    kept.pop();
                }
                _ if is_open => {
                    is_open = false;
                    kept.push((bound, event));
                }
                // Another bound ended the interval already.
                (_, Some(_)) => {}
                (_, None) => {
                    return Err(format!("it ends at {} before it begins", event.version()));
                }
            }
        }
        if kept.is_empty() {
            return Err(empty.unwrap_or_else(|| "it has no bounds".to_owned()));
        }
        Ok(Self(kept.into_iter().map(|(_, event)| event).collect()))
    }

    /// Returns true if every version is in it.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self.0.as_slice(), [Event::Introduced(version)] if version == ZERO)
    }

    /// Returns its bounds in the form in which they are compared; `None` if one of them is no version of the ecosystem.
    pub(super) fn bounds(&self, ecosystem: Ecosystem) -> Option<Bounds> {
        let read =
            |event: &Event| Some((Ordered::bound(ecosystem, event.version())?, event.kind()));
        self.0.iter().map(read).collect::<Option<_>>().map(Bounds)
    }

    /// Returns the bounds, in ascending order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.0
    }
}

impl Bounds {
    pub(super) fn contain(&self, version: &Ordered) -> bool {
        let mut inside = false;
        for (bound, kind) in &self.0 {
            let order = version.compare(bound);
            match kind {
                EventKind::Introduced if order.is_ge() => inside = true,
                EventKind::Fixed if order.is_ge() => inside = false,
                EventKind::LastAffected if order.is_gt() => inside = false,
                _ => {}
            }
        }
        inside
    }
}

/// Returns a version of `NuGet` as its registry lists it: in lower case, without metadata and needless zeros.
pub(super) fn nuget_form(text: &str) -> String {
    let text = text.split('+').next().unwrap_or_default().to_ascii_lowercase();
    let (numbers, label) = text
        .split_once('-')
        .map_or((text.as_str(), None), |(numbers, label)| (numbers, Some(label)));
    let mut numbers: Vec<&str> = numbers
        .split('.')
        .map(|number| match number.trim_start_matches('0') {
            "" => ZERO,
            number => number,
        })
        .collect();
    numbers.resize(numbers.len().max(3), ZERO);
    if numbers.len() == 4 && numbers[3] == ZERO {
        numbers.pop();
    }
    let numbers = numbers.join(".");
    label.map_or_else(|| numbers.clone(), |label| format!("{numbers}-{label}"))
}
