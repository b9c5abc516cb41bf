//! Namespaces as lookups find them.

use std::collections::{BTreeMap, BTreeSet};

use crate::ownership::{Account, ForgeAnswer, Key, KeyLookup, Lookup, ShownKeys};

const FIRST: &str = "ed25519:JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";
const OTHER: &str = "ed25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The answer that lookups of a namespace get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    First,
    Other,
    Gone,
    Unclear,
}

/// The owners of all namespaces, and the lookups made.
#[derive(Debug, Default)]
pub(super) struct Owners {
    pub(super) now: BTreeMap<String, Owner>,
    /// The namespaces that ever showed a key or an account.
    pub(super) shown: BTreeSet<String>,
}

impl Owners {
    /// Answers a lookup.
    pub(super) fn answer(&mut self, namespace: &str) -> Lookup {
        let owner = self.now.get(namespace).copied().unwrap_or(Owner::Gone);
        if matches!(owner, Owner::First | Owner::Other) {
            self.shown.insert(namespace.to_owned());
        }
        if let Some(login) = namespace.strip_prefix("io.github.") {
            return Lookup::Account(account(login, owner));
        }
        let domain: Vec<&str> = namespace.rsplit('.').collect();
        let keys = |key| {
            let key = Key::parse(key).expect("a key");
            KeyLookup::Shown(ShownKeys { keys: BTreeSet::from([key]), ..ShownKeys::default() })
        };
        let found = match owner {
            Owner::First => keys(FIRST),
            Owner::Other => keys(OTHER),
            Owner::Gone => KeyLookup::Absent("no TXT record".into()),
            Owner::Unclear => KeyLookup::Unclear("no answer".into()),
        };
        Lookup::Domain {
            dns: vec![(domain.join("."), found)],
            http: KeyLookup::Absent("nothing there".into()),
            is_partial: false,
            hints: Vec::new(),
        }
    }
}

fn account(login: &str, owner: Owner) -> ForgeAnswer<Account> {
    let found = |id| ForgeAnswer::Found(Account { login: login.into(), id, created_at: None });
    match owner {
        Owner::First => found(7),
        Owner::Other => found(8),
        Owner::Gone => ForgeAnswer::Absent,
        Owner::Unclear => ForgeAnswer::Unclear("no answer".into()),
    }
}
