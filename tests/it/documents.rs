//! The documents cannot rot: their files are linted, their commands run, and their links and citations resolve.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::sources::sources;

const VIDIMUS: &str = env!("CARGO_BIN_EXE_vidimus");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every Markdown page that readers find, with its text.
pub(crate) fn pages() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = markdown_below(&root().join("docs"));
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    paths.extend(top.map(|name| root().join(name)));
    paths.push(root().join("benches/README.md"));
    paths
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).expect("a page")))
        .collect()
}

fn markdown_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(markdown_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A fenced block, with the directive in the comment above it.
struct Block<'p> {
    directive: Option<&'p str>,
    language: &'p str,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut directive, mut open) = (Vec::new(), None, None::<Block<'_>>);
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some(language)) => {
                open = Some(Block { directive: directive.take(), language, text: String::new() });
            }
            (None, None) if !line.is_empty() => {
                let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
                directive = comment;
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Returns the files that the pages show, by their names.
pub(crate) fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (_, page) in pages() {
        for block in blocks(&page) {
            let name = block.directive.and_then(|text| text.strip_prefix("file: "));
            files.extend(name.map(|name| (name.to_owned(), block.text)));
        }
    }
    files
}

/// Returns the arguments of each `vidimus` command in the shell blocks of a page.
pub(crate) fn commands(page: &str) -> Vec<String> {
    let shell = blocks(page).into_iter().filter(|block| block.language == "sh");
    let lines: Vec<String> =
        shell.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let commands = lines.iter().filter_map(|line| line.strip_prefix("vidimus "));
    let without_comment = |line: &str| line.split(" #").next().unwrap_or(line).trim().to_owned();
    commands
        .map(without_comment)
        .filter(|line| !line.contains("&&") && !line.contains('['))
        .collect()
}

/// Returns the text outside fenced blocks.
fn prose(page: &str) -> String {
    let mut is_prose = true;
    let mut kept = String::new();
    for line in page.lines() {
        if line.starts_with("```") {
            is_prose = !is_prose;
        } else if is_prose {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[test]
fn files_and_commands_of_the_documents_work() {
    let (mut files, mut commands) = (0, 0);
    for (path, page) in pages() {
        let place = tempfile::tempdir().expect("a folder");
        let blocks = blocks(&page);
        for block in &blocks {
            let Some(name) = block.directive.and_then(|text| text.strip_prefix("file: ")) else {
                continue;
            };
            let file = place.path().join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(&file, &block.text).expect("a file");
            files += 1;
        }
        if fs::read_dir(place.path()).expect("a folder").next().is_some() {
            complete(place.path());
            let (code, out) = run(place.path(), &format!("{VIDIMUS} check"));
            assert_eq!(code, Some(0), "{}: {out}", path.display());
        }
        for block in blocks.iter().filter(|block| block.directive == Some("runs")) {
            assert_eq!(block.language, "sh", "{}", path.display());
            complete(place.path());
            let (code, out) = run(place.path(), &block.text);
            assert_eq!(code, Some(0), "{}: {}: {out}", path.display(), block.text);
            commands += 1;
        }
    }
    assert!(files >= 5 && commands >= 2, "{files} files, {commands} blocks of commands");
}

/// Adds the folders that a page leaves out because every installation has them.
fn complete(place: &Path) {
    let upstreams = place.join("upstreams");
    if !upstreams.exists() {
        fs::create_dir_all(&upstreams).expect("a folder");
        let official = root().join("upstreams/official.toml");
        fs::copy(official, upstreams.join("official.toml")).expect("a file");
    }
    let overlays = place.join("overlays");
    if !overlays.exists() {
        fs::create_dir_all(&overlays).expect("a folder");
        fs::write(overlays.join("none.yaml"), "servers: []\n").expect("a file");
    }
}

fn run(place: &Path, script: &str) -> (Option<i32>, String) {
    let folder = Path::new(VIDIMUS).parent().expect("a folder").display();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(place)
        .env("PATH", path)
        .output()
        .expect("a shell");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for (path, page) in pages() {
        for target in links(&prose(&page)) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() {
                path.clone()
            } else {
                path.parent().expect("a folder").join(file)
            };
            let is_there = file.exists();
            let has_anchor = anchor.is_empty()
                || fs::read_to_string(&file).is_ok_and(|text| anchors(&text).contains(anchor));
            if !is_there || !has_anchor {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

fn links(prose: &str) -> Vec<String> {
    let behind = prose.split("](").skip(1);
    behind.filter_map(|rest| rest.split(')').next().map(str::to_owned)).collect()
}

/// Returns the anchors that forges make of headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|character| {
                character.is_alphanumeric() || matches!(character, ' ' | '-' | '_')
            });
            kept.map(|character| if character == ' ' { '-' } else { character }).collect()
        })
        .collect()
}

#[test]
fn documents_name_only_commands_that_exist() {
    let help = Command::new(VIDIMUS).arg("--help").output().expect("it runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let commands = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next());
    let known: BTreeSet<&str> = commands
        .expect("a list of commands")
        .lines()
        // What a command does may take several lines, which are indented further.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let mut shown = BTreeSet::new();
    for (path, page) in pages() {
        for command in page.split("`vidimus ").skip(1).chain(page.split("\nvidimus ").skip(1)) {
            let word: String = command.chars().take_while(char::is_ascii_lowercase).collect();
            if word.is_empty() {
                continue;
            }
            assert!(known.contains(word.as_str()), "{}: `vidimus {word}`", path.display());
            shown.insert(word);
        }
    }
    let hidden: Vec<&&str> =
        known.iter().filter(|word| **word != "help" && !shown.contains(**word)).collect();
    assert!(hidden.is_empty(), "no document shows {hidden:?}");
}

const TEST_ATTRIBUTES: [&str; 3] = ["#[test]", "#[tokio::test", "#[rstest"];

/// Returns the test functions of the sources and of the tests, each with the promises that its doc comment cites.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in ["src", "tests"].into_iter().flat_map(sources) {
        let text = fs::read_to_string(&path).expect("a source file");
        let mut is_test = false;
        let mut cites: BTreeSet<String> = BTreeSet::new();
        for line in text.lines().map(str::trim_start) {
            if let Some(comment) = line.strip_prefix("///") {
                cites.extend(promises_in(comment).map(str::to_owned));
                continue;
            }
            if TEST_ATTRIBUTES.iter().any(|attribute| line.starts_with(attribute)) {
                is_test = true;
                continue;
            }
            let function = line.trim_start_matches("async ").strip_prefix("fn ");
            if let Some(rest) = function.filter(|_| is_test) {
                let name = rest.split(['(', '<']).next().unwrap_or(rest);
                found.entry(name.to_owned()).or_default().append(&mut cites);
            }
            // Comments and attributes belong to the next function, and a blank line ends them.
            if function.is_some() || line.is_empty() {
                is_test = false;
                cites.clear();
            }
        }
    }
    found
}

/// Returns the numbers of promises in a text, such as `P12` or `C3`.
fn promises_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| {
        let number = word.strip_prefix(['P', 'C']).unwrap_or_default();
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// Returns the names in backquotes that follow `mark` in a line.
fn cited<'l>(line: &'l str, mark: &str) -> Option<Vec<&'l str>> {
    let (_, rest) = line.split_once(mark)?;
    Some(rest.split('`').skip(1).step_by(2).collect())
}

#[test]
fn every_promise_is_shown_by_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/promises.md")).expect("a page");
    let tests = tests();
    let mut promises: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in page.lines() {
        let Some(number) = promise(line) else { continue };
        let names: BTreeSet<&str> =
            cited(line, "Shown by").unwrap_or_default().into_iter().collect();
        if names.is_empty() != line.contains("(planned)") {
            wrong.push(format!("{number} is either planned or shown by tests"));
        }
        let unknown = names.iter().filter(|name| !tests.contains_key(**name));
        wrong.extend(unknown.map(|name| format!("{number}: `{name}` is not a test")));
        let cites = |name: &&str| tests.get(*name).is_some_and(|cites| cites.contains(number));
        if !names.is_empty() && !names.iter().any(cites) {
            wrong.push(format!("{number}: the doc comment of no test cites it"));
        }
        if promises.insert(number, names).is_some() {
            wrong.push(format!("{number} is given to two promises"));
        }
    }
    for (name, cites) in &tests {
        for number in cites {
            match promises.get(number.as_str()) {
                None => wrong.push(format!("`{name}` cites {number}, which does not exist")),
                Some(names) if !names.contains(name.as_str()) => {
                    wrong.push(format!("`{name}` cites {number}, which does not list it"));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(promises.len() >= 40, "{} promises", promises.len());
}

/// Returns the number of the promise that a line of the page states: its number, what holds, and the tests.
fn promise(line: &str) -> Option<&str> {
    let (label, _) = line.strip_prefix("- **")?.split_once("**")?;
    promises_in(label).next()
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("a page");
    assert!(page.lines().count() < 220, "ARCHITECTURE.md has {} lines", page.lines().count());
    let known = tests();
    let joined = page.replace('\n', " ");
    let mut cited = 0;
    for rest in joined.split("(checked by ").skip(1) {
        for test in rest.split(')').next().unwrap_or_default().split('`').skip(1).step_by(2) {
            assert!(known.contains_key(test), "`{test}` is not a test");
            cited += 1;
        }
    }
    assert!(cited >= 15, "{cited} invariants name a test");
    assert!(page.matches("*Invariant:*").count() >= 16);
}

#[test]
fn readme_is_short_and_names_the_test_command_of_ci() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a page");
    assert!(readme.lines().count() < 150, "README.md has {} lines", readme.lines().count());
    let shown = blocks(&readme).into_iter().find(|block| block.text.contains("cargo test"));
    let command = shown.expect("a test command").text;
    let ci = fs::read_to_string(root().join(".ci/run")).expect("a script");
    assert!(ci.lines().any(|line| line.contains(command.trim())), "{command}");
}

#[test]
fn sample_output_of_the_readme_is_that_of_the_snapshots() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a page");
    let samples = blocks(&readme).into_iter().find(|block| block.text.contains("$ vidimus"));
    let samples = samples.expect("sample output").text;
    for sample in samples.split("$ vidimus ").skip(1) {
        let (command, shown) = sample.split_once('\n').expect("a command with its output");
        let name = command.replace([' ', '/', '.'], "-");
        let path = root().join(format!("tests/it/snapshots/{name}.txt"));
        let snapshot = fs::read_to_string(&path).expect("a snapshot");
        let mut rest = snapshot.lines();
        for line in shown.lines().filter(|line| !line.is_empty() && line.trim() != "…") {
            assert!(rest.any(|printed| printed == line), "{}: {line}", path.display());
        }
    }
}

/// The workflow that people copy: its commands are ones that the program understands.
#[test]
fn commands_of_the_example_workflow_are_understood() {
    let text = fs::read_to_string(root().join("examples/github/overlays.yaml")).expect("a file");
    let workflow: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
    let steps = workflow["jobs"]["plan"]["steps"].as_array().expect("steps").iter();
    let scripts = steps.filter_map(|step| step["run"].as_str());
    let commands: Vec<&str> =
        scripts.flat_map(str::lines).filter_map(|line| line.strip_prefix("vidimus ")).collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    let guard = workflow["jobs"]["plan"]["steps"].as_array().expect("steps").iter();
    let guard = guard.filter_map(|step| step["run"].as_str()).find(|run| run.starts_with("test "));
    let guard = guard.expect("a step that refuses a link");
    let folder = tempfile::tempdir().expect("a folder");
    let is_taken = || {
        let shell = Command::new("sh").args(["-c", guard]).current_dir(folder.path()).status();
        shell.expect("it runs").success()
    };
    // The pull request and its base are beside each other, so that no file of one is in the other.
    fs::create_dir_all(folder.path().join("base/overlays")).expect("a folder");
    fs::create_dir_all(folder.path().join("pull/overlays")).expect("a folder");
    assert!(is_taken(), "a folder");
    fs::remove_dir(folder.path().join("pull/overlays")).expect("removed");
    assert!(!is_taken(), "nothing");
    std::os::unix::fs::symlink("../base/overlays", folder.path().join("pull/overlays"))
        .expect("a link");
    assert!(!is_taken(), "a link to the base");
    fs::remove_dir_all(folder.path().join("base")).expect("removed");
    for command in commands {
        let arguments = command.split(" > ").next().unwrap_or_default().split(' ');
        let output = Command::new(VIDIMUS).args(arguments).current_dir(folder.path()).output();
        let output = output.expect("it runs");
        // There are no settings here; a word that is not understood would end with 2.
        assert_eq!(output.status.code(), Some(1), "vidimus {command}: {output:?}");
    }
}
