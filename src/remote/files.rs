use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Identity, Name, Version};
use crate::sync::{FetchFailure, FetchedPage, PageRequest, PageSource, RawPage};

/// The same limit as for a page of a registry.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
const MAX_DEPTH: usize = 16;

/// An organisation's own servers: a folder of `server.json` files, or one file with a list of them,
/// bare or in the shape of the API. All of it is one page.
#[derive(Debug)]
pub struct Files {
    path: PathBuf,
}

impl Files {
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
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
        let body =
            read.map_err(|error| failed(error.into()))?.map_err(|error| failed(error.into()))?;
        Ok(FetchedPage { body: body.into(), date: None, epoch: None, resync: false })
    }

    async fn versions(&self, _: &Name) -> Result<Option<FetchedPage>, FetchFailure> {
        // A full sync of the files is as cheap as asking for one name.
        Ok(None)
    }
}

fn page(path: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, 0, &mut files)?;
    } else {
        files.push(path.to_owned());
    }
    files.sort();
    let (mut items, mut size) = (Vec::new(), 0);
    let mut known: BTreeMap<(Name, Version), PathBuf> = BTreeMap::new();
    for file in files {
        size += file.metadata()?.len();
        if size > MAX_BYTES {
            return Err(io::Error::other(format!("the files have more than {MAX_BYTES} bytes")));
        }
        let text = std::fs::read(&file)?;
        items.extend(items_of(&file, &text).into_iter().map(|item| once(item, &file, &mut known)));
    }
    Ok(format!(r#"{{"servers":[{}],"metadata":{{"count":{}}}}}"#, items.join(","), items.len()))
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !path.is_symlink() && !hidden && depth < MAX_DEPTH {
            collect(&path, depth + 1, files)?;
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// Returns the items of a file. A file that cannot be read becomes an item with the reason, which goes to
/// quarantine: it does not block the others.
fn items_of(file: &Path, text: &[u8]) -> Vec<String> {
    let rows = match RawPage::read_versions(text) {
        Ok(page) => Some(page.rows),
        Err(_) => serde_json::from_slice::<Vec<&RawValue>>(text).ok(),
    };
    if let Some(rows) = rows {
        return rows.into_iter().map(item_of).collect();
    }
    let item = match serde_json::from_slice::<&RawValue>(text) {
        Ok(raw) => return vec![item_of(raw)],
        Err(error) => {
            serde_json::Value::from(format!("{} is not JSON: {error}", file.display())).to_string()
        }
    };
    vec![format!(r#"{{"server":{item}}}"#)]
}

/// Returns the item, or an unusable one if an earlier file has the same version of the same server: which of
/// the two is meant is unknown.
fn once(item: String, file: &Path, known: &mut BTreeMap<(Name, Version), PathBuf>) -> String {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        server: &'a RawValue,
    }
    let server = serde_json::from_str(&item).map(|Item { server }| Identity::of_server(server));
    let Ok(Some(identity)) = server else { return item };
    let again = format!("{} repeats {}@{}", file.display(), identity.0, identity.1);
    match known.insert(identity, file.to_owned()) {
        None => item,
        Some(first) => {
            let what = serde_json::Value::from(format!("{again} of {}", first.display()));
            format!(r#"{{"server":{what}}}"#)
        }
    }
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
        let page = page(folder.path()).expect("a page");
        assert!(page.contains("first") && page.contains("third"), "{page}");
        assert!(page.contains("b.json repeats a.b/c@1 of ") && !page.contains("second"), "{page}");
    }

    #[rstest::rstest]
    #[case(r#"{"name":"a.b/c"}"#, &[r#"{"server":{"name":"a.b/c"}}"#])]
    #[case(r#"{"server":{"name":"a.b/c"},"_meta":{}}"#, &[r#"{"server":{"name":"a.b/c"},"_meta":{}}"#])]
    #[case(r#"{"servers":[{"server":{}},{"server":[]}]}"#, &[r#"{"server":{}}"#, r#"{"server":[]}"#])]
    #[case(r#"[{"name":"a.b/c"},{"server":{}}]"#, &[r#"{"server":{"name":"a.b/c"}}"#, r#"{"server":{}}"#])]
    #[case(r#"{"servers":[{"name":"a.b/c"}]}"#, &[r#"{"server":{"name":"a.b/c"}}"#])]
    #[case("{", &[r#"{"server":"x.json is not JSON: EOF while parsing an object at line 1 column 1"}"#])]
    fn file_is_a_server_an_item_or_a_list(#[case] text: &str, #[case] wanted: &[&str]) {
        assert_eq!(items_of(Path::new("x.json"), text.as_bytes()), wanted);
    }
}
