use clap::Args;

use super::visible::visible;

#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    /// A server, or one version of it
    #[arg(value_name = "NAME[@VERSION]", value_parser = visible())]
    pub name: String,
    /// Only events before the one with this number, to continue an answer
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    pub before: Option<u64>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ChangesArguments {
    /// The time (RFC 3339, or a day, which means its beginning in UTC)
    #[arg(long, value_name = "TIME")]
    pub since: String,
    /// The time until which changes are listed; now by default
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only events before the one with this number, to continue an answer
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    pub before: Option<u64>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// Reads the number of an event.
fn number(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "the number of an event is needed, which an earlier answer names")
}
