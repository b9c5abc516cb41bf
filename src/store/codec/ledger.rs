use super::head::{digest, timestamp};
use crate::model::{Approved, LedgerRecord, Shown};

const LEDGER_BYTES: usize = 113;

pub(in crate::store) fn ledger(record: &LedgerRecord) -> [u8; LEDGER_BYTES] {
    let mut value = [0; LEDGER_BYTES];
    value[0] = match record.shown {
        Shown::Visible => 1,
        Shown::Tombstone => 2,
    };
    value[1..9].copy_from_slice(&record.changed_at.as_micros().to_le_bytes());
    value[9..17].copy_from_slice(&record.published_at.as_micros().to_le_bytes());
    value[17..49].copy_from_slice(record.digest.as_bytes());
    value[49..81].copy_from_slice(record.approved.received.as_bytes());
    value[81..].copy_from_slice(record.approved.rule.as_bytes());
    value
}

pub(in crate::store) fn read_ledger(value: &[u8]) -> Option<LedgerRecord> {
    let value: &[u8; LEDGER_BYTES] = value.try_into().ok()?;
    let shown = match value[0] {
        1 => Shown::Visible,
        2 => Shown::Tombstone,
        _ => return None,
    };
    Some(LedgerRecord {
        shown,
        changed_at: timestamp(&value[1..])?,
        published_at: timestamp(&value[9..])?,
        digest: digest(&value[17..])?,
        approved: Approved { received: digest(&value[49..])?, rule: digest(&value[81..])? },
    })
}
