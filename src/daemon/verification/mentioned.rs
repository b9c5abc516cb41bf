use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::curation::PolicySnapshot;
use crate::daemon::mirror::Settling;
use crate::daemon::screening::external_names;
use crate::lint::Finding;
use crate::overlay::OverlaySet;
use crate::store::{Snapshot, StoreError};

/// A namespace that overlays mention, with the owner that the last lookup with evidence saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MentionedNamespace {
    /// In lower case.
    pub namespace: String,
    pub account: Option<u64>,
    pub keys: Vec<String>,
}

/// Returns the namespaces that overlays mention and external upstreams list.
///
/// # Errors
/// When the store cannot be read.
pub fn mentioned_namespaces(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
) -> Result<Vec<MentionedNamespace>, StoreError> {
    let names = external_names(snapshot, policy, &Settling::NONE)?;
    let mentioned = names.keys().filter(|name| !policy.overlays.rules_for(name).is_silent());
    let namespaces: BTreeSet<String> =
        mentioned.map(|name| name.namespace().to_ascii_lowercase()).collect();
    let mut found = Vec::with_capacity(namespaces.len());
    for namespace in namespaces {
        let record = snapshot.record(&namespace)?.unwrap_or_default();
        let keys = record.keys().into_iter().flatten().map(ToString::to_string).collect();
        let account = record.account().map(|account| account.id);
        found.push(MentionedNamespace { namespace, account, keys });
    }
    Ok(found)
}

impl MentionedNamespace {
    /// Warns of a pin that the present owner does not have: it hides the entries of the namespace, and may be mistyped.
    #[must_use]
    pub fn wrong_pin(&self, overlays: &OverlaySet) -> Option<Finding> {
        let rule = overlays.ownership_rule(&self.namespace)?;
        let Self { namespace, account, keys } = self;
        let other_account =
            rule.pins.github.zip(*account).filter(|(pinned, found)| pinned != found);
        if let Some((pinned, found)) = other_account {
            let text = format!(
                "`{namespace}` is the account {found}, and not {pinned}: its entries are hidden"
            );
            let allowed = "pin the account that is expected there; `vidimus ownership NAMESPACE` shows the present one";
            return Some(Finding::warning(&rule.place, text, allowed));
        }
        let pinned: BTreeSet<String> = rule.pins.keys.iter().map(ToString::to_string).collect();
        let is_other =
            !pinned.is_empty() && !keys.is_empty() && !keys.iter().any(|key| pinned.contains(key));
        is_other.then(|| {
            let text = format!(
                "`{namespace}` shows none of these keys: wildcards do not admit its entries"
            );
            let allowed =
                "pin a key that it shows; `vidimus ownership NAMESPACE --pin` prints the item";
            Finding::warning(&rule.place, text, allowed)
        })
    }
}
