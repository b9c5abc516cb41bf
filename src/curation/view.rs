use crate::model::Name;
use crate::overlay::{Classification, EffectivePolicy, NamePattern};

/// The name of the view that is served at the root.
pub const DEFAULT_VIEW: &str = "default";

/// A named registry: the entries that pass all gates, within limits of its own. An absent limit
/// limits nothing; an entry without the fact that a limit asks for is outside of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct View {
    pub name: String,
    pub tiers: Option<Vec<u8>>,
    pub classifications: Option<Vec<Classification>>,
    /// One of these labels is enough.
    pub labels: Option<Vec<String>>,
    pub upstreams: Option<Vec<String>>,
    pub names: Option<Vec<NamePattern>>,
    pub lists: ListForm,
}

/// The form in which a view lists what it shows, for clients that browse. It limits nothing: a client that asks for the
/// versions of a name, for one version, or for changes and deletions as mirrors do, gets everything whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ListForm {
    /// True if a list has the latest version of each name only.
    pub latest_only: bool,
    /// True if the items of a list have no `icons`.
    pub without_icons: bool,
}

impl View {
    /// Returns a view without limits.
    #[must_use]
    pub fn unlimited(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Returns true if an entry that passed all gates belongs to this view.
    #[must_use]
    pub fn admits(&self, name: &Name, upstream: &str, effective: &EffectivePolicy<'_>) -> bool {
        within(self.tiers.as_ref(), |tiers| {
            effective.tier.is_some_and(|tier| tiers.contains(&tier))
        }) && within(self.classifications.as_ref(), |classes| {
            effective.classification.is_some_and(|class| classes.contains(&class))
        }) && within(self.labels.as_ref(), |labels| {
            effective.labels.iter().any(|label| labels.contains(label))
        }) && within(self.upstreams.as_ref(), |ids| ids.iter().any(|id| id == upstream))
            && within(self.names.as_ref(), |names| names.iter().any(|pattern| pattern.covers(name)))
    }
}

fn within<T>(limit: Option<&T>, holds: impl FnOnce(&T) -> bool) -> bool {
    limit.is_none_or(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<NamePattern> {
        texts.iter().map(|text| NamePattern::parse(text).expect("a pattern")).collect()
    }

    #[rstest::rstest]
    #[case(View::default(), true)]
    #[case(View { tiers: Some(vec![1, 2]), ..View::default() }, true)]
    #[case(View { tiers: Some(vec![3]), ..View::default() }, false)]
    #[case(View { classifications: Some(vec![Classification::Public]), ..View::default() }, false)]
    #[case(View { labels: Some(vec!["x".into(), "dev".into()]), ..View::default() }, true)]
    #[case(View { labels: Some(vec!["x".into()]), ..View::default() }, false)]
    #[case(View { upstreams: Some(vec!["official".into()]), ..View::default() }, true)]
    #[case(View { upstreams: Some(vec![]), ..View::default() }, false)]
    #[case(View { names: Some(patterns(&["com.example/*"])), ..View::default() }, true)]
    #[case(View { names: Some(patterns(&["com.*/*", "org.example/x"])), ..View::default() }, true)]
    #[case(View { names: Some(patterns(&["com.example/other", "org.*/*"])), ..View::default() }, false)]
    #[case(View { tiers: Some(vec![2]), names: Some(patterns(&["org.*/*"])), ..View::default() }, false)]
    fn view_shows_only_what_is_within_all_its_limits(#[case] view: View, #[case] shows: bool) {
        let labels = ["dev".to_owned()];
        let effective =
            EffectivePolicy { tier: Some(2), labels: &labels, ..EffectivePolicy::default() };
        let name = Name::parse("com.example/tool").expect("a name");
        assert_eq!(view.admits(&name, "official", &effective), shows);
    }
}
