//! Sources as text: comments and literals are blanked, test items are removed.

use std::fs;
use std::path::Path;

/// A file below `src`.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Its path below `src`, such as `daemon/run.rs`.
    pub(super) path: String,
    /// Its text without comments and literals.
    pub(super) code: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), code: blanked(text) }
    }

    /// Reads all sources.
    pub(super) fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        collect(&root, &root, &mut found);
        assert!(found.len() > 50, "the sources are found");
        found.sort_by(|left, right| left.path.cmp(&right.path));
        found
    }

    /// Returns the top-level module that it belongs to.
    pub(super) fn top(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Returns its module path: `daemon/mod.rs` is `daemon`.
    pub(super) fn modules(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        path.split('/').collect()
    }

    /// Returns true if the whole file is for tests.
    pub(super) fn is_only_tests(&self) -> bool {
        self.modules().iter().any(|name| *name == "tests" || name.ends_with("_tests"))
    }

    /// Returns the code without test items.
    pub(super) fn without_tests(&self) -> String {
        const MARK: &str = "#[cfg(test)]";
        let (mut kept, mut rest) = (String::new(), self.code.as_str());
        while let Some(at) = rest.find(MARK) {
            kept.push_str(&rest[..at]);
            rest = &rest[at + MARK.len()..];
            rest = &rest[item_end(rest)..];
        }
        kept.push_str(rest);
        kept
    }
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(root).expect("below src").to_string_lossy();
            found.push(Source::new(&below, &fs::read_to_string(&path).expect("a source")));
        }
    }
}

/// Returns the end of an item: its semicolon, or its closing brace.
fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks comments and the contents of literals. Line breaks stay, so that lines can be counted.
pub(super) fn blanked(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment_end(rest),
            '"' => quoted_end(rest),
            'r' if !code.ends_with(is_word) || code.ends_with('b') => raw_end(rest),
            '\'' => character_end(rest),
            _ => 0,
        };
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let is_literal = first != '/';
            code.push_str(if is_literal { "\"" } else { " " });
            code.extend(rest[..skipped].chars().filter(|character| *character == '\n'));
            rest = &rest[skipped..];
        }
    }
    code
}

pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Returns the end of a block comment; comments nest.
fn comment_end(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn quoted_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns the end of a raw string; 0 for a word that begins with `r`.
fn raw_end(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    let Some(inside) = text[1 + hashes..].strip_prefix('"') else { return 0 };
    let close = format!("\"{}", "#".repeat(hashes));
    let begin = 2 + hashes;
    inside.find(&close).map_or(text.len(), |at| begin + at + close.len())
}

/// Returns the end of a character literal; 0 for a lifetime.
fn character_end(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            let _escaped = characters.next();
            characters.find(|(_, character)| *character == '\'').map_or(0, |(at, _)| at + 1)
        }
        _ => characters
            .next()
            .filter(|(_, character)| *character == '\'')
            .map_or(0, |(at, _)| at + 1),
    }
}

#[test]
fn comments_and_literals_are_blanked() {
    let cases = [
        ("use a; // crate::b\nuse c;", "use a;  \nuse c;"),
        ("/* crate::b /* x */ y */ use c;", "  use c;"),
        (r#"get("https://a.example", crate::b)"#, "get(\", crate::b)"),
        (r##"say(r#"a "crate::b" // c"#, d)"##, "say(\", d)"),
        (r#"x("\"// y", br"\", z)"#, "x(\", b\", z)"),
        ("fn f<'a>(x: &'a str) -> char { '\"' }", "fn f<'a>(x: &'a str) -> char { \" }"),
        (r"['\'', '/', '\u{41}', for_r]", "[\", \", \", for_r]"),
        ("\"a\nb\"", "\"\n"),
    ];
    for (text, wanted) in cases {
        assert_eq!(blanked(text), wanted, "{text}");
    }
}

#[test]
fn test_items_are_removed() {
    let text = "a;\n#[cfg(test)]\nmod tests { fn x() { let y = \"}\"; } }\nb;\n#[cfg(test)]\nmod c_tests;\nd;";
    let kept = Source::new("x.rs", text).without_tests();
    assert_eq!(kept.split_whitespace().collect::<Vec<_>>(), ["a;", "b;", "d;"]);
}
