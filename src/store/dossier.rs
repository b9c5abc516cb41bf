//! Reads everything that is known about a name, in one snapshot.

use std::collections::BTreeSet;

use super::{Snapshot, StoreError, StoredHead};
use crate::curation::{ContentHead, Dossier, DossierRow, ViewRecord};
use crate::model::{Entry, Name, Shown};

impl Snapshot {
    /// Reads the dossier of a name; `views` names the configured ones, whose ledgers it holds.
    ///
    /// A damaged head is noted in the dossier instead of failing it: what the row would say is unknown.
    ///
    /// # Errors
    /// When the file cannot be read, as for all here.
    pub fn dossier<'v>(
        &self,
        name: &Name,
        views: impl IntoIterator<Item = &'v str>,
    ) -> Result<Dossier, StoreError> {
        let mut dossier = Dossier::empty(name.clone());
        let mut heads = self.each_head_of(name)?;
        for stored in heads.by_ref() {
            dossier.rows.push(self.dossier_row(stored?, &mut dossier.damaged)?);
        }
        dossier.damaged.extend(heads.damage().iter().map(ToString::to_string));
        let mut quarantined = self.quarantined_facts(name)?;
        for row in quarantined.by_ref() {
            dossier.quarantined.push(row?);
        }
        // Whose name it is could depend on the row.
        dossier.damaged.extend(quarantined.damage().iter().map(ToString::to_string));
        dossier.authority = self.served_from(name)?;
        for view in views {
            for entry in self.ledger_of(view, name)? {
                let ((_, version), record) = entry?;
                dossier.ledger.push(ViewRecord { view: view.to_owned(), version, record });
            }
        }
        dossier.verification = self.holding(name.namespace())?.unwrap_or_default();
        dossier.claims = self.naming(name)?.unwrap_or_default();
        if dossier.verification.concluded_at.is_none() {
            dossier.exempted = self.spared_versions(name)?;
        }
        Ok(dossier)
    }

    fn dossier_row(
        &self,
        stored: StoredHead,
        damaged: &mut Vec<String>,
    ) -> Result<DossierRow, StoreError> {
        let mut others = Vec::new();
        if stored.head.rewritten {
            let mut contents = self.contents(&stored)?;
            for content in contents.by_ref() {
                others.push(content?);
            }
            damaged.extend(contents.damage().iter().map(ToString::to_string));
        }
        let facts = match self.facts(&stored) {
            Err(StoreError::Damaged { .. }) => None,
            facts => facts?,
        };
        let StoredHead { upstream, version, head, .. } = stored;
        Ok(DossierRow { upstream, version, content: ContentHead { head, facts }, others })
    }

    /// Reads the bytes of one content of a dossier, with its head as it was judged.
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
            upstream: upstream.clone(),
            name: name.clone(),
            version: version.clone(),
            head: row.content.head,
        };
        if content == &row.content {
            return self.entry(&stored);
        }
        let others = self.others(&stored)?.into_iter();
        let judged = others.filter(|other| other.head.received == content.head.received);
        let missing = || StoreError::damaged("other content", format!("{name}@{version}"));
        Ok(Entry { head: row.head_of(content), ..judged.last().ok_or_else(missing)? })
    }

    /// Returns every name with a row that can be read.
    pub fn names(&self) -> Result<BTreeSet<Name>, StoreError> {
        self.heads()?.map(|stored| Ok(stored?.name)).collect()
    }

    /// Whether any upstream has a row of the name.
    pub fn has_rows_of(&self, name: &Name) -> Result<bool, StoreError> {
        let mut heads = self.each_head_of(name)?;
        Ok(heads.next().transpose()?.is_some() || !heads.damage().is_empty())
    }

    /// Whether any view shows any version of the name.
    pub fn shows_any(&self, name: &Name) -> Result<bool, StoreError> {
        for view in self.known_views()? {
            for entry in self.ledger_of(view, name)? {
                let (_, record) = entry?;
                if record.shown == Shown::Visible {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
