//! The real daemon in a process of its own, measured from outside: by its routes and its log.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const PUBLISHED: &str = "a generation was published";
/// The timeout of every measurement.
const PATIENCE: Duration = Duration::from_secs(300);

/// A running daemon; it is killed (`kill -9`) on drop.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    begun: Instant,
    data: PathBuf,
    client: Client,
    generations: UnboundedReceiver<Generation>,
    /// The address of the registry, once the daemon is ready.
    pub registry: SocketAddr,
    operations: String,
}

/// A publication, as logged.
#[derive(Debug, Clone, Copy)]
pub struct Generation {
    /// The time at which it was logged.
    pub at: Instant,
    pub visible: u64,
    pub changed: u64,
    pub took_ms: u64,
}

impl Daemon {
    /// Starts a daemon over the configuration in a folder.
    pub fn start(binary: &Path, folder: &Path, data: &Path) -> Self {
        let mut child = Command::new(binary)
            .args(["serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--log=json"])
            .arg(format!("--data={}", data.display()))
            .env_remove("RUST_LOG")
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let (sender, generations) = unbounded_channel();
        let log = child.stderr.take().expect("a log");
        std::thread::spawn(move || follow(log, &sender));
        Self {
            child,
            begun: Instant::now(),
            data: data.to_owned(),
            client: Client::builder().no_proxy().build().expect("a client"),
            generations,
            registry: SocketAddr::from(([127, 0, 0, 1], 0)),
            operations: String::new(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until registry routes answer; returns the time since the start.
    pub async fn ready(&mut self) -> Duration {
        while self.begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("the daemon ended with {status}");
            }
            let text = fs::read_to_string(self.data.join("daemon.json")).unwrap_or_default();
            let Ok(addresses) = serde_json::from_str::<Value>(&text) else { continue };
            let address = |key: &str| addresses[key].as_str().map(str::to_owned);
            let (registry, operations) = (address("registry"), address("operations"));
            let (Some(registry), Some(operations)) = (registry, operations) else { continue };
            let url = format!("http://{registry}/v0.1/servers?limit=1");
            let answer = self.client.get(url).send().await;
            if addresses["pid"] == self.pid()
                && answer.is_ok_and(|answer| answer.status().is_success())
            {
                self.registry = registry.parse().expect("an address");
                self.operations = operations;
                return self.begun.elapsed();
            }
        }
        panic!("the daemon is not ready after {PATIENCE:?}");
    }

    /// Returns the body of a registry route.
    pub async fn get(&self, path: &str) -> Value {
        json(self.client.get(format!("http://{}{path}", self.registry))).await
    }

    /// Returns the body of a registry route, if it has one.
    pub async fn find(&self, path: &str) -> Option<Value> {
        let url = format!("http://{}{path}", self.registry);
        let answer = self.client.get(url).send().await.expect("an answer");
        let body = answer.error_for_status().ok()?.bytes().await.expect("a body");
        serde_json::from_slice(&body).ok()
    }

    /// Returns the state that operators see.
    pub async fn status(&self) -> Value {
        let token = fs::read_to_string(self.data.join("ops.token")).expect("a token");
        let url = format!("http://{}/status", self.operations);
        json(self.client.get(url).bearer_auth(token)).await
    }

    /// Sends a request to the address of operations, whatever its answer is.
    pub async fn operate(&self, method: Method, path: &str) {
        let token = fs::read_to_string(self.data.join("ops.token")).expect("a token");
        let url = format!("http://{}{path}", self.operations);
        let answer = self.client.request(method, url).bearer_auth(token).send().await;
        answer.expect("an answer");
    }

    /// Returns the number of publications since the last call.
    pub fn drain(&mut self) -> usize {
        std::iter::from_fn(|| self.generations.try_recv().ok()).count()
    }

    /// Waits until no generation was published for `span`; returns the last one, if there was any.
    pub async fn settle(&mut self, span: Duration) -> Option<Generation> {
        let mut last = None;
        while let Ok(Some(next)) = tokio::time::timeout(span, self.generations.recv()).await {
            last = Some(next);
        }
        last
    }

    /// Waits for the next generation of a kind.
    pub async fn generation(&mut self, is_meant: impl Fn(&Generation) -> bool) -> Generation {
        let next = async {
            loop {
                let generation = self.generations.recv().await.expect("the daemon runs");
                if is_meant(&generation) {
                    return generation;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("a publication in time")
    }

    /// Asks the daemon to end, and waits until it has.
    pub async fn stop(mut self) {
        let asked = Command::new("kill").arg(self.pid().to_string()).status();
        assert!(asked.is_ok_and(|status| status.success()), "the daemon takes a signal");
        let begun = Instant::now();
        while self.child.try_wait().expect("a child").is_none() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn json(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.expect("an answer").error_for_status();
    let body = answer.expect("a success").bytes().await.expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

/// Reads the log to its end, so that the daemon never waits for its reader.
fn follow(log: ChildStderr, generations: &UnboundedSender<Generation>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Value>(&line) else {
            eprintln!("{line}");
            continue;
        };
        if event["level"] == "ERROR" {
            eprintln!("{line}");
        }
        if event["message"] == PUBLISHED {
            // Wide integers are quoted.
            let number = |key: &str| {
                let text = event[key].to_string();
                text.trim_matches('"').parse().expect("a number in the log")
            };
            let _ = generations.send(Generation {
                at: Instant::now(),
                visible: number("visible"),
                changed: number("changed"),
                took_ms: number("took_ms"),
            });
        }
    }
}
