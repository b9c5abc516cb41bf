//! The upstream files, their clients, and the reasons why some cannot be used, for each upstream by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::source::{Source, open_source};
use crate::config::{Settings, Upstream, read_upstream, read_upstreams};
use crate::daemon::DaemonError;
use crate::daemon::runtime::Bounded;
use crate::lint::{Finding, Severity};
use crate::model::reason;

/// The time between two readings that have to agree: a file may be half-written, or missing while it is replaced.
const SETTLE: Duration = Duration::from_secs(1);
/// The subject of what concerns the folder of upstream files.
pub(super) const FOLDER: &str = "upstreams";

/// The reasons why files cannot be used, by upstream, or by [`FOLDER`].
pub(super) type Refusals = BTreeMap<String, Vec<String>>;
/// The upstreams that the files define, or why they are refused.
pub(super) type Reading = Result<Vec<Upstream>, Refused>;
/// The client of an upstream; `None` for one that is not enabled, whose tokens and certificates may be gone.
pub(super) type Client = Option<Arc<Source>>;

/// Returns what two readings in a row agree on, or one that is in use; `None` if they differ.
pub(super) async fn settled<T, F>(
    reading: &mut Bounded<T>,
    read: impl Fn() -> F,
    is_in_use: impl Fn(&Option<T>) -> bool,
) -> Option<Option<T>>
where
    T: PartialEq + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let first = reading.run(&read).await;
    if is_in_use(&first) {
        return Some(first);
    }
    tokio::time::sleep(SETTLE).await;
    let second = reading.run(&read).await;
    (first == second || is_in_use(&second)).then_some(second)
}

/// Upstream files that are refused as a set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) why: Refusals,
    /// The upstreams with a file that is right by itself and says `enabled = false`: what hides waits for no other file.
    pub(super) withdrawn: BTreeSet<String>,
}

impl Refused {
    /// Returns the files as they could not be read at all.
    pub(super) fn folder(reason: String) -> Self {
        Self {
            why: Refusals::from([(FOLDER.to_owned(), vec![reason])]),
            withdrawn: BTreeSet::new(),
        }
    }

    /// Returns the upstreams in use, with those disabled that their files withdraw.
    pub(super) fn applied_to(&self, in_use: &[Upstream]) -> Vec<Upstream> {
        let applied = in_use.iter().map(|upstream| {
            let enabled = upstream.enabled && !self.withdrawn.contains(&upstream.id);
            Upstream { enabled, ..upstream.clone() }
        });
        applied.collect()
    }
}

/// Reads the upstream files. One with an error refuses them all, since another could get its names.
pub(super) fn read_all(folder: &Path) -> Reading {
    read_upstreams(folder).map_err(|findings| {
        let mut why = Refusals::new();
        for finding in findings.iter().filter(|finding| finding.severity == Severity::Error) {
            why.entry(subject_of(finding)).or_default().push(finding.to_string());
        }
        Refused { why, withdrawn: withdrawn_in(folder) }
    })
}

/// Returns the upstreams that files withdraw, each read by itself.
fn withdrawn_in(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths =
        files.map(|file| file.path()).filter(|path| path.extension() == Some("toml".as_ref()));
    let read = paths.filter_map(|path| read_upstream(&path).ok());
    read.filter(|upstream| !upstream.enabled).map(|upstream| upstream.id).collect()
}

fn subject_of(finding: &Finding) -> String {
    let file = Path::new(&finding.place.source.file);
    let stem = file.file_stem().filter(|_| file.extension().is_some_and(|ext| ext == "toml"));
    stem.map_or_else(|| FOLDER.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Opens the clients of upstreams, which read files of certificates and tokens, but for those that are kept.
pub(super) fn open_all(
    upstreams: &[Upstream],
    kept: &[(Upstream, Arc<Source>)],
    settings: &Settings,
) -> Vec<Result<Client, DaemonError>> {
    let open = |upstream: &Upstream| match kept.iter().find(|(kept, _)| kept == upstream) {
        _ if !upstream.enabled => Ok(None),
        Some((_, source)) => Ok(Some(Arc::clone(source))),
        None => open_source(upstream, &settings.egress).map(Some),
    };
    upstreams.iter().map(open).collect()
}

/// Returns the clients of upstreams, or why some could not be opened.
///
/// # Errors
/// The reason for each upstream that cannot be reached as its file says.
pub(super) fn all_opened(
    upstreams: &[Upstream],
    opened: Vec<Result<Client, DaemonError>>,
) -> Result<Vec<Client>, Refusals> {
    let (mut clients, mut refusals) = (Vec::new(), Refusals::new());
    for (upstream, opened) in upstreams.iter().zip(opened) {
        match opened {
            Ok(client) => clients.push(client),
            Err(error) => {
                refusals.insert(upstream.id.clone(), vec![reason(&error)]);
            }
        }
    }
    if refusals.is_empty() { Ok(clients) } else { Err(refusals) }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    /// A file in two parts, and one that is missing while it is replaced, were another policy.
    #[rstest::rstest]
    #[case::in_use(&["old"], Some("old"))]
    #[case::another(&["new", "new"], Some("new"))]
    #[case::half_written(&["ne", "new"], None)]
    #[case::missing_for_a_moment(&["", "old"], Some("old"))]
    #[tokio::test(start_paused = true)]
    async fn other_content_counts_when_two_readings_a_second_apart_agree(
        #[case] readings: &'static [&'static str],
        #[case] wanted: Option<&str>,
    ) {
        let (start, left) = (Instant::now(), Cell::new(readings.iter()));
        let read = || {
            let mut readings = left.take();
            let next = *readings.next().expect("no further reading");
            left.set(readings);
            std::future::ready(next)
        };
        let found = settled(&mut Bounded::default(), read, |found| *found == Some("old")).await;
        assert_eq!(found, wanted.map(Some));
        assert_eq!(left.take().len(), 0);
        assert_eq!(start.elapsed(), SETTLE * u32::from(readings.len() > 1));
    }

    #[tokio::test(start_paused = true)]
    async fn reading_that_hangs_is_late_and_not_what_was_read_before() {
        let mut reading = Bounded::<&str>::default();
        let found =
            settled(&mut reading, std::future::pending, |found| *found == Some("old")).await;
        assert_eq!(found, Some(None));
    }

    #[test]
    fn each_file_with_an_error_is_named_by_its_upstream() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        let subjects = || -> Vec<String> {
            read_all(folder.path()).expect_err("refused").why.into_keys().collect()
        };
        assert_eq!(subjects(), [FOLDER]);
        write("one.toml", "kind = \"registry\"\nurl = \"nowhere\"\npriority = 1\n");
        write("two.toml", "=");
        write("three.toml", "kind = \"files\"\npath = \"x\"\npriority = 3\n");
        assert_eq!(subjects(), ["one", "two"]);
        write("three.toml", "kind = \"files\"\npath = \"x\"\npriority = 3\nenabled = false\n");
        let refused = read_all(folder.path()).expect_err("refused");
        assert_eq!(refused.withdrawn, ["three".to_owned()].into());
    }
}
