use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::Catalogue;
use crate::history::EntryKey;
use crate::model::{Name, Version};

/// One generation of every view, swapped as one.
#[derive(Debug)]
pub struct Published {
    /// Counts from 1 since the process started.
    pub generation: u64,
    /// Entries that any view shows.
    pub visible: usize,
    /// Entries that changed with it, counted in each view.
    pub changed: usize,
    /// The time that evaluating, rendering and committing took.
    pub took: Duration,
    pub(super) views: Views,
}

/// The catalogue of each view, by its name.
pub(super) type Views = BTreeMap<String, Arc<Catalogue>>;

impl Published {
    pub(super) fn new(generation: u64, views: Views, changed: usize, took: Duration) -> Self {
        let visible = if views.len() <= 1 {
            views.values().map(|catalogue| catalogue.len()).sum()
        } else {
            let shown = views.values().flat_map(|catalogue| catalogue.items());
            shown.map(|item| (&item.name, &item.version)).collect::<BTreeSet<_>>().len()
        };
        Self { generation, visible, changed, took, views }
    }

    /// Returns true if any view shows any version of a name.
    #[must_use]
    pub(in crate::daemon) fn has(&self, name: &Name) -> bool {
        self.views.values().any(|catalogue| catalogue.has(name))
    }

    /// Returns the catalogue of a view; `None` for an unknown view.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&Arc<Catalogue>> {
        self.views.get(name)
    }
}

/// Returns views without the visible entries that `hidden` selects, and those entries; `None` if there are none.
pub(super) fn without(
    views: &Views,
    hidden: impl Fn(&str, &Catalogue) -> BTreeSet<(Name, Version)>,
) -> Option<(Views, BTreeSet<EntryKey>)> {
    let mut entries = BTreeSet::new();
    let views = views.iter().map(|(view, catalogue)| {
        let hidden = hidden(view.as_str(), catalogue);
        let key = |(name, version): &(Name, Version)| {
            (view.as_str().into(), name.clone(), version.clone())
        };
        entries.extend(hidden.iter().map(key));
        let next = if hidden.is_empty() {
            Arc::clone(catalogue)
        } else {
            Arc::new(catalogue.without(&hidden))
        };
        (view.clone(), next)
    });
    let views: Views = views.collect();
    (!entries.is_empty()).then_some((views, entries))
}
