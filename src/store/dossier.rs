//! Reads everything that is known about a name, in one snapshot.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{Snapshot, StoreError, StoredHead};
use crate::curation::{ContentHead, Dossier, DossierRow, PolicySnapshot, ViewRecord};
use crate::model::{Digest, Entry, Head, Name, Version};

impl Snapshot {
    /// Reads the dossier of a name, as far as the policy needs it: the ledgers of the configured
    /// views, and the facts of those later contents that an approval pins. Upstream may send many
    /// contents, and the others are not evaluated.
    ///
    /// A damaged head is recorded in the dossier and is not an error: the content of the row is unknown.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here.
    pub fn dossier(&self, name: &Name, policy: &PolicySnapshot) -> Result<Dossier, StoreError> {
        let mut dossier = Dossier::empty(name.clone());
        for upstream in self.known_upstreams()? {
            let pin = |version: &Version| {
                policy.overlays.rules_for(name).effective(version, upstream).pin
            };
            self.add_rows(upstream, pin, &mut dossier)?;
        }
        let mut quarantined = self.quarantined_facts(name)?;
        for row in quarantined.by_ref() {
            dossier.quarantined.push(row?);
        }
        // The authority for the name could depend on the row.
        dossier.damaged.extend(quarantined.damage().iter().cloned());
        dossier.authority = self.served_from(name)?;
        dossier.synchronised = self.synchronised_upstreams(name)?;
        for view in policy.view_names() {
            for entry in self.ledger_of(view, name)? {
                let (version, record) = entry?;
                dossier.ledger.push(ViewRecord { view: view.into(), version, record });
            }
        }
        dossier.ledger.sort_by(|left, right| left.version.cmp(&right.version));
        dossier.verification = self.record(name.namespace())?.unwrap_or_default();
        dossier.claims = self.declarations(name)?.unwrap_or_default();
        if dossier.verification.concluded_at.is_none() {
            dossier.exempted = self.exempted_versions(name)?;
        }
        self.add_advisories(&mut dossier)?;
        self.add_artefacts(&mut dossier, policy)?;
        Ok(dossier)
    }

    /// Adds the rows of one upstream.
    fn add_rows(
        &self,
        upstream: &str,
        pin: impl Fn(&Version) -> Option<Digest>,
        dossier: &mut Dossier,
    ) -> Result<(), StoreError> {
        let mut heads = self.heads_in(upstream, &dossier.name)?;
        let stored: Vec<(Version, Head)> = heads.by_ref().collect::<Result<_, _>>()?;
        dossier.damaged.extend(heads.damage().iter().cloned());
        if stored.is_empty() {
            return Ok(());
        }
        let shared = SmolStr::new(upstream);
        let mut facts = self.facts_of(upstream, &dossier.name)?;
        for (version, head) in stored {
            let stored = || StoredHead {
                upstream: upstream.to_owned(),
                name: dossier.name.clone(),
                version: version.clone(),
                head,
            };
            let pin = if head.rewritten { pin(&version) } else { None };
            let facts = facts.of_version(&version, pin.is_some())?;
            let mut others = Vec::new();
            if head.rewritten {
                let mut contents = self.later_contents(&stored(), pin, &facts)?;
                for content in contents.by_ref() {
                    others.push(content?);
                }
                dossier.damaged.extend(contents.damage().iter().cloned());
            }
            let content = ContentHead { head, facts: self.first_facts(stored, &facts)? };
            let upstream = shared.clone();
            dossier.rows.push(DossierRow { upstream, version, content, others });
        }
        Ok(())
    }

    /// Reads the bytes of one content of a dossier, with its head as it was evaluated.
    ///
    /// # Errors
    /// When the file cannot be read, or the body is damaged.
    pub fn body(
        &self,
        name: &Name,
        row: &DossierRow,
        content: &ContentHead,
    ) -> Result<Entry, StoreError> {
        let DossierRow { upstream, version, .. } = row;
        let stored = StoredHead {
            upstream: upstream.to_string(),
            name: name.clone(),
            version: version.clone(),
            head: row.content.head,
        };
        if content == &row.content {
            return self.entry(&stored);
        }
        let others = self.others(&stored)?.into_iter();
        let evaluated = others.filter(|other| other.head.received == content.head.received);
        let missing = || StoreError::damaged("other content", format!("{name}@{version}"));
        Ok(Entry { head: row.head_of(content), ..evaluated.last().ok_or_else(missing)? })
    }

    /// Returns every name with a readable row.
    pub fn names(&self) -> Result<BTreeSet<Name>, StoreError> {
        self.heads()?.map(|stored| Ok(stored?.name)).collect()
    }

    /// Returns true if any upstream has a row of the name.
    pub fn has_rows_of(&self, name: &Name) -> Result<bool, StoreError> {
        let mut heads = self.each_head_of(name)?;
        Ok(heads.next().transpose()?.is_some() || !heads.damage().is_empty())
    }
}
