//! The operator's files: overlays, upstream files and settings, and the verification records.

use std::collections::{BTreeMap, BTreeSet};

use super::dice::Dice;
use super::rows::{Plot, SECOND_NAMESPACES, Subject, priority};
use super::world::{Second, Step, Tags, Traits};
use super::{owners, rules};

/// The contents of the operator's files.
#[derive(Default)]
pub(crate) struct Policy {
    pub(crate) upstreams: Vec<(String, String)>,
    /// Items of `servers` in the first overlays.
    pub(crate) first: Vec<String>,
    /// Items of `servers` that the last overlays add.
    pub(crate) later: Vec<String>,
    /// Items of `namespaces`.
    pub(crate) namespaces: Vec<String>,
    pub(crate) verdicts: String,
    pub(crate) tags: Tags,
    views: String,
    ownership: String,
    withhold: bool,
}

const SYNC: &str = "sync = {interval = \"1h\", full_sync = \"366d\", page_size = 10}\n";
/// Small worlds change a large share at once; no limit may put that on hold.
const LIMITS: &str = "[safety_limits]\nmissing_syncs = 2\npurge_after = \"1d\"\nremoved_percent = 100\n\
    rewritten_percent = 100\ndeleted_percent = 100\nshrink_percent = 100\nrewind = \"366d\"\n\
    frozen_after = \"366d\"\n";

const VIEWS: [&str; 8] = [
    "[[views]]\nname = \"team\"\ntiers = [1, 2]\n",
    "[[views]]\nname = \"team\"\nlabels = [\"dev\"]\n",
    "[[views]]\nname = \"team\"\nclassifications = [\"public\", \"internal\"]\n",
    "[[views]]\nname = \"team\"\nupstreams = [\"official\"]\ntiers = [1, 2, 3]\n",
    "[[views]]\nname = \"edge\"\nnames = [\"com.acme.*/*\", \"io.github.alice/*\"]\n",
    "[[views]]\nname = \"edge\"\nupstreams = [\"ours\", \"second\"]\n",
    "[[views]]\nname = \"edge\"\n",
    "[[views]]\nname = \"default\"\ntiers = [1, 2]\n",
];

const OWNERSHIP: [&str; 4] = [
    "",
    "exact = \"verified\"\n",
    "wildcard = \"not-revoked\"\n",
    "[ownership.tiers.1]\nexact = \"verified\"\nwildcard = \"declared\"\n",
];

impl Policy {
    pub(crate) fn roll(dice: &mut Dice, traits: Traits, plot: &Plot) -> Self {
        let mut policy = Self { withhold: traits.withhold, ..Self::default() };
        policy.roll_upstreams(dice, traits);
        policy.roll_views(dice);
        dice.pick(&OWNERSHIP).clone_into(&mut policy.ownership);
        let mut by_name: BTreeMap<&str, Vec<&Subject>> = BTreeMap::new();
        for subject in &plot.names {
            by_name.entry(&subject.name).or_default().push(subject);
        }
        for subjects in by_name.values() {
            rules::about_name(dice, subjects, plot, &mut policy);
        }
        let namespaces: BTreeSet<&str> = plot.names.iter().map(Subject::namespace).collect();
        for namespace in &namespaces {
            rules::about_namespace(dice, namespace, plot, &mut policy);
        }
        rules::about_all(dice, &mut policy);
        if traits.ownership {
            policy.verdicts =
                owners::roll(dice, &namespaces, plot, traits.end, &mut policy, traits.enabled_late);
        }
        let internal = traits.ours && dice.chance(35);
        if internal {
            policy.namespaces.push("{name: com.acme.*, internal: true}".to_owned());
        }
        if traits.lookalikes {
            policy.namespaces.push("{name: com.stripe, protect: [stripe]}".to_owned());
            if dice.chance(20) {
                let text = "{target: stripe, reason: known, reviewer: alice}";
                policy.namespaces.push(format!("{{name: com.strlpe, not_lookalike: {text}}}"));
            }
        }
        if traits.refused {
            // A denial in refused overlays takes effect.
            let name = &dice.pick(&plot.names).name;
            policy.later.push(format!("{{name: {name}, approval: {{state: denied}}}}"));
            policy.later.push("{name: \"com.acme*\", tier: 1}".to_owned());
            for subject in plot.names.iter().filter(|subject| subject.name == *name) {
                for version in &subject.versions {
                    policy.tag_version(name, version, "denied-by-refused");
                }
            }
        }
        policy
    }

    fn roll_upstreams(&mut self, dice: &mut Dice, traits: Traits) {
        // Of two external registries, the later one must list its namespaces.
        let needs_limits = traits.second.is_some_and(|second| second != Second::After);
        let limits = match (dice.chance(15), needs_limits) {
            (true, _) => {
                "[namespaces]\nallow = [\"com.*\", \"io.*\", \"org.*\"]\ndeny = [\"com.bank\"]\n"
            }
            (false, true) => "[namespaces]\nallow = [\"com.*\", \"io.*\", \"org.*\", \"net.*\"]\n",
            (false, false) => "",
        };
        let mut write = |id: &str, text: String| {
            self.upstreams.push((format!("upstreams/{id}.toml"), text));
        };
        let registry = |id: &str| format!("kind = \"registry\"\nurl = \"{{{{url:{id}}}}}\"\n");
        write("official", format!("{}{SYNC}{LIMITS}{limits}", registry("official")));
        if traits.ours {
            let text = "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\npriority = 10\n";
            write("ours", format!("{text}{SYNC}{LIMITS}"));
        }
        if let Some(second) = traits.second {
            write("second", second_registry(second, true));
        }
    }

    fn roll_views(&mut self, dice: &mut Dice) {
        let mut names = BTreeSet::new();
        for _ in 0..dice.below(4) {
            let view = dice.pick(&VIEWS);
            let name = view.split('"').nth(1).expect("a name");
            if names.insert(name) {
                self.views.push_str(view);
            }
        }
    }

    pub(crate) fn tag_version(&mut self, name: &str, version: &str, tag: &'static str) {
        self.tags.entry((name.to_owned(), version.to_owned())).or_default().insert(tag);
    }

    /// Returns `vidimus.toml`. The ownership sources are addresses where nothing listens.
    pub(crate) fn settings(&self, verifies: bool) -> String {
        let Self { views, ownership, withhold, .. } = self;
        let enabled = if verifies {
            format!(
                "[ownership]\nenabled = true\nresolvers = [\"127.0.0.1:9\"]\n{ownership}\
                 [github]\nurl = \"http://127.0.0.1:9\"\n"
            )
        } else {
            "[ownership]\nenabled = false\n".to_owned()
        };
        format!("{views}[lookalikes]\nwithhold = {withhold}\n[tracks]\nheavy = 30\n{enabled}")
    }

    /// Returns the first overlays, or the last ones.
    pub(crate) fn overlays(&self, last: bool) -> String {
        let later = if last { self.later.as_slice() } else { &[] };
        let servers = self.first.iter().chain(later).map(|item| format!("  - {item}\n"));
        let servers: String = servers.collect();
        let namespaces: String =
            self.namespaces.iter().map(|item| format!("  - {item}\n")).collect();
        let list = |key: &str, items: String| {
            if items.is_empty() { String::new() } else { format!("{key}:\n{items}") }
        };
        format!("# {last}\n{}{}", list("servers", servers), list("namespaces", namespaces))
    }

    /// Returns the steps that disable or remove the second upstream at the end.
    pub(crate) fn last_steps(traits: Traits) -> Vec<Step> {
        let file = "upstreams/second.toml".to_owned();
        match traits.second {
            Some(Second::Disabled) => {
                vec![Step::Write(file, second_registry(Second::Disabled, false))]
            }
            Some(Second::Removed) => vec![Step::Remove(file)],
            _ => Vec::new(),
        }
    }
}

fn second_registry(second: Second, enabled: bool) -> String {
    let priority = priority(second);
    format!(
        "kind = \"registry\"\nurl = \"{{{{url:second}}}}\"\npriority = {priority}\nenabled = {enabled}\n\
         {SYNC}{LIMITS}[namespaces]\nallow = {SECOND_NAMESPACES}\n"
    )
}
