use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::model::Escaped;

/// A file as it was read: its path as the operator wrote it, and its text.
#[derive(Debug)]
pub struct Source {
    pub file: String,
    pub text: String,
    /// The offset at which each line but the first starts: many places of one file are shown.
    line_starts: OnceLock<Vec<usize>>,
}

/// A span of a [`Source`], in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub source: Arc<Source>,
    pub span: Range<usize>,
}

impl Source {
    #[must_use]
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { file: file.into(), text: text.into(), line_starts: OnceLock::new() })
    }

    #[must_use]
    pub fn place(self: &Arc<Self>, span: Range<usize>) -> Place {
        Place { source: Arc::clone(self), span }
    }

    /// Returns the place of a line and a column, both counted from 1; of its end if the text is shorter.
    #[must_use]
    pub fn place_at(self: &Arc<Self>, line: usize, column: usize) -> Place {
        let start = match line.checked_sub(2) {
            None => 0,
            Some(above) => self.line_starts().get(above).copied().unwrap_or(self.text.len()),
        };
        let mut characters = self.text[start..].char_indices();
        let within = characters.nth(column.saturating_sub(1)).map(|(offset, _)| offset);
        let at = within.map_or(self.text.len(), |offset| start + offset);
        self.place(at..at)
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| {
            memchr::memchr_iter(b'\n', self.text.as_bytes()).map(|at| at + 1).collect()
        })
    }

    /// Returns the place of the file as a whole.
    #[must_use]
    pub fn start(self: &Arc<Self>) -> Place {
        self.place(0..0)
    }
}

impl Place {
    /// Returns line and column, both counted from 1, the column in characters.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        let text = &self.source.text;
        let mut start = self.span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let starts = self.source.line_starts();
        let lines = starts.partition_point(|line| *line <= start);
        let line_start = lines.checked_sub(1).map_or(0, |last| starts[last]);
        (lines + 1, text[line_start..start].chars().count() + 1)
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        (&self.file, &self.text) == (&other.file, &other.text)
    }
}

impl Eq for Source {}

/// Hashes the file's name and the span in it; its text is not hashed for each place.
impl Hash for Place {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.source.file, self.span.start, self.span.end).hash(hasher);
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_and_column();
        write!(f, "{}:{line}:{column}", Escaped(&self.source.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, (1, 1))]
    #[case(2, (1, 3))]
    #[case(3, (2, 1))]
    #[case(4, (3, 1))]
    #[case(7, (3, 3))]
    #[case(99, (4, 1))]
    fn line_and_column_are_counted_from_one(#[case] at: usize, #[case] wanted: (usize, usize)) {
        let source = Source::new("x.yaml", "ab\n\näbc\n");
        let place = source.place(at..at);
        assert_eq!(place.line_and_column(), wanted);
        assert_eq!(source.place_at(wanted.0, wanted.1).line_and_column(), wanted);
    }
}
