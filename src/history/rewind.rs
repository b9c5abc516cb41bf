use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::event::{Change, EntryChange, Event};
use crate::model::{Approved, Name, Timestamp, Version};

/// View, name and version.
pub type EntryKey = (SmolStr, Name, Version);

/// The visible entries of all views, with the rules that approve them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Served(pub BTreeMap<EntryKey, Approved>);

impl Served {
    /// Undoes an event if it took effect after a time. Events come in the reverse of their order.
    pub fn undo(&mut self, event: &Event, after: Timestamp) {
        let Change::Entry(EntryChange { view, name, version, before, .. }) = &event.change else {
            return;
        };
        if event.at <= after {
            return;
        }
        let key = (view.clone(), name.clone(), version.clone());
        match before {
            Some(before) => self.0.insert(key, *before),
            None => self.0.remove(&key),
        };
    }
}
