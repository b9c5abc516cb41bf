use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::fields::ADVISORY_FEED;
use super::upstream::is_id;
use crate::lint::{Node, Reader, duration};
use crate::model::is_loopback;

/// A source of advisories in the format of OSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvisoryFeed {
    pub name: String,
    pub origin: FeedOrigin,
    /// The interval at which it is read.
    pub every: Duration,
    /// The age of the last reading at which an alert is raised.
    pub stale_after: Duration,
}

/// The place of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedOrigin {
    /// An archive at a URL.
    Url(Url),
    /// An archive, or a folder of documents.
    Path(PathBuf),
}

impl fmt::Display for FeedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

const EVERY: Duration = Duration::from_hours(1);
const STALE_AFTER: Duration = Duration::from_hours(3 * 24);

/// Reads the feeds of the configuration.
pub(super) fn read_feeds(reader: &mut Reader, node: Option<&Node>) -> Vec<AdvisoryFeed> {
    let mut feeds: Vec<AdvisoryFeed> = Vec::new();
    let mut names = BTreeSet::new();
    for item in node.map(|node| reader.list(node)).unwrap_or_default() {
        let Some(feed) = feed(reader, item) else { continue };
        if !names.insert(feed.name.clone()) {
            let found = format!("the feed `{}` appears twice", feed.name);
            reader.error(item, found, "give each feed a unique name");
        }
        feeds.push(feed);
    }
    feeds
}

fn feed(reader: &mut Reader, node: &Node) -> Option<AdvisoryFeed> {
    let fields = reader.mapping(node, &ADVISORY_FEED)?;
    for key in ["name", "from"] {
        if fields.get(key).is_none() {
            reader.error(node, format!("a feed without `{key}`"), "`name` and `from`");
        }
    }
    let name = fields.get("name").and_then(|node| reader.parsed(node, feed_name));
    let origin = fields.get("from").and_then(|node| reader.parsed(node, origin));
    let mut span = |key: &str| fields.get(key).and_then(|node| reader.parsed(node, duration));
    let every = span("every").unwrap_or(EVERY);
    let stale_after = span("stale_after").unwrap_or(STALE_AFTER);
    Some(AdvisoryFeed { name: name?, origin: origin?, every, stale_after })
}

fn feed_name(text: &str) -> Result<String, &'static str> {
    is_id(text).then(|| text.to_owned()).ok_or("1 to 64 lower-case letters, digits and hyphens")
}

fn origin(text: &str) -> Result<FeedOrigin, &'static str> {
    const ALLOWED: &str = "an https URL of an archive, or the path of an archive or a folder";
    if !text.contains("://") {
        return Ok(FeedOrigin::Path(text.into()));
    }
    let url = Url::parse(text).map_err(|_| ALLOWED)?;
    let is_local = url.host().is_some_and(|host| is_loopback(&host));
    let is_plain = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "https" if is_plain && url.has_host() => Ok(FeedOrigin::Url(url)),
        "http" if is_plain && is_local => Ok(FeedOrigin::Url(url)),
        _ => Err(ALLOWED),
    }
}
