use std::fmt;

use thiserror::Error;

use super::Name;

/// A namespace, `com.example`, or one with all below it, `com.example.*`.
///
/// It ignores case: `Com.Example` must not evade a denial of `com.example` or its marking as internal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacePattern {
    folded: String,
    below: bool,
}

/// A text that is not a namespace pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a namespace is `com.example`, or `com.example.*` with all below it, without other wildcards and empty labels"
)]
pub struct BadNamespace;

impl NamespacePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadNamespace`] for wildcards elsewhere and for a namespace that no name can have.
    pub fn parse(text: &str) -> Result<Self, BadNamespace> {
        let (namespace, below) = match text.strip_suffix(".*") {
            Some(namespace) => (namespace, true),
            None => (text, false),
        };
        Name::parse(&format!("{namespace}/leaf")).map_err(|_| BadNamespace)?;
        // With a dot too many it would cover nothing that its author meant.
        if namespace.split('.').any(str::is_empty) {
            return Err(BadNamespace);
        }
        Ok(Self { folded: namespace.to_ascii_lowercase(), below })
    }

    /// Returns true if it covers the namespace of a name.
    #[must_use]
    pub fn covers(&self, name: &Name) -> bool {
        self.covers_namespace(name.namespace())
    }

    /// Returns true if it names this namespace, or one above it with a wildcard.
    #[must_use]
    pub fn covers_namespace(&self, namespace: &str) -> bool {
        let namespace = namespace.to_ascii_lowercase();
        match namespace.strip_prefix(&self.folded) {
            Some("") => true,
            Some(rest) => self.below && rest.starts_with('.'),
            None => false,
        }
    }
}

impl NamespacePattern {
    /// Returns the namespace in lower case, without a wildcard.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.folded
    }
}

impl fmt::Display for NamespacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.folded, if self.below { ".*" } else { "" })
    }
}

/// The namespaces that an upstream is authoritative for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct NamespaceRules {
    /// All namespaces, when absent.
    pub allow: Option<Vec<NamespacePattern>>,
    pub deny: Vec<NamespacePattern>,
}

impl NamespaceRules {
    #[must_use]
    pub fn admit(&self, name: &Name) -> bool {
        let covers =
            |patterns: &[NamespacePattern]| patterns.iter().any(|pattern| pattern.covers(name));
        self.allow.as_deref().is_none_or(covers) && !covers(&self.deny)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("com.example", "com.example/x", true)]
    #[case("com.example", "Com.Example/x", true)]
    #[case("com.example", "com.example.sub/x", false)]
    #[case("com.example.*", "com.example/x", true)]
    #[case("com.example.*", "com.EXAMPLE.sub/x", true)]
    #[case("com.example.*", "com.examples/x", false)]
    fn namespace_covers_itself_and_with_wildcard_all_below(
        #[case] pattern: &str,
        #[case] name: &str,
        #[case] covers: bool,
    ) {
        let pattern = NamespacePattern::parse(pattern).expect("a pattern");
        assert_eq!(pattern.covers(&Name::parse(name).expect("a name")), covers);
    }

    #[rstest::rstest]
    #[case("com.exam*")]
    #[case("*.example")]
    #[case("*")]
    #[case("com.example/*")]
    #[case("")]
    #[case("com.example.")]
    #[case(".com.example.*")]
    #[case("com..example")]
    fn other_wildcards_and_empty_labels_are_rejected(#[case] text: &str) {
        assert_eq!(NamespacePattern::parse(text), Err(BadNamespace));
    }

    #[test]
    fn rules_admit_what_is_allowed_and_not_denied() {
        let patterns = |texts: &[&str]| -> Vec<NamespacePattern> {
            texts.iter().map(|text| NamespacePattern::parse(text).expect("a pattern")).collect()
        };
        let rules =
            NamespaceRules { allow: Some(patterns(&["com.*"])), deny: patterns(&["com.evil.*"]) };
        let admits = |name: &str| rules.admit(&Name::parse(name).expect("a name"));
        assert!(admits("com.example/x") && !admits("com.evil.sub/x") && !admits("org.example/x"));
        assert!(NamespaceRules::default().admit(&Name::parse("any.where/x").expect("a name")));
    }
}
