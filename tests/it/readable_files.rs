//! What a person sees in a file or a search is what is read and found.

use crate::support::daemon::{Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const APPROVED: &str = "servers:\n- name: a.b/c\n  approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}\n";

/// P32: to an editor that begins a line there, the denial is a rule; to the parser it is a comment.
#[tokio::test(flavor = "multi_thread")]
async fn denial_behind_a_line_separator_is_refused_and_the_last_set_stays() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVED);
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let denial = "{name: a.b/c, reason: x, approval: {state: denied}}";
    place.overlay("deny.yaml", &format!("servers: # note\u{2028}- {denial}\n- name: x.y/z\n"));
    let checked = place.run(&["check"]);
    let found = "overlays/deny.yaml:1:16: the character U+2028";
    let printed = text(&checked.stdout) + &text(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1), "{printed}");
    assert!(printed.contains("the character U+2028, which ends a line"), "{printed}");
    let alert = async || {
        let alerts = daemon.operate("/alerts").await.text;
        (alerts.contains("overlays-refused") && alerts.contains(found)).then_some(())
    };
    eventually("the set is refused", alert).await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    // Without the character it is what the reviewer read.
    place.overlay("deny.yaml", &format!("servers: # note\n- {denial}\n"));
    daemon.lists(&[]).await;
}

/// P32.
#[tokio::test(flavor = "multi_thread")]
async fn denial_with_a_character_that_shows_nothing_denies_what_a_person_reads() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0"), Row::new("a.b/d", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("a.b/*");
    let daemon = place.start().await;
    daemon.serves(2).await;
    let denial = "\u{feff}ser\u{200b}vers: [{name: a.\u{2060}b/c, reason: x, approval: {state: denied\u{ad}}}]\n";
    place.overlay("deny.yaml", denial);
    daemon.lists(&["a.b/d@1.0.0"]).await;
    let found = daemon.get("/v0.1/servers?search=a.%E2%80%8Bb%C2%AD%2FD").await;
    assert_eq!(found.items(), ["a.b/d@1.0.0"]);
    let all = daemon.get("/v0.1/servers?search=%E2%80%8B").await;
    assert_eq!(all.items(), ["a.b/d@1.0.0"], "there is nothing to search for");
}

/// P32.
#[tokio::test(flavor = "multi_thread")]
async fn every_file_that_people_write_is_read_as_they_see_it() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    for (file, begins) in [
        ("vidimus.toml", "# a comment"),
        ("upstreams/other.toml", "# a comment"),
        ("overlays/other.yaml", "servers: [] # a comment"),
        ("advisories/own.yaml", "# a comment"),
    ] {
        for character in ['\u{2029}', '\u{85}', '\u{202e}', '\u{7}', '\r'] {
            let place = Workplace::new(&upstream.url);
            place.overlay("policy.yaml", APPROVED);
            place.write(file, &format!("{begins}{character}x: 1\n"));
            let checked = place.run(&["check"]);
            let printed = text(&checked.stdout) + &text(&checked.stderr);
            let wanted = format!("the character U+{:04X}", u32::from(character));
            assert!(printed.contains(&wanted), "{file} {wanted}: {printed}");
            assert_eq!(checked.status.code(), Some(1), "{file} {wanted}: {printed}");
        }
    }
}
