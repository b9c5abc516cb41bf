use std::collections::HashSet;

use thiserror::Error;

use crate::model::Digest;

/// More rows than this in one pass is no registry: twenty times today's size.
pub const MAX_ROWS: u64 = 2_000_000;

/// Guards a walk over pages: a moving cursor, and an end.
#[derive(Debug, Default)]
pub struct Walk {
    /// Digests, so that a hostile cursor costs 32 bytes of memory and not two thousand.
    seen: HashSet<Digest>,
    rows: u64,
}

/// Why a walk cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WalkFault {
    #[error("the cursor came back to where it was: a loop")]
    Loop,
    #[error("more than {MAX_ROWS} rows")]
    TooManyRows,
    #[error("{pages} pages without the end, at most {allowed} are allowed")]
    TooManyPages { pages: usize, allowed: usize },
}

impl Walk {
    /// Goes on at `cursor`, after `rows` were read in an earlier life of the pass.
    #[must_use]
    pub fn resumed(cursor: Option<&str>, rows: u64) -> Self {
        let seen = cursor.map(|cursor| Digest::of(cursor.as_bytes()));
        Self { seen: seen.into_iter().collect(), rows }
    }

    /// Takes note of a page.
    ///
    /// # Errors
    /// [`WalkFault`] when the walk would not end, or would not end in time. An empty page is not
    /// an end by itself, but only so many of them can follow each other.
    pub fn advance(&mut self, rows: usize, next_cursor: Option<&str>) -> Result<(), WalkFault> {
        self.rows += rows as u64;
        if self.rows > MAX_ROWS {
            return Err(WalkFault::TooManyRows);
        }
        let Some(cursor) = next_cursor else {
            return Ok(());
        };
        if !self.seen.insert(Digest::of(cursor.as_bytes())) {
            return Err(WalkFault::Loop);
        }
        // Pages hold one row at least, and a few may be empty.
        let allowed = usize::try_from(self.rows).unwrap_or(usize::MAX).saturating_add(10);
        match self.seen.len() {
            pages if pages > allowed => Err(WalkFault::TooManyPages { pages, allowed }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moving_cursor_may_go_on() {
        let mut walk = Walk::default();
        for page in 0..1000 {
            assert_eq!(walk.advance(1, Some(&format!("a/b:{page}"))), Ok(()));
        }
        assert_eq!(walk.advance(0, None), Ok(()));
    }

    #[test]
    fn a_cursor_that_returns_is_a_loop() {
        let mut walk = Walk::default();
        assert_eq!(walk.advance(1, Some("a")), Ok(()));
        assert_eq!(walk.advance(1, Some("b")), Ok(()));
        assert_eq!(walk.advance(1, Some("a")), Err(WalkFault::Loop));
        let mut resumed = Walk::resumed(Some("a"), 10);
        assert_eq!(resumed.advance(1, Some("a")), Err(WalkFault::Loop));
    }

    #[test]
    fn an_ever_new_cursor_over_empty_pages_ends() {
        let mut walk = Walk::default();
        let outcomes: Vec<_> =
            (0..20).map(|page| walk.advance(0, Some(&page.to_string()))).collect();
        assert!(outcomes.contains(&Err(WalkFault::TooManyPages { pages: 11, allowed: 10 })));
    }

    #[test]
    fn rows_are_limited_also_across_a_restart() {
        assert_eq!(Walk::default().advance(2_000_001, None), Err(WalkFault::TooManyRows));
        assert_eq!(Walk::resumed(None, MAX_ROWS).advance(1, None), Err(WalkFault::TooManyRows));
    }
}
