//! Stores what a refused folder, and a restart, fall back to. Files are named as below the overlay folder: a start may
//! spell the folder otherwise.

use std::path::Path;
use std::sync::Arc;

use crate::lint::Source;
use crate::model::Timestamp;
use crate::store::{LastGood, Store, StoreError};

pub(super) fn read(store: &Store, folder: &Path) -> Result<LastGood, StoreError> {
    let joined = |file: &str| folder.join(file).to_string_lossy().into_owned();
    Ok(named(store.snapshot()?.overlays()?, joined))
}

pub(super) fn keep(
    store: &Store,
    folder: &Path,
    last_good: &LastGood,
    now: Timestamp,
) -> Result<(), StoreError> {
    let relative = |file: &str| {
        let relative = Path::new(file).strip_prefix(folder).map(Path::to_string_lossy);
        relative.map_or_else(|_| file.to_owned(), std::borrow::Cow::into_owned)
    };
    store.keep_overlays(&named(last_good.clone(), relative), now)
}

fn named(last_good: LastGood, name: impl Fn(&str) -> String) -> LastGood {
    let renamed = |sources: Vec<Arc<Source>>| {
        let sources = sources.iter();
        sources.map(|source| Source::new(name(&source.file), source.text.as_str())).collect()
    };
    LastGood {
        sources: renamed(last_good.sources),
        ended: last_good.ended.iter().map(|(file, offset)| (name(file), *offset)).collect(),
        denying: renamed(last_good.denying),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_good_set_is_found_under_another_spelling_of_the_folder() {
        let store = Store::ephemeral(Timestamp::MIN).expect("a store");
        let of = |folder: &str| LastGood {
            sources: vec![Source::new(format!("{folder}/team/a.yaml"), "x: 1")],
            ended: [(format!("{folder}/team/a.yaml"), 7)].into(),
            denying: vec![Source::new(format!("{folder}/b.yaml"), "x: 2")],
        };
        keep(&store, Path::new("./overlays"), &of("./overlays"), Timestamp::MIN).expect("kept");
        let read = read(&store, Path::new("/etc/overlays")).expect("read");
        assert_eq!(read, of("/etc/overlays"));
    }
}
