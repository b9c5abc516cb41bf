use std::hash::{Hash, Hasher};

use super::document::Document;
use super::{NamePattern, OverlaySet, State};
use crate::lint::{Kind, Node};
use crate::lookalike::{Protected, Why};
use crate::model::{Name, NamespacePattern};

/// What overlays say of lookalikes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Protection {
    /// Brands and names that are listed, with the namespace they are listed under.
    pub listed: Vec<Protected>,
    pub quiet: Vec<NoLookalike>,
}

/// Somebody has looked: these names are no lookalikes of that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NoLookalike {
    pub who: Selected,
    pub target: String,
    pub reason: String,
    pub reviewer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selected {
    Names(NamePattern),
    Namespace(NamespacePattern),
}

impl OverlaySet {
    /// Feeds a hasher with everything that comparisons with what is protected depend on.
    pub fn hash_protection<H: Hasher>(&self, hasher: &mut H) {
        self.protected().hash(hasher);
        self.protection().quiet.hash(hasher);
        self.shared_host_names().for_each(|host| host.hash(hasher));
    }

    /// What must not be resembled by somebody else: what is listed, internal namespaces, and names
    /// that an approval spells out. What only a wildcard admits is not protected.
    #[must_use]
    pub fn protected(&self) -> Vec<Protected> {
        self.protecting().collect()
    }

    fn protecting(&self) -> impl Iterator<Item = Protected> {
        let internal = self.internal().iter();
        let internal =
            internal.map(|it| Protected::new(it.namespace(), Why::Internal).of(it.namespace()));
        let approved = self.statements().iter().filter_map(|statement| {
            let approval = statement.approval.as_ref()?;
            let NamePattern::Exact(name) = &statement.name else { return None };
            let is_approved = approval.state == State::Approved;
            is_approved.then(|| Protected::new(name.to_string(), Why::Approved))
        });
        let listed = self.protection().listed.iter().cloned();
        internal.chain(approved).chain(listed)
    }

    /// Whether there is anything at all that could be resembled; asked before each publication.
    #[must_use]
    pub fn protects_anything(&self) -> bool {
        self.protecting().next().is_some()
    }

    #[must_use]
    pub fn has_internal(&self) -> bool {
        !self.internal().is_empty()
    }

    /// What somebody has said to be no lookalike.
    #[must_use]
    pub fn no_lookalikes(&self) -> &[NoLookalike] {
        &self.protection().quiet
    }

    /// Who has said that this name is no lookalike of that, and why.
    #[must_use]
    pub fn no_lookalike(&self, name: &Name, target: &str) -> Option<&NoLookalike> {
        self.no_lookalikes().iter().find(|it| {
            let is_meant = match &it.who {
                Selected::Names(pattern) => pattern.covers(name),
                Selected::Namespace(pattern) => pattern.covers(name),
            };
            is_meant && it.target.eq_ignore_ascii_case(target)
        })
    }
}

impl Document<'_> {
    /// Reads the `protect` of a namespace: brands and names that belong to it.
    pub(super) fn protect(&mut self, node: &Node, namespace: &NamespacePattern) -> Vec<Protected> {
        let home = namespace.namespace().to_owned();
        let protected = |subject: String| Protected::new(subject, Why::Listed).of(&home);
        if matches!(&node.kind, Kind::Scalar { .. }) {
            // The namespace itself, by what it is called.
            const ALLOWED: &str =
                "a list of brands and names, as [stripe], or `true` for the namespace itself";
            let meant = self.reader.parsed(node, |text| text.parse::<bool>().map_err(|_| ALLOWED));
            return (meant == Some(true)).then(|| protected(home.clone())).into_iter().collect();
        }
        let items = self.reader.list(node).iter();
        items.filter_map(|item| self.reader.parsed(item, brand)).map(protected).collect()
    }

    /// Reads a `not_lookalike`.
    pub(super) fn not_lookalike(&mut self, node: &Node, who: Selected) -> Option<NoLookalike> {
        const KEYS: [&str; 3] = ["target", "reason", "reviewer"];
        let fields = self.reader.mapping(node, &KEYS, &[])?;
        let mut texts = KEYS.map(|key| {
            let Some(node) = fields.get(key) else {
                let found = format!("a `not_lookalike` without `{key}`");
                self.reader.error(node, found, "what it does not resemble, who says so, and why");
                return None;
            };
            self.reader.text(node).map(str::to_owned)
        });
        let [target, reason, reviewer] = texts.each_mut().map(Option::take);
        Some(NoLookalike { who, target: target?, reason: reason?, reviewer: reviewer? })
    }
}

/// A brand needs enough letters to be told from a word.
fn brand(text: &str) -> Result<String, &'static str> {
    let usable = text.chars().filter(|it| it.is_alphanumeric()).count() >= 3;
    let short = text.chars().count() <= 200;
    match usable && short {
        true => Ok(text.to_owned()),
        false => Err("a brand or a server's name, 3 to 200 characters"),
    }
}
