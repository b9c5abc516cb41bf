use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::visible::visible;
use crate::curation::WaitingKind;
use crate::lint::duration;

/// The arguments of `vidimus review`.
#[derive(Debug, Args)]
pub(super) struct ReviewArguments {
    /// A server, one version of it, or a range of versions
    #[arg(value_name = "NAME[@VERSION|@RANGE]", value_parser = visible())]
    pub name: Option<String>,
    /// Print Markdown, for an issue or a pull request
    #[arg(long, requires = "name", conflicts_with = "json")]
    pub markdown: bool,
    /// Of what is served, list what ends within this time
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30d", conflicts_with = "name")]
    pub expiring: Duration,
    /// Only servers of this owner
    #[arg(long, value_name = "OWNER", conflicts_with = "name")]
    pub owner: Option<String>,
    /// Only servers of this tier
    #[arg(long, value_name = "TIER", value_parser = clap::value_parser!(u8).range(1..=3), conflicts_with = "name")]
    pub tier: Option<u8>,
    /// Only what waits for this reason
    #[arg(long, value_name = "KIND", value_parser = waiting_kinds(), conflicts_with = "name")]
    pub kind: Option<WaitingKind>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

fn waiting_kinds() -> impl TypedValueParser<Value = WaitingKind> {
    PossibleValuesParser::new(WaitingKind::WORDS.map(|(word, _)| word))
        .try_map(|found| WaitingKind::from_word(&found).ok_or("not a reason"))
}
