use std::collections::BTreeMap;
use std::fmt;

use crate::model::{Name, NamespaceRules, Status, Version};
use crate::overlay::{About, OverlaySet, State};

/// An upstream as far as it matters for who may speak for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    pub id: String,
    /// The lower one wins.
    pub priority: u64,
    pub internal: bool,
    pub enabled: bool,
    pub namespaces: NamespaceRules,
}

/// One row of a name, in any upstream.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    pub upstream: &'a str,
    pub version: &'a Version,
    pub status: Status,
}

/// Why an upstream may or may not speak for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speech {
    May,
    /// Its file says `enabled = false`.
    Disabled,
    /// Its `[namespaces]` leave the name out.
    NotItsNamespace,
    /// The namespace is internal, and the upstream is not.
    Internal,
    /// The name belongs to this other upstream.
    BelongsTo(String),
    /// The name belonged to this other upstream when it was served last, and no overlay has named
    /// the new one.
    PassedFrom(String),
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::May => f.write_str("the name belongs to it"),
            Self::Disabled => f.write_str("the upstream is disabled, or its file was removed"),
            Self::NotItsNamespace => f.write_str("its `[namespaces]` leave the name out"),
            Self::Internal => f.write_str("the namespace is internal, and the upstream is not"),
            Self::BelongsTo(owner) => write!(f, "the name belongs to {owner}"),
            Self::PassedFrom(before) => write!(
                f,
                "the name was served from {before} before; an approval with `upstream` must name this one"
            ),
        }
    }
}

/// Whether an upstream is the organisation's own.
#[must_use]
pub fn is_internal(speakers: &[Speaker], upstream: &str) -> bool {
    speakers.iter().any(|it| it.id == upstream && it.internal)
}

/// Who speaks for one name, worked out from all its rows.
///
/// A name belongs to one upstream, whole: of those that list it and may speak for its namespace the
/// one with the lowest priority. Nothing falls through to another: as long as any row of it is
/// there, deleted, missing or in quarantine, the name stays. When it does pass to another upstream
/// (which is how a squatter would take over), it is hidden until an overlay names that one.
#[derive(Debug)]
pub struct Speakers<'a> {
    name: &'a Name,
    known: &'a [Speaker],
    overlays: &'a OverlaySet,
    served_from: Option<&'a str>,
    owner: Option<String>,
    passed_from: Option<String>,
    deleted: BTreeMap<&'a Version, &'a str>,
}

impl<'a> Speakers<'a> {
    /// `listing` is every row of the name; `also_in` names upstreams that hold rows of it which are
    /// no entries; `served_from` is where it was served from last.
    #[must_use]
    pub fn of(
        name: &'a Name,
        known: &'a [Speaker],
        overlays: &'a OverlaySet,
        listing: &[Listing<'a>],
        also_in: &[String],
        served_from: Option<&'a str>,
    ) -> Self {
        let mut this = Self {
            name,
            known,
            overlays,
            served_from,
            owner: None,
            passed_from: None,
            deleted: BTreeMap::new(),
        };
        let upstreams = listing.iter().map(|row| row.upstream);
        this.owner = upstreams
            .chain(also_in.iter().map(String::as_str))
            .filter(|id| this.may_own(id))
            .min_by_key(|id| (this.priority(id), *id))
            .map(str::to_owned);
        this.passed_from = match (served_from, &this.owner) {
            (Some(before), Some(owner))
                if before != owner && !named(&overlays.about(name), owner) =>
            {
                Some(before.to_owned())
            }
            _ => None,
        };
        this.deleted = listing
            .iter()
            .filter(|row| row.status == Status::Deleted && this.may_delete(row.upstream))
            .map(|row| (row.version, row.upstream))
            .collect();
        this
    }

    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// Whether this upstream may speak for the name.
    #[must_use]
    pub fn speech(&self, upstream: &str) -> Speech {
        let known = self.speaker(upstream);
        let removed = known.is_none() && self.served_from != Some(upstream);
        if removed || known.is_some_and(|speaker| !speaker.enabled) {
            return Speech::Disabled;
        }
        if known.is_some_and(|speaker| !speaker.namespaces.admit(self.name)) {
            return Speech::NotItsNamespace;
        }
        if self.overlays.is_internal(self.name) && !known.is_some_and(|speaker| speaker.internal) {
            return Speech::Internal;
        }
        match (&self.owner, &self.passed_from) {
            (Some(owner), _) if owner != upstream => Speech::BelongsTo(owner.clone()),
            (_, Some(before)) => Speech::PassedFrom(before.clone()),
            _ => Speech::May,
        }
    }

    /// The upstream, if any, that says this version is deleted.
    #[must_use]
    pub fn deleted_by(&self, version: &Version) -> Option<&'a str> {
        self.deleted.get(version).copied()
    }

    fn speaker(&self, upstream: &str) -> Option<&'a Speaker> {
        self.known.iter().find(|speaker| speaker.id == upstream)
    }

    /// One whose file was removed is synchronised no more, and keeps the names that it was serving,
    /// behind all others.
    fn priority(&self, upstream: &str) -> u64 {
        self.speaker(upstream).map_or(u64::MAX, |speaker| speaker.priority)
    }

    fn may_own(&self, upstream: &str) -> bool {
        let known = self.speaker(upstream);
        let internal = self.overlays.is_internal(self.name);
        known.map_or(self.served_from == Some(upstream), |speaker| {
            speaker.namespaces.admit(self.name)
        }) && (!internal || known.is_some_and(|speaker| speaker.internal))
    }

    fn may_delete(&self, upstream: &str) -> bool {
        self.may_own(upstream) && self.speaker(upstream).is_some_and(|speaker| speaker.enabled)
    }
}

/// Whether an approval names the upstream.
fn named(about: &About<'_>, upstream: &str) -> bool {
    about.statements().any(|statement| {
        statement.upstream.as_deref() == Some(upstream)
            && statement.approval.as_ref().is_some_and(|it| it.state == State::Approved)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Source;
    use crate::model::{Instant, NamespacePattern};
    use crate::overlay::{Context, Terms, read};

    fn set(yaml: &str) -> OverlaySet {
        let now = Instant::parse("2026-06-01T00:00:00Z").expect("a time");
        let context = Context { terms: Terms::default(), now, upstreams: None };
        let reading = read(&[Source::new("x.yaml", yaml)], &context);
        assert_eq!(reading.findings, [], "{}", reading.findings[0]);
        reading.into()
    }

    fn speaker(id: &str, priority: u64, internal: bool) -> Speaker {
        let namespaces = NamespaceRules::default();
        Speaker { id: id.into(), priority, internal, enabled: true, namespaces }
    }

    const PLAIN: &str = "servers: [{name: com.example/tool, tier: 1}]";
    const INTERNAL: &str = "namespaces: [{name: com.example.*, internal: true}]";
    const NAMED: &str = "servers: [{name: com.example/tool, upstream: official, approval: {state: approved, reviewed: 2026-01-01}}]";

    #[rstest::rstest]
    //     overlays   listed in               before              official            ours
    #[case(PLAIN, &["official"], None, Speech::May, Speech::BelongsTo("official".into()))]
    #[case(PLAIN, &["official", "ours"], None, Speech::BelongsTo("ours".into()), Speech::May)]
    #[case(PLAIN, &["ours"], Some("ours"), Speech::BelongsTo("ours".into()), Speech::May)]
    #[case(PLAIN, &["official"], Some("ours"), Speech::PassedFrom("ours".into()), Speech::BelongsTo("official".into()))]
    #[case(NAMED, &["official"], Some("ours"), Speech::May, Speech::BelongsTo("official".into()))]
    #[case(PLAIN, &["official", "ours"], Some("official"), Speech::BelongsTo("ours".into()), Speech::PassedFrom("official".into()))]
    #[case(INTERNAL, &["official"], None, Speech::Internal, Speech::May)]
    #[case(INTERNAL, &["official", "ours"], None, Speech::Internal, Speech::May)]
    fn a_name_belongs_to_one_upstream_whole(
        #[case] overlays: &str,
        #[case] listed: &[&str],
        #[case] before: Option<&str>,
        #[case] official: Speech,
        #[case] ours: Speech,
    ) {
        let (set, name) = (set(overlays), Name::parse("com.example/tool").expect("a name"));
        let version = Version::parse("1").expect("usable");
        let known = [speaker("official", 100, false), speaker("ours", 10, true)];
        let listing: Vec<Listing<'_>> = listed
            .iter()
            .map(|upstream| Listing { upstream, version: &version, status: Status::Active })
            .collect();
        let speakers = Speakers::of(&name, &known, &set, &listing, &[], before);
        assert_eq!(speakers.speech("official"), official);
        assert_eq!(speakers.speech("ours"), ours);
    }

    #[test]
    fn rows_in_quarantine_hold_a_name_and_removed_files_come_last() {
        let (set, name) = (set(PLAIN), Name::parse("com.example/tool").expect("a name"));
        let version = Version::parse("1").expect("usable");
        let known = [speaker("official", 100, false), speaker("ours", 10, true)];
        let row = |upstream| Listing { upstream, version: &version, status: Status::Active };
        let owner = |listing: &[Listing<'_>], also_in: &[String]| {
            Speakers::of(&name, &known, &set, listing, also_in, None).owner().map(str::to_owned)
        };
        assert_eq!(owner(&[row("official")], &["ours".into()]).as_deref(), Some("ours"));
        assert_eq!(owner(&[row("removed"), row("official")], &[]).as_deref(), Some("official"));
        assert_eq!(owner(&[row("removed")], &[]), None, "it was serving nothing");
        let listing = [row("removed")];
        let speakers = Speakers::of(&name, &known, &set, &listing, &[], Some("removed"));
        assert_eq!(speakers.speech("removed"), Speech::May, "what it was serving stays");
    }

    #[test]
    fn limits_and_deletions_of_upstreams_count() {
        let (set, name) = (set(PLAIN), Name::parse("com.example/tool").expect("a name"));
        let version = Version::parse("1").expect("usable");
        let deny = vec![NamespacePattern::parse("com.example").expect("a pattern")];
        let limited = NamespaceRules { allow: None, deny };
        let known = [
            Speaker { namespaces: limited, ..speaker("limited", 1, false) },
            Speaker { enabled: false, ..speaker("off", 2, false) },
            speaker("official", 100, false),
        ];
        let row = |upstream, status| Listing { upstream, version: &version, status };
        let listing = [row("limited", Status::Deleted), row("official", Status::Active)];
        let speakers = Speakers::of(&name, &known, &set, &listing, &[], None);
        assert_eq!(speakers.speech("limited"), Speech::NotItsNamespace);
        assert_eq!(speakers.speech("official"), Speech::May);
        assert_eq!(speakers.deleted_by(&version), None, "it may not speak, nor delete");
        let listing = [row("off", Status::Active), row("official", Status::Deleted)];
        let speakers = Speakers::of(&name, &known, &set, &listing, &[], None);
        assert_eq!(speakers.speech("off"), Speech::Disabled);
        assert_eq!(speakers.deleted_by(&version), Some("official"));
    }
}
