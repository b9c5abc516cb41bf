use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant as Moment;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::alerts::report_feeds;
use super::on_disk::OnDisk;
use super::reading::{Reading, ReadingError};
use crate::advisory::{FeedFailure, FeedState};
use crate::config::{AdvisoryFeed, FeedOrigin, Settings};
use crate::daemon::DaemonError;
use crate::daemon::runtime::Clock;
use crate::model::{Name, Timestamp, reason};
use crate::remote::{Archive, Downloaded, FeedClient, FeedContent};
use crate::store::{Store, StoreError};

/// A feed that failed is read again after this time at the latest.
const RETRY_AFTER: Duration = Duration::from_mins(10);
/// The interval at which the ages of the feeds are looked at.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// Takes the names with packages whose advisories changed.
pub(in crate::daemon) type Touched = Box<dyn Fn(BTreeSet<Name>) + Send + Sync>;

/// The feeds with what their readings need.
pub(in crate::daemon) struct Feeds {
    settings: Arc<Settings>,
    store: Arc<Store>,
    clock: Arc<Clock>,
    client: FeedClient,
    touched: Touched,
}

impl Feeds {
    pub(in crate::daemon) fn new(
        settings: Arc<Settings>,
        store: Arc<Store>,
        clock: Arc<Clock>,
        touched: Touched,
    ) -> Result<Self, DaemonError> {
        let ca_files: Vec<_> = settings.egress.ca_file.iter().cloned().collect();
        let client = FeedClient::new(settings.egress.proxy.as_ref(), &ca_files)
            .map_err(|source| DaemonError::Feeds { source })?;
        Ok(Self { settings, store, clock, client, touched })
    }

    /// Reads the certificates again; returns the reason why some cannot be used. It blocks.
    pub(in crate::daemon) fn look_at_files(&self) -> Vec<String> {
        self.client.look_at_files().err().into_iter().collect()
    }

    /// Returns the time until each feed is due, by its last reading.
    fn due(&self, states: &BTreeMap<String, FeedState>) -> Vec<Moment> {
        let now = self.clock.now();
        let feeds = self.settings.advisory_feeds.iter();
        feeds
            .map(|feed| {
                let state = states.get(&feed.name);
                let state = state.filter(|state| state.from == feed.origin.to_string());
                let read_at = state.and_then(|state| state.read_at);
                let age = read_at.map(|read_at| now.since(read_at));
                let wait = age.map(|age| feed.every.saturating_sub(age));
                Moment::now() + wait.unwrap_or_default()
            })
            .collect()
    }

    /// Reads one feed, and stores its state. Returns false if that failed.
    async fn read(
        &self,
        feed: &AdvisoryFeed,
        stop: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut before = self.store.snapshot()?.feeds()?.remove(&feed.name).unwrap_or_default();
        before.since.get_or_insert(now);
        let from = feed.origin.to_string();
        if before.from != from {
            before = FeedState { from: from.clone(), mark: None, ..before };
        }
        let is_recent = |at: Timestamp| now.since(at) < feed.stale_after;
        let known = before.mark.as_deref().filter(|_| before.content_at.is_some_and(is_recent));
        let content = tokio::select! {
            () = stop.cancelled() => return Ok(false),
            content = self.content(feed, known) => content,
        };
        let state = match content {
            Ok(None) => Ok(FeedState { read_at: Some(now), failure: None, ..before.clone() }),
            Ok(Some((content, mark))) => {
                let reading = Reading {
                    store: &self.store,
                    feed: &feed.name,
                    now,
                    touched: &*self.touched,
                    is_stopped: &|| stop.is_cancelled(),
                    moment: &|| Moment::now().into_std(),
                };
                if before.mark.take().is_some() {
                    // If this reading fails, the next one must not take the content as known.
                    self.store.store_feed(&feed.name, &before, now)?;
                }
                reading.read(&content, &before).map(|state| FeedState { mark, from, ..state })
            }
            Err(why) => Err(why),
        };
        let (state, is_read) = match state {
            Ok(state) => (state, true),
            Err(ReadingError::Stopped) => return Ok(false),
            Err(error) => {
                // An error says nothing about what was lost.
                let was_shrunk = before.failure.as_ref().is_some_and(|failure| failure.shrunk);
                let shrunk = was_shrunk || matches!(error, ReadingError::Shrunk { .. });
                let no_room = matches!(&error, ReadingError::Store(error) if error.is_of_room());
                let failure = FeedFailure { at: now, reason: reason(&error), shrunk, no_room };
                warn!(
                    feed = feed.name,
                    reason = failure.reason,
                    "a feed of advisories was not read; what is known stays"
                );
                (FeedState { failure: Some(failure), ..before.clone() }, false)
            }
        };
        if is_read && state.advisories != before.advisories {
            let FeedState { advisories, unreadable, .. } = &state;
            info!(
                feed = feed.name,
                advisories,
                unreadable = unreadable.count,
                "a feed of advisories was read"
            );
        }
        self.store.store_feed(&feed.name, &state, now)?;
        Ok(is_read)
    }

    /// Opens the content of a feed; `None` if it has not changed.
    async fn content(
        &self,
        feed: &AdvisoryFeed,
        known: Option<&str>,
    ) -> Result<Option<(FeedContent, Option<String>)>, ReadingError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "it is compared with times of the file system"
        )]
        let now = SystemTime::now();
        let url = match &feed.origin {
            FeedOrigin::Path(path) => return Ok(FeedContent::open(path, known, now)?),
            FeedOrigin::Url(url) => url,
        };
        let mut file = tempfile::tempfile_in(&self.settings.data).map_err(ReadingError::file)?;
        match self.client.download(url, known, &mut file).await? {
            Downloaded::Unchanged => Ok(None),
            Downloaded::Changed(mark) => {
                Ok(Some((FeedContent::Archive(Archive::open(file)?), mark)))
            }
        }
    }

    /// Removes feeds that are not configured any more, after every configured one was read: they may be the same
    /// advisories under another name.
    fn retire(&self) -> Result<(), StoreError> {
        let configured = &self.settings.advisory_feeds;
        let states = self.store.snapshot()?.feeds()?;
        let names: Vec<&str> = configured.iter().map(|feed| feed.name.as_str()).collect();
        let has_advisories = |state: &FeedState| state.read_at.is_some() && state.advisories > 0;
        let is_read = |name: &&str| states.get(*name).is_some_and(has_advisories);
        let is_over = states.keys().all(|name| names.contains(&name.as_str()));
        if is_over || !names.iter().all(is_read) {
            return Ok(());
        }
        let changed = self.store.retire_feeds(&names, self.clock.now())?;
        if !changed.is_empty() {
            (self.touched)(self.store.snapshot()?.package_users()?.of(&changed));
        }
        Ok(())
    }

    fn report(&self) -> Result<(), StoreError> {
        let states = self.store.snapshot()?.feeds()?;
        report_feeds(&self.store, &self.clock, &self.settings.advisory_feeds, &states);
        Ok(())
    }
}

/// Reads the feeds, each at its interval, until `stop`. It blocks, so it needs a thread of its own.
///
/// # Errors
/// When the store cannot be read or written.
pub(in crate::daemon) async fn read_feeds(
    feeds: Arc<Feeds>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let configured = &feeds.settings.advisory_feeds;
    let mut on_disk = OnDisk::new(configured);
    let mut due = feeds.due(&feeds.store.snapshot()?.feeds()?);
    loop {
        feeds.retire()?;
        feeds.report()?;
        let next = due.iter().enumerate().min_by_key(|(_, at)| **at);
        let Some((index, at)) = next.map(|(index, at)| (index, *at)) else {
            stop.cancelled().await;
            return Ok(());
        };
        let look_at = Moment::now() + LOOK_EVERY;
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep_until(at.min(look_at)) => {}
            changed = on_disk.changed() => {
                due[changed] = Moment::now();
                continue;
            }
        }
        if Moment::now() < at {
            continue;
        }
        let feed = &configured[index];
        let is_read = feeds.read(feed, &stop).await?;
        let wait = if is_read { feed.every } else { feed.every.min(RETRY_AFTER) };
        due[index] = Moment::now() + wait;
    }
}

impl ReadingError {
    fn file(source: std::io::Error) -> Self {
        Self::Feed(source.into())
    }
}
