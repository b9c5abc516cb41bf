use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// A resolver fails when it gave no answer for this long.
const FAILS_AFTER: Duration = Duration::from_mins(9);
/// A resolver that answers about the root, and not about so many domains, fails all the same.
const DOMAINS: usize = 3;
/// Domains with an answer that are remembered.
const KNOWN: usize = 4;

/// The answers of one resolver.
///
/// A stranger's zone without answers says nothing of the resolver, so the root is asked too, and a domain that it
/// answered before. What makes a resolver be set aside are only questions that another resolver answered.
#[derive(Debug)]
pub(super) struct Health {
    answered: Instant,
    /// Domains that it answered: the first, and the last of them. A stranger who publishes under many replaces not all.
    known: Vec<String>,
    root_answered: Instant,
    knows_root: bool,
    /// Domains without an answer since the last one: all of them, and those that another resolver answered.
    unanswered: BTreeSet<String>,
    alone: BTreeSet<String>,
    /// The first of them.
    unanswered_since: Option<Instant>,
    last_failure: Option<String>,
}

impl Health {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            answered: now,
            known: Vec::new(),
            root_answered: now,
            knows_root: false,
            unanswered: BTreeSet::new(),
            alone: BTreeSet::new(),
            unanswered_since: None,
            last_failure: None,
        }
    }

    /// Records the answer about a domain; `is_alone` is true if another resolver answered what this one did not.
    pub(super) fn record(
        &mut self,
        domain: &str,
        failure: Option<&str>,
        is_alone: bool,
        now: Instant,
    ) {
        let Some(why) = failure else {
            let (root_answered, knows_root) = (self.root_answered, self.knows_root);
            let mut known = std::mem::take(&mut self.known);
            if !known.iter().any(|before| before == domain) {
                if known.len() >= KNOWN {
                    known.remove(1);
                }
                known.push(domain.to_owned());
            }
            *self = Self { known, root_answered, knows_root, ..Self::new(now) };
            return;
        };
        self.last_failure = Some(why.to_owned());
        self.unanswered_since.get_or_insert(now);
        for (domains, applies) in [(&mut self.unanswered, true), (&mut self.alone, is_alone)] {
            if applies && domains.len() < DOMAINS {
                domains.insert(domain.to_owned());
            }
        }
    }

    /// Records the answer about the root.
    pub(super) fn record_root(&mut self, failure: Option<&str>, now: Instant) {
        match failure {
            None => (self.root_answered, self.knows_root) = (now, true),
            Some(why) => self.last_failure = Some(why.to_owned()),
        }
    }

    /// Returns the domains to ask again when something was not answered: one that was, and those that another resolver
    /// answered. An answer about any of them shows that the resolver works.
    pub(super) fn to_ask_again(&self) -> Vec<String> {
        if self.unanswered.is_empty() {
            return Vec::new();
        }
        self.known.iter().chain(&self.alone).cloned().collect()
    }

    /// Returns the last failure if the resolver fails, so that an operator should look. Meanwhile it was asked again
    /// about every domain that is known, so one question is enough: a small installation has no three domains. Before a
    /// domain is known, one zone without answers says nothing of the resolver.
    pub(super) fn failure(&self, now: Instant) -> Option<String> {
        let is_idle_failure = self.knows_root && is_silent(self.root_answered, now);
        let unanswered_since = self.unanswered_since.filter(|_| !self.known.is_empty());
        let is_mute = unanswered_since.is_some_and(|since| is_silent(since, now));
        let is_failing = is_mute
            || self.fails(&self.unanswered, now)
            || is_idle_failure && is_silent(self.answered, now);
        is_failing.then(|| self.last_failure.clone().unwrap_or_else(|| "no answer".to_owned()))
    }

    /// Returns true if the other resolvers decide without it.
    pub(super) fn is_set_aside(&self, now: Instant) -> bool {
        self.fails(&self.alone, now)
    }

    fn fails(&self, domains: &BTreeSet<String>, now: Instant) -> bool {
        is_silent(self.answered, now)
            && !domains.is_empty()
            && (is_silent(self.root_answered, now) || domains.len() >= DOMAINS)
    }
}

fn is_silent(since: Instant, now: Instant) -> bool {
    now.duration_since(since) >= FAILS_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(minutes: u64, begun: Instant) -> Instant {
        begun + Duration::from_mins(minutes)
    }

    #[tokio::test]
    async fn resolver_that_answers_nothing_fails_after_nine_minutes_and_recovers_with_an_answer() {
        let begun = Instant::now();
        let mut health = Health::new(begun);
        health.record("good.example", None, false, begun);
        health.record("a.example", Some("timeout"), true, after(1, begun));
        health.record_root(Some("timeout"), after(2, begun));
        assert_eq!(health.failure(after(8, begun)), None);
        assert_eq!(health.failure(after(9, begun)).as_deref(), Some("timeout"));
        assert!(health.is_set_aside(after(9, begun)));
        assert_eq!(health.to_ask_again(), ["good.example", "a.example"]);
        health.record("good.example", None, false, after(10, begun));
        assert_eq!(health.failure(after(10, begun)), None);
        assert_eq!(health.to_ask_again(), [] as [&str; 0]);
    }

    #[tokio::test]
    async fn silent_zones_of_a_stranger_set_no_resolver_aside() {
        let begun = Instant::now();
        let mut health = Health::new(begun);
        for domain in ["a.example", "b.example", "c.example", "d.example"] {
            health.record(domain, Some("SERVFAIL"), false, after(5, begun));
        }
        health.record_root(None, after(11, begun));
        assert!(!health.is_set_aside(after(12, begun)));
        assert!(health.failure(after(12, begun)).is_some(), "an operator should look");
        for domain in ["a.example", "b.example", "c.example"] {
            health.record(domain, Some("SERVFAIL"), true, after(12, begun));
        }
        assert!(health.is_set_aside(after(12, begun)), "the others answer");
    }

    #[tokio::test]
    async fn resolver_that_answers_about_the_root_only_is_noticed_with_one_domain() {
        let begun = Instant::now();
        let mut health = Health::new(begun);
        health.record("good.example", None, false, begun);
        health.record("a.example", Some("SERVFAIL"), false, after(1, begun));
        for minute in 1..14 {
            health.record_root(None, after(minute, begun));
        }
        assert_eq!(health.failure(after(9, begun)), None);
        assert_eq!(health.failure(after(10, begun)).as_deref(), Some("SERVFAIL"));
        assert!(!health.is_set_aside(after(60, begun)), "no other resolver answered");
        health.record("b.example", None, false, after(11, begun));
        assert_eq!(health.failure(after(12, begun)), None);
        // After an idle hour, the first failure says nothing yet.
        health.record_root(None, after(80, begun));
        health.record("a.example", Some("SERVFAIL"), false, after(80, begun));
        assert_eq!(health.failure(after(81, begun)), None);
    }

    #[tokio::test]
    async fn dead_zone_alone_is_no_failure_of_a_resolver_that_has_just_started() {
        let begun = Instant::now();
        let mut health = Health::new(begun);
        health.record_root(None, begun);
        health.record("dead.example", Some("SERVFAIL"), false, after(1, begun));
        health.record_root(None, after(60, begun));
        assert_eq!(health.failure(after(60, begun)), None);
        assert!(health.failure(after(69, begun)).is_some(), "nor does it know the root");
        health.record_root(None, after(70, begun));
        for domain in ["a.example", "b.example"] {
            health.record(domain, Some("SERVFAIL"), false, after(70, begun));
        }
        assert!(health.failure(after(70, begun)).is_some(), "no domain of three is answered");
    }

    #[tokio::test]
    async fn idle_resolver_that_does_not_know_the_root_is_not_set_aside() {
        let begun = Instant::now();
        let mut health = Health::new(begun);
        health.record_root(Some("REFUSED"), after(1, begun));
        assert!(!health.is_set_aside(after(60, begun)));
        assert_eq!(health.failure(after(60, begun)), None);
        health.record_root(None, after(61, begun));
        health.record_root(Some("REFUSED"), after(90, begun));
        assert!(health.failure(after(90, begun)).is_some(), "it did know the root");
        assert!(!health.is_set_aside(after(90, begun)), "no question went unanswered");
    }
}
