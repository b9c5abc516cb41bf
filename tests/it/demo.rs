//! The demo as a newcomer meets it: what each command prints on its world, compared with snapshots.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test it demo` writes them; read the difference before it is committed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::daemon::Workplace;
use crate::support::wait::eventually;

const VIDIMUS: &str = env!("CARGO_BIN_EXE_vidimus");

/// A running demo; it ends when it is dropped.
struct Demo {
    child: Child,
    folder: PathBuf,
    introduction: String,
}

impl Demo {
    fn start() -> Self {
        let mut child = Command::new(VIDIMUS)
            .args(["demo", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut introduction = String::new();
        let mut folder = PathBuf::new();
        for line in stdout.lines().map_while(Result::ok) {
            if let Some(path) = line.trim().strip_prefix("cd ") {
                folder = path.into();
            }
            introduction.push_str(&line);
            introduction.push('\n');
            if line.contains("approved stays") {
                break;
            }
        }
        Self { child, folder, introduction }
    }

    /// Writes two edits of the overlays beside them: one to plan, and one with a mistake.
    fn propose(&self) {
        let current = fs::read_to_string(self.folder.join("overlays/demo.yaml")).expect("overlays");
        let denial = "    reason: not needed at work\n    approval: {state: denied}\n";
        let wider =
            current.replace(denial, "    labels: [games]\n").replacen("tier: 1", "tier: 2", 1);
        let more = "  - name: example.orchard/tools\n    versions: 2.0.0\n    approval: {state: approved, reviewers: [demo], reviewed: 2026-05-30}\n  \
                    - name: example.quarry/*\n    approval: {state: approved, reviewers: [demo], reviewed: 2026-05-30}\n  \
                    - name: example.birch/*\n    approval: {state: suspended}\n";
        let edits = [
            ("proposed", format!("{wider}{more}")),
            ("refused", current.replacen("approved", "aproved", 1)),
        ];
        for (folder, text) in edits {
            fs::create_dir(self.folder.join(folder)).expect("a folder");
            fs::write(self.folder.join(folder).join("demo.yaml"), text).expect("a file");
        }
    }

    fn run(&self, command: &str) -> (Option<i32>, String) {
        let output = Command::new(VIDIMUS)
            .args(command.split(' '))
            .current_dir(&self.folder)
            .output()
            .expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    async fn wait_for(&self, command: &str, what: &str, is_there: impl Fn(&str) -> bool) {
        let look = async || {
            let (_, out) = self.run(command);
            is_there(&out).then_some(())
        };
        eventually(what, look).await;
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.child.wait();
    }
}

const COMMANDS: &[&str] = &[
    "list",
    "list --all --latest --sort state",
    "list --state newer-than-review",
    "list orchard --tier 1",
    "list nothing",
    "list --quarantined",
    "explain example.orchard/tools",
    "explain example.orchard/*",
    "explain com.*/*",
    "explain example.orch*",
    "plan",
    "plan --overlays proposed --allow-visible 1",
    "plan --overlays proposed --markdown",
    "plan --overlays refused",
    "plan --overlays refused --markdown",
    "plan --base nowhere",
    "explain example.orchard/tools@2.0.0 --verbose",
    "review",
    "review example.orchard/tools",
    "review example.lantern/traces@1.0.0 --markdown",
    "show example.orchard/tools",
    "show example.lantern/traces@1.0.0",
    "show example.orchard/tools --diff 1.0.0 2.0.0",
    "explain example.cellar/tasting",
    "explain example.nowhere/tool",
    "alerts",
    "alerts --kind drift",
    "alerts dead-letters",
    "lookalikes",
    "lookalikes why example.lantem/charts",
    "ownership example.lantern",
    "ownership example.cellar --pin",
    "status",
    "check",
    "verify",
];

#[tokio::test(flavor = "multi_thread")]
async fn commands_print_what_their_snapshots_show() {
    let demo = Demo::start();
    demo.wait_for("list", "21 entries", |out| out.matches(" served ").count() == 21).await;
    demo.wait_for("alerts", "rewrite", |out| out.contains("drift") && out.contains("lookalike"))
        .await;
    demo.propose();
    let mut differing = Vec::new();
    compare("introduction", &normalized(&demo, &demo.introduction), &mut differing);
    // All at once: the approval that ends must still be there.
    let answers: Vec<(Option<i32>, String)> = std::thread::scope(|scope| {
        let runs: Vec<_> =
            COMMANDS.iter().map(|command| scope.spawn(|| demo.run(command))).collect();
        runs.into_iter().map(|run| run.join().expect("it ran")).collect()
    });
    // It changes what `status` shows while it runs.
    let synced = demo.run("sync");
    for (command, (code, out)) in
        COMMANDS.iter().chain(&["sync"]).zip(answers.into_iter().chain([synced]))
    {
        let text = format!("$ vidimus {command}\n{out}exit code {}\n", code.unwrap_or(-1));
        let name = command.replace([' ', '/', '@', '.', '*'], "-").replace("--", "-");
        compare(&name, &normalized(&demo, &text), &mut differing);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_word_is_refused_while_what_was_approved_stays() {
    let demo = Demo::start();
    demo.wait_for("list", "21 entries", |out| out.matches(" served ").count() == 21).await;
    let path = demo.folder.join("overlays/demo.yaml");
    let broken = fs::read_to_string(&path).expect("overlays").replacen("approved", "aproved", 1);
    fs::write(&path, broken).expect("overlays");
    let (code, out) = demo.run("check");
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("did you mean `approved`?"), "{out}");
    demo.wait_for("status", "refusal", |out| out.contains("refused")).await;
    demo.wait_for("list", "21 entries", |out| out.matches(" served ").count() == 21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_serves_its_entries_and_removes_its_folder_at_the_end() {
    let place = Workplace::new("https://registry.example");
    let folders = || {
        let all =
            std::fs::read_dir(place.path()).expect("a folder").map(|entry| entry.expect("one"));
        all.filter(|entry| entry.file_name().to_string_lossy().starts_with("vidimus-demo-")).count()
    };
    let daemon = place.start_demo().await;
    assert_eq!(folders(), 1);
    eventually("more than twenty entries are served", async || {
        let answer = daemon.get("/v0.1/servers?limit=100").await;
        (answer.status == 200 && answer.items().len() > 20).then_some(())
    })
    .await;
    let view = daemon.get("/views/platform/v0.1/servers?limit=100").await;
    assert!((1..20).contains(&view.items().len()), "tier 1 alone: {:?}", view.items());
    assert_eq!(daemon.signal("INT").await, Some(0));
    assert_eq!(folders(), 0, "the folder of the demo is left");
}

pub(crate) fn compare(name: &str, text: &str, differing: &mut Vec<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(&path, text).expect("a snapshot");
        return;
    }
    let snapshot = fs::read_to_string(&path).unwrap_or_default();
    if snapshot != text {
        differing.push(format!("{} differs. It shows:\n{snapshot}\nNow:\n{text}", path.display()));
    }
}

/// Every command in a block of the documentation is one that the program understands.
#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_documentation_are_understood() {
    let demo = Demo::start();
    demo.wait_for("list", "21 entries", |out| out.matches(" served ").count() == 21).await;
    let mut ran = 0;
    for path in crate::documents::pages() {
        for line in crate::documents::commands(&path.1) {
            // A daemon, or another demo, would not end by itself.
            if line.starts_with("serve") || line.starts_with("demo") {
                continue;
            }
            let arguments =
                line.replace("DIGEST", &"0".repeat(64)).replace("sha256:…", &"0".repeat(64));
            let script = format!("{VIDIMUS} {}", arguments.replace("ID", "0123456789ab"));
            let output = Command::new("sh")
                .args(["-c", &script])
                .current_dir(&demo.folder)
                .output()
                .expect("a shell");
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_ne!(
                output.status.code(),
                Some(2),
                "{}: vidimus {line}: {text}",
                path.0.display()
            );
            ran += 1;
        }
    }
    assert!(ran >= 20, "{ran} commands");
}

/// Replaces what differs between two runs: folder, ports, times after the start, identifiers and digests.
fn normalized(demo: &Demo, text: &str) -> String {
    let folder = demo.folder.display().to_string();
    let text = text.replace(&folder, "FOLDER").replace(VIDIMUS, "VIDIMUS");
    // The number of generations depends on when lookups end.
    let text: String = text
        .split_inclusive('\n')
        // A run every five seconds may be under way.
        .filter(|line| !line.starts_with("  running "))
        // The order of the first events depends on when lookups end.
        .filter(|line| {
            ![" in view ", " the verdict on ", "`the verdict on "]
                .iter()
                .any(|part| line.contains(part))
        })
        .map(|line| match line.strip_prefix("generation  ").and_then(|rest| rest.split_once(',')) {
            Some((_, rest)) => format!("generation  N,{rest}"),
            None => without_ages(&without_size(line)),
        })
        .collect();
    text.split_inclusive(['\n', ' '])
        .map(|piece| {
            let word = piece.trim_end_matches(['\n', ' ']);
            piece.replacen(word, &normalized_word(word), 1)
        })
        .collect()
}

/// Replaces the size of what is stored: facts may follow their entries.
fn without_size(line: &str) -> String {
    let is_size = line.starts_with("content ") || line.starts_with("  size ");
    match line.split_once(" KiB of ").filter(|_| is_size) {
        Some((before, rest)) => {
            format!(
                "{}SIZE of {rest}",
                before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
            )
        }
        None => line.to_owned(),
    }
}

/// Replaces the ages and the remaining time of an item that waits.
fn without_ages(line: &str) -> String {
    let Some((before, rest)) = line.split_once("(seen ") else { return line.to_owned() };
    let (_, rest) = rest.split_once(" ago").unwrap_or_default();
    let rest = match rest.strip_prefix(", in ") {
        Some(until) => {
            format!(", in TIME{}", until.trim_start_matches(|c: char| !",)".contains(c)))
        }
        None => rest.to_owned(),
    };
    format!("{before}(seen AGE ago{rest}")
}

fn normalized_word(word: &str) -> String {
    // Code in Markdown.
    if let Some(inner) = word.strip_prefix('`') {
        return format!("`{}", normalized_word(inner));
    }
    if let Some(at) = word.find("127.0.0.1:") {
        let rest = &word[at + "127.0.0.1:".len()..];
        let behind = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
        return format!("{}127.0.0.1:PORT{behind}", &word[..at]);
    }
    if let Some(at) = word.find("sha256:") {
        let rest = &word[at + "sha256:".len()..];
        let behind = rest.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
        return format!("{}DIGEST{behind}", &word[..at]);
    }
    // Times while the demo runs, and the lookups that follow from them.
    let is_time = word.len() >= 20 && word.as_bytes().get(10) == Some(&b'T');
    if is_time && (word.starts_with("2026-06-01T") || word.starts_with("2026-06-0")) {
        return format!("TIME{}", word[20..].trim_start_matches('Z'));
    }
    if word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return "ID".to_owned();
    }
    word.to_owned()
}
