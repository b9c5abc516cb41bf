use super::state::{Record, Records};
use crate::curation::PolicySnapshot;
use crate::daemon::screening::is_external;
use crate::model::Name;
use crate::store::{Snapshot, StoreError};

/// Reads which of these names an external upstream lists, and the records of their namespaces.
pub(super) fn touched<'n>(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    names: impl IntoIterator<Item = &'n Name>,
) -> Result<(Vec<Name>, Records), StoreError> {
    let mut external = Vec::new();
    for name in names {
        if is_external(snapshot, policy, name)? {
            external.push(name.clone());
        }
    }
    let records = records(snapshot, &external)?;
    Ok((external, records))
}

pub(super) fn records(snapshot: &Snapshot, names: &[Name]) -> Result<Records, StoreError> {
    let mut records = Records::new();
    for name in names {
        let namespace = name.namespace().to_ascii_lowercase();
        if records.contains_key(&namespace) {
            continue;
        }
        let record = snapshot.record(&namespace)?.map_or_else(Record::default, |record| Record {
            checked_at: record.checked_at,
            next_check: record.next_check,
        });
        records.insert(namespace, record);
    }
    Ok(records)
}

/// Makes namespaces due with content that came after the last lookup: it waits for the next one.
pub(super) fn make_due_for_content(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    records: &mut Records,
) -> Result<(), StoreError> {
    for stored in snapshot.heads()? {
        let stored = stored?;
        let namespace = stored.name.namespace().to_ascii_lowercase();
        if let Some(record) = records.get_mut(&namespace)
            && record.checked_at.is_some_and(|at| stored.head.first_seen > at)
            && !policy.is_internal(&stored.upstream)
            && !policy.overlays.rules_for(&stored.name).is_silent()
        {
            record.next_check = None;
        }
    }
    Ok(())
}
