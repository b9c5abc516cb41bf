//! The commands of `docs/review.md`, run in the order of the page by a reviewer with a daemon.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::documents::{commands, pages};
use crate::support::daemon::{Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

/// Runs a line of the page as a shell does.
fn run(place: &Workplace, line: &str) -> Output {
    let program = place.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{} {line}", env!("CARGO_BIN_EXE_vidimus"))]);
    let variables = program.get_envs().filter_map(|(key, value)| Some((key, value?)));
    shell.envs(variables.map(|(key, value)| (key.to_owned(), value.to_owned())));
    shell.current_dir(place.path()).output().expect("a shell")
}

/// Returns the line with the digest of the sheet that it decides about.
fn with_digest(place: &Workplace, line: &str) -> String {
    if !line.contains("DIGEST") {
        return line.to_owned();
    }
    let (_, arguments) = line.split_once(' ').expect("arguments");
    let (subject, _) = arguments.split_once(" --").expect("a server and flags");
    let sheet = run(place, &format!("review {subject} --json"));
    let sheet: Value = serde_json::from_slice(&sheet.stdout).expect("a sheet");
    line.replace("DIGEST", sheet["digest"].as_str().expect("a digest"))
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_review_page_work_one_after_another() {
    let rows = ["1.3.0", "1.4.0"].map(|version| Row::new("com.example/wiki", version));
    let vendor = [Row::new("com.vendor/a", "1.0.0"), Row::new("com.other/b", "1.0.0")];
    let upstream = Upstream::start(rows.into_iter().chain(vendor)).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(
        &upstream.url,
        "trust = \"internal\"\nsync = {interval = \"250ms\", page_size = 10}",
    );
    for folder in ["pull", "main/overlays"] {
        fs::create_dir_all(place.path().join(folder)).expect("a folder");
        let rule =
            "servers: [{name: com.vendor/*, approval: {state: approved, reviewed: 2026-10-01}}]\n";
        place.write(&format!("{folder}/policy.yaml"), rule);
    }
    place.set_clock("2026-10-31T10:00:00Z");
    let daemon = place.start().await;
    daemon.synced().await;
    let page = pages().into_iter().find(|(path, _)| path.ends_with("docs/review.md"));
    let lines = commands(&page.expect("the page").1);
    let asks_for_the_past = |line: &&String| line.contains("--at ") || line.contains("--since ");
    let (past, present): (Vec<&String>, Vec<&String>) = lines.iter().partition(asks_for_the_past);
    for line in &present {
        // A decision is refused until the daemon has loaded the one before, and the reviewer reads the sheet again.
        eventually(&format!("`vidimus {line}` succeeds"), async || {
            let output = run(&place, &with_digest(&place, line));
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            match output.status.code() {
                Some(0) => Some(()),
                Some(1) if line.contains("DIGEST") => None,
                code => panic!("vidimus {line}: {code:?} {out}{err}"),
            }
        })
        .await;
    }
    assert!(present.iter().any(|line| line.starts_with("approve")), "the page decides");
    assert_eq!(daemon.signal("TERM").await, Some(0));
    place.set_clock("2026-11-20T10:00:00Z");
    for line in &past {
        let output = run(&place, line);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "vidimus {line}: {out}{err}");
        assert!(!line.contains("--at ") || out.contains("com.example/wiki"), "{out}");
    }
    assert!(past.len() >= 2, "{past:?}");
}
