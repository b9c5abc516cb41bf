//! The form in which a view lists its entries, and what says of upstream's latest version.

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::{OFFICIAL, Row, now};
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const OURS: &str = "local.vidimus/curation";
const SINCE: &str = "updated_since=1970-01-01T00:00:00Z";

/// Returns a row with an icon and a flag of upstream.
fn row(name: &str, version: &str, is_latest: bool) -> Row {
    let row = Row::new(name, version);
    let mut item: Value = serde_json::from_str(&row.item()).expect("JSON");
    item["server"]["icons"] = json!([{"src": "https://mcp.example/icon.png"}]);
    item["_meta"][OFFICIAL]["isLatest"] = is_latest.into();
    Row::raw(name, version, &item.to_string())
}

/// Returns the listed versions and the number of items with icons, page by page.
async fn listed(daemon: &Daemon, view: &str, query: &str) -> (Vec<String>, usize) {
    let (mut versions, mut icons, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = daemon.get(&format!("{view}/v0.1/servers?limit=1&{query}{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        versions.extend(page.items());
        icons += page.text.matches("icon.png").count();
        let Some(next) = page.json()["metadata"]["nextCursor"].as_str().map(str::to_owned) else {
            return (versions, icons);
        };
        cursor = format!("&cursor={next}");
    }
}

async fn brief() -> (Upstream, Workplace, Daemon) {
    let rows = [
        row("a.b/c", "1.0.0", false),
        row("a.b/c", "2.0.0", true),
        row("a.b/d", "1.0.0", true),
        row("a.b/d", "0.9.0", false),
    ];
    let upstream = Upstream::start(rows).await;
    let place = Workplace::new(&upstream.url);
    place.approve("a.b/*");
    place.write(
        "vidimus.toml",
        "[[views]]\nname = \"brief\"\nlatest_only = true\nicons = \"drop\"\n",
    );
    let daemon = place.start().await;
    daemon.serves(4).await;
    (upstream, place, daemon)
}

#[tokio::test(flavor = "multi_thread")]
async fn view_lists_the_latest_version_of_each_name_and_leaves_icons_out() {
    let (_upstream, _place, daemon) = brief().await;
    let latest = ["a.b/c@2.0.0", "a.b/d@1.0.0"];
    for query in ["", "version=latest", "search=a.b", "include_deleted=false"] {
        let (versions, icons) = listed(&daemon, "/views/brief", query).await;
        assert_eq!(
            (versions.as_slice(), icons),
            (latest.map(String::from).as_slice(), 0),
            "{query}"
        );
    }
    assert_eq!(listed(&daemon, "", "").await.0.len(), 4, "the view at the root lists all");
    assert_eq!(listed(&daemon, "", "").await.1, 4);
    // Another form of the same items has another tag.
    let [brief, whole] =
        ["/views/brief", "/views/default"].map(|view| format!("{view}/v0.1/servers"));
    let [brief, whole] = [daemon.get(&brief).await, daemon.get(&whole).await];
    assert_ne!(brief.header("etag"), whole.header("etag"));
}

/// P86: a mirror that got less in a full list than in changes would take the rest for removed or rewritten.
#[tokio::test(flavor = "multi_thread")]
async fn mirrors_and_exact_lookups_get_every_version_of_a_brief_view_whole() {
    let (_upstream, _place, daemon) = brief().await;
    for query in [SINCE, "include_deleted=true"] {
        let (versions, icons) = listed(&daemon, "/views/brief", query).await;
        assert_eq!((versions.len(), icons), (4, 4), "{query}");
    }
    let (versions, icons) = listed(&daemon, "/views/brief", "version=0.9.0").await;
    assert_eq!((versions, icons), (vec!["a.b/d@0.9.0".to_owned()], 1));
    let versions = daemon.get("/views/brief/v0.1/servers/a.b%2Fc/versions").await;
    assert_eq!((versions.items().len(), versions.text.matches("icon.png").count()), (2, 2));
    for version in ["1.0.0", "2.0.0", "latest"] {
        let path = format!("/views/brief/v0.1/servers/a.b%2Fc/versions/{version}");
        let item = daemon.get(&path).await;
        assert_eq!((item.status, item.text.matches("icon.png").count()), (200, 1), "{version}");
    }
}

/// Upstream takes the flag from an older row without another date, so that no incremental sync brings that row again.
#[tokio::test(flavor = "multi_thread")]
async fn flag_of_an_older_row_says_nothing_once_a_newer_version_is_stored() {
    let upstream = Upstream::start([row("a.b/c", "1.0.0", true)]).await;
    let place = Workplace::new(&upstream.url);
    place.overlay(
        "policy.yaml",
        "servers: [{name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]",
    );
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let flag = async || {
        let item = daemon.get("/v0.1/servers/a.b%2Fc/versions/1.0.0").await.json();
        assert_eq!(item["_meta"][OFFICIAL]["isLatest"], true, "of what is served");
        item["_meta"][OURS]["upstreamIsLatest"].clone()
    };
    assert_eq!(flag().await, Value::Null, "upstream says the same");
    upstream.put(Row { updated_at: now(), ..row("a.b/c", "2.0.0", true) });
    let other = async || (flag().await == json!(false)).then_some(());
    eventually("the greater version of upstream is known", other).await;
    let deleted = row("a.b/c", "2.0.0", true).item().replace("\"active\"", "\"deleted\"");
    upstream.put(Row { updated_at: now(), ..Row::raw("a.b/c", "2.0.0", &deleted) });
    let same = async || (flag().await == Value::Null).then_some(());
    eventually("a deleted version is not the latest", same).await;
}
