//! Real clients against a running server, if `tests/clients/install.sh` could install them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::registry::Row;
use crate::support::skip::skipped;
use crate::support::upstream::Upstream;

const POLICY: &str = "
servers:
  - {name: com.*/*, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
  - {name: com.hidden/*, approval: {state: denied}}
";
/// The name and version that every client must find, and the name that no client may find.
const ASKED: [&str; 3] = ["com.n007/tool", "1.1.0", "com.hidden/secret"];

async fn served() -> (Upstream, Workplace, Daemon) {
    let rows = (0..60).map(|index| Row::new(&format!("com.n{index:03}/tool"), "1.0.0"));
    let newer = Row::new("com.n007/tool", "1.1.0").published("2026-02-01T00:00:00.000000Z");
    let hidden = Row::new("com.hidden/secret", "1.0.0");
    let upstream = Upstream::start(rows.chain([newer, hidden])).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", POLICY);
    let daemon = place.start().await;
    daemon.serves(61).await;
    (upstream, place, daemon)
}

/// Returns the folder of an installed client; says that it is skipped and returns `None` if it is not installed.
fn installed(client: &str, marker: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients").join(client);
    if root.join(marker).exists() {
        return Some(root);
    }
    skipped(&format!("{client} is not installed; tests/clients/install.sh does that"));
    None
}

fn script(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(path)
}

#[expect(clippy::disallowed_methods, reason = "a test waits for a client's process")]
async fn run(mut command: Command) {
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    let ran = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
    let output = ran.await.expect("it ends");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{out}\n{err}");
}

/// C2, C16: the editor's own gallery code: probe, list, scroll, search and lookup, in both views.
#[tokio::test(flavor = "multi_thread")]
async fn vs_code_finds_exactly_the_served_entries() {
    let Some(root) = installed("vscode", "node_modules") else { return };
    let (_upstream, _place, daemon) = served().await;
    // The script must be in the folder of the modules that it imports.
    std::fs::copy(script("vscode/run.mjs"), root.join("run.mjs")).expect("copied");
    let url = &daemon.registry;
    for url in [url.clone(), format!("{url}/views/default")] {
        let mut node = Command::new("node");
        node.arg(root.join("run.mjs")).arg(url).args(ASKED);
        run(node).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn langchain_finds_exactly_the_served_entries() {
    let Some(root) = installed("langchain", "bin/python") else { return };
    let (_upstream, _place, daemon) = served().await;
    let mut python = Command::new(root.join("bin/python"));
    python.arg("-B").arg(script("langchain/run.py")).arg(&daemon.registry).args(ASKED);
    run(python).await;
}

/// P35: thousands of valid and invalid requests: no 5xx, and no undocumented answer.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_gets_only_documented_answers() {
    let Some(root) = installed("schemathesis", "bin/schemathesis") else { return };
    let (_upstream, _place, daemon) = served().await;
    let path = std::env::var("PATH").unwrap_or_default();
    let mut bash = Command::new("bash");
    bash.arg(script("schemathesis/run.sh")).arg(&daemon.registry).arg("40");
    bash.env("PATH", format!("{}:{path}", root.join("bin").display()));
    run(bash).await;
}
