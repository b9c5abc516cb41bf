//! The examples of the README are read by the program itself, so that they stay correct.

use std::fs;
use std::path::Path;
use std::process::Command;

use vidimus::config::{Locations, Settings, read_upstreams};
use vidimus::lint::{Finding, Source};
use vidimus::model::Timestamp;
use vidimus::overlay::{Context, Terms, read};

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a file")
}

/// Returns the fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let behind = text.split(&fence).skip(1);
    behind.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

fn lint(name: &str, yaml: String) -> Vec<String> {
    let now = Timestamp::parse("2026-11-20T00:00:00Z").expect("a time");
    let upstreams = ["official".to_owned()];
    let context = Context { terms: Terms::default(), now, upstreams: Some(&upstreams) };
    let reading = read(&[Source::new(name, yaml)], &context);
    let (rules, internal) = (reading.rules.len(), reading.internal.len());
    let listed = reading.protection.listed.len();
    assert_ne!(rules + internal + reading.ownership.len() + listed, 0);
    reading.findings.iter().map(Finding::to_string).collect()
}

#[test]
fn overlays_of_the_readme_and_the_starter_have_no_findings() {
    for block in blocks(&file("README.md"), "yaml") {
        let context = block.clone();
        assert_eq!(lint("README.md", block), Vec::<String>::new(), "{context}");
    }
    let starter = lint("starter.yaml", file("overlays/starter.yaml"));
    assert_eq!(starter, Vec::<String>::new());
}

#[test]
fn settings_and_upstreams_of_the_readme_are_valid() {
    let folder = crate::support::folder::folder();
    let mut read_as = (0, 0);
    for block in blocks(&file("README.md"), "toml") {
        if block.contains("kind =") {
            let path = folder.path().join("upstreams");
            fs::create_dir_all(&path).expect("a folder");
            fs::write(path.join("example.toml"), block).expect("a file");
            read_as.0 += read_upstreams(&path).expect("a good upstream").len();
        } else {
            let path = folder.path().join("vidimus.toml");
            fs::write(&path, block).expect("a file");
            Settings::load(&path, true, Locations::default()).expect("good settings");
            read_as.1 += 1;
        }
    }
    assert_eq!(read_as, (2, 5));
}

#[test]
fn readme_shows_exactly_the_commands_of_the_program() {
    let help = Command::new(env!("CARGO_BIN_EXE_vidimus")).arg("--help").output().expect("it runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let commands = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next());
    let mut programs: Vec<&str> = commands
        .expect("a list of commands")
        .lines()
        // Further lines of a description are indented more.
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    let readme = file("README.md");
    let mut shown: Vec<&str> = readme
        .lines()
        .filter_map(|line| {
            line.strip_prefix("vidimus ").or(line.strip_prefix("cargo run --release -- "))
        })
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    programs.sort_unstable();
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(programs, shown);
}

#[test]
fn ci_runs_the_test_command_of_the_readme() {
    let readme = file("README.md");
    let shown = blocks(&readme, "sh").into_iter().find(|block| block.contains("cargo test"));
    let command = shown.expect("a test command");
    assert!(file(".ci/run").lines().any(|line| line.trim() == command.trim()), "{command}");
}
