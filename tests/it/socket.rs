//! The commands reach the daemon over its Unix socket, and the token goes to no address that the user did not name.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::support::daemon::{Workplace, text};
use crate::support::registry::Row;
use crate::support::skip::skipped;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

/// Makes a store and holds it, as a daemon does that answers nothing.
fn locked_store(place: &Workplace) -> redb::Database {
    assert_eq!(place.run(&["sync"]).status.code(), Some(0));
    redb::Database::open(place.data().join("vidimus.redb")).expect("the store")
}

/// Runs a command; returns every byte that arrives at the listener, and what the command says.
async fn received(listener: &TcpListener, command: &mut Command) -> (String, String) {
    listener.set_nonblocking(true).expect("a mode");
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it runs");
    let (mut bytes, mut accepted) = (Vec::new(), Vec::new());
    eventually("the command ends", async || {
        accepted.extend(listener.accept().ok().map(|(stream, _)| stream));
        accepted.retain_mut(|stream: &mut TcpStream| {
            stream.set_nonblocking(true).expect("a mode");
            let mut buffer = [0; 4096];
            let Ok(read) = stream.read(&mut buffer) else { return true };
            bytes.extend(&buffer[..read]);
            // The command waits for an answer.
            let _ = stream.write_all(b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n");
            false
        });
        child.try_wait().expect("a status")
    })
    .await;
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    (text(&bytes), said)
}

/// P70.
#[tokio::test(flavor = "multi_thread")]
async fn listener_at_a_default_or_written_address_does_not_get_the_token() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let _store = locked_store(&place);
    let token = "t".repeat(64);
    place.write("data/ops.token", &token);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    place.write(
        "data/daemon.json",
        &format!("{{\"pid\": 1, \"registry\": \"{address}\", \"operations\": \"{address}\"}}"),
    );
    let (bytes, said) = received(&listener, &mut place.command(&["status"])).await;
    assert_eq!(bytes, "", "{said}");
    assert!(said.contains("the token goes only to an address that you name"), "{said}");
    // An address that the user names gets it.
    let flag = format!("--ops-listen={address}");
    let (bytes, said) = received(&listener, &mut place.command(&["status", &flag])).await;
    assert!(bytes.contains(&format!("Bearer {token}")), "{said}");
    let (bytes, _) =
        received(&listener, place.command(&["status"]).env("VIDIMUS_OPS_LISTEN", &address)).await;
    assert!(bytes.contains(&token));
    place.write("vidimus.toml", &format!("ops_listen = \"{address}\"\n"));
    let (bytes, _) = received(&listener, &mut place.command(&["status"])).await;
    assert!(bytes.contains(&token));
}

/// A socket outside the data folder can be made by anyone who may write there.
#[tokio::test(flavor = "multi_thread")]
async fn process_of_another_user_at_the_socket_is_asked_nothing() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    if std::fs::metadata(place.path()).expect("a folder").uid() != 0 {
        return skipped("only root can start a process of another user");
    }
    let _store = locked_store(&place);
    let path = place.path().join("stranger.sock");
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o777)).expect("a mode");
    let script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\n\
        s.listen()\nopen(sys.argv[1]+'.ready','w')\nc=s.accept()[0]\nsys.stdout.write(repr(c.recv(9999)))\n";
    let listens = Command::new("setpriv")
        .args(["--reuid=65534", "--clear-groups", "python3", "-c", script])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = listens else {
        return skipped("setpriv is not installed");
    };
    let ready = place.path().join("stranger.sock.ready");
    let has_ended = eventually("it listens or ends", async || {
        let has_ended = child.try_wait().expect("a status").is_some();
        (has_ended || ready.exists()).then_some(has_ended)
    })
    .await;
    if has_ended {
        return skipped("another user can run no python3");
    }
    let socket = format!("--ops-socket={}", path.display());
    let refused = place.run(&["status", &socket, "--ops-listen=127.0.0.1:1"]);
    assert_eq!(refused.status.code(), Some(3));
    let said = text(&refused.stderr);
    assert!(said.contains("belongs to user 65534"), "{said}");
    let heard = child.wait_with_output().expect("it ends");
    assert_eq!(text(&heard.stdout), "b''");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_use_the_private_socket_and_no_token() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    std::fs::create_dir(place.data()).expect("a folder");
    std::fs::set_permissions(place.data(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    // As a daemon that was killed leaves it.
    drop(UnixListener::bind(place.data().join("ops.sock")).expect("bound"));
    let daemon = place.start().await;
    daemon.synced().await;
    let mode = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).expect("it exists");
        (metadata.permissions().mode() & 0o777, metadata.file_type().is_socket())
    };
    assert_eq!(mode(&place.data()), (0o700, false));
    assert_eq!(mode(&place.data().join("ops.sock")), (0o600, true));
    place.remove("data/daemon.json");
    place.write("data/ops.token", "not a token");
    assert_eq!(place.json(&["status", "--json"])["running"], true);
    // The token of a file that is missing is made again.
    place.remove("data/ops.token");
    let path = place.data().join("ops.token");
    let token = eventually("a token is made", async || std::fs::read_to_string(&path).ok()).await;
    let url = format!("{}/status", daemon.operations);
    eventually("it is accepted", async || {
        let request = daemon.request(reqwest::Method::GET, &url).bearer_auth(&token);
        (crate::support::daemon::answer(request).await.status == 200).then_some(())
    })
    .await;
    let with_the_earlier_one = daemon.operate("/status").await;
    assert_eq!(with_the_earlier_one.status, 401);
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert!(!place.data().join("ops.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn daemon_without_a_socket_warns_and_serves_a_named_address() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", &format!("ops_socket = \"{}\"\n", "x".repeat(200)));
    let daemon = place.start().await;
    daemon.synced().await;
    eventually("it warns", async || {
        place.log().contains("operations have no socket").then_some(())
    })
    .await;
    let address = daemon.operations.replace("http://", "--ops-listen=");
    assert_eq!(place.json(&["status", "--json", &address])["running"], true);
    assert_eq!(place.run(&["status"]).status.code(), Some(3));
}
