//! Files with hostile names and contents: no message about them steers the terminal of the person who reads it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Output;

use crate::support::daemon::{Workplace, text};

/// Clears the screen, sets its title, ends in a C1 control sequence, and reverses text.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\u{2066}";

fn steering(output: &Output) -> Vec<char> {
    let steers = |character: &char| {
        (character.is_control() && !matches!(character, '\n' | '\t'))
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let printed = text(&output.stdout) + &text(&output.stderr);
    printed.chars().filter(steers).collect()
}

#[test]
fn hostile_files_steer_no_terminal_of_check_or_of_a_refused_serve() {
    let place = Workplace::new("https://registry.example");
    let overlay = format!("{HOSTILE}.yaml");
    place.overlay(&overlay, &format!("servers: [{{name: \"a.b/{HOSTILE}\", {HOSTILE}: 1}}]"));
    place.write(&format!("upstreams/{HOSTILE}.toml"), &format!("kind = \"{HOSTILE}\""));
    place.write("upstreams/other.toml", &format!("kind = \"registry\"\nurl = '{HOSTILE}'\n"));
    let other = place.path().join("overlays").join(OsStr::from_bytes(b"\x9b2J\x1b[2J.yaml"));
    std::fs::write(other, b"servers: \x9b2J\x1b[2J").expect("a file");
    let file = format!("overlays/{overlay}");
    let commands: [&[&str]; 6] = [
        &["check"],
        &["check", "--json"],
        &["check", &file],
        &["check", &format!("{HOSTILE}.txt")],
        &["serve", "--log=text", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"],
        &["serve", "--log=json", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"],
    ];
    for command in commands {
        let output = place.run(command);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {}", text(&output.stderr));
        let found = steering(&output);
        assert!(found.is_empty(), "{command:?}: {found:?}");
    }
    let settings = format!("[tls]\ncert_file = '{HOSTILE}'\nkey_file = \"k\"\n");
    // A literal of TOML takes no control characters.
    let settings =
        settings.replace('\'', "\"").replace('\u{1b}', "\\u001b").replace('\u{7}', "\\u0007");
    place.write("vidimus.toml", &settings);
    for command in ["check", "serve"] {
        let output = place.run(&[command, "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"]);
        assert_eq!((output.status.code(), steering(&output)), (Some(1), vec![]), "{command}");
    }
}

#[test]
fn hostile_arguments_steer_no_terminal() {
    let place = Workplace::new("https://registry.example");
    let commands: [&[&str]; 3] =
        [&[HOSTILE], &["token", "create", HOSTILE, HOSTILE], &["list", &format!("--{HOSTILE}")]];
    for command in commands {
        let output = place.run(command);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {}", text(&output.stderr));
        assert!(steering(&output).is_empty(), "{command:?}");
    }
}
