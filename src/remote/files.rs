use std::collections::BTreeMap;
use std::fs::ReadDir;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::watched::{Seen, mark_of};
use crate::files::open_regular_file;
use crate::model::{Digest, Identity, Name, Version};
use crate::sync::{FetchFailure, FetchedPage, PageRequest, PageSource, PagingHeaders, RawPage};

/// The same limit as for a page of a registry.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
const MAX_DEPTH: usize = 16;
/// The reason why a saved page of an API is not read: what its list has beside it would count as missing.
const PART_OF_A_LIST: &str = "it is one page of a longer list, since it has a `nextCursor`; save the other pages too, \
                              and remove the member";

/// An organisation's own servers: a folder of `server.json` files, or one file with a list of them,
/// bare or in the shape of the API. All of it is one page. A file that cannot be read is an item with the reason, which
/// goes to quarantine: it does not block the others.
#[derive(Debug)]
pub struct Files {
    path: PathBuf,
    seen: Mutex<Seen>,
}

impl Files {
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: Mutex::new(Seen::new(stamp(path))) }
    }

    /// Looks if a file changed, and says so once. It blocks.
    #[must_use]
    pub fn have_changed(&self) -> bool {
        let found = stamp(&self.path);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_changed = seen.is_changed(found);
        if is_changed {
            seen.accept();
        }
        is_changed
    }
}

impl PageSource for Files {
    async fn page(&self, _: &PageRequest) -> Result<FetchedPage, FetchFailure> {
        let path = self.path.clone();
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| FetchFailure::File {
            path: self.path.clone(),
            source,
        };
        #[expect(clippy::disallowed_methods, reason = "the gateway is above this layer")]
        let read = tokio::task::spawn_blocking(move || page(&path)).await;
        let Page { body, is_partial } =
            read.map_err(|error| failed(error.into()))?.map_err(|error| failed(error.into()))?;
        let body = body.into();
        Ok(FetchedPage {
            body,
            date: None,
            age: Duration::ZERO,
            epoch: None,
            resync: false,
            paging: PagingHeaders::default(),
            is_partial,
        })
    }

    async fn versions(&self, _: &Name) -> Result<Option<FetchedPage>, FetchFailure> {
        // A full sync of the files is as cheap as asking for one name.
        Ok(None)
    }
}

/// All files as one page of the API.
struct Page {
    body: String,
    /// True if a file or folder could not be read.
    is_partial: bool,
}

/// The files that were found, and the reasons why others cannot be.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    unread: Vec<(PathBuf, String)>,
}

/// Reads all files.
///
/// # Errors
/// When the folder or file of the upstream itself cannot be read.
fn page(path: &Path) -> io::Result<Page> {
    let mut found = Found::default();
    if path.metadata()?.is_dir() {
        found.collect(std::fs::read_dir(path)?, path, 0);
    } else {
        open_regular_file(path)?;
        found.files.push(path.to_owned());
    }
    let Found { mut files, mut unread } = found;
    files.sort();
    let (mut items, mut left) = (Vec::new(), MAX_BYTES);
    let mut known: BTreeMap<(Name, Version), PathBuf> = BTreeMap::new();
    for file in files {
        match read_within(&file, left) {
            Ok(text) => {
                left -= text.len() as u64;
                match items_of(&file, &text) {
                    Ok(read) => items.extend(
                        read.into_iter().map(|item| named(once(item, &file, &mut known), &file)),
                    ),
                    Err(why) => unread.push((file, why)),
                }
            }
            // It was removed since the folder was listed.
            Err(error) if error.kind() == ErrorKind::NotFound && !file.is_symlink() => {}
            Err(error) => unread.push((file, error.to_string())),
        }
    }
    unread.sort();
    items.extend(unread.iter().map(|(file, why)| {
        named(problem(format!("{} cannot be read: {why}", file.display())), file)
    }));
    let (count, items) = (items.len(), items.join(","));
    let body = format!(r#"{{"servers":[{items}],"metadata":{{"count":{count}}}}}"#);
    Ok(Page { body, is_partial: !unread.is_empty() })
}

/// Returns the marks of all files: which they are, and when each was written; `None` if there is nothing at the path.
fn stamp(path: &Path) -> Option<Digest> {
    let mut found = Found::default();
    if path.metadata().ok()?.is_dir() {
        found.collect(std::fs::read_dir(path).ok()?, path, 0);
    } else {
        found.files.push(path.to_owned());
    }
    found.files.sort();
    found.unread.sort();
    let marks: Vec<_> = found.files.iter().map(|file| mark_of(file)).collect();
    Some(Digest::of_hash(&(found.files, marks, found.unread)))
}

/// Reads a file of at most so many bytes.
fn read_within(file: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open_regular_file(file)?.take(bytes + 1).read_to_end(&mut text)?;
    if text.len() as u64 > bytes {
        return Err(io::Error::other(format!("all files have more than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

impl Found {
    fn collect(&mut self, entries: ReadDir, folder: &Path, depth: usize) {
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => {
                    self.unread.push((folder.to_owned(), error.to_string()));
                    continue;
                }
            };
            let hidden =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            let is_json = path.extension().is_some_and(|extension| extension == "json");
            if path.is_dir() && !path.is_symlink() && !hidden && depth < MAX_DEPTH {
                match std::fs::read_dir(&path) {
                    Ok(entries) => self.collect(entries, &path, depth + 1),
                    Err(error) => self.unread.push((path, error.to_string())),
                }
            } else if is_json && !path.is_dir() {
                match path.metadata() {
                    Ok(metadata) if metadata.is_file() => self.files.push(path),
                    // A pipe could be waited for without an end.
                    Ok(_) => self.unread.push((path, "it is not a regular file".into())),
                    Err(error) => self.unread.push((path, error.to_string())),
                }
            }
        }
    }
}

/// Returns an item that says what is wrong, which no entry is.
fn problem(what: String) -> String {
    format!(r#"{{"server":{}}}"#, Value::from(what))
}

/// Returns an item without a readable name with the file that it is from: people look for it by that.
fn named(item: String, file: &Path) -> String {
    if identity(&item).is_some() {
        return item;
    }
    let file = Value::from(file.display().to_string());
    // Every item is an object with a member `server`.
    let members = item.trim_start().strip_prefix('{').unwrap_or(&item);
    format!(r#"{{"file":{file},{members}"#)
}

/// Returns the items of a file. One that is not JSON becomes an item with the reason.
///
/// # Errors
/// The reason, in words, why the file has a part of a list only.
fn items_of(file: &Path, text: &[u8]) -> Result<Vec<String>, String> {
    // An editor may begin a file with a byte order mark.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let rows = match RawPage::read_versions(text) {
        Ok(page) if page.is_continued() => return Err(PART_OF_A_LIST.into()),
        Ok(page) => Some(page.rows),
        Err(_) => serde_json::from_slice::<Vec<&RawValue>>(text).ok(),
    };
    if let Some(rows) = rows {
        return Ok(rows.into_iter().map(item_of).collect());
    }
    Ok(vec![match serde_json::from_slice::<&RawValue>(text) {
        Ok(raw) => item_of(raw),
        Err(error) => problem(format!("{} is not JSON: {error}", file.display())),
    }])
}

/// Returns the item, or an unusable one if an earlier file has the same version of the same server: which of
/// the two is meant is unknown.
fn once(item: String, file: &Path, known: &mut BTreeMap<(Name, Version), PathBuf>) -> String {
    let Some(identity) = identity(&item) else { return item };
    let again = format!("{} repeats {}@{}", file.display(), identity.0, identity.1);
    match known.insert(identity, file.to_owned()) {
        None => item,
        Some(first) => problem(format!("{again} of {}", first.display())),
    }
}

/// Returns the name and version of an item, if both are usable.
fn identity(item: &str) -> Option<(Name, Version)> {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        server: &'a RawValue,
    }
    let Item { server } = serde_json::from_str(item).ok()?;
    Identity::of_server(server)
}

/// Returns an item as the API would send it: wraps a bare `server.json`.
fn item_of(raw: &RawValue) -> String {
    let members = crate::model::members(raw);
    if members.is_ok_and(|members| members.iter().any(|(key, _)| key == "server")) {
        raw.get().to_owned()
    } else {
        format!(r#"{{"server":{}}}"#, raw.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_repeated_in_another_file_is_unusable() {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in [("a.json", "first"), ("b.json", "second"), ("c.json", "third")] {
            let version = if file == "c.json" { "2" } else { "1" };
            let server = format!(r#"{{"name":"a.b/c","version":"{version}","title":"{text}"}}"#);
            std::fs::write(folder.path().join(file), server).expect("a file");
        }
        let page = page(folder.path()).expect("a page").body;
        assert!(page.contains("first") && page.contains("third"), "{page}");
        assert!(page.contains("b.json repeats a.b/c@1 of ") && !page.contains("second"), "{page}");
    }

    /// P92: one file that could not be read failed the whole upstream.
    #[test]
    fn file_that_cannot_be_read_is_named_and_the_others_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| {
            std::fs::write(folder.path().join(file), text).expect("a file");
        };
        write("a.json", r#"{"name":"a.b/c","version":"1"}"#);
        std::os::unix::fs::symlink("nowhere", folder.path().join("b.json")).expect("a link");
        write("c.json", &"x".repeat(usize::try_from(MAX_BYTES).expect("a size")));
        write("d.json", r#"{"name":"a.b/d","version":"1"}"#);
        let page = page(folder.path()).expect("a page");
        assert!(page.is_partial);
        assert!(page.body.contains(r#""name":"a.b/c""#) && page.body.contains(r#""name":"a.b/d""#));
        for file in ["b.json", "c.json"] {
            let path = folder.path().join(file);
            let named = format!(r#"{{"file":"{}","server":"{0} cannot"#, path.display());
            assert!(page.body.contains(&named), "{named} in {}", page.body);
        }
        assert!(super::page(&folder.path().join("nowhere")).is_err(), "nothing is there");
    }

    #[test]
    fn change_of_any_file_is_seen_at_the_second_look_and_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("below/a.json");
        std::fs::create_dir(folder.path().join("below")).expect("a folder");
        std::fs::write(&file, "1").expect("a file");
        let files = Files::new(folder.path());
        let looks = || [files.have_changed(), files.have_changed(), files.have_changed()];
        assert_eq!(looks(), [false, false, false]);
        let other = folder.path().join("below/other");
        std::fs::write(&other, "2").expect("a file");
        assert_eq!(looks(), [false, false, false], "it is not read");
        std::fs::rename(&other, &file).expect("replaced");
        assert_eq!(looks(), [false, true, false]);
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(looks(), [false, true, false]);
    }

    #[test]
    fn item_without_a_name_is_found_by_its_file() {
        let file = Path::new("x.json");
        let whole = r#"{"server":{"name":"a.b/c","version":"1"}}"#;
        assert_eq!(named(whole.to_owned(), file), whole);
        let nameless = r#"{"server":{"version":"1"}}"#;
        assert_eq!(
            named(nameless.to_owned(), file),
            r#"{"file":"x.json","server":{"version":"1"}}"#
        );
    }

    #[rstest::rstest]
    #[case(r#"{"name":"a.b/c"}"#, &[r#"{"server":{"name":"a.b/c"}}"#])]
    #[case(r#"{"server":{"name":"a.b/c"},"_meta":{}}"#, &[r#"{"server":{"name":"a.b/c"},"_meta":{}}"#])]
    #[case(r#"{"servers":[{"server":{}},{"server":[]}]}"#, &[r#"{"server":{}}"#, r#"{"server":[]}"#])]
    #[case(r#"[{"name":"a.b/c"},{"server":{}}]"#, &[r#"{"server":{"name":"a.b/c"}}"#, r#"{"server":{}}"#])]
    #[case(r#"{"servers":[{"name":"a.b/c"}]}"#, &[r#"{"server":{"name":"a.b/c"}}"#])]
    #[case("\u{feff}{\"name\":\"a.b/c\"}", &[r#"{"server":{"name":"a.b/c"}}"#])]
    #[case("{", &[r#"{"server":"x.json is not JSON: EOF while parsing an object at line 1 column 1"}"#])]
    fn file_is_a_server_an_item_or_a_list(#[case] text: &str, #[case] wanted: &[&str]) {
        let items = items_of(Path::new("x.json"), text.as_bytes()).expect("a whole list");
        assert_eq!(items, wanted);
    }

    #[rstest::rstest]
    #[case(r#""metadata":{"count":1,"nextCursor":"a.b/c:1"}"#, true)]
    #[case(r#""metadata":{"count":1},"nextCursor":"a.b/c:1""#, true)]
    #[case(r#""metadata":{"count":1,"nextCursor":""},"nextCursor":null"#, false)]
    #[case(r#""comment":"the next cursor is none""#, false)]
    fn saved_page_of_a_longer_list_is_named_and_takes_nothing_away(
        #[case] members: &str,
        #[case] is_part: bool,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("page.json");
        let text = format!(r#"{{"servers":[{{"name":"a.b/c","version":"1"}}],{members}}}"#);
        std::fs::write(&file, text).expect("a file");
        let page = page(folder.path()).expect("a page");
        assert_eq!(page.is_partial, is_part);
        let why = format!("{} cannot be read: it is one page of a longer list", file.display());
        assert_eq!(page.body.contains(&why), is_part, "{}", page.body);
        assert_eq!(page.body.contains(r#""name":"a.b/c""#), !is_part, "{}", page.body);
    }
}
