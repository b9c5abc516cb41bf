use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::visible::visible;
use crate::curation::EntryState;
use crate::lint::duration;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct ListArguments {
    /// Only names that contain this text, or match it where it has a `*`
    #[arg(value_parser = visible())]
    pub pattern: Option<String>,
    /// Hidden entries too, with the reason
    #[arg(long)]
    pub all: bool,
    /// Only entries in this state, served or not
    #[arg(long, value_name = "STATE", value_parser = states())]
    pub state: Option<EntryState>,
    /// Only the greatest version of each name
    #[arg(long)]
    pub latest: bool,
    /// Only served entries of which something ends within this time, such as 30d: the approval, a waiver, an allowed URL
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub expiring: Option<Duration>,
    /// Only entries of this owner
    #[arg(long, value_name = "OWNER")]
    pub owner: Option<String>,
    /// Only entries of this tier
    #[arg(long, value_name = "TIER", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub tier: Option<u8>,
    /// The order of the lines
    #[arg(long, value_name = "COLUMN", value_enum, default_value_t = SortBy::Name)]
    pub sort: SortBy,
    /// The entries that were visible at this time, with whose approval (RFC 3339, or a day, which means its beginning in
    /// UTC)
    #[arg(long, value_name = "TIME", conflicts_with_all = ["all", "state", "latest", "expiring", "owner", "tier", "sort"])]
    pub at: Option<String>,
    /// The rows in quarantine instead, with their reasons
    #[arg(long, conflicts_with_all = ["pattern", "all", "state", "latest", "expiring", "owner", "tier", "at"])]
    pub quarantined: bool,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// The column that orders a list; lines that are equal in it are ordered by name and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SortBy {
    Name,
    State,
    Tier,
    Owner,
    /// The end of the approval, the nearest first.
    Until,
}

fn states() -> impl TypedValueParser<Value = EntryState> {
    PossibleValuesParser::new(EntryState::WORDS.map(|(word, _)| word))
        .try_map(|found| EntryState::from_word(&found).ok_or("not a state"))
}
