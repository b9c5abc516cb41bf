use std::path::Path;

use super::*;
use crate::cli::prepared::{OpenSources, Prepared};
use crate::cli::stopping::Stopping;
use crate::cli::target::{clock_of, first_overlays};
use crate::config::{Locations, Settings};
use crate::daemon::{Clock, Shift, open_sources};
use crate::store::Store;
use crate::store::stuck_disk::StuckDisk;

/// Writes the files of a daemon without a network, and returns its settings.
fn settings(folder: &Path) -> Settings {
    for made in ["data", "own", "upstreams", "overlays"] {
        std::fs::create_dir(folder.join(made)).expect("a folder");
    }
    let own = format!("kind = \"files\"\npath = \"{}\"\n", folder.join("own").display());
    for (file, text) in [
        ("upstreams/own.toml", own.as_str()),
        ("overlays/a.yaml", "servers: []\n"),
        ("vidimus.toml", "[ownership]\nenabled = false\n"),
    ] {
        std::fs::write(folder.join(file), text).expect("a file");
    }
    let at = |name: &str| Some(folder.join(name));
    let port = Some(([127, 0, 0, 1], 0).into());
    let locations = Locations {
        data: at("data"),
        upstreams: at("upstreams"),
        overlays: at("overlays"),
        listen: port,
        ops_listen: port,
        ops_socket: None,
        token_file: None,
    };
    Settings::load(&folder.join("vidimus.toml"), true, locations).expect("settings")
}

/// Prepares a daemon whose store is on a disk.
async fn started(settings: Settings, disk: StuckDisk, open_sources: &OpenSources) -> Started {
    let prepared = Prepared::new(settings, None, open_sources).await.expect("prepared");
    let Prepared { settings, upstreams, sources, tls, listeners } = prepared;
    let store = Store::on_backend(disk, Clock::system()).expect("a store");
    let clock = clock_of(&store).expect("a clock");
    let overlays = first_overlays(&settings, &upstreams, clock.now()).expect("overlays");
    let token = TokenFile::open(&settings.data).expect("a token");
    let services = Services::new(settings, Arc::new(store), Arc::new(clock), overlays);
    let services = services.expect("services");
    Started { services, token, upstreams, sources, tls, listeners, is_first: true }
}

/// P102: a disk that gives no answer to a commit kept the daemon from stopping.
#[test]
fn commit_that_hangs_delays_no_stop_of_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let (disk, free) = StuckDisk::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (settings, hangs) = (settings(folder.path()), disk.clone());
    let ended = runtime.block_on(async move {
        let open_sources: OpenSources = Arc::new(|settings| Ok(open_sources(settings)?));
        let started = started(settings, hangs.clone(), &open_sources).await;
        hangs.stick();
        let stopping = Stopping::default();
        let stop = stopping.stop.clone();
        let surroundings =
            Surroundings { open_sources, shift: Shift::NONE, is_demo: false, stopping };
        let running = tokio::spawn(async move {
            run_started(started, &Earlier::default(), &surroundings, None).await
        });
        while hangs.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        timeout(Duration::from_mins(1), running).await
    });
    let ended = ended.expect("it ends").expect("no panic");
    assert!(matches!(ended, Ok(Ended::Stopped)));
    // As the process does: what is left behind is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    assert!(disk.waiting() > 0, "the commit hangs to the end");
    drop(free);
}
