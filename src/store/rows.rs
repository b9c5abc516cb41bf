//! Reading many rows: ranges over keys, and the policy for damaged rows.

use redb::Range;

use super::StoreError;
use super::tables::{Bytes, ReadTable, Row};
use crate::model::{Damage, Name};

/// A key of a table with keys of three parts.
pub type RowKey = (String, String, String);

/// Damaged rows that are kept to be reported.
const MAX_DAMAGE: usize = 100;

/// Rows that are read one after another, without those that are damaged.
///
/// # Policy
/// A damaged row never prevents the others from being served or hidden: it is left out, and kept for
/// callers that report it (the first hundred are). `verify` reports all of them. Errors of the file
/// itself are returned, since nothing read after them can be trusted.
pub struct Rows<'a, T> {
    rows: Box<dyn Iterator<Item = Result<T, StoreError>> + 'a>,
    damage: Vec<Damage>,
}

impl<'a, T> Rows<'a, T> {
    pub(super) fn new(rows: impl Iterator<Item = Result<T, StoreError>> + 'a) -> Self {
        Self { rows: Box::new(rows), damage: Vec::new() }
    }

    /// Returns the damage of the rows read so far.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }
}

impl<T> Iterator for Rows<'_, T> {
    type Item = Result<T, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.rows.next()? {
                Err(StoreError::Damaged(damage)) => {
                    if self.damage.len() < MAX_DAMAGE {
                        self.damage.push(damage);
                    }
                }
                row => return Some(row),
            }
        }
    }
}

impl<T> std::fmt::Debug for Rows<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("damage", &self.damage).finish_non_exhaustive()
    }
}

pub(super) type RowRange = Range<'static, Row, Bytes>;

/// Returns the rows of one upstream, or of one view.
pub(super) fn all_of(table: &ReadTable<Row>, first: &str) -> Result<RowRange, StoreError> {
    let end = after(first);
    Ok(table.range((first, "", "")..(end.as_str(), "", ""))?)
}

/// Returns the rows of one name in an upstream or a view.
pub(super) fn of_name(
    table: &ReadTable<Row>,
    first: &str,
    name: &Name,
) -> Result<RowRange, StoreError> {
    let end = after(name.as_str());
    Ok(table.range((first, name.as_str(), "")..(first, end.as_str(), ""))?)
}

/// Returns the first key behind all keys that begin with this one.
pub(super) fn after(key: &str) -> String {
    format!("{key}\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damaged(key: &str) -> Result<u8, StoreError> {
        Err(StoreError::damaged("a row", key))
    }

    #[test]
    fn damaged_rows_are_left_out_and_reported() {
        let mut rows = Rows::new([Ok(1), damaged("a"), damaged("b"), Ok(2)].into_iter());
        let read: Vec<u8> = rows.by_ref().map(|row| row.expect("sound")).collect();
        assert_eq!(read, [1, 2]);
        let damage: Vec<String> = rows.damage().iter().map(ToString::to_string).collect();
        let message = |key| format!("a row of the store is damaged: a row at {key}");
        assert_eq!(damage, [message("a"), message("b")]);
    }

    #[test]
    fn error_of_the_file_is_returned() {
        let mut rows = Rows::new([Ok(1), Err(StoreError::Closed)].into_iter());
        assert!(matches!(rows.next(), Some(Ok(1))));
        assert!(matches!(rows.next(), Some(Err(StoreError::Closed))));
        assert!(rows.damage().is_empty());
    }
}
