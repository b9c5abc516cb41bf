use std::env::temp_dir;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use indicatif::MultiProgress;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::error::{CliError, Exit};
use super::prepared::{Listeners, Listening, OpenSources, Prepared, listen};
use super::print::out;
use super::serve::run_daemons;
use super::stopping::Stopping;
use super::surroundings::Surroundings;
use crate::config::{Locations, Settings};
use crate::daemon::{Clock, Shift};
use crate::demo::{Doubles, FILES, START};
use crate::model::Timestamp;
use crate::remote::{OwnershipSources, Reach, SourceSettings};

/// Runs the product without a network in a temporary folder, until it is interrupted.
pub(super) async fn demo(
    given: Settings,
    bars: &MultiProgress,
    stopping: Stopping,
) -> Result<Exit, CliError> {
    let shift = Shift::to(START);
    let clock = Arc::new(Clock::starting_at(Timestamp::MIN).shifted(shift));
    let failed = |source| CliError::File { path: "loopback".into(), source };
    let doubles = Doubles::start(&clock, &stopping.stop).await.map_err(failed)?;
    let folder = Folder::create(&doubles.upstream)?;
    let settings = folder.settings(&given)?;
    let listeners = Listeners {
        registry: listen_near(given.listen, "the registry", "--listen").await?,
        operations: listen_near(given.ops_listen, "operations", "--ops-listen").await?,
    };
    introduce(folder.path(), doubles.rows, listeners.registry.address());
    let resolver = doubles.resolver;
    let open_sources: OpenSources = Arc::new(move |settings| sources(settings, resolver));
    let prepared = Prepared::new(settings, Some(&listeners), &open_sources).await?;
    let surroundings = Surroundings { open_sources, shift, is_demo: true, stopping };
    Box::pin(run_daemons(prepared, &surroundings, Some(bars))).await
}

/// The folder of the demo: of a random name, for its owner alone. It is removed at the end.
struct Folder(TempDir);

impl Folder {
    fn create(upstream: &str) -> Result<Self, CliError> {
        let made = tempfile::Builder::new().prefix("vidimus-demo-").tempdir();
        let folder = Self(made.map_err(|source| CliError::File { path: temp_dir(), source })?);
        let definition =
            format!("kind = \"registry\"\nurl = \"{upstream}\"\nsync.interval = \"5s\"\n");
        folder.write("upstreams/demo.toml", &definition)?;
        FILES.iter().try_for_each(|(path, text)| folder.write(path, text))?;
        Ok(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) -> Result<(), CliError> {
        let path = self.path().join(path);
        let parent = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|source| CliError::File { path, source })
    }

    fn settings(&self, given: &Settings) -> Result<Settings, CliError> {
        let at = |name: &str| Some(self.path().join(name));
        let locations = Locations {
            data: at("data"),
            upstreams: at("upstreams"),
            overlays: at("overlays"),
            listen: Some(given.listen),
            ops_listen: Some(given.ops_listen),
            ops_socket: None,
            token_file: None,
        };
        let file = self.path().join("vidimus.toml");
        Settings::load(&file, true, locations).map_err(CliError::Findings)
    }
}

/// Listens on an address, or on a free port of it where another process has that one.
async fn listen_near(
    wanted: SocketAddr,
    what: &'static str,
    flag: &str,
) -> Result<Listening, CliError> {
    let listener = match TcpListener::bind(wanted).await {
        Ok(listener) => listener,
        Err(_) => listen(what, SocketAddr::new(wanted.ip(), 0), flag).await?,
    };
    Listening::new(wanted, listener)
}

/// Returns the ownership sources of the demo: its own DNS server, and no other service.
fn sources(settings: &Settings, resolver: SocketAddr) -> Result<OwnershipSources, CliError> {
    let sources = SourceSettings {
        internal_domains: Vec::new(),
        resolvers: vec![resolver],
        github: settings.ownership.github.url.clone(),
        github_token: None,
        packages: settings.ownership.packages.clone(),
        proxy: None,
        ca_files: Vec::new(),
        reach: Reach::default(),
    };
    OwnershipSources::new(&sources).map_err(CliError::Sources)
}

fn introduce(folder: &Path, rows: usize, registry: SocketAddr) {
    let binary =
        std::env::current_exe().map_or("vidimus".into(), |path| path.display().to_string());
    let folder = folder.display();
    out(&format!(
        "An invented registry with {rows} server versions is mirrored to http://{registry} now.
No network is used, and the clock begins at 2026-06-01. Ctrl-C ends the demo and removes its folder.

In another terminal:
  cd {folder}
  alias vidimus={binary}

  vidimus list                             what clients see: owner, tier, until when
  vidimus explain example.cellar/tasting   why an approved server is hidden: its owner shows no key
  vidimus alerts                           a lookalike that waits, and from 10 s on a rewritten entry
  vidimus list --state newer-than-review   what was published after the review
  curl http://{registry}/views/platform/v0.1/servers
                                           the second view: tier 1 alone

example.harbor/maps leaves the list after two minutes, when its approval ends.
Then break a word in overlays/demo.yaml, such as `aproved`, and run `vidimus check`: what was
approved stays, and the finding names the place.
"
    ));
}
