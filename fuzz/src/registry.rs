use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use vidimus::api::registry;
use vidimus::config::{Locations, Settings, read_upstreams};
use vidimus::daemon::{Clock, Services, load_overlays, open_sources, run};
use vidimus::store::Store;

const SETTINGS: &str = r#"[ownership]
enabled = false
[[views]]
name = "few"
tiers = [1]
"#;
const UPSTREAM: &str = "kind = \"files\"\npath = \"PATH\"\n[sync]\ninterval = \"366d\"\n";
/// A rule of one exact version, which covers it whenever it was published.
const RULE: &str = "- {name: NAME, versions: VERSION, tier: TIER, approval: {state: approved, reviewed: 2026-01-01, expires: 2099-01-01}}\n";
const SERVERS: [(&str, &str); 4] =
    [("a.b/c", "1.0.0"), ("a.b/c", "1.1.0+5"), ("a.b/d", "2026.1"), ("io.github.x/y", "1.0.0")];
const LONGEST_START: Duration = Duration::from_secs(60);
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A registry with two views over a complete daemon in a temporary folder, without a socket.
pub struct Registry {
    runtime: Runtime,
    router: Router,
    _folder: TempDir,
}

impl Registry {
    /// Starts the daemon, and waits for its first generation.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = Runtime::new().expect("a runtime");
        let services = runtime.block_on(daemon(folder.path()));
        let router = registry(services);
        Self { runtime, router, _folder: folder }
    }

    /// Answers one request.
    pub fn answer(&self, request: Request<Body>) -> (StatusCode, Bytes) {
        self.runtime.block_on(async {
            let Ok(answer) = self.router.clone().call(request).await;
            let status = answer.status();
            let body = to_bytes(answer.into_body(), MAX_ANSWER_BYTES).await.expect("a body");
            (status, body)
        })
    }
}

async fn daemon(place: &Path) -> Arc<Services> {
    for folder in ["upstreams", "overlays", "servers"] {
        fs::create_dir_all(place.join(folder)).expect("a folder");
    }
    let path = place.join("servers");
    let mut overlay = "servers:\n".to_owned();
    for (index, (name, version)) in SERVERS.iter().enumerate() {
        let server = format!(
            r#"{{"name":"{name}","version":"{version}","description":"{}"}}"#,
            "Reads files. ".repeat(1 + 2 * index)
        );
        fs::write(path.join(format!("{index}.json")), server).expect("a file");
        let rule = RULE.replace("NAME", name).replace("VERSION", &format!("'{version}'"));
        overlay.push_str(&rule.replace("TIER", if index < 2 { "1" } else { "2" }));
    }
    let upstream = UPSTREAM.replace("PATH", &path.to_string_lossy());
    fs::write(place.join("upstreams/files.toml"), upstream).expect("a file");
    fs::write(place.join("overlays/policy.yaml"), overlay).expect("a file");
    fs::write(place.join("vidimus.toml"), SETTINGS).expect("a file");
    let locations = Locations {
        data: Some(place.join("data")),
        upstreams: Some(place.join("upstreams")),
        overlays: Some(place.join("overlays")),
        ..Locations::default()
    };
    let settings = Settings::load(&place.join("vidimus.toml"), true, locations).expect("settings");
    let upstreams = read_upstreams(&settings.upstreams).expect("upstreams");
    let now = Clock::system();
    let store = Store::create(&settings.data, now).expect("a store");
    let overlays = load_overlays(&settings, None, Some(&store), now, true);
    let overlays = overlays.expect("overlays are read").expect("overlays are valid");
    let clock = Arc::new(Clock::starting_at(now));
    let services = Services::new(settings, Arc::new(store), clock, overlays).expect("services");
    let sources = open_sources(&services.settings).expect("ownership sources");
    let stop = CancellationToken::new();
    tokio::spawn(run(Arc::clone(&services), upstreams, sources, Vec::new(), stop));
    let started = Instant::now();
    while services.published().is_none_or(|published| published.visible < SERVERS.len()) {
        assert!(started.elapsed() < LONGEST_START, "the daemon publishes its servers");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    services
}
