use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::visible::visible;
use crate::alert::parse_seen;
use crate::model::Digest;
use crate::overlay::edit::Expiry;
use crate::overlay::{Answer, Area, Check, Classification, Track};

/// The place and the form of what a decision writes.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// Print the new text of the file, and write nothing
    #[arg(long, conflicts_with = "json")]
    pub stdout: bool,
    /// The file of the overlay folder for a new rule
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Only for entries of this upstream
    #[arg(long, value_name = "ID")]
    pub upstream: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ApproveArguments {
    /// A server, one version of it, or a range of versions
    #[arg(value_name = "NAME[@VERSION|@RANGE]", value_parser = visible())]
    pub name: String,
    /// The digest of the sheet that was read; `vidimus review NAME` prints the complete command
    #[arg(long, value_name = "DIGEST", value_parser = parse_seen)]
    pub seen: Digest,
    /// The person who decides
    #[arg(long, value_name = "PERSON", value_parser = filled)]
    pub by: String,
    /// The scope of the approval, for people
    #[arg(long, value_name = "TEXT", value_parser = filled)]
    pub scope: Option<String>,
    /// The depth of the review
    #[arg(long, value_name = "TRACK", value_parser = tracks())]
    pub track: Option<Track>,
    /// The last moment of the approval: a day, or an RFC 3339 time
    #[arg(long, value_name = "DATE", value_parser = Expiry::parse)]
    pub expires: Option<Expiry>,
    /// The team that is responsible for the server
    #[arg(long, value_name = "OWNER", value_parser = filled)]
    pub owner: Option<String>,
    /// The tier of the server
    #[arg(long, value_name = "TIER", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub tier: Option<u8>,
    /// The most sensitive class of data that the server may receive
    #[arg(long, value_name = "CLASS", value_parser = classifications())]
    pub classification: Option<Classification>,
    /// Later versions that the approval covers too
    #[arg(long, value_name = "WHICH", value_enum)]
    pub follow: Option<Followed>,
    /// The answer for an area; `concern` and `na` need a note. Several can be given
    #[arg(long, value_name = "AREA=ANSWER[:NOTE]", value_parser = parse_check)]
    pub check: Vec<Check>,
    /// A note for people
    #[arg(long, value_name = "TEXT", value_parser = filled)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub output: Output,
}

/// The later versions that an approval follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Followed {
    /// Those that differ from the reference in listed members only.
    Benign,
}

#[derive(Debug, Args)]
pub(super) struct RefuseArguments {
    /// A server, one version of it, or a range of versions; `NS/*` for all servers of a namespace
    #[arg(value_name = "NAME[@VERSION|@RANGE]", value_parser = visible())]
    pub name: String,
    /// The person who decides
    #[arg(long, value_name = "PERSON", value_parser = filled)]
    pub by: String,
    /// The reason of the decision, for people
    #[arg(long, value_name = "TEXT", value_parser = filled)]
    pub reason: String,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub(super) struct AffirmArguments {
    /// A server, one version of it, or a range of versions, as an approval selects them
    #[arg(value_name = "NAME[@VERSION|@RANGE]", value_parser = visible())]
    pub name: String,
    /// The digest of the sheet that was read; `vidimus review NAME` prints it
    #[arg(long, value_name = "DIGEST", value_parser = parse_seen)]
    pub seen: Digest,
    /// The person who decides
    #[arg(long, value_name = "PERSON", value_parser = filled)]
    pub by: String,
    #[command(flatten)]
    pub output: Output,
}

/// Refuses a text without a word.
pub(super) fn filled(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("it must not be empty") } else { Ok(text.to_owned()) }
}

fn tracks() -> impl TypedValueParser<Value = Track> {
    let words = Track::WORDS.map(|(word, _)| word);
    PossibleValuesParser::new(words).try_map(|found| of_word(&Track::WORDS, &found))
}

fn classifications() -> impl TypedValueParser<Value = Classification> {
    let words = Classification::WORDS.map(|(word, _)| word);
    PossibleValuesParser::new(words).try_map(|found| of_word(&Classification::WORDS, &found))
}

fn of_word<T: Copy>(words: &[(&str, T)], found: &str) -> Result<T, String> {
    let known = words.iter().find(|(word, _)| *word == found);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("`{found}` is not allowed: {}", words.join(", "))
    })
}

/// Reads `AREA=ANSWER[:NOTE]`.
fn parse_check(text: &str) -> Result<Check, String> {
    let (area, answer) =
        text.split_once('=').ok_or("write AREA=ANSWER, such as logging=ok or drift=na:WHY")?;
    let (answer, note) = match answer.split_once(':') {
        Some((answer, note)) => (answer, Some(filled(note)?)),
        None => (answer, None),
    };
    let (area, answer) = (of_word(&Area::WORDS, area)?, of_word(&Answer::WORDS, answer)?);
    if answer.needs_note() && note.is_none() {
        return Err(format!("`{answer}` needs a note: {area}={answer}:WHY"));
    }
    Ok(Check { area, answer, note })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("logging=ok", Ok((Area::Logging, Answer::Ok, None)))]
    #[case("data_flow=concern:to: abroad", Ok((Area::DataFlow, Answer::Concern, Some("to: abroad"))))]
    #[case("drift=na", Err("`na` needs a note: drift=na:WHY"))]
    #[case("drift=na: ", Err("it must not be empty"))]
    #[case("drift", Err("write AREA=ANSWER, such as logging=ok or drift=na:WHY"))]
    #[case(
        "log=ok",
        Err(
            "`log` is not allowed: authentication, scoping, tool_surface, logging, drift, data_flow"
        )
    )]
    #[case("drift=yes", Err("`yes` is not allowed: ok, concern, na"))]
    fn answer_names_its_area_and_has_a_note_unless_it_is_ok(
        #[case] text: &str,
        #[case] wanted: Result<(Area, Answer, Option<&str>), &str>,
    ) {
        let found = parse_check(text);
        let found = found.as_ref().map(|check| (check.area, check.answer, check.note.as_deref()));
        assert_eq!(found.map_err(String::as_str), wanted);
    }
}
