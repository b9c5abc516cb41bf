use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::ownership::Claim;

/// Words that say what kind of thing it is, which they all are.
const KIND: [&str; 3] = ["mcp", "server", "servers"];
/// Words that tell nobody's server from anybody else's.
const COMMON: [&str; 89] = [
    "a",
    "agent",
    "agents",
    "ai",
    "alpha",
    "an",
    "and",
    "api",
    "app",
    "apps",
    "assistant",
    "beta",
    "bot",
    "bridge",
    "by",
    "cli",
    "client",
    "clients",
    "cloud",
    "com",
    "community",
    "connector",
    "connectors",
    "context",
    "core",
    "data",
    "demo",
    "dev",
    "example",
    "for",
    "gateway",
    "go",
    "hosted",
    "hub",
    "http",
    "https",
    "in",
    "integration",
    "io",
    "java",
    "js",
    "lib",
    "local",
    "main",
    "model",
    "module",
    "net",
    "new",
    "node",
    "nodejs",
    "of",
    "official",
    "on",
    "org",
    "package",
    "pkg",
    "platform",
    "plugin",
    "plugins",
    "plus",
    "private",
    "pro",
    "protocol",
    "proxy",
    "public",
    "py",
    "python",
    "real",
    "registry",
    "remote",
    "rs",
    "ruby",
    "rust",
    "sdk",
    "service",
    "services",
    "skill",
    "skills",
    "sse",
    "stdio",
    "test",
    "the",
    "to",
    "tool",
    "toolkit",
    "tools",
    "ts",
    "unofficial",
    "with",
];

/// What of a text is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) words: Vec<String>,
    /// All words but those of kind, in one piece.
    pub(super) full: String,
    /// Without common words too, unless nothing would be left.
    pub(super) core: String,
    /// The words of the core in alphabetical order.
    pub(super) sorted: Vec<String>,
}

impl Shape {
    pub(super) fn of(text: &str) -> Self {
        let words = words(text);
        let telling: Vec<&String> =
            words.iter().filter(|it| !KIND.contains(&it.as_str())).collect();
        let full: String = telling.iter().map(|it| it.as_str()).collect();
        let rare = telling.iter().filter(|it| !COMMON.contains(&it.as_str()));
        let mut sorted: Vec<String> = rare.map(|it| (*it).clone()).collect();
        let core = if sorted.is_empty() { full.clone() } else { sorted.concat() };
        sorted.sort();
        Self { words, full, core, sorted }
    }

    /// The text in one piece, words of kind and all.
    pub(super) fn compact(&self) -> String {
        self.words.concat()
    }
}

/// The words of a text, in small letters: between what is neither letter nor digit, and where small letters meet capitals.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for character in text.chars() {
        let separates = !character.is_alphanumeric() && !is_mark(character);
        if separates || (after_small && character.is_uppercase()) {
            words.push(String::new());
        }
        if let (false, Some(word)) = (separates, words.last_mut()) {
            word.extend(character.to_lowercase());
        }
        after_small = character.is_lowercase() || character.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Accents that stand for themselves, and joiners, belong to the word.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
        || character.general_category_group() == GeneralCategoryGroup::Mark
}

/// Every run of some words, in one piece.
pub(super) fn runs(words: &[String]) -> impl Iterator<Item = String> {
    let most = words.len().min(MAX_RUN);
    (1..=most).flat_map(|length| words.windows(length).map(<[String]>::concat))
}

/// No brand has more words.
const MAX_RUN: usize = 5;

/// What an eye sees of a text: characters that look alike are one, and repeated ones too.
pub(super) fn skeleton(text: &str) -> String {
    let alike = text.replace("rn", "m").replace("vv", "w");
    let mut seen = String::with_capacity(alike.len());
    for character in alike.chars() {
        let character = match character {
            '0' => 'o',
            '1' | 'i' | '|' => 'l',
            '5' => 's',
            other => other,
        };
        if !seen.ends_with(character) {
            seen.push(character);
        }
    }
    seen
}

/// Who stands behind a namespace: the domain that somebody registered, or the account.
pub(super) fn registrant(claim: &Claim, namespace: &str) -> String {
    match claim {
        Claim::GitHub { login } => format!("github:{login}"),
        Claim::Domain { .. } => claim.registrable().unwrap_or(namespace).to_owned(),
        Claim::Unprovable { .. } => namespace.to_ascii_lowercase(),
    }
}

/// What a registrant is called: the login, or the first label of the domain.
pub(super) fn label(registrant: &str) -> Shape {
    let text = registrant.strip_prefix("github:").unwrap_or(registrant);
    let label = if text.len() == registrant.len() { text.split('.').next() } else { Some(text) };
    Shape::of(label.unwrap_or_default())
}

/// The text, and it without each one of its characters: two texts at distance one share one of these.
pub(super) fn deletions(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    // Nothing resembles nothing.
    let mut all: Vec<String> = (!text.is_empty()).then(|| text.to_owned()).into_iter().collect();
    for skipped in 0..characters.len().min(MAX_LENGTH) {
        let kept = characters.iter().enumerate().filter(|(index, _)| *index != skipped);
        all.push(kept.map(|(_, character)| character).collect());
    }
    all
}

/// Names have 200 characters at most; nobody reads the rest of a longer text.
pub(super) const MAX_LENGTH: usize = 200;
