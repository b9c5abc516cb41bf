use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1, ParsedPublicKey};
use base64::alphabet;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{PAD, STANDARD, STANDARD_NO_PAD};
use base64::{DecodeError, Engine};
use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// Labels under which publishers put a record by mistake; it does not count there.
pub const WRONG_SELECTORS: [&str; 2] = ["_mcp-auth", "_mcp-registry"];
/// The field that marks key records.
const MARK: &str = "v=MCPv1";
/// More than any rotation needs.
pub(super) const MAX_KEYS: usize = 16;
/// The white space of the official registry's pattern.
const BLANKS: [char; 5] = [' ', '\t', '\n', '\r', '\u{c}'];
/// The official registry does not mind bits that encode nothing.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_allow_trailing_bits(true));
/// The beginning of an ed25519 key as `openssl` writes it, before its 32 bytes (RFC 8410, section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Characters of an invalid record that are shown.
const EXCERPT: usize = 120;
/// Characters of the reason with it: the kind is a text of any length.
const MAX_REASON: usize = 200;

/// A public key that a namespace shows, as text `ed25519:BASE64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    kind: KeyKind,
    point: Box<[u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum KeyKind {
    Ed25519,
    EcdsaP384,
}

/// The two forms of a key, for messages.
pub const KEY_SHAPE: &str = "`ed25519:` and 32 bytes in base64, or `ecdsap384:` and a compressed point of 49 bytes in base64";

impl Key {
    const KINDS: [(&str, KeyKind); 2] =
        [("ed25519", KeyKind::Ed25519), ("ecdsap384", KeyKind::EcdsaP384)];

    /// Reads a key's kind and its point in base64, padded and without blanks (RFC 4648, section 4).
    ///
    /// # Errors
    /// The violation, and what is allowed.
    pub fn new(kind: &str, point: &str) -> Result<Self, String> {
        let known = Self::KINDS.iter().find(|(word, _)| *word == kind);
        let Some((_, kind)) = known else {
            return Err(format!("`k={kind}` is neither ed25519 nor ecdsap384"));
        };
        let point = LENIENT.decode(point).map_err(|error| encoding(point, &error))?;
        match (kind, point.as_slice()) {
            (KeyKind::Ed25519, point) if point.len() == 44 && point.starts_with(&SPKI) => {
                Err("`p` is the whole key in DER; only its last 32 bytes belong into the record"
                    .into())
            }
            (KeyKind::Ed25519, point) if point.len() != 32 => {
                Err(format!("an ed25519 key has 32 bytes, this one has {}", point.len()))
            }
            (KeyKind::EcdsaP384, [4, ..]) => {
                Err("the point is not compressed: it begins with 04, not with 02 or 03".into())
            }
            (KeyKind::EcdsaP384, point) if point.len() != 49 => {
                Err(format!("a compressed P-384 point has 49 bytes, this one has {}", point.len()))
            }
            (KeyKind::EcdsaP384, [first, ..]) if !matches!(first, 2 | 3) => {
                Err(format!("a compressed point begins with 02 or 03, not with {first:02x}"))
            }
            (KeyKind::EcdsaP384, point) if !is_on_curve(point) => {
                Err("the point is not on the curve P-384".into())
            }
            // Every reader could sign for this one.
            (KeyKind::Ed25519, point) if point.iter().all(|byte| *byte == 0) => {
                Err("the key is all zeros".into())
            }
            _ => Ok(Self { kind: *kind, point: point.into() }),
        }
    }

    /// Reads the form that [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// As [`Key::new`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, point) = text.split_once(':').ok_or_else(|| KEY_SHAPE.to_owned())?;
        Self::new(kind, point)
    }
}

/// Names the encoding that a publisher used by mistake.
fn encoding(point: &str, error: &DecodeError) -> String {
    let is_unpadded = STANDARD_NO_PAD.decode(point).is_ok();
    let what =
        if is_unpadded { "its padding `=` is missing".to_owned() } else { error.to_string() };
    format!("`p` is not padded base64: {what}")
}

fn is_on_curve(point: &[u8]) -> bool {
    ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, point).is_ok()
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::KINDS.iter().find(|(_, kind)| *kind == self.kind);
        write!(f, "{}:{}", word.map_or("", |(word, _)| word), STANDARD.encode(&self.point))
    }
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

/// The key records among TXT records, or in the lines of a well-known file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyRecords {
    pub keys: BTreeSet<Key>,
    /// Those of them in a form that earlier releases did not read: their first sight is no rotation.
    pub newly_readable: BTreeSet<Key>,
    /// True if there are more keys than are kept: then those say nothing.
    pub is_cut: bool,
    /// Marked records that are not valid, by the digests of their texts, each with the reason and its beginning: a record
    /// that is none here may be one for another reader.
    pub unread: BTreeMap<Digest, String>,
}

/// Picks the key records out, and reads them as the official registry does: what is a key there is one here.
/// The first place in a text counts where `v=MCPv1;`, `k=`, a kind, `;`, `p=` and base64 stand, with white space
/// between them; what stands before and behind does not matter. Texts without the mark are ignored.
#[must_use]
pub fn key_records<'t>(texts: impl IntoIterator<Item = &'t str>) -> KeyRecords {
    let mut records = KeyRecords::default();
    for text in texts.into_iter().filter(|text| is_marked(text)) {
        match read(text) {
            Ok(key) if !records.keys.contains(&key) && records.keys.len() >= MAX_KEYS => {
                records.is_cut = true;
            }
            Ok(key) => {
                if is_plain(text) {
                    records.newly_readable.remove(&key);
                } else if !records.keys.contains(&key) {
                    records.newly_readable.insert(key.clone());
                }
                records.keys.insert(key);
            }
            Err(why) => {
                // One line, so that a text makes no line of evidence of its own.
                let in_line = |char: char| if char.is_control() { ' ' } else { char };
                let excerpt: String = text.trim().chars().take(EXCERPT).collect();
                let line = format!("{why} in `{excerpt}`");
                let line = line.chars().map(in_line).take(MAX_REASON).collect();
                records.unread.insert(Digest::of(text.as_bytes()), line);
            }
        }
    }
    records
}

/// Returns true for a text that is meant as a key record, also where its case is wrong.
fn is_marked(text: &str) -> bool {
    let marked = |window: &[u8]| window.eq_ignore_ascii_case(MARK.as_bytes());
    text.as_bytes().windows(MARK.len()).any(marked)
}

/// Returns true for a text that is a key record and nothing else: all that earlier releases read.
fn is_plain(text: &str) -> bool {
    let text = text.trim();
    let mut fields: Vec<&str> =
        text.strip_suffix(';').unwrap_or(text).split(';').map(str::trim).collect();
    let begins = fields.first() == Some(&MARK);
    fields.sort_unstable();
    match fields.as_slice() {
        [kind, point, _] if begins => {
            let point = point.strip_prefix("p=").unwrap_or_default();
            kind.starts_with("k=") && !point.is_empty() && point.bytes().all(is_base64)
        }
        _ => false,
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

fn read(text: &str) -> Result<Key, String> {
    let mut places = text.match_indices(MARK).map(|(at, mark)| &text[at + mark.len()..]);
    let (kind, point) = places.find_map(fields).ok_or_else(|| missing(text))?;
    Key::new(kind, point)
}

/// Reads the kind and the base64 behind a mark.
fn fields(behind: &str) -> Option<(&str, &str)> {
    let rest = behind.strip_prefix(';')?.trim_start_matches(BLANKS).strip_prefix("k=")?;
    let (kind, rest) = rest.split_once(';').filter(|(kind, _)| !kind.is_empty())?;
    let rest = rest.trim_start_matches(BLANKS).strip_prefix("p=")?;
    let length = rest.bytes().take_while(|byte| is_base64(*byte)).count();
    (length > 0).then(|| (kind, &rest[..length]))
}

/// Says which part of a record is missing, or not where it is looked for.
fn missing(text: &str) -> String {
    let has = |field: &str| text.contains(field);
    let what = match () {
        () if !has(MARK) => "it is not spelled `v=MCPv1`",
        () if !has("k=") => "no `k`",
        () if !has("p=") => "no `p`",
        () => "its fields are not `v=MCPv1; k=KIND; p=BASE64`, in this order",
    };
    what.to_owned()
}
