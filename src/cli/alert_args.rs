use clap::Subcommand;

use super::decide_args::filled;
use super::visible::visible;
use crate::alert::parse_seen;
use crate::model::{Digest, Timestamp};

#[derive(Debug, Subcommand)]
pub(super) enum AlertAction {
    /// Acknowledge what alerts show; they stay acknowledged until they rest on something else
    Ack {
        /// At least 8 digits of its id, followed by its `--seen`; several can be given
        #[arg(required = true, value_name = "ID", num_args = 1..)]
        ids: Vec<String>,
        /// The digest of what was shown; `vidimus alerts` prints the complete command
        #[arg(long, required = true, value_name = "DIGEST", value_parser = parse_seen, num_args = 1)]
        seen: Vec<Digest>,
        /// The person who looked at them
        #[arg(long, value_name = "PERSON")]
        by: String,
        /// The reason why they need no further attention
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take an acknowledgement back: the alert is open again
    Unack {
        /// At least 8 digits of its id
        id: String,
    },
    /// List deliveries that a webhook did not accept in time
    DeadLetters,
    /// Try dead letters again
    Redeliver {
        /// Only those to this webhook
        webhook: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum LookalikeAction {
    /// Everything that a name resembles, compared now
    Why {
        /// The name to compare
        #[arg(value_name = "NAME", value_parser = visible())]
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AdvisoryAction {
    /// Let an own advisory that is on hold take effect
    Release {
        /// Its id
        id: String,
        /// The digest that was shown; `vidimus advisories ID` prints the complete command
        #[arg(long, value_name = "DIGEST", value_parser = parse_seen)]
        seen: Digest,
        /// The person who read it
        #[arg(long, value_name = "PERSON")]
        by: String,
        /// The reason why it should hide that much
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ClockAction {
    /// Accept the clock of this machine as right, until it agrees with an upstream or differs by another 10 minutes
    Accept {
        /// The right time, as this machine shows it (RFC 3339, to 10 minutes); a clock that shows another one by then is not accepted
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
        time: Timestamp,
        /// The person who compared it
        #[arg(long, value_name = "PERSON", value_parser = filled)]
        by: String,
        /// The other clock that it was compared with, or another reason
        #[arg(long, value_name = "TEXT", value_parser = filled)]
        reason: String,
    },
}
