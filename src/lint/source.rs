use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use crate::model::Escaped;

/// A file as it was read: its path as the operator wrote it, and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    pub file: String,
    pub text: String,
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
        Arc::new(Self { file: file.into(), text: text.into() })
    }

    #[must_use]
    pub fn place(self: &Arc<Self>, span: Range<usize>) -> Place {
        Place { source: Arc::clone(self), span }
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
        let before = &text[..start];
        let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
        let last_line = memchr::memrchr(b'\n', before.as_bytes()).map_or(0, |at| at + 1);
        (line, before[last_line..].chars().count() + 1)
    }
}

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
