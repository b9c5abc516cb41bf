//! Decides if a page without a cursor is the last one. A part of a list that is taken for the whole hides the rest, so
//! whatever may say that the list goes on counts: every member that is not known to say something else.

use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

use super::source::PagingHeaders;
use crate::model::{Escaped, members};

/// Characters of the name of a member that are shown.
const SHOWN: usize = 60;

/// The objects within each other that are read; a deeper one may say anything.
const MAX_DEPTH: usize = 4;
/// The parts of names of members that speak of rows that follow.
const FOLLOWING: [&str; 6] = ["cursor", "next", "more", "remain", "contin", "token"];
/// The parts of names of members that count all rows.
const COUNTS: [&str; 9] =
    ["total", "count", "size", "length", "rows", "items", "results", "records", "elements"];
/// Members that number the first row of a page.
const POSITIONS: [&str; 4] = ["offset", "skip", "start", "from"];
/// Words of members that say, as `true`, that nothing follows; as `false` they say that something does.
const ENDS: [&str; 12] = [
    "last",
    "end",
    "ended",
    "done",
    "complete",
    "completed",
    "final",
    "finished",
    "eof",
    "exhausted",
    "success",
    "ok",
];
/// Members that say nothing of further rows, whatever their value: the schema and the version of the document, what its
/// registry is and that it succeeded, when and for which request it was made, how long that took and how long it may be
/// kept, the order of its rows, and links to this page or the first.
const HARMLESS: [&str; 27] = [
    "status",
    "message",
    "code",
    "etag",
    "ttl",
    "expires",
    "expiresat",
    "registry",
    "source",
    "title",
    "license",
    "schema",
    "version",
    "apiversion",
    "schemaversion",
    "timestamp",
    "generatedat",
    "lastupdated",
    "requestid",
    "traceid",
    "took",
    "tookms",
    "duration",
    "sort",
    "order",
    "self",
    "first",
];
/// Members that say nothing of further rows if they are numbers: which page this is, and what its limit was.
const HARMLESS_NUMBERS: [&str; 7] =
    ["limit", "pagelimit", "pagesize", "page", "pagenumber", "pageindex", "currentpage"];

/// The rows and pages that were read up to the end of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadSoFar {
    pub(super) rows: u64,
    pub(super) pages: u64,
    /// True if a count of everything may be compared with it: one beside a short page of changes may be that of the list
    /// of all.
    pub(super) is_comparable: bool,
}

/// A part of an answer that may say that the list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignOfMore {
    /// A header `Link` leads to a next page.
    Link,
    /// A member, with its value if that is a whole number.
    Member { name: String, place: MemberPlace, number: Option<u64> },
    /// A member that is there twice may say two things.
    Repeated { place: MemberPlace },
}

/// The object of an answer that has a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberPlace {
    Metadata,
    /// The answer itself.
    BesideMetadata,
    Headers,
}

impl fmt::Display for SignOfMore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("a header `Link` leads to a next page"),
            Self::Member { name, place, number: Some(number) } => {
                write!(f, "`{}` {place} is {number}", Escaped(name))
            }
            Self::Member { name, place, number: None } => {
                write!(f, "`{}` {place} may lead to more", Escaped(name))
            }
            Self::Repeated { place } => write!(f, "there is a repeated member {place}"),
        }
    }
}

impl fmt::Display for MemberPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "in its `metadata`",
            Self::BesideMetadata => "beside its `metadata`",
            Self::Headers => "in its headers",
        })
    }
}

/// Returns the first sign in an object that the list goes on; `None` if there is none.
pub(super) fn sign_of_more(
    (object, place): (&RawValue, MemberPlace),
    known: &[&str],
    read: ReadSoFar,
) -> Option<SignOfMore> {
    let Ok(members) = members(object) else { return Some(SignOfMore::Repeated { place }) };
    let mut others = members.into_iter().filter(|(name, _)| !known.contains(&name.as_ref()));
    let (name, value) = others.find(|(name, value)| may_mean_more(name, value, read, 1))?;
    let name = name.chars().take(SHOWN).collect();
    let number = value.get().trim().trim_matches('"').parse().ok();
    Some(SignOfMore::Member { name, place, number })
}

/// Returns the first sign in the headers of an answer; their values count as those of members do.
pub(super) fn sign_in_headers(headers: &PagingHeaders, read: ReadSoFar) -> Option<SignOfMore> {
    if headers.links_to_next {
        return Some(SignOfMore::Link);
    }
    headers.values.iter().find_map(|(name, value)| {
        let text = value.trim();
        let word = text.to_ascii_lowercase();
        let json = match word.as_str() {
            "true" | "false" | "null" => word,
            _ if text.starts_with('{') => text.to_owned(),
            _ => Value::from(text).to_string(),
        };
        let json = serde_json::from_str::<&RawValue>(&json).ok();
        let more = json.is_none_or(|value| may_mean_more(name, value, read, 1));
        let name = name.chars().take(SHOWN).collect();
        let (place, number) = (MemberPlace::Headers, text.parse().ok());
        more.then_some(SignOfMore::Member { name, place, number })
    })
}

fn may_mean_more(name: &str, value: &RawValue, read: ReadSoFar, depth: usize) -> bool {
    let bare: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let bare = bare.to_lowercase();
    let text = value.get().trim();
    match text.as_bytes().first() {
        Some(b'n') => false,
        Some(b'f') => says_end(name, &bare),
        Some(b't') => !is_harmless(name, &bare) && !says_end(name, &bare),
        Some(b'{') => may_object_mean_more(name, value, read, depth),
        Some(b'[') => {
            let is_empty =
                serde_json::from_str::<Vec<&RawValue>>(text).is_ok_and(|items| items.is_empty());
            !is_empty && !is_harmless(name, &bare)
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(text).unwrap_or_else(|_| text.to_owned());
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_number {
                may_number_mean_more(name, &bare, &text, read)
            } else {
                !text.is_empty() && !is_harmless(name, &bare)
            }
        }
        _ => may_number_mean_more(name, &bare, text, read),
    }
}

fn may_object_mean_more(name: &str, object: &RawValue, read: ReadSoFar, depth: usize) -> bool {
    let Ok(members) = members(object) else { return true };
    if depth >= MAX_DEPTH {
        return !members.is_empty();
    }
    members.iter().any(|(member, value)| {
        let bare = member.to_lowercase();
        // An addition of a registry is its own business, unless it says it in so many words.
        let is_its_own = is_addition(name) && !is_addition(member);
        (!is_its_own || follows(&bare)) && may_mean_more(member, value, read, depth + 1)
    })
}

fn may_number_mean_more(name: &str, bare: &str, number: &str, read: ReadSoFar) -> bool {
    let is_harmless =
        is_harmless(name, bare) || HARMLESS_NUMBERS.contains(&bare) || bare.ends_with("perpage");
    if is_harmless || number.starts_with('-') {
        return false;
    }
    // A number that is not whole counts no rows, and is taken for more.
    let Ok(number) = number.parse::<u64>() else { return true };
    if number == 0 {
        says_end(name, bare)
    } else if follows(bare) {
        true
    } else if POSITIONS.contains(&bare) {
        number >= read.rows
    } else if bare.contains("page") {
        read.is_comparable && number > read.pages
    } else if COUNTS.iter().any(|word| bare.contains(word)) {
        read.is_comparable && number > read.rows
    } else {
        true
    }
}

/// Returns true if a name speaks of rows that follow.
fn follows(bare: &str) -> bool {
    !bare.contains("prev") && FOLLOWING.iter().any(|word| bare.contains(word))
}

fn is_harmless(name: &str, bare: &str) -> bool {
    bare.contains("prev") || HARMLESS.contains(&bare) || (is_addition(name) && !follows(bare))
}

/// Returns true for a key with the namespace of a registry, where the specification has what a registry adds.
fn is_addition(name: &str) -> bool {
    name == "_meta" || name.split_once('/').is_some_and(|(namespace, _)| namespace.contains('.'))
}

fn says_end(name: &str, bare: &str) -> bool {
    let bare = bare.trim_start_matches("is").trim_end_matches("page");
    let words = words(name);
    if words.iter().any(|word| matches!(word.as_str(), "not" | "no")) {
        return false;
    }
    ENDS.contains(&bare) || words.iter().any(|word| ENDS.contains(&word.as_str()))
}

/// Splits `isLast`, `is_last` and `is-last` into words of lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (is_lower && character.is_uppercase()) {
            words.push(String::new());
        }
        is_lower = character.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(metadata: &str, is_comparable: bool) -> Option<SignOfMore> {
        let object: &RawValue = serde_json::from_str(metadata).expect("JSON");
        let read = ReadSoFar { rows: 30, pages: 1, is_comparable };
        sign_of_more((object, MemberPlace::Metadata), &["nextCursor"], read)
    }

    /// Each was beside the first 30 of 600 rows, which were then taken for all.
    #[rstest::rstest]
    #[case(r#"{"next_cursor":"a"}"#)]
    #[case(r#"{"NextCursor":"a"}"#)]
    #[case(r#"{"continuationToken":"abc"}"#)]
    #[case(r#"{"remaining":20}"#)]
    #[case(r#"{"after":"abc"}"#)]
    #[case(r#"{"page":1,"pages":20}"#)]
    #[case(r#"{"page":1,"totalPages":"20"}"#)]
    #[case(r#"{"lastPage":20}"#)]
    #[case(r#"{"isLast":false}"#)]
    #[case(r#"{"islastpage":false}"#)]
    #[case(r#"{"end_of_list":false}"#)]
    #[case(r#"{"hasMore":true}"#)]
    #[case(r#"{"truncated":true}"#)]
    #[case(r#"{"size":600}"#)]
    #[case(r#"{"total":"600"}"#)]
    #[case(r#"{"total":1e9}"#)]
    #[case(r#"{"offset":30}"#)]
    #[case(r#"{"next_page":1}"#)]
    #[case(r#"{"links":{"last":"/x?page=20"}}"#)]
    #[case(r#"{"links":[{"rel":"next","href":"/x"}]}"#)]
    #[case(r#"{"pagination":{"page":1,"paging":{"next":{"href":"/x"}}}}"#)]
    #[case(r#"{"a":{"b":{"c":{"d":{"e":0}}}}}"#)]
    #[case(r#"{"com.example/paging":{"nextCursor":"a"}}"#)]
    #[case(r#"{"com.example/nextCursor":"a"}"#)]
    #[case(r#"{"warning":"there are further rows"}"#)]
    #[case(r#"{"\u202e":"a"}"#)]
    fn member_that_may_mean_more_is_a_sign_of_it(#[case] metadata: &str) {
        assert!(sign(metadata, true).is_some(), "{metadata}");
    }

    #[rstest::rstest]
    #[case("{}")]
    #[case(r#"{"count":30,"nextCursor":""}"#)]
    #[case(r#"{"total":30,"hasMore":false,"next_cursor":null,"links":{ },"after":"","more":[ ]}"#)]
    #[case(r#"{"total":"30","pages":"1","page":1,"limit":100,"pageSize":100,"per_page":100}"#)]
    #[case(r#"{"offset":0,"remaining":0,"nextPage":-1,"isLast":true,"done":true}"#)]
    #[case(r#"{"$schema":"https://a.example/s.json","version":"v0.1","took":12,"took_ms":0.3}"#)]
    #[case(
        r#"{"links":{"self":"/x","first":"/x","prev":null,"next":null},"hasPreviousPage":true}"#
    )]
    #[case(r#"{"success":true,"incomplete":false,"lastUpdated":"2026-01-01T00:00:00Z"}"#)]
    #[case(
        r#"{"com.example.registry/contact":{"contact":"Team","requestUrl":"https://a.example"}}"#
    )]
    #[case(r#"{"_meta":{"com.example/cache":{"hit":true}}}"#)]
    fn member_that_can_mean_nothing_else_is_no_sign_of_more(#[case] metadata: &str) {
        assert_eq!(sign(metadata, true), None, "{metadata}");
    }

    #[rstest::rstest]
    #[case(r#"{"totalCount":600}"#, false)]
    #[case(r#"{"pages":20}"#, false)]
    #[case(r#"{"remaining":570}"#, true)]
    fn count_of_the_whole_list_says_nothing_of_its_changes(
        #[case] metadata: &str,
        #[case] refused: bool,
    ) {
        assert_eq!(sign(metadata, false).is_some(), refused, "{metadata}");
    }

    /// The operator of the registry has to know what it said, and how far it was read.
    #[rstest::rstest]
    #[case(r#"{"total":"600"}"#, "`total` in its `metadata` is 600")]
    #[case(r#"{"total":1e9}"#, "`total` in its `metadata` may lead to more")]
    #[case(r#"{"\u202enext":7}"#, r"`\u{202e}next` in its `metadata` is 7")]
    #[case(r#"{"next":"a","next":null}"#, "there is a repeated member in its `metadata`")]
    fn sign_is_named_with_its_place_and_number(#[case] metadata: &str, #[case] words: &str) {
        assert_eq!(sign(metadata, true).map(|sign| sign.to_string()).as_deref(), Some(words));
    }
}
