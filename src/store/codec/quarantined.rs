use super::packing::{Packer, Unpackers};
use crate::model::Quarantined;
use crate::store::StoreError;

impl Packer {
    /// Packs a row for quarantine with the reason in front, so that the reason is read without the item,
    /// which may be as large as a page.
    pub(in crate::store) fn quarantined(
        &mut self,
        row: &Quarantined,
    ) -> Result<Vec<u8>, StoreError> {
        let too_large = |_| StoreError::damaged("a text beyond 4 GiB", "a row");
        let length = u32::try_from(row.reason.len()).map_err(too_large)?;
        let item = self.pack(&row.item, "")?;
        Ok([length.to_le_bytes().as_slice(), row.reason.as_bytes(), &item].concat())
    }
}

/// Returns the reason of a row in quarantine; `None` when it is damaged.
pub(in crate::store) fn quarantine_reason(value: &[u8]) -> Option<&str> {
    split(value).map(|(reason, _)| reason)
}

/// Returns the row as it was sent; `None` when it is damaged.
pub(in crate::store) fn quarantine_item(value: &[u8], unpackers: &Unpackers) -> Option<Box<str>> {
    let (_, item) = split(value)?;
    unpackers.unpack(item).map(|(item, _)| item)
}

fn split(value: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = value.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (reason, item) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(reason).ok()?, item))
}
