use std::fmt;

use super::dossier::Dossier;
use super::policy::PolicySnapshot;
use super::unconfirmed::UnconfirmedTime;
use super::upstream::UpstreamPolicy;
use crate::model::{Name, Status, Timestamp, Version};
use crate::overlay::{Approval, NameRules, Rule, VersionPattern};

/// The authority of an upstream for a name, or the reason why it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority<'a> {
    Authoritative,
    /// The file of the upstream says `enabled = false`, or was removed.
    Disabled,
    /// The `[namespaces]` of the upstream do not include the name.
    OutsideItsNamespaces,
    /// The namespace is internal, and the upstream is not.
    InternalNamespace,
    /// The name belongs to this other upstream.
    BelongsTo(&'a str),
    /// The name belonged to this other upstream when it was last served, and no approval of the version
    /// names the new one.
    TransferredFrom(&'a str),
    /// This other upstream may list the name too and would be authoritative for it, and was never synchronised
    /// completely.
    Awaits(&'a str),
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authoritative => f.write_str("the name belongs to this upstream"),
            Self::Disabled => f.write_str("the upstream is disabled, or its file was removed"),
            Self::OutsideItsNamespaces => {
                f.write_str("the `[namespaces]` of the upstream do not include the name")
            }
            Self::InternalNamespace => {
                f.write_str("the namespace is internal, and the upstream is not")
            }
            Self::BelongsTo(owner) => write!(f, "the name belongs to {owner}"),
            Self::TransferredFrom(before) => write!(
                f,
                "the name was served from {before} before; to accept the transfer, set `upstream` in an approval to this upstream"
            ),
            Self::Awaits(other) => write!(
                f,
                "the name may belong to {other}, and no full sync of {other} was accepted yet, or a limit left something out; if {other} does not have it, limit `[namespaces] allow` in the file of {other}, or set `enabled = false` there"
            ),
        }
    }
}

/// The upstream that is authoritative for one name, computed from all its rows.
///
/// A name belongs to one upstream with all its versions: of the upstreams that list it and may be
/// authoritative for its namespace, the one with the best priority. The name stays with that upstream
/// while any row exists there, even a deleted, missing or quarantined one. A transfer to another
/// upstream is the way in which a squatter would take over, so the name is then hidden until an
/// approval names the new upstream. It lets the versions through that it selects: a reviewer of one
/// version has not accepted the next one. For the same reason a name that was never served waits while an
/// upstream that would own it was never synchronised completely: given to another one, it would stay there.
#[derive(Debug)]
pub struct Authorities<'a> {
    name: &'a Name,
    policy: &'a PolicySnapshot,
    remembered: Option<&'a str>,
    is_internal: bool,
    /// True if all rows of the name come from one upstream.
    is_alone: bool,
    owner: Option<&'a str>,
    awaited: Option<&'a str>,
    transfer: Option<Transfer<'a>>,
    deleted: Vec<(&'a Version, &'a str)>,
}

/// A transfer of the name to the upstream that owns it now.
#[derive(Debug)]
struct Transfer<'a> {
    from: &'a str,
    /// The rules with an approval that name the new upstream.
    named_by: Vec<(&'a Rule, &'a Approval)>,
}

impl<'a> Transfer<'a> {
    fn new(from: &'a str, to: &str, rules: &NameRules<'a>) -> Self {
        let named_by = rules.rules().filter(|rule| rule.upstream.as_deref() == Some(to));
        let named_by = named_by.filter_map(|rule| Some((rule, rule.approved()?)));
        Self { from, named_by: named_by.collect() }
    }

    fn is_accepted(
        &self,
        (unconfirmed, now): (UnconfirmedTime, Timestamp),
        covers: impl Fn(&Rule, &Approval) -> bool,
    ) -> bool {
        let mut named_by = self.named_by.iter();
        named_by.any(|(rule, approval)| {
            let may_be_ahead = |reviewed| unconfirmed.is_ahead(reviewed, now);
            approval.is_effective(now)
                && !approval.reviewed.is_some_and(may_be_ahead)
                && covers(rule, approval)
        })
    }
}

impl<'a> Authorities<'a> {
    /// Computes the authority from everything that is known about the name.
    #[must_use]
    pub fn of(dossier: &'a Dossier, policy: &'a PolicySnapshot, rules: &NameRules<'a>) -> Self {
        let mut this = Self {
            name: &dossier.name,
            policy,
            remembered: dossier.authority.as_deref(),
            is_internal: policy.overlays.is_internal(&dossier.name),
            is_alone: dossier.rows.iter().all(|row| row.upstream == dossier.rows[0].upstream),
            owner: None,
            awaited: None,
            transfer: None,
            deleted: Vec::new(),
        };
        let rows = dossier.rows.iter().map(|row| row.upstream.as_str());
        let quarantined = dossier.quarantined.iter().map(|row| row.upstream.as_str());
        this.owner = rows
            .chain(quarantined)
            .filter(|id| this.may_own(id))
            .min_by_key(|id| (this.priority(id), *id));
        this.awaited = this.find_awaited(dossier);
        this.transfer = match (this.remembered, this.owner) {
            (Some(before), Some(owner)) if before != owner => {
                Some(Transfer::new(before, owner, rules))
            }
            _ => None,
        };
        let deleting = dossier.rows.iter().filter(|row| {
            row.content.head.status == Status::Deleted && this.may_delete(&row.upstream)
        });
        this.deleted = deleting.map(|row| (&row.version, row.upstream.as_str())).collect();
        this
    }

    /// Returns the upstream that the name belongs to.
    #[must_use]
    pub fn owner(&self) -> Option<&'a str> {
        self.owner
    }

    /// Returns the owner to remember when the name is served. A transfer is remembered once an approval of all
    /// versions accepts it.
    #[must_use]
    pub fn settled_owner(&self, now: Timestamp) -> Option<&'a str> {
        let covers_all = |rule: &Rule, approval: &Approval| {
            rule.versions == VersionPattern::Any && approval.contents.is_none()
        };
        let times = (self.policy.unconfirmed, now);
        let is_settled = |transfer: &Transfer<'_>| transfer.is_accepted(times, covers_all);
        let owner = self.owner.filter(|_| self.awaited.is_none());
        owner.filter(|_| self.transfer.as_ref().is_none_or(is_settled))
    }

    /// Returns the upstream that the name waits for: it may list the name, and would be authoritative for it.
    #[must_use]
    pub fn awaited(&self) -> Option<&'a str> {
        self.awaited
    }

    /// Returns the last moments before which no authority changes by time alone.
    pub(super) fn last_moments(&self) -> impl Iterator<Item = Timestamp> {
        let named_by = self.transfer.iter().flat_map(|transfer| &transfer.named_by);
        named_by.flat_map(|(_, approval)| {
            let begin = |reviewed| self.policy.unconfirmed.begin_review(reviewed);
            let begins = approval.reviewed.map(|reviewed| begin(reviewed).minus(Timestamp::TICK));
            approval.expires.into_iter().chain(begins)
        })
    }

    /// Returns the authority of this upstream for a version of the name.
    #[must_use]
    pub fn authority_of(&self, upstream: &str, version: &Version, now: Timestamp) -> Authority<'a> {
        match (self.refused(upstream), self.awaited) {
            (None | Some(Authority::BelongsTo(_)), Some(other)) => return Authority::Awaits(other),
            (Some(refused), _) => return refused,
            (None, None) => {}
        }
        let may_cover = |rule: &Rule, approval: &Approval| {
            let may_admit = !approval.leaves_out(version) || approval.follow.is_some();
            may_admit && rule.selects(version, upstream)
        };
        match &self.transfer {
            Some(transfer) if !transfer.is_accepted((self.policy.unconfirmed, now), may_cover) => {
                Authority::TransferredFrom(transfer.from)
            }
            _ => Authority::Authoritative,
        }
    }

    /// Returns why the upstream has no authority for any version, apart from a transfer.
    fn refused(&self, upstream: &str) -> Option<Authority<'a>> {
        let known = self.known(upstream);
        let served =
            self.remembered == Some(upstream) && !self.policy.removed.withdrawn.contains(upstream);
        let is_removed = known.is_none() && !served;
        if is_removed || known.is_some_and(|known| !known.enabled) {
            return Some(Authority::Disabled);
        }
        if known.is_some_and(|known| !known.namespaces.admit(self.name)) {
            return Some(Authority::OutsideItsNamespaces);
        }
        if self.is_internal && !self.policy.is_internal(upstream) {
            return Some(Authority::InternalNamespace);
        }
        self.owner.filter(|owner| *owner != upstream).map(Authority::BelongsTo)
    }

    /// Returns the upstream, if any, that reports this version as deleted.
    #[must_use]
    pub fn deleted_by(&self, version: &Version) -> Option<&'a str> {
        let deleted = self.deleted.iter().rfind(|(deleted, _)| *deleted == version);
        deleted.map(|(_, upstream)| *upstream)
    }

    /// Returns true if a client could see rows of this upstream; rows of an upstream that is not
    /// authoritative are never served.
    #[must_use]
    pub fn may_be_seen(&self, upstream: &str) -> bool {
        // An approval that expires must not change what is compared.
        let is_named =
            || self.transfer.as_ref().is_none_or(|transfer| !transfer.named_by.is_empty());
        (self.is_alone && !self.is_internal) || (self.refused(upstream).is_none() && is_named())
    }

    fn known(&self, upstream: &str) -> Option<&'a UpstreamPolicy> {
        self.policy.upstreams.iter().find(|known| known.id == upstream)
    }

    /// Returns the priority of an upstream. One without a file is not synchronised any more; it keeps the names
    /// that it was serving, at the lowest priority.
    fn priority(&self, upstream: &str) -> u64 {
        self.known(upstream).map_or(u64::MAX, |known| known.priority)
    }

    fn may_own(&self, upstream: &str) -> bool {
        let Some(known) = self.known(upstream) else {
            let is_trusted = !self.is_internal || self.policy.is_internal(upstream);
            return self.remembered == Some(upstream) && is_trusted;
        };
        known.namespaces.admit(self.name) && (known.internal || !self.is_internal)
    }

    fn find_awaited(&self, dossier: &'a Dossier) -> Option<&'a str> {
        let owner = self.owner.filter(|_| self.remembered.is_none())?;
        let rank = |id: &'a str| (self.priority(id), id);
        let enabled = self.policy.upstreams.iter().filter(|known| known.enabled);
        let unknown = enabled.filter(|known| !dossier.synchronised.contains(&known.id));
        let better = unknown.map(|known| known.id.as_str()).filter(|id| rank(id) < rank(owner));
        better.filter(|id| self.may_own(id)).min_by_key(|id| rank(id))
    }

    fn may_delete(&self, upstream: &str) -> bool {
        self.may_own(upstream) && self.known(upstream).is_some_and(|known| known.enabled)
    }
}
