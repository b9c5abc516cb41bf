use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};

use super::alert_args::{AdvisoryAction, AlertAction, ClockAction, LookalikeAction};
use super::decide_args::{AffirmArguments, ApproveArguments, RefuseArguments, filled};
use super::history_args::{ChangesArguments, HistoryArguments};
use super::list_args::ListArguments;
use super::plan::PlanArguments;
use super::review_args::ReviewArguments;
use super::show::ShowArguments;
use super::visible::visible;
use crate::alert::{AlertKind, parse_seen};
use crate::config::Locations;
use crate::lookalike::Level;
use crate::model::{Digest, Role, TokenName};
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
    /// The Unix socket of operations [default: ops.sock in the folder of the store]
    #[arg(long, global = true, env = "VIDIMUS_OPS_SOCKET", value_name = "FILE")]
    ops_socket: Option<PathBuf>,
    /// The file of a token of your own, which commands send to the address of `--ops-listen` in place of using the socket
    #[arg(long, global = true, env = "VIDIMUS_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The format of logs [default: text on a terminal, else json]
    #[arg(long, global = true, env = "VIDIMUS_LOG", value_name = "FORMAT")]
    pub log: Option<LogFormat>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Mirror the upstreams and serve what is approved
    Serve,
    /// Run the product without a network: an invented upstream, its mirror, and overlays to edit
    Demo,
    /// Synchronise the upstreams once and print what changed
    Sync {
        /// Read everything, though the changes since the last sync would do
        #[arg(long)]
        full: bool,
        /// Read and compare, write nothing
        #[arg(long)]
        dry_run: bool,
        /// List every change of the change set on hold, with the commands that decide about it, and earlier decisions;
        /// synchronise nothing
        #[arg(long, value_name = "UPSTREAM[@ID]", group = "hold", conflicts_with_all = ["full", "dry_run", "seen"])]
        show: Option<String>,
        /// Accept exactly the changes on hold that were shown, and synchronise nothing
        #[arg(long, value_name = "UPSTREAM@ID", group = "hold", conflicts_with_all = ["full", "dry_run"], requires_all = ["seen", "by", "reason"])]
        release: Option<String>,
        /// Drop exactly the changes on hold that were shown, and synchronise nothing
        #[arg(long, value_name = "UPSTREAM@ID", group = "hold", conflicts_with_all = ["full", "dry_run"], requires_all = ["seen", "by", "reason"])]
        discard: Option<String>,
        /// Of the change set on hold, only the changes to this server
        #[arg(long, value_name = "NAME", requires = "hold")]
        only: Option<String>,
        /// The digest of what was shown; `--show` prints the complete command
        #[arg(long, value_name = "DIGEST", value_parser = parse_seen, requires_all = ["hold", "by", "reason"])]
        seen: Option<Digest>,
        /// The person who decides
        #[arg(long, value_name = "PERSON", value_parser = filled, requires = "seen")]
        by: Option<String>,
        /// The reason of the decision
        #[arg(long, value_name = "TEXT", value_parser = filled, requires = "seen")]
        reason: Option<String>,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Lint the configuration, the upstreams and the overlays, or one file
    Check {
        /// Only this file: an overlay (.yaml), an upstream or the settings (.toml)
        file: Option<PathBuf>,
        /// Print the JSON Schema of a kind of file for editors, and check nothing
        #[arg(long, value_name = "KIND", conflicts_with_all = ["file", "json"])]
        schema: Option<FileKind>,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// List what is served
    List(ListArguments),
    /// Show what a server says of itself, how it stands, and its other versions; served or not
    Show(ShowArguments),
    /// Approve exactly what a review sheet showed: write it into the overlay file
    Approve(Box<ApproveArguments>),
    /// Renew an approval for what a review sheet showed
    Affirm(AffirmArguments),
    /// Deny a server, whatever it contains: write it into the overlay file
    Deny(RefuseArguments),
    /// Suspend a server until another decision: write it into the overlay file
    Suspend(RefuseArguments),
    /// Show what happened to a server: when it was served, by whose approval, and the owner of its namespace
    History(HistoryArguments),
    /// List what became visible, hidden or different since a time, and why
    Changes(ChangesArguments),
    /// List the servers that wait for a reviewer, the most urgent first, or print the review sheet of one
    Review(ReviewArguments),
    /// Show what an edit of the overlays would change of what is served, and load nothing
    ///
    /// The folder of --overlays is compared with the policy of the running daemon. Without a daemon it is compared with
    /// the configured folder, or if it is that folder with the last valid set of the store.
    Plan(PlanArguments),
    /// Show why the versions of one server are served or hidden, or what a wildcard covers
    Explain {
        /// A server, one version of it, or a pattern such as `com.example/*`
        #[arg(value_name = "NAME[@VERSION] | PATTERN", value_parser = visible())]
        name: String,
        /// Every gate with its evidence
        #[arg(long, short)]
        verbose: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Decide about the clock of this machine, which differs from those of all upstreams
    Clock {
        #[command(subcommand)]
        action: ClockAction,
        /// Print JSON for programs
        #[arg(long, global = true)]
        json: bool,
    },
    /// Copy the store into a new file, also while a daemon uses it, and read the copy back
    Backup {
        /// The new file, on this machine
        file: PathBuf,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Check a copy of the store whole, and put it in the place of the store; no daemon may use that
    Restore {
        /// A file that `vidimus backup` wrote
        file: PathBuf,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Look up now who owns a namespace, and what the owner has to publish
    Ownership {
        /// The part of a name before the slash, such as com.example
        #[arg(required_unless_present = "all", value_parser = visible())]
        namespaces: Vec<String>,
        /// All namespaces that overlays mention
        #[arg(long, conflicts_with = "namespaces")]
        all: bool,
        /// Print only the overlay that pins what the namespace shows now
        #[arg(long)]
        pin: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// List what a person should look at, the heaviest first, or acknowledge it
    Alerts {
        #[command(subcommand)]
        action: Option<AlertAction>,
        /// Only alerts of this kind
        #[arg(long, value_name = "KIND", value_parser = kinds())]
        kind: Option<AlertKind>,
        /// Resolved ones, too
        #[arg(long)]
        all: bool,
        /// Print JSON for programs
        #[arg(long, global = true)]
        json: bool,
    },
    /// List the packages that entries name, with the recorded digests of their files
    Packages {
        /// All entries of this server, whether they are served or not
        #[arg(value_name = "NAME", value_parser = visible())]
        name: Option<String>,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// List names that resemble what is protected, or show why one does
    Lookalikes {
        #[command(subcommand)]
        action: Option<LookalikeAction>,
        /// Only those that were first seen at this time or later (RFC 3339, or a day, which means its beginning)
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only those of this level or above
        #[arg(long, value_name = "LEVEL", value_parser = levels())]
        level: Option<Level>,
        /// Print JSON for programs
        #[arg(long, global = true)]
        json: bool,
    },
    /// List the sources of advisories, or show one advisory and the servers that it concerns
    Advisories {
        #[command(subcommand)]
        action: Option<AdvisoryAction>,
        /// The id of one advisory
        #[arg(value_name = "ID")]
        id: Option<String>,
        /// Print JSON for programs
        #[arg(long, global = true)]
        json: bool,
    },
    /// Show the upstreams, the overlays and the generation that is served
    Status {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Make, list and revoke tokens of the operations address
    Token {
        #[command(subcommand)]
        action: TokenAction,
        /// Print JSON for programs
        #[arg(long, global = true)]
        json: bool,
    },
    /// Read every row of the store: that it decodes, and that digests and references hold
    Verify {
        /// Run the storage engine's own check over the file too, which may repair it; not while a
        /// daemon runs
        #[arg(long)]
        file: bool,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

/// A kind of file that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FileKind {
    Overlay,
    Upstream,
    Settings,
    Advisory,
    Evidence,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenAction {
    /// Make a token and print its secret, which is stored nowhere
    Create {
        /// Its name: lower-case letters, digits and hyphens
        name: TokenName,
        /// A viewer reads, a reviewer acknowledges alerts too, an operator does everything
        #[arg(long, value_parser = roles())]
        role: Role,
        /// The time or day (its beginning in UTC) at which it expires, or a number of days such as 30d
        #[arg(long, value_name = "TIME", default_value = "90d")]
        expires: String,
    },
    /// List the tokens, without their secrets
    List,
    /// Revoke a token at once
    Revoke {
        /// Its name
        name: TokenName,
    },
}

fn roles() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
        .try_map(|found| Role::from_word(&found).ok_or("not a role"))
}

fn kinds() -> impl TypedValueParser<Value = AlertKind> {
    let words: Vec<&str> = AlertKind::all().map(AlertKind::as_str).collect();
    PossibleValuesParser::new(words).try_map(|found| {
        AlertKind::all().find(|kind| kind.as_str() == found).ok_or("not a kind of alert")
    })
}

fn levels() -> impl TypedValueParser<Value = Level> {
    PossibleValuesParser::new(Level::WORDS.map(|(word, _)| word)).try_map(|found| {
        let level = Level::WORDS.into_iter().find(|(word, _)| *word == found);
        level.map(|(_, level)| level).ok_or("not a level")
    })
}

impl Arguments {
    /// Returns the configuration file, and true if it was named.
    pub(super) fn configuration(&self) -> (PathBuf, bool) {
        match &self.config {
            Some(file) => (file.clone(), true),
            None => ("vidimus.toml".into(), false),
        }
    }

    /// Returns the locations without the folder of overlays that a flag names: `plan` compares that folder with the
    /// configured one.
    pub(super) fn configured_locations(&self) -> Locations {
        let overlays = std::env::var_os("VIDIMUS_OVERLAYS").map(PathBuf::from);
        Locations { overlays, ..self.locations() }
    }

    pub(super) fn locations(&self) -> Locations {
        Locations {
            data: self.data.clone(),
            upstreams: self.upstreams.clone(),
            overlays: self.overlays.clone(),
            listen: self.listen,
            ops_listen: self.ops_listen,
            ops_socket: self.ops_socket.clone(),
            token_file: self.token_file.clone(),
        }
    }
}
