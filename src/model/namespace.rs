use std::fmt;

use thiserror::Error;

use super::Name;

/// A namespace, `com.example`, or one with all below it, `com.example.*`.
///
/// It compares without case: what is kept inside, or denied, must not be dodged by `Com.Example`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacePattern {
    folded: String,
    below: bool,
}

/// A text that is no namespace pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a namespace is `com.example`, or `com.example.*` with all below it, without other wildcards"
)]
pub struct BadNamespace;

impl NamespacePattern {
    /// # Errors
    /// [`BadNamespace`] for wildcards elsewhere and for what no name can have.
    pub fn parse(text: &str) -> Result<Self, BadNamespace> {
        let (namespace, below) = match text.strip_suffix(".*") {
            Some(namespace) => (namespace, true),
            None => (text, false),
        };
        Name::parse(&format!("{namespace}/leaf")).map_err(|_| BadNamespace)?;
        Ok(Self { folded: namespace.to_ascii_lowercase(), below })
    }

    /// Whether it covers the namespace of a name.
    #[must_use]
    pub fn covers(&self, name: &Name) -> bool {
        self.covers_namespace(name.namespace())
    }

    /// Whether it is this namespace, or one above it that means all below.
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
    /// The namespace that is named, in small letters.
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

/// For which namespaces an upstream may speak.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct NamespaceRules {
    /// All, when absent.
    pub allow: Option<Vec<NamespacePattern>>,
    pub deny: Vec<NamespacePattern>,
}

impl NamespaceRules {
    #[must_use]
    pub fn admit(&self, name: &Name) -> bool {
        let covers = |patterns: &[NamespacePattern]| patterns.iter().any(|it| it.covers(name));
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
    fn a_namespace_covers_itself_and_with_a_wildcard_all_below(
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
    fn other_wildcards_are_refused(#[case] text: &str) {
        assert_eq!(NamespacePattern::parse(text), Err(BadNamespace));
    }

    #[test]
    fn an_upstream_speaks_for_what_is_allowed_and_not_denied() {
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
