use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};

use crate::alert::parse_seen;
use crate::config::Locations;
use crate::lookalike::Level;
use crate::model::Digest;
use crate::telemetry::LogFormat;

/// Mirrors MCP registries and serves what your overlays approve.
#[derive(Debug, Parser)]
#[command(name = "vidimus", version, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// The configuration file [default: vidimus.toml, which may be absent]
    #[arg(long, global = true, env = "VIDIMUS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the store [default: data]
    #[arg(long, global = true, env = "VIDIMUS_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder of upstream files [default: upstreams]
    #[arg(long, global = true, env = "VIDIMUS_UPSTREAMS", value_name = "DIR")]
    upstreams: Option<PathBuf>,
    /// The folder of overlays [default: overlays]
    #[arg(long, global = true, env = "VIDIMUS_OVERLAYS", value_name = "DIR")]
    overlays: Option<PathBuf>,
    /// Where the registry is served [default: 127.0.0.1:8080]
    #[arg(long, global = true, env = "VIDIMUS_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where operations are served [default: 127.0.0.1:8081]
    #[arg(long, global = true, env = "VIDIMUS_OPS_LISTEN", value_name = "ADDR")]
    ops_listen: Option<SocketAddr>,
    /// How logs are written [default: text on a terminal, else json]
    #[arg(long, global = true, env = "VIDIMUS_LOG", value_name = "FORMAT")]
    pub log: Option<LogFormat>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Mirror the upstreams and serve what is approved
    Serve,
    /// Make one pass over the upstreams and print what changed
    Sync {
        /// A complete walk, though an increment would do
        #[arg(long)]
        full: bool,
        /// Read and compare, write nothing
        #[arg(long)]
        dry_run: bool,
        /// Accept exactly the held set that `vidimus alerts` names, and make no pass
        #[arg(long, value_name = "UPSTREAM@ID", conflicts_with_all = ["full", "dry_run", "discard"])]
        release: Option<String>,
        /// Drop exactly this held set, and make no pass
        #[arg(long, value_name = "UPSTREAM@ID", conflicts_with_all = ["full", "dry_run"])]
        discard: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Lint the configuration, the upstreams and the overlays
    Check {
        #[arg(long)]
        json: bool,
    },
    /// List what is served
    List {
        /// What is hidden too, with the gate that hides it
        #[arg(long)]
        all: bool,
        /// The rows in quarantine instead, with their reasons
        #[arg(long, conflicts_with = "all")]
        quarantined: bool,
        #[arg(long)]
        json: bool,
    },
    /// Show every gate with its evidence for one server
    Explain {
        #[arg(value_name = "NAME[@VERSION]")]
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Look now at who owns a namespace: what was seen, and what to publish
    Prove {
        namespace: String,
        /// Only the overlay that pins what is shown now
        #[arg(long)]
        pin: bool,
        #[arg(long)]
        json: bool,
    },
    /// List what a person should look at, or acknowledge one
    Alerts {
        #[command(subcommand)]
        action: Option<AlertAction>,
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        #[arg(long, global = true)]
        json: bool,
    },
    /// List names that resemble what is protected, or show why one does
    Lookalikes {
        #[command(subcommand)]
        action: Option<LookalikeAction>,
        /// Only those that were first seen at this time or later (RFC 3339)
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only those of this level or above
        #[arg(long, value_name = "LEVEL", value_parser = levels())]
        level: Option<Level>,
        #[arg(long, global = true)]
        json: bool,
    },
    /// Show the upstreams, the overlays and the generation that is served
    Status {
        #[arg(long)]
        json: bool,
    },
    /// Read every row of the store: that it decodes, and that digests and references hold
    Verify {
        /// Run the storage engine's own check over the file too, which may repair it; not while a
        /// daemon runs
        #[arg(long)]
        file: bool,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AlertAction {
    /// Acknowledge what an alert shows; it stays quiet until it rests on something else
    Ack {
        /// At least 8 digits of its id
        id: String,
        /// The digest of what was shown; `vidimus alerts` prints the complete command
        #[arg(long, value_name = "DIGEST", value_parser = parse_seen)]
        seen: Digest,
        #[arg(long, value_name = "WHO")]
        by: String,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List what webhooks were not told of, after it was tried long enough
    Undelivered,
    /// Try again what was given up
    Redeliver {
        /// Only to this webhook
        webhook: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum LookalikeAction {
    /// Everything that a name resembles, worked out now
    Why {
        #[arg(value_name = "SUSPECT")]
        name: String,
    },
}

fn levels() -> impl TypedValueParser<Value = Level> {
    PossibleValuesParser::new(Level::WORDS.map(|(word, _)| word)).try_map(|found| {
        let level = Level::WORDS.into_iter().find(|(word, _)| *word == found);
        level.map(|(_, level)| level).ok_or("no level")
    })
}

impl Arguments {
    /// The configuration file, and whether it was named.
    pub(super) fn configuration(&self) -> (PathBuf, bool) {
        match &self.config {
            Some(file) => (file.clone(), true),
            None => ("vidimus.toml".into(), false),
        }
    }

    pub(super) fn locations(&self) -> Locations {
        Locations {
            data: self.data.clone(),
            upstreams: self.upstreams.clone(),
            overlays: self.overlays.clone(),
            listen: self.listen,
            ops_listen: self.ops_listen,
        }
    }
}
