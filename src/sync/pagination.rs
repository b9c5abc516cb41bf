use std::collections::HashSet;

use thiserror::Error;

use crate::model::Digest;

/// Maximum rows of one sync run: twenty times today's size of the official registry.
pub const MAX_ROWS: u64 = 2_000_000;

/// Guards the reading of pages: the cursor must move, and the list must end.
#[derive(Debug, Default)]
pub struct Pagination {
    /// Digests of cursors, so that a hostile cursor costs 32 bytes of memory and not two thousand.
    seen: HashSet<Digest>,
    rows: u64,
    pages: u64,
}

/// The reason why the next page is not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PaginationError {
    #[error("the cursor came back to where it was: a loop")]
    Loop,
    #[error("more than {MAX_ROWS} rows")]
    TooManyRows,
    #[error("{pages} pages without the end, at most {allowed} are allowed")]
    TooManyPages { pages: usize, allowed: usize },
}

impl Pagination {
    /// Resumes at `cursor`, after so many rows and pages were read before the sync run was interrupted.
    #[must_use]
    pub fn resumed(cursor: Option<&str>, rows: u64, pages: u64) -> Self {
        let seen = cursor.map(|cursor| Digest::of(cursor.as_bytes()));
        Self { seen: seen.into_iter().collect(), rows, pages }
    }

    /// Returns the rows that were read.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the pages that were read.
    #[must_use]
    pub const fn pages(&self) -> u64 {
        self.pages
    }

    /// Counts a page.
    ///
    /// # Errors
    /// [`PaginationError`] when the list would not end, or would not end in time. An empty page is not
    /// an end by itself, but the number of empty pages is limited.
    pub fn advance(
        &mut self,
        rows: usize,
        next_cursor: Option<&str>,
    ) -> Result<(), PaginationError> {
        self.rows += rows as u64;
        self.pages += 1;
        if self.rows > MAX_ROWS {
            return Err(PaginationError::TooManyRows);
        }
        let Some(cursor) = next_cursor else {
            return Ok(());
        };
        if !self.seen.insert(Digest::of(cursor.as_bytes())) {
            return Err(PaginationError::Loop);
        }
        // A page has at least one row; a few may be empty.
        let allowed = usize::try_from(self.rows).unwrap_or(usize::MAX).saturating_add(10);
        let pages = self.seen.len();
        if pages > allowed {
            return Err(PaginationError::TooManyPages { pages, allowed });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_cursor_is_followed() {
        let mut pagination = Pagination::default();
        for page in 0..1000 {
            assert_eq!(pagination.advance(1, Some(&format!("a/b:{page}"))), Ok(()));
        }
        assert_eq!(pagination.advance(0, None), Ok(()));
    }

    #[test]
    fn repeated_cursor_is_a_loop() {
        let mut pagination = Pagination::default();
        assert_eq!(pagination.advance(1, Some("a")), Ok(()));
        assert_eq!(pagination.advance(1, Some("b")), Ok(()));
        assert_eq!(pagination.advance(1, Some("a")), Err(PaginationError::Loop));
        let mut resumed = Pagination::resumed(Some("a"), 10, 1);
        assert_eq!(resumed.advance(1, Some("a")), Err(PaginationError::Loop));
    }

    /// P9.
    #[test]
    fn new_cursors_with_empty_pages_are_limited() {
        let mut pagination = Pagination::default();
        let outcomes: Vec<_> =
            (0..20).map(|page| pagination.advance(0, Some(&page.to_string()))).collect();
        assert!(outcomes.contains(&Err(PaginationError::TooManyPages { pages: 11, allowed: 10 })));
    }

    /// P9.
    #[test]
    fn rows_are_limited_across_a_restart() {
        assert_eq!(
            Pagination::default().advance(2_000_001, None),
            Err(PaginationError::TooManyRows)
        );
        assert_eq!(
            Pagination::resumed(None, MAX_ROWS, 1).advance(1, None),
            Err(PaginationError::TooManyRows)
        );
    }
}
