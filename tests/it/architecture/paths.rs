//! Paths in code, with lists in braces expanded.

use super::source::is_word;

/// A path, with its alias if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: Vec<String>,
    pub(super) alias: Option<String>,
}

/// Returns every path that begins with `crate`, `super` or `self`, in `use` and elsewhere.
pub(super) fn rooted(code: &str) -> Vec<Named> {
    find(code, |before, word| matches!(word, "crate" | "super" | "self") && before != Some("::"))
}

/// Returns the paths of `use` items.
pub(super) fn used(code: &str) -> Vec<Named> {
    find(code, |before, _| before == Some("use"))
}

fn find(code: &str, begins: impl Fn(Option<&str>, &str) -> bool) -> Vec<Named> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map(|before| tokens[before]);
        if begins(before, tokens[at]) {
            at = tree(&tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Splits code into words, `::`, and single characters.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if is_word(first) => {
                rest.find(|character: char| !is_word(character)).unwrap_or(rest.len())
            }
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Reads one path, or a list of paths, from a token on; returns the index of the token after it.
fn tree(tokens: &[&str], mut at: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    let next = tree(tokens, at, &path, found);
                    // A comma, or something that is not a path.
                    at = next + usize::from(next == at || tokens.get(next) == Some(&","));
                }
                return at + 1;
            }
            Some(token) if *token == "*" || token.starts_with(is_word) => {
                path.push((*token).to_owned());
                at += 1;
            }
            _ => break,
        }
        if tokens.get(at) != Some(&"::") {
            break;
        }
        at += 1;
    }
    if path.len() > prefix.len() {
        let is_renamed = tokens.get(at) == Some(&"as");
        let alias = is_renamed.then(|| tokens.get(at + 1).map(|token| (*token).to_owned()));
        at += 2 * usize::from(is_renamed);
        found.push(Named { path, alias: alias.flatten() });
    }
    at
}

#[cfg(test)]
fn written(found: &[Named]) -> Vec<String> {
    found.iter().map(|named| named.path.join("::")).collect()
}

#[test]
fn paths_are_found_in_use_and_in_code() {
    let cases: [(&str, &[&str]); 6] = [
        ("use crate::a::B;", &["crate::a::B"]),
        ("use crate::{a::{B, C as D}, e};", &["crate::a::B", "crate::a::C", "crate::e"]),
        ("fn f(&self) -> super::x::Y { self.z() }", &["self", "super::x::Y", "self"]),
        ("pub(super) use self::a::*;", &["super", "self::a::*"]),
        ("match x { crate::A::B => super::c::<D>(), }", &["crate::A::B", "super::c"]),
        ("$crate::a!(x); std::super_x::y", &["crate::a"]),
    ];
    for (code, wanted) in cases {
        assert_eq!(written(&rooted(code)), wanted, "{code}");
    }
}

#[test]
fn renamed_import_has_path_and_alias() {
    let found = used("pub use file::{One, Two as Three}; let user = x::y;");
    let names: Vec<_> = found.iter().map(|named| named.alias.as_deref()).collect();
    assert_eq!(written(&found), ["file::One", "file::Two"]);
    assert_eq!(names, [None, Some("Three")]);
}
