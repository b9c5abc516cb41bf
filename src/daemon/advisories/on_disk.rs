//! Feeds on the disk, which are read when a file of theirs changes, and not only at their interval.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{AdvisoryFeed, FeedOrigin};
use crate::daemon::runtime::{Bounded, blocking};
use crate::model::Digest;
use crate::remote::{FeedContent, Seen};

/// The least interval between looks; a change counts at the second look.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Looks take at most this part of the time of a processor: a mirror of all advisories has a million files.
const PART_OF_TIME: u32 = 200;

/// The feeds on the disk, with what the last looks found.
pub(super) struct OnDisk(Vec<Feed>);

struct Feed {
    index: usize,
    path: PathBuf,
    /// At first nothing, so that the feed is read once more: it may change between its reading and the first look.
    seen: Seen,
    look: Bounded<(Option<Digest>, Duration)>,
    next: Instant,
}

impl OnDisk {
    pub(super) fn new(feeds: &[AdvisoryFeed]) -> Self {
        let on_disk = feeds.iter().enumerate().filter_map(|(index, feed)| match &feed.origin {
            FeedOrigin::Path(path) => Some(Feed {
                index,
                path: path.clone(),
                seen: Seen::new(None),
                look: Bounded::default(),
                next: Instant::now(),
            }),
            FeedOrigin::Url(_) => None,
        });
        Self(on_disk.collect())
    }

    /// Waits until a feed changed, and returns its index. One that gives no answer is not known to have changed.
    pub(super) async fn changed(&mut self) -> usize {
        loop {
            let Some(feed) = self.0.iter_mut().min_by_key(|feed| feed.next) else {
                return std::future::pending().await;
            };
            tokio::time::sleep_until(feed.next).await;
            if feed.has_changed().await {
                return feed.index;
            }
        }
    }
}

impl Feed {
    async fn has_changed(&mut self) -> bool {
        let path = self.path.clone();
        let found = self.look.run(|| blocking(move || timed_mark(&path))).await;
        let took = found.map_or(Duration::ZERO, |(_, took)| took);
        self.next = Instant::now() + LOOK_EVERY.max(took * PART_OF_TIME);
        let Some((mark, _)) = found else { return false };
        let is_changed = self.seen.is_changed(mark);
        if is_changed {
            self.seen.accept();
        }
        is_changed
    }
}

fn timed_mark(path: &Path) -> (Option<Digest>, Duration) {
    let before = Instant::now();
    (FeedContent::mark(path), before.elapsed())
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, write};

    use super::*;

    /// A look at the list of the folder alone found neither.
    #[tokio::test(start_paused = true)]
    async fn document_that_is_written_again_in_place_or_below_is_found_at_the_second_look() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("npm");
        create_dir(&below).expect("a folder");
        let document = below.join("MAL-1.json");
        write(&document, "{}").expect("a document");
        let mut feed = Feed {
            index: 0,
            path: folder.path().to_owned(),
            seen: Seen::new(None),
            look: Bounded::default(),
            next: Instant::now(),
        };
        let mut looks = async |count: usize| {
            let mut found = Vec::new();
            for _ in 0..count {
                found.push(feed.has_changed().await);
            }
            found
        };
        assert_eq!(looks(3).await, [false, true, false]);
        write(&document, "{ }").expect("a document");
        assert_eq!(looks(3).await, [false, true, false]);
        write(below.join("MAL-2.json"), "{}").expect("a document");
        assert_eq!(looks(3).await, [false, true, false]);
    }
}
