use std::collections::BTreeSet;

use tokio::sync::watch;

use crate::model::Name;
use crate::store::{Snapshot, Store, StoreError};

/// Names to process, coalesced: touching one twice costs nothing, and the sender never waits.
/// Clones share the names; one reader takes each name.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Feed(watch::Sender<BTreeSet<Name>>);

impl Feed {
    pub(in crate::daemon) fn touch(&self, names: impl IntoIterator<Item = Name>) {
        let mut names = names.into_iter().peekable();
        if names.peek().is_some() {
            self.0.send_modify(|touched| touched.extend(names));
        }
    }

    /// Returns the names touched so far, perhaps none.
    pub(in crate::daemon) fn take_now(&self) -> BTreeSet<Name> {
        let mut taken = BTreeSet::new();
        self.0.send_if_modified(|touched| {
            taken = std::mem::take(touched);
            false
        });
        taken
    }

    /// Waits until there are names, and returns them. Dropping the future loses no name.
    pub(in crate::daemon) async fn take(&self) -> BTreeSet<Name> {
        let mut recipient = self.0.subscribe();
        loop {
            // The sender is borrowed here, so the channel stays open.
            let _ = recipient.wait_for(|touched| !touched.is_empty()).await;
            let taken = self.take_now();
            if !taken.is_empty() {
                return taken;
            }
        }
    }

    /// Returns the names, if any, with a snapshot that shows what changed: names are touched after
    /// their rows were committed, so they are taken first. The names stay in the feed when the store
    /// cannot be read.
    pub(in crate::daemon) fn take_with(
        &self,
        store: &Store,
    ) -> Result<Option<(BTreeSet<Name>, Snapshot)>, StoreError> {
        let names = self.take_now();
        if names.is_empty() {
            return Ok(None);
        }
        match store.snapshot() {
            Ok(snapshot) => Ok(Some((names, snapshot))),
            Err(error) => {
                self.touch(names);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    #[test]
    fn name_touched_twice_is_taken_once_by_one_reader() {
        let feed = Feed::default();
        let other = feed.clone();
        feed.touch([name("a.b/one"), name("a.b/two")]);
        other.touch([name("a.b/one")]);
        assert_eq!(feed.take_now(), BTreeSet::from([name("a.b/one"), name("a.b/two")]));
        assert!(other.take_now().is_empty());
    }
}
