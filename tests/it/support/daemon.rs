//! The real binary, in a temporary folder, on free ports.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

use super::folder::folder;
use super::small_disk::SmallDisk;
use super::wait::{eventually, poll};

/// A folder with upstreams and overlays, in which `vidimus` can be run.
pub(crate) struct Workplace {
    folder: TempDir,
    /// The time that commands get, in RFC 3339; the real time if `None`.
    now: Mutex<Option<String>>,
    /// The program and its arguments that run the commands, if there is one.
    within: Vec<String>,
    /// The disk of the data folder, if it has one of its own.
    disk: Option<SmallDisk>,
}

/// Free ports of loopback.
pub(crate) const LOOPBACK: [&str; 2] = ["--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"];
/// Takes every watch of files from a user namespace.
const NO_WATCHES: &str = "echo 0 > /proc/sys/user/max_inotify_instances";
/// The file of the trusted root.
const ROOT: &str = "root.pem";
const CONFIGURATION: &str = "vidimus.toml";

/// A running daemon; dropping it kills the process.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) registry: String,
    pub(crate) operations: String,
    token: String,
    client: reqwest::Client,
}

/// An answer with its whole body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible"))
    }

    /// Returns `name@version` of each item of a list.
    pub(crate) fn items(&self) -> Vec<String> {
        let page = self.json();
        let items = page["servers"].as_array().expect("a list").iter();
        items
            .map(|item| {
                let text =
                    |member: &str| item["server"][member].as_str().expect("a text").to_owned();
                format!("{}@{}", text("name"), text("version"))
            })
            .collect()
    }
}

impl Workplace {
    /// Creates a folder with one upstream and an overlay file without rules.
    pub(crate) fn new(upstream: &str) -> Self {
        let place =
            Self { folder: folder(), now: Mutex::new(None), within: Vec::new(), disk: None };
        place.upstream(upstream, "sync = {interval = \"250ms\", page_size = 10}");
        place.overlay("policy.yaml", "# nothing yet\n");
        place.write(CONFIGURATION, "");
        place.write(ROOT, root());
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.disk.as_ref().map_or_else(|| self.path().join("data"), SmallDisk::folder)
    }

    /// Gives the data folder a disk of so many MiB; returns false where this machine allows none.
    pub(crate) fn mount(&mut self, mebibytes: u32) -> bool {
        self.disk = SmallDisk::mount(&self.path().join("data"), mebibytes);
        self.disk.is_some()
    }

    pub(crate) fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("it is mounted")
    }

    pub(crate) fn upstream(&self, url: &str, more: &str) {
        // Test rows are old on purpose; most tests do not want the `frozen` alert.
        let safety_limits = if more.contains("[safety_limits]") {
            ""
        } else {
            "safety_limits.frozen_after = \"366d\"\n"
        };
        let text = format!("kind = \"registry\"\nurl = \"{url}\"\n{safety_limits}{more}\n");
        self.write("upstreams/official.toml", &text);
    }

    pub(crate) fn overlay(&self, file: &str, text: &str) {
        self.write(&format!("overlays/{file}"), text);
    }

    /// Approves a name or a wildcard, as reviewed on 2026-03-01, and nothing else.
    pub(crate) fn approve(&self, name: &str) {
        let approval = "{state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
        let rules = format!("servers: [{{name: {name}, approval: {approval}}}]\n");
        self.overlay("policy.yaml", &rules);
    }

    /// Waits until an entry is known, and dates every review of an overlay file to the present moment.
    pub(crate) async fn review_again(&self, file: &str, entry: &str) {
        eventually("the entry is known", async || {
            (self.run(&["explain", entry]).status.code() == Some(0)).then_some(())
        })
        .await;
        let now = self.json(&["status", "--json"])["now"].as_str().expect("a time").to_owned();
        let before = fs::read_to_string(self.path().join("overlays").join(file)).expect("a file");
        let mut reviews = before.split("reviewed: ");
        let mut text = reviews.next().unwrap_or_default().to_owned();
        for review in reviews {
            let end = review.find([',', '}', '\n']).unwrap_or(review.len());
            text.push_str(&format!("reviewed: {now}{}", &review[end..]));
        }
        self.overlay(file, &text);
    }

    /// Writes a file. A configuration without `[ownership]` disables ownership checks: test names have no
    /// owners.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let text = if file == CONFIGURATION && !text.contains("[ownership]") {
            format!("{text}\n[ownership]\nenabled = false\n")
        } else {
            text.to_owned()
        };
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Sets a fixed time for the commands that are run from now on.
    pub(crate) fn set_clock(&self, now: &str) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(now.to_owned());
    }

    /// Lets the system notify the commands from now on of no change of a file, or of every; returns false where this machine
    /// has no user namespaces.
    pub(crate) fn watch(&mut self, is_watched: bool) -> bool {
        let script = format!("{NO_WATCHES} && exec \"$0\" \"$@\"");
        let words = ["unshare", "-Ur", "sh", "-c", &script];
        self.run_within(if is_watched { &[] } else { &words });
        let tried = Command::new("unshare").args(["-Ur", "sh", "-c", NO_WATCHES]).output();
        tried.is_ok_and(|tried| tried.status.success())
    }

    /// Runs the commands from now on by another program, which gets their words behind its own.
    pub(crate) fn run_within(&mut self, words: &[&str]) {
        self.within = words.iter().map(ToString::to_string).collect();
    }

    /// Sets a limit of the shell, such as `-n 200` for open files, for the commands from now on.
    pub(crate) fn limit(&mut self, limit: &str) {
        self.run_within(&["sh", "-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]);
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.path().join(file)).expect("removed");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_vidimus");
        let mut command = match (&self.disk, self.within.split_first()) {
            (Some(disk), _) => disk.command(program, self.path()),
            (None, Some((first, others))) => {
                let mut command = Command::new(first);
                command.args(others).arg(program);
                command
            }
            (None, None) => Command::new(program),
        };
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        // Proxies and tokens of the environment must not be used; nothing listens on this port.
        // The demo makes its folder there.
        command.env("TMPDIR", self.path());
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"] {
            command.env(variable, "http://127.0.0.1:9");
        }
        command.env_remove("GITHUB_TOKEN");
        // No test asks a server of the world: one root instead of the machine's hundreds, which take longer to read
        // than most commands.
        command.env("SSL_CERT_FILE", self.path().join(ROOT)).env_remove("SSL_CERT_DIR");
        if let Some(now) = self.now.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            command.env("VIDIMUS_TEST_NOW", now);
        }
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Runs a command, and returns what it prints to standard output.
    pub(crate) fn print(&self, arguments: &[&str]) -> String {
        text(&self.run(arguments).stdout)
    }

    /// Runs a daemon that must end by itself.
    pub(crate) fn refused_start(&self) -> Output {
        self.run(&[&["serve"], LOOPBACK.as_slice()].concat())
    }

    /// Runs a command that must succeed and print JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
    }

    /// Starts the daemon and waits until it listens.
    pub(crate) async fn start(&self) -> Daemon {
        let log = fs::File::create(self.path().join("log")).expect("a log");
        self.start_with(log.into()).await
    }

    /// Starts the daemon with a log pipe without a reader.
    pub(crate) async fn start_without_log(&self) -> Daemon {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        self.start_with(writer.into()).await
    }

    /// Starts the daemon with a log pipe that is open while the returned end lives, and never read.
    pub(crate) async fn start_with_unread_log(&self) -> (Daemon, std::io::PipeReader) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        (self.start_with(writer.into()).await, reader)
    }

    async fn start_with(&self, log: Stdio) -> Daemon {
        self.launch("serve", log, || self.data()).await
    }

    /// Starts the demo, which makes its folder below this one, and waits until it listens.
    pub(crate) async fn start_demo(&self) -> Daemon {
        let log = fs::File::create(self.path().join("log")).expect("a log");
        let data = || {
            let mut all =
                fs::read_dir(self.path()).expect("a folder").map(|entry| entry.expect("one"));
            let demo =
                all.find(|entry| entry.file_name().to_string_lossy().starts_with("vidimus-demo-"));
            demo.map(|entry| entry.path().join("data")).unwrap_or_default()
        };
        self.launch("demo", log.into(), data).await
    }

    async fn launch(&self, command: &str, log: Stdio, data: impl Fn() -> PathBuf) -> Daemon {
        let mut child = self
            .command(&[&[command, "--log=json"], LOOPBACK.as_slice()].concat())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        let listens = async || {
            let ended = child.try_wait().expect("a status");
            assert_eq!(ended, None, "the daemon ended: {}", self.log());
            addresses(&data(), child.id())
        };
        let addresses = eventually("the daemon listens", listens).await;
        let data = data();
        let token = fs::read_to_string(data.join("ops.token")).expect("a token");
        let root = |what: &str| format!("http://{}", addresses[what].as_str().expect("an address"));
        Daemon {
            child,
            registry: root("registry"),
            operations: root("operations"),
            token,
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }
}

/// Returns a certificate of which no key is kept, in PEM.
fn root() -> &'static str {
    static ROOT: OnceLock<String> = OnceLock::new();
    ROOT.get_or_init(|| {
        let names = vec!["root.example".to_owned()];
        rcgen::generate_simple_self_signed(names).expect("a certificate").cert.pem()
    })
}

/// Returns the addresses that a daemon wrote after it began to listen.
fn addresses(data: &Path, pid: u32) -> Option<Value> {
    let text = fs::read(data.join("daemon.json")).ok()?;
    let addresses: Value = serde_json::from_slice(&text).ok()?;
    (addresses["pid"] == pid).then_some(addresses)
}

impl Daemon {
    /// Asks the registry, and checks the answer against the `OpenAPI` document.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let answer = answer(self.client.get(format!("{}{path}", self.registry))).await;
        super::document::check(path, &answer);
        answer
    }

    pub(crate) async fn operate(&self, path: &str) -> Answer {
        answer(self.client.get(format!("{}{path}", self.operations)).bearer_auth(&self.token)).await
    }

    pub(crate) fn request(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Waits until a generation is published.
    pub(crate) async fn ready(&self) {
        eventually("a generation is published", async || {
            (self.operate("/readyz").await.status == 200).then_some(())
        })
        .await;
    }

    /// Waits until the status of the first upstream satisfies a predicate.
    pub(crate) async fn upstream_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let status = self.operate("/status").await.json();
            is_so(&status["upstreams"][0]).then(|| status["upstreams"][0].clone())
        })
        .await
    }

    /// Waits until a first full sync was accepted.
    pub(crate) async fn synced(&self) -> Value {
        self.upstream_until("a full sync was accepted", |upstream| {
            upstream["lastFullSync"].is_string()
        })
        .await
    }

    /// Waits until exactly these items are listed.
    pub(crate) async fn lists(&self, wanted: &[&str]) {
        eventually(&format!("{wanted:?} is listed"), async || {
            let answer = self.get("/v0.1/servers?limit=100").await;
            (answer.status == 200 && answer.items() == wanted).then_some(())
        })
        .await;
    }

    /// Waits until exactly so many entries are served.
    ///
    /// # Panics
    /// After the deadline, with the last status.
    pub(crate) async fn serves(&self, count: usize) {
        let mut last = Value::Null;
        let waited = poll(async || {
            last = self.operate("/status").await.json();
            (last["visible"] == count).then_some(())
        });
        assert!(waited.await.is_some(), "{count} entries are not served: {last}");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// Sends a signal by name, such as `TERM`, waits for the end and returns the exit code.
    pub(crate) async fn signal(mut self, name: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.expect("kill runs").success());
        eventually("the daemon ended", async || self.child.try_wait().expect("a status"))
            .await
            .code()
    }
}

/// Lines of a log that a failed test prints.
const SHOWN_LINES: usize = 60;

impl Drop for Workplace {
    /// Prints the end of the daemon's log if the test failed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let end = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            println!("the daemon's log ends so:\n{}", end.join("\n"));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("a text") }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
