//! The operations address: authentication and refused requests.

use crate::support::daemon::{Daemon, Workplace, answer, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;
use reqwest::Method;
use serde_json::Value;

/// P13.
#[tokio::test(flavor = "multi_thread")]
async fn operations_need_the_token_and_refuse_browsers() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.ready().await;
    let root = daemon.operations.clone();
    let get = |path: &str| daemon.request(Method::GET, &format!("{root}{path}"));
    for path in ["/status", "/list", "/explain/a.b%2Fc", "/verify", "/quarantine", "/names"] {
        assert_eq!(answer(get(path)).await.status, 401, "{path} without a token");
        assert_eq!(answer(get(path).bearer_auth("x")).await.status, 401, "{path}, wrong token");
        let answered = answer(get(path).bearer_auth(daemon.token())).await;
        assert_eq!(answered.status, 200, "{path}: {}", answered.text);
        assert_eq!(answered.header("access-control-allow-origin"), "", "{path}");
    }
    assert_eq!(answer(get("/livez")).await.status, 200);
    assert_eq!(answer(get("/readyz")).await.status, 200);
    assert_eq!(answer(get("/v0.1/servers")).await.status, 404);
    let with_origin =
        get("/status").bearer_auth(daemon.token()).header("Origin", "https://x.example");
    assert_eq!(answer(with_origin).await.status, 403);
    let rebound = get("/status").bearer_auth(daemon.token()).header("Host", "rebind.example");
    assert_eq!(answer(rebound).await.status, 403);
    let sync = daemon.request(Method::POST, &format!("{root}/ops/sync"));
    assert_eq!(answer(sync).await.status, 401);
}

/// Breaks the overlays, and returns the alert about it.
async fn refused_overlays(place: &Workplace, daemon: &Daemon) -> Value {
    place.overlay("policy.yaml", "servers: [{nmae: a.b/c}]");
    eventually("an alert is raised", async || {
        daemon.operate("/alerts").await.json().get(0).cloned()
    })
    .await
}

/// P23.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledgement_needs_the_digest_of_the_shown_items() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.synced().await;
    let alert = refused_overlays(&place, &daemon).await;
    let ack = async |id: &str, query: &str| {
        let url = format!("{}/ops/alerts/{id}/ack?by=alice&reason=x{query}", daemon.operations);
        answer(daemon.request(Method::POST, &url).bearer_auth(daemon.token())).await
    };
    let (id, shown) = (alert["id"].as_str().expect("one"), alert["shown"].as_str().expect("one"));
    let none = "0".repeat(64);
    let refused = [
        (id, String::new(), 400),
        (id, "&seen=x".to_owned(), 400),
        ("0", format!("&seen={shown}"), 400),
        (&none, format!("&seen={shown}"), 404),
        (id, format!("&seen={none}"), 409),
    ];
    for (id, query, status) in refused {
        let answer = ack(id, &query).await;
        assert_eq!(answer.status, status, "{id}{query}: {}", answer.text);
    }
    let acknowledged = ack(id, &format!("&seen={shown}")).await;
    assert_eq!(acknowledged.status, 200, "{}", acknowledged.text);
    assert_eq!(acknowledged.json()["state"], "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn token_file_is_private_and_survives_a_restart() {
    use std::os::unix::fs::PermissionsExt;
    let upstream = Upstream::start([]).await;
    let place = Workplace::new(&upstream.url);
    let mut daemon = place.start().await;
    let token = daemon.token().to_owned();
    assert_eq!(token.len(), 64);
    let mode =
        std::fs::metadata(place.data().join("ops.token")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    daemon.kill();
    let daemon = place.start().await;
    assert_eq!(daemon.token(), token);
}

/// P91: files followed the umask: with 0 the store could be written by every user who could enter the folder.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_data_folder_are_private_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let upstream = Upstream::start([]).await;
    let place = Workplace::new(&upstream.url);
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).ok().map(|metadata| metadata.permissions().mode() & 0o777)
    };
    let given = place.command(&["serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(given.get_program());
    command.args(given.get_args()).current_dir(place.path());
    for (variable, value) in given.get_envs() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    let mut daemon = command.stderr(std::process::Stdio::null()).spawn().expect("a shell");
    let files = ["vidimus.redb", "reserve", "daemon.json", "ops.token", "ops.sock"];
    let files = files.map(|file| place.data().join(file));
    eventually("every file is there", async || {
        files.iter().all(|file| file.exists()).then_some(())
    })
    .await;
    let modes = files.iter().map(|file| mode(file)).collect::<Vec<_>>();
    daemon.kill().and_then(|()| daemon.wait()).expect("ended");
    assert_eq!(modes, [Some(0o600); 5], "{files:?}");
    assert_eq!(mode(&place.data()), Some(0o700));
    let others = std::fs::read_dir(place.data()).expect("a folder").flatten();
    let others: Vec<_> = others.filter(|file| mode(&file.path()) != Some(0o600)).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// C9.
#[tokio::test(flavor = "multi_thread")]
async fn registry_answers_every_method_and_path_without_a_redirect_or_a_5xx() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("a.b/c");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let found = [
        "/v0/servers",
        "/v0.1/servers",
        "/servers",
        "/v0.1/servers/",
        "//v0.1//servers",
        "/v0.1/servers?limit=1",
        "/v0.1/servers?limit=50&version=latest",
        "/v0.1/servers?foo=bar",
        "/v0.1/servers/a.b%2Fc/versions",
        "/v0/servers/a.b/c/versions/",
        "/servers/a.b%2Fc/versions/latest",
        "/v0.1/servers/a.b/c/versions/1.0.0",
        "/v0.1/servers?updated_since=2026-01-01T00:00:00Z",
        "/v0.1/servers?cursor=a.a/a:1",
    ];
    for path in found {
        let answer = daemon.get(path).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/json"),
            "{path}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.header("vidimus-epoch").len(), 32, "{path}");
    }
    let refused = [
        ("/", 404),
        ("/v0.1/servers/a.b%2Fc", 404),
        ("/v0.1/servers/a.b%2Fx/versions", 404),
        ("/v0.1/servers/a.b%252Fc/versions", 400),
        ("/v0.1/servers?limit=0", 422),
        ("/v0.1/servers?updated_since=x", 400),
        ("/v0.1/servers?cursor=x", 400),
        ("/v0.1/servers/a.b%00c/versions", 400),
    ];
    for (path, status) in refused {
        let answer = daemon.get(path).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "application/problem+json"),
            "{path}"
        );
        let body = answer.json();
        assert_eq!((&body["status"], &body["detail"]), (&status.into(), &body["error"]), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
    let url = format!("{}/v0.1/servers", daemon.registry);
    let options = answer(daemon.request(Method::OPTIONS, &url)).await;
    assert_eq!(
        (options.status, options.header("access-control-allow-methods")),
        (204, "GET, OPTIONS")
    );
    let head = answer(daemon.request(Method::HEAD, &url)).await;
    assert_eq!((head.status, head.text.len()), (200, 0));
    let post = answer(daemon.request(Method::POST, &url)).await;
    assert_eq!((post.status, post.header("allow")), (405, "GET, HEAD, OPTIONS"));
}

/// Returns the secret of a new token.
fn token(place: &Workplace, name: &str, role: &str, expires: &str) -> String {
    let new =
        place.json(&["token", "create", name, "--role", role, "--expires", expires, "--json"]);
    new["secret"].as_str().expect("a secret").to_owned()
}

/// P71.
#[tokio::test(flavor = "multi_thread")]
async fn token_permits_only_its_role_until_it_is_revoked() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.synced().await;
    let alert = refused_overlays(&place, &daemon).await;
    let (id, shown) = (alert["id"].as_str().expect("one"), alert["shown"].as_str().expect("one"));
    let roles = ["viewer", "reviewer", "operator"];
    let secrets = roles.map(|role| token(&place, &format!("a-{role}"), role, "30d"));
    let asked = async |method: Method, path: &str, secret: &str| {
        let url = format!("{}{path}", daemon.operations);
        answer(daemon.request(method, &url).bearer_auth(secret)).await
    };
    let ack = format!("/ops/alerts/{id}/ack?by=alice&reason=x&seen={shown}");
    let unack = format!("/ops/alerts/{id}/unack");
    let needs = [
        (Method::GET, "/status", 0),
        (Method::GET, "/list", 0),
        (Method::GET, "/alerts", 0),
        (Method::GET, "/verify", 0),
        (Method::POST, &ack, 1),
        (Method::POST, &unack, 1),
        (Method::GET, "/tokens", 2),
        (Method::POST, "/ops/sync?dry_run=true", 2),
        (Method::POST, "/ops/redeliver", 2),
        (Method::POST, "/ops/tokens/a-viewer/revoke", 2),
    ];
    for (method, path, least) in needs {
        for (number, secret) in secrets.iter().enumerate() {
            let answered = asked(method.clone(), path, secret).await;
            let wanted = if number >= least { 200 } else { 403 };
            assert_eq!(answered.status, wanted, "{path} {}: {}", roles[number], answered.text);
            if wanted == 403 {
                let wanted = format!("needs the role `{}`", roles[least]);
                assert!(answered.text.contains(&wanted), "{}", answered.text);
            }
            if path == ack.as_str() && wanted == 200 {
                let actor = format!("token:a-{}", roles[number]);
                assert_eq!(answered.json()["actor"], actor, "{}", answered.text);
            }
        }
    }
    // Commands with the token of a person have that person's role, also where the socket would give another.
    let address = daemon.operations.trim_start_matches("http://").to_owned();
    place.write("token", &secrets[1]);
    let by_command = |command: &[&str]| {
        let with_token = ["--token-file=token", &format!("--ops-listen={address}")];
        place.run(&[command, &with_token].concat())
    };
    let declined = by_command(&["sync", "--dry-run"]);
    assert_eq!(declined.status.code(), Some(1));
    assert!(text(&declined.stderr).contains("needs the role `operator`"), "{declined:?}");
    let accepted = by_command(&["alerts", "ack", id, "--seen", shown, "--by=alice", "--reason=x"]);
    assert!(text(&accepted.stdout).contains("token:a-reviewer"), "{accepted:?}");
    assert!(place.run(&["alerts", "unack", id]).status.success());
    let nowhere = place.run(&["alerts", "--token-file=token"]);
    assert!(text(&nowhere.stderr).contains("give --ops-listen"), "{nowhere:?}");
    let reopened = &daemon.operate("/alerts").await.json()[0]["reopened"];
    assert_eq!(reopened["actor"].as_str().map(|actor| &actor[..4]), Some("uid:"), "{reopened}");
    assert_eq!(asked(Method::GET, "/status", &secrets[0]).await.status, 401, "it was revoked");
    assert_eq!(asked(Method::GET, "/status", &secrets[1]).await.status, 200);
    assert_eq!(place.run(&["token", "revoke", "a-reviewer"]).status.code(), Some(0));
    assert_eq!(asked(Method::GET, "/status", &secrets[1]).await.status, 401);
    assert_eq!(place.run(&["token", "revoke", "a-reviewer"]).status.code(), Some(1));
    let taken = place.run(&["token", "create", "a-operator", "--role=viewer"]);
    assert_eq!(taken.status.code(), Some(1));
    let said = crate::support::daemon::text(&taken.stderr);
    assert!(said.contains("there is a token `a-operator`"), "{said}");
    // A person on this machine is named by the system.
    let by = ["--seen", shown, "--by=bob", "--reason=x", "--json"];
    let acknowledged = place.json(&[&["alerts", "ack", id], by.as_slice()].concat());
    let actor = acknowledged[0]["actor"].as_str().expect("an actor");
    assert!(actor.starts_with("uid:"), "{actor}");
    // Without the daemon the same person is recorded alike.
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_eq!(place.json(&["alerts", "unack", id, "--json"])[0]["reopened"]["actor"], actor);
    let listed = place.json(&["token", "list", "--json"]);
    assert_eq!(
        (listed.as_array().map(Vec::len), &listed[0]["name"]),
        (Some(1), &"a-operator".into())
    );
    let stored = std::fs::read(place.data().join("vidimus.redb")).expect("the store");
    let secret = secrets[2].as_bytes();
    assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret), "only digests are stored");
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn token_permits_nothing_after_its_expiry() {
    let upstream = Upstream::start([]).await;
    let place = Workplace::new(&upstream.url);
    place.set_clock("2031-05-01T00:00:00Z");
    let mut daemon = place.start().await;
    let secret = token(&place, "ci", "viewer", "2031-05-02");
    let asked = async |daemon: &crate::support::daemon::Daemon| {
        let url = format!("{}/status", daemon.operations);
        answer(daemon.request(Method::GET, &url).bearer_auth(&secret)).await
    };
    assert_eq!(asked(&daemon).await.status, 200);
    daemon.kill();
    place.set_clock("2031-05-02T00:00:00Z");
    let daemon = place.start().await;
    let expired = asked(&daemon).await;
    assert_eq!(expired.status, 401);
    assert!(expired.text.contains("The token `ci` expired at 2031-05-02"), "{}", expired.text);
    let past = place.run(&["token", "create", "x", "--role=viewer", "--expires=2031-05-01"]);
    assert_eq!(past.status.code(), Some(1));
}
