//! The progress of a first sync is seen by a person at a terminal.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::daemon::Workplace;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;

/// Runs a command with a pseudo-terminal as its standard error, and returns what it drew there.
fn drawn(mut command: Command) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&terminal).expect("granted");
    unlockpt(&terminal).expect("unlocked");
    let path = ptsname(&terminal, Vec::new()).expect("a name");
    let path = path.to_str().expect("a path");
    let other = File::options().read(true).write(true).open(path).expect("the other side");
    let mut child =
        command.stderr(Stdio::from(other)).stdout(Stdio::null()).spawn().expect("it starts");
    // The command still holds the other side.
    drop(command);
    let mut terminal = File::from(terminal);
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let mut buffer = [0; 4096];
        // Reading fails once the command has closed its side.
        while let Ok(length) = terminal.read(&mut buffer) {
            text.extend_from_slice(&buffer[..length]);
            if length == 0 {
                break;
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    child.wait().expect("it ends");
    reader.join().expect("read")
}

#[tokio::test(flavor = "multi_thread")]
async fn first_sync_draws_its_progress_on_a_terminal() {
    let rows = (0..40).map(|number| Row::new(&format!("com.example/s{number}"), "1.0.0"));
    let upstream = Upstream::start(rows).await;
    upstream.slow_down(Duration::from_millis(150));
    let place = Workplace::new(&upstream.url);
    let command = place.command(&["sync"]);
    let text = drawn(command);
    assert!(text.contains("official: full sync, "), "{text:?}");
    assert!(text.contains("rows in"), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_that_is_not_on_a_terminal_draws_nothing() {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let output = place.run(&["sync"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
