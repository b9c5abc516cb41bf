//! The project's words. A concept has one name, in code and in what people read; the names that it does not have stand
//! here. A word that means something else elsewhere is an exception, with its reason.

use std::fs;
use std::path::{Path, PathBuf};

use super::source::blanked;
use crate::support::sources::sources;

/// Words that no identifier has as a part, with the word to use.
const IDENTIFIERS: &[(&str, &[&str])] = &[
    ("sync run", &["walk", "walks", "walked", "increment", "increments", "pass", "passes"]),
    ("safety limit, change set on hold", &["rail", "rails", "trip", "trips", "tripped", "held"]),
    ("authority", &["speech", "speaker", "speaks", "spoken"]),
    ("dossier", &["standing", "tenure", "desk"]),
    ("policy snapshot", &["shelved"]),
    ("evaluation", &["moot"]),
    ("effective approval", &["ruling"]),
    ("verdict", &["refuted", "refutes", "refute"]),
    (
        "verification record, lookup",
        &["holding", "holdings", "sight", "sights", "naming", "namings", "witness", "witnesses"],
    ),
    ("verification queue, priority", &["urgency", "enquiry"]),
    (
        "screening, signal, suppressed",
        &["lookout", "doubts", "yardstick", "portrait", "quiet", "vouched"],
    ),
    ("alert", &["observation", "observations", "remark", "remarks", "told"]),
    ("delivery, recipient", &["letter", "letters", "mailbox", "courier", "reception", "receivers"]),
    ("sanitize, violation", &["repair", "repairs", "repaired", "flaw", "flaws"]),
    ("validation error", &["malformed"]),
    ("Timestamp", &["stopwatch"]),
    ("ingest, batch, flush", &["keeper", "anew"]),
    ("index, search text, search term", &["shelf", "slot", "slots", "needle"]),
    ("condition, waiver", &["proviso"]),
    ("plan", &["forecast"]),
    ("event, history", &["journal"]),
    ("rule", &["statement", "statements"]),
    ("verification", &["proof", "proofs", "prove", "proves", "proven"]),
    ("the publisher, the operator, a client", &["nobody", "somebody", "whoever"]),
];

/// Identifiers that have such a part in another sense.
const NAMED_ELSEWHERE: &[(&str, &str)] = &[
    ("needless_pass_by_value", "a lint of clippy"),
    ("set_quick_repair", "redb's"),
    ("Letter", "a general category of Unicode"),
    ("repaired", "the storage engine repairs its file"),
];

/// Phrases that no comment and no message has, with what to write.
const PHRASES: &[(&str, &[&str])] = &[
    ("name the actor", &["nobody", "somebody", "whoever", "what everybody"]),
    ("now", &["by now"]),
    ("while, until", &["as long as"]),
    ("is notified", &["is told", "are told", "was told"]),
    ("not", &["in vain"]),
    ("again", &["anew"]),
    ("current, valid", &["in force"]),
    ("is authoritative for", &["may speak", "speaks for", "speak for", "spoken of"]),
    ("revoked", &["refuted", "refutes"]),
    ("full sync", &["complete walk", "full walk"]),
    ("skipped", &["moot"]),
    ("a validation error", &["malformed"]),
];

/// The part of a name that `dead_letter` is made of is the term of the field.
const TERMS: &[&str] =
    &["dead_letters", "dead_letter", "DeadLetters", "DeadLetter", "DEAD_LETTERS"];

#[test]
fn identifiers_use_the_words_of_the_field() {
    let mut found = Vec::new();
    for path in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        // The list itself.
        if path.ends_with("architecture/words.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        for (line, part) in violations_in_code(&text) {
            found.push(format!("{}:{line}: {part}", path.display()));
        }
    }
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
}

#[test]
fn comments_and_messages_use_plain_language() {
    let mut found = Vec::new();
    for path in sources("src") {
        let text = fs::read_to_string(&path).expect("a source file");
        for (number, line) in text.lines().enumerate() {
            found.extend(phrase_in(line).map(|(phrase, write)| {
                format!("{}:{}: `{phrase}`, write: {write}", path.display(), number + 1)
            }));
        }
        let mut is_first = true;
        for (number, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            let is_doc = comment.starts_with("///") || comment.starts_with("//!");
            let opener = comment.trim_start_matches(['/', '!', ' ']).split(' ').next();
            if is_doc && is_first && matches!(opener, Some("What" | "Whether" | "Who" | "How")) {
                found.push(format!(
                    "{}:{}: a summary line that opens with {opener:?}",
                    path.display(),
                    number + 1
                ));
            }
            is_first = !is_doc;
        }
    }
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
}

/// Keys of files, words of alerts and states, and members of the API are read by people and kept by programs.
#[test]
fn keys_and_wire_words_use_the_words_of_the_field() {
    let mut formats = vidimus::config::file_formats().to_vec();
    formats.push(vidimus::overlay::file_format());
    formats.push(vidimus::scan::file_format());
    let tables = formats.iter().flat_map(|format| format.tables);
    let mut words: Vec<String> =
        tables.flat_map(|table| table.fields.iter().map(|field| field.key.to_owned())).collect();
    assert!(words.len() > 60, "{} keys", words.len());
    words.extend(vidimus::alert::AlertKind::all().map(|kind| kind.as_str().replace('-', "_")));
    words.extend(vidimus::curation::EntryState::WORDS.map(|(word, _)| word.replace('-', "_")));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let api = fs::read_to_string(root.join("openapi/vidimus.yaml")).expect("a document");
    let members = api.lines().filter_map(|line| line.trim_start().split_once(':'));
    words.extend(members.map(|(member, _)| member.trim_matches('"').to_owned()));
    let found: Vec<String> = words
        .iter()
        .filter_map(|word| {
            let part = parts(word).iter().find_map(|part| write_instead(part))?;
            Some(format!("`{word}`: {part}"))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// What is shipped beside the program is read first.
#[test]
fn documents_and_shipped_files_use_plain_language() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> =
        crate::documents::pages().into_iter().map(|(path, _)| path).collect();
    // It names the old words, to say what replaced them.
    paths.retain(|path| !path.ends_with("CHANGELOG.md"));
    let shipped = [
        "Dockerfile",
        "overlays/starter.yaml",
        "upstreams/official.toml",
        "openapi/vidimus.yaml",
        "examples/github/overlays.yaml",
    ];
    paths.extend(shipped.map(|name| root.join(name)));
    paths.extend(["src/demo/overlays.yaml", "src/demo/vidimus.toml"].map(|name| root.join(name)));
    let mut found = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a file");
        for (number, line) in text.lines().enumerate() {
            let all = PHRASES
                .iter()
                .flat_map(|(write, phrases)| phrases.iter().map(move |phrase| (phrase, write)));
            let lower = line.to_lowercase();
            let mut hits = all.filter(|(phrase, _)| has_words(&lower, phrase));
            found.extend(hits.next().map(|(phrase, write)| {
                format!("{}:{}: `{phrase}`, write: {write}", path.display(), number + 1)
            }));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn planted_words_are_found() {
    let code = "fn complete_walk(held: bool) { let deadLetters = 1; } // a walk of a tree\n";
    let found: Vec<String> = violations_in_code(code).into_iter().map(|(_, part)| part).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(phrase_in("/// The policy in force.").is_some());
    assert!(phrase_in("/// The policy enforced.").is_none());
}

/// Returns the line and the words of each identifier that has a part it must not have.
fn violations_in_code(text: &str) -> Vec<(usize, String)> {
    let code = blanked(text);
    let lines = code.lines().enumerate();
    let found = lines.flat_map(|(number, line)| {
        identifiers(line)
            .filter(|identifier| !NAMED_ELSEWHERE.iter().any(|(known, _)| known == identifier))
            .filter_map(move |identifier| {
                let term = TERMS.iter().find(|term| identifier.contains(**term));
                let checked =
                    term.map_or(identifier.to_owned(), |term| identifier.replace(term, ""));
                let part = parts(&checked).iter().find_map(|part| write_instead(part))?;
                Some((number + 1, format!("`{identifier}`: {part}")))
            })
    });
    found.collect()
}

fn write_instead(part: &str) -> Option<String> {
    let (write, _) = IDENTIFIERS.iter().find(|(_, banned)| banned.contains(&part))?;
    Some(format!("`{part}`, write: {write}"))
}

fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    code.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'))
}

/// Splits `SnakeOr_camelCase` into its words, in lower case.
fn parts(identifier: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before_is_lower = false;
    for character in identifier.chars() {
        if character == '_' || (character.is_ascii_uppercase() && before_is_lower) {
            parts.push(String::new());
        }
        before_is_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
        if character != '_'
            && let Some(part) = parts.last_mut()
        {
            part.push(character.to_ascii_lowercase());
        }
    }
    parts
}

fn phrase_in(line: &str) -> Option<(&'static str, &'static str)> {
    let is_text = line.contains("//") || line.contains('"');
    let lower = line.to_lowercase();
    let all = PHRASES
        .iter()
        .flat_map(|(write, phrases)| phrases.iter().map(move |phrase| (*phrase, *write)));
    all.into_iter().find(|(phrase, _)| is_text && has_words(&lower, phrase))
}

fn has_words(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(at, _)| {
        let is_edge = |character: Option<char>| {
            !character.is_some_and(|character| character.is_alphanumeric() || character == '_')
        };
        is_edge(line[..at].chars().next_back()) && is_edge(line[at + phrase.len()..].chars().next())
    })
}
