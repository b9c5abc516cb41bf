//! The screening service over a real store: what it reports of names that it could not, or may not yet, compare.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::watch;

use super::handle::ScreeningHandle;
use super::service::{Inputs, Screener};
use super::state::Event;
use crate::alert::{Alert, Evidence};
use crate::curation::{OwnershipPolicy, PolicySnapshot, UpstreamPolicy, View};
use crate::daemon::mirror::Settling;
use crate::daemon::policy::{CurrentPolicy, LoadedOverlays};
use crate::daemon::runtime::{Clock, Shift};
use crate::lint::Source;
use crate::lookalike::Technique;
use crate::model::{Entry, Name, NamespaceRules, OFFICIAL_META, Timestamp};
use crate::overlay::{Context, Terms, read};
use crate::store::{Batch, Destination, Store};
use crate::sync::{Row, UpstreamState};

const SUSPECT: &str = "io.github.someone/plain";
const OVERLAYS: &str = "namespaces: [{name: com.stripe, protect: [stripe]}]\n\
    servers: [{name: 'io.github.*/*', approval: {state: approved, reviewed: 2026-02-01}}, \
    {name: com.bank/ledger-console, approval: {state: approved, reviewed: 2026-02-01}}]";

fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z").expect("a time")
}

fn row(name: &str, version: &str, title: &str, description: &str, status: &str) -> Row {
    let json = format!(
        r#"{{"server":{{"name":"{name}","version":"{version}","title":"{title}","description":"{description}"}},"_meta":{{"{OFFICIAL_META}":{{"status":"{status}","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}}}}}}"#
    );
    let item: Box<RawValue> = serde_json::from_str(&json).expect("a JSON text");
    Row::Entry(Entry::read(&item, now()).expect("well-formed"))
}

/// A store with the upstream `settled`, which had a full sync, and `endless`, which had none.
struct World {
    store: Arc<Store>,
    screener: Screener,
    handle: ScreeningHandle,
    policy: Arc<PolicySnapshot>,
}

impl World {
    fn new() -> Self {
        Self::with_first_sync(false, &[])
    }

    /// Returns a world after a first full sync of `settled` that brought these rows.
    fn with_first_sync(trust_dates: bool, rows: &[Row]) -> Self {
        let store = Arc::new(Store::ephemeral(now()).expect("a store"));
        let context = Context { terms: Terms::default(), now: now(), upstreams: None };
        let set = Arc::new(read(&[Source::new("x.yaml", OVERLAYS)], &context).into());
        let upstream = |id: &str, priority| UpstreamPolicy {
            id: id.into(),
            priority,
            internal: false,
            enabled: true,
            trust_dates,
            namespaces: NamespaceRules::default(),
        };
        let upstreams = vec![upstream("settled", 1), upstream("endless", 2)];
        let ownership = OwnershipPolicy { enabled: false, ..OwnershipPolicy::default() };
        let views = vec![View::unlimited("default")];
        let policy =
            Arc::new(PolicySnapshot::new(Arc::clone(&set), upstreams, views, ownership, true));
        let current = CurrentPolicy {
            snapshot: Arc::clone(&policy),
            set,
            overlays: LoadedOverlays::default(),
        };
        let handle = ScreeningHandle::new();
        let world = |settling| {
            let inputs = Inputs {
                store: Arc::clone(&store),
                clock: Arc::new(Clock::starting_at(now()).shifted(Shift::to(now()))),
                policy: watch::Sender::new(Arc::new(current)).subscribe(),
                settling: watch::Sender::new(settling).subscribe(),
                generation: watch::Sender::new(0).subscribe(),
                resembling: Box::new(|_| ()),
                handle: handle.clone(),
            };
            Screener::new(Arc::new(inputs))
        };
        put(&store, "settled", rows, None);
        put(&store, "settled", &[], Some(now()));
        put(&store, "endless", &[], None);
        let snapshot = store.snapshot().expect("a snapshot");
        let settling = Settling::read(&snapshot, &policy.upstreams, now()).expect("read");
        assert!(settling.includes("endless") && !settling.includes("settled"));
        let mut screener = world(settling);
        for event in [Event::Protection, Event::Settling { is_known: true }] {
            screener.handle(event).expect("handled");
        }
        Self { store, screener, handle, policy }
    }

    /// Stores rows, and lets the screening take notice of them.
    fn receive(&mut self, upstream: &str, rows: &[Row]) {
        let full = (upstream == "settled").then(now);
        put(&self.store, upstream, rows, full);
        let names = rows.iter().map(|row| match row {
            Row::Entry(entry) => entry.name.clone(),
            other => panic!("{other:?}"),
        });
        self.screener.handle(Event::Touched(names.collect())).expect("handled");
    }

    fn lasting(&self) -> Vec<Alert> {
        let alerts = self.store.snapshot().and_then(|snapshot| snapshot.alerts()).expect("alerts");
        alerts.into_iter().filter(|alert| !alert.is_resolved()).collect()
    }

    /// Returns the suspects of the open alerts.
    fn suspects(&self) -> Vec<String> {
        self.lasting().into_iter().map(|alert| alert.identity.suspect).collect()
    }

    /// Returns the contents of a name that do not count as compared.
    fn not_compared(&self, name: &str) -> usize {
        let name = Name::parse(name).expect("a name");
        let snapshot = self.store.snapshot().expect("a snapshot");
        let dossier = snapshot.dossier(&name, &self.policy).expect("a dossier");
        let screening = self.handle.current();
        let compared = screening.get(&name).map(|compared| compared.contents.clone());
        let compared = compared.unwrap_or_default();
        let digests = dossier.rows.iter().map(|row| row.content.screening_digest());
        digests.filter(|digest| !compared.contains(digest)).count()
    }
}

fn put(store: &Store, upstream: &str, rows: &[Row], last_full_sync: Option<Timestamp>) {
    let first_attempt = Some(now());
    let state = UpstreamState {
        first_attempt,
        first_full_sync: last_full_sync,
        last_full_sync,
        ..UpstreamState::default()
    };
    let batch =
        Batch { state: Some(&state), ..Batch::of(upstream, rows, Destination::Live, now()) };
    store.commit(&batch).expect("committed");
}

/// P25.
#[test]
fn two_hundred_harmless_versions_hide_no_homograph() {
    let mut world = World::new();
    world.receive("settled", &[row(SUSPECT, "1.0.0", "Str\u{456}pe", "x", "active")]);
    assert_eq!(world.suspects(), ["io.github.someone"]);
    let harmless: Vec<Row> = (1..=250)
        .map(|patch| row(SUSPECT, &format!("1.0.{patch}"), "Plain", &format!("x{patch}"), "active"))
        .collect();
    world.receive("settled", &harmless);
    let lasting = world.lasting();
    let [Evidence::Lookalike { signal, .. }] = lasting[0].evidence.as_slice() else {
        panic!("{lasting:?}")
    };
    assert_eq!((lasting.len(), signal.technique), (1, Technique::Homograph));
    assert!(lasting[0].is_open());
    assert_eq!(world.not_compared(SUSPECT), 0, "each of 251 contents was compared");
}

/// P25: what exceeds a limit is withheld, and ends nothing.
#[test]
fn padding_resolves_no_alert_and_does_not_count_as_compared() {
    let mut world = World::new();
    world.receive("settled", &[row(SUSPECT, "1.0.0", "Str\u{456}pe", "x", "active")]);
    let before = world.lasting();
    let padding = "x ".repeat(201);
    let gone = row(SUSPECT, "1.0.0", "Str\u{456}pe", "x", "deleted");
    world.receive("settled", &[gone, row(SUSPECT, "1.0.1", "Plain", &padding, "active")]);
    assert_eq!(world.lasting(), before);
    assert_eq!(world.not_compared(SUSPECT), 2, "the deleted one and the long one");
    world.receive("settled", &[row(SUSPECT, "1.0.1", "Plain", &padding, "deleted")]);
    assert_eq!(world.lasting(), [], "all that is left was compared");
}

#[test]
fn endless_first_sync_of_one_upstream_silences_no_other() {
    let mut world = World::new();
    let suspect =
        |namespace: &str| row(&format!("{namespace}/stripe-mcp"), "1.0.0", "Plain", "x", "active");
    world.receive("endless", &[suspect("io.github.new")]);
    assert_eq!(world.suspects(), [""; 0], "its frequent names are not known");
    assert_eq!(world.not_compared("io.github.new/stripe-mcp"), 0, "the gate needs it");
    world.receive("settled", &[suspect("io.github.known")]);
    assert_eq!(world.suspects(), ["io.github.known"]);
    // A name that both list is reported.
    world.receive("settled", &[suspect("io.github.new")]);
    assert_eq!(world.suspects().len(), 2);
}

/// P22: only content of a first full sync, of an upstream that is trusted with dates, is as old as it says.
#[rstest::rstest]
#[case::not_trusted(false, true, true)]
#[case::trusted(true, true, false)]
#[case::trusted_but_later(true, false, true)]
fn copies_with_invented_dates_excuse_no_lookalike(
    #[case] trust_dates: bool,
    #[case] is_first_sync: bool,
    #[case] is_reported: bool,
) {
    let suspect = |namespace: &str| {
        row(&format!("{namespace}/ledgerconsole"), "1.0.0", "Plain", "x", "active")
    };
    let copies: Vec<Row> = (0..8).map(|copy| suspect(&format!("io.github.copy{copy}"))).collect();
    let first = if is_first_sync { copies.as_slice() } else { &[] };
    let mut world = World::with_first_sync(trust_dates, first);
    if !is_first_sync {
        world.receive("settled", &copies);
        // All names are counted again.
        world.screener.handle(Event::Settling { is_known: true }).expect("handled");
    }
    world.receive("settled", &[suspect("io.github.evil")]);
    assert_eq!(world.suspects().contains(&"io.github.evil".to_owned()), is_reported);
}
