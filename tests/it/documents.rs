//! The documents cannot rot: their files are linted, their commands run, and their links and citations resolve.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VIDIMUS: &str = env!("CARGO_BIN_EXE_vidimus");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every Markdown page that readers find, with its text.
fn pages() -> Vec<(PathBuf, String)> {
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

/// Returns the names of all functions in the tests and the sources.
fn functions() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root().join("src"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                found.extend(text.split("fn ").skip(1).map(|rest| {
                    let is_part = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
                    rest.chars().take_while(is_part).collect::<String>()
                }));
            }
        }
    }
    found
}

/// Returns the names in backquotes that follow `mark` in a line.
fn cited<'l>(line: &'l str, mark: &str) -> Option<Vec<&'l str>> {
    let (_, rest) = line.split_once(mark)?;
    Some(rest.split('`').skip(1).step_by(2).collect())
}

#[test]
fn every_promise_is_shown_by_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/promises.md")).expect("a page");
    let known = functions();
    let mut promises = 0;
    // A promise is one line: its number, what holds, and the tests that show it.
    for line in page.lines().filter(|line| is_promise(line)) {
        promises += 1;
        let tests = cited(line, "Shown by").unwrap_or_default();
        assert!(!tests.is_empty() || line.contains("(planned)"), "nothing shows: {line}");
        for test in tests {
            assert!(known.contains(test), "`{test}` does not exist: {line}");
        }
    }
    assert!(promises >= 40, "{promises} promises");
}

fn is_promise(line: &str) -> bool {
    let label = line.trim_start_matches(['-', '*', '|', ' ']);
    let number = label.strip_prefix(['P', 'C']).unwrap_or_default();
    number.starts_with(|first: char| first.is_ascii_digit())
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("a page");
    assert!(page.lines().count() < 200, "ARCHITECTURE.md has {} lines", page.lines().count());
    let known = functions();
    let joined = page.replace('\n', " ");
    let mut cited = 0;
    for rest in joined.split("(checked by ").skip(1) {
        for test in rest.split(')').next().unwrap_or_default().split('`').skip(1).step_by(2) {
            assert!(known.contains(test), "`{test}` does not exist");
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
