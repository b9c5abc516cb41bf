use crate::alert::Observation;
use crate::model::{Instant, Name};
use crate::ownership::{Holding, Naming, Pins, Verdict};
use crate::remote::Trouble;

/// Where alerts about owners come from.
pub(super) const OWNERSHIP: &str = "ownership";

/// What there is to say of a namespace that overlays speak of.
pub(super) fn of_namespace(
    namespace: &str,
    holding: &Holding,
    pins: &Pins,
    namings: &[(Name, Naming)],
    served: bool,
    now: Instant,
) -> Vec<Observation> {
    let mut seen = Vec::new();
    let mut say = |kind, subject: &str, detail: String| {
        let observation = Observation::new(kind, subject, detail).of_namespace(namespace);
        seen.push(observation.about_served(served));
    };
    let (verdict, why) = holding.verdict(pins);
    if verdict == Verdict::Refuted {
        say("ownership-refuted", namespace, format!("{why}; its entries are hidden"));
    }
    if verdict == Verdict::None && holding.is_suspended(pins) {
        let detail =
            format!("{why}; what spells the name out is served on, wildcards admit nothing");
        say("keys-changed", namespace, detail);
    }
    if let (Verdict::Held, Some(negatives)) = (verdict, holding.negatives) {
        let detail = format!(
            "what was shown is not there since {}; if that stays so it is refuted",
            negatives.first
        );
        say("proof-missing", namespace, detail);
    }
    if verdict != Verdict::Waived && holding.is_stale(now) {
        let since = holding.concluded_at.map_or("ever".to_owned(), |at| at.to_string());
        say("verdict-stale", namespace, format!("nothing definite was seen since {since}"));
    }
    for (name, naming) in namings {
        if let Some(text) = naming.disputed.values().next().filter(|_| verdict != Verdict::Waived) {
            say("package-disputed", name.as_str(), format!("{text}; the entry is hidden"));
        }
    }
    seen
}

/// What there is to say of domains with many namespaces below them.
pub(super) fn of_crowded(crowded: &[(String, u64)]) -> Vec<Observation> {
    let say = |(domain, count): &(String, u64)| {
        let namespace: Vec<&str> = domain.split('.').rev().collect();
        let detail = format!(
            "more than 20 namespaces stand below it; if strangers get names there, say `ownership: {{shared_host: true}}` of {}",
            namespace.join(".")
        );
        Observation { count: *count, ..Observation::new("shared-host", domain.as_str(), detail) }
    };
    crowded.iter().map(say).collect()
}

/// What there is to say of GitHub's token.
pub(super) fn of_trouble(trouble: &Trouble) -> Vec<Observation> {
    let mut seen = Vec::new();
    if trouble.token_refused {
        let detail =
            "GitHub refuses the token: put another one into `[github] token_file`, or none";
        seen.push(Observation::new("github-token-refused", "github", detail));
    }
    if !trouble.write_scopes.is_empty() {
        let detail = format!(
            "the token may do more than read ({}); one without any scope does",
            trouble.write_scopes.join(", ")
        );
        seen.push(Observation::new("github-token-writes", "github", detail));
    }
    seen
}
