//! A folder of files that each stand by themselves: looked at all the time, with the last valid text of each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant as Moment;
use tokio_util::sync::CancellationToken;

use super::blocking::blocking;
use crate::alert::{AlertKind, Evidence, ReportedAlert};
use crate::config::{Folder, KnownFiles};
use crate::lint::{Finding, Severity, Source};
use crate::store::StoreError;

/// The interval at which a folder is looked at: a change has to take effect within two seconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The time between two readings that have to agree.
const SETTLE: Duration = Duration::from_millis(150);
/// The time after which a folder is taken again that could not be.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Looks that disagree, one after another, before what has settled is taken without the rest.
const MOST_UNSETTLED: u32 = 8;

/// Reads a folder, but no file again that did not change.
pub(in crate::daemon) type ReadFolder = fn(&Path, &mut KnownFiles, SystemTime) -> Folder;

/// Looks at a folder until `stop`, and hands over what two readings agree on. `take` blocks, and returns false if it has
/// to be called again. A look that hangs delays the next one, and nothing else.
///
/// # Errors
/// Never: what could not be taken is tried again.
pub(in crate::daemon) async fn watch_folder(
    path: PathBuf,
    read: ReadFolder,
    take: impl Fn(Folder) -> bool + Send + Sync + 'static,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let take = Arc::new(take);
    let mut known = KnownFiles::new();
    let mut taken: Option<Folder> = None;
    let mut candidate: Option<Folder> = None;
    let mut unsettled = 0;
    let mut retry_at: Option<Moment> = None;
    loop {
        let looked_at = path.clone();
        let folder;
        (folder, known) = blocking(move || look(&looked_at, read, known)).await;
        let is_settled = candidate.as_ref() == Some(&folder);
        unsettled = if is_settled || taken.as_ref() == Some(&folder) { 0 } else { unsettled + 1 };
        let is_due = retry_at.is_some_and(|at| at <= Moment::now());
        let wait = if taken.as_ref() == Some(&folder) && !is_due {
            candidate = None;
            LOOK_EVERY
        } else if is_settled {
            candidate = None;
            let (taking, read) = (Arc::clone(&take), folder.clone());
            let is_kept = blocking(move || taking(read)).await;
            // A change in the meantime does not wait for that.
            retry_at = (!is_kept).then(|| Moment::now() + RETRY_AFTER);
            taken = Some(folder);
            LOOK_EVERY
        } else if let Some(before) = candidate.as_ref().filter(|_| unsettled >= MOST_UNSETTLED) {
            // One file that is written all the time keeps no other from being read.
            let settled = settled_part(before, &folder);
            candidate = Some(folder);
            if taken.as_ref() != Some(&settled) {
                let (taking, read) = (Arc::clone(&take), settled.clone());
                let is_kept = blocking(move || taking(read)).await;
                retry_at = (!is_kept).then(|| Moment::now() + RETRY_AFTER);
                taken = Some(settled);
            }
            LOOK_EVERY
        } else {
            candidate = Some(folder);
            SETTLE
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Returns the files on which two readings agree. The others are findings, so that what was read of them before stays.
fn settled_part(before: &Folder, now: &Folder) -> Folder {
    let of = |folder: &Folder| -> BTreeMap<String, Arc<Source>> {
        folder.sources.iter().map(|source| (source.file.clone(), Arc::clone(source))).collect()
    };
    let (before, now_read) = (of(before), of(now));
    let mut settled = Folder { findings: now.findings.clone(), ..Folder::default() };
    let files: BTreeSet<&String> = before.keys().chain(now_read.keys()).collect();
    for file in files {
        match (before.get(file), now_read.get(file)) {
            (Some(first), Some(second)) if first == second => {
                settled.sources.push(Arc::clone(second));
            }
            _ => {
                let allowed = "it is read when it has settled; what was read before stays in use";
                let place = Source::new(file.as_str(), "").start();
                settled.findings.push(Finding::error(
                    &place,
                    "a file that changes all the time",
                    allowed,
                ));
            }
        }
    }
    settled.sources.sort_by(|left, right| Path::new(&left.file).cmp(Path::new(&right.file)));
    settled
}

fn look(path: &Path, read: ReadFolder, mut known: KnownFiles) -> (Folder, KnownFiles) {
    #[expect(clippy::disallowed_methods, reason = "it is compared with times of the file system")]
    let folder = read(path, &mut known, SystemTime::now());
    (folder, known)
}

/// Returns the texts to read, named as below the folder: of a file or folder that cannot be read, those of before. A
/// folder that became empty is taken for a lost mount; `advice` says how a person ends what its files say.
pub(in crate::daemon) fn readable(
    path: &Path,
    folder: Folder,
    kept: &[Arc<Source>],
    advice: &str,
) -> (Vec<Arc<Source>>, Vec<Finding>) {
    let Folder { sources, mut findings } = folder;
    if kept.is_empty() && is_absent(path) {
        // It is optional.
        return (Vec::new(), Vec::new());
    }
    // Also beside files of another kind, which a lost mount or a half-done deployment leaves.
    let is_of_folder = |finding: &Finding| Path::new(&finding.place.source.file) == path;
    if sources.is_empty() && !kept.is_empty() && !findings.iter().any(is_of_folder) {
        let place = Source::new(path.to_string_lossy(), "").start();
        findings.push(Finding::error(&place, "the folder became empty", advice));
    }
    let below = |file: &str| {
        let below = Path::new(file).strip_prefix(path).map(Path::to_owned);
        below.unwrap_or_else(|_| file.into())
    };
    let named = |source: &Arc<Source>| {
        Source::new(below(&source.file).to_string_lossy(), source.text.as_str())
    };
    let mut sources: Vec<Arc<Source>> = sources.iter().map(named).collect();
    let failed: Vec<_> = files_with_errors(&findings).iter().map(|file| below(file)).collect();
    let read: BTreeSet<String> = sources.iter().map(|source| source.file.clone()).collect();
    for earlier in kept.iter().filter(|earlier| !read.contains(&earlier.file)) {
        // The folder itself has an empty path below it.
        if failed.iter().any(|failed| Path::new(&earlier.file).starts_with(failed)) {
            sources.push(Arc::clone(earlier));
        }
    }
    (sources, findings)
}

/// Returns true if there is nothing at a path. One that may not be looked at may be there.
pub(in crate::daemon) fn is_absent(path: &Path) -> bool {
    path.try_exists().is_ok_and(|is_there| !is_there)
}

/// Returns the files with errors.
pub(in crate::daemon) fn files_with_errors(findings: &[Finding]) -> BTreeSet<String> {
    errors(findings).map(|finding| finding.place.source.file.clone()).collect()
}

/// Returns the alert about the files of a folder that cannot be read; a warning is none.
pub(in crate::daemon) fn unreadable_files(
    kind: AlertKind,
    folder: &str,
    findings: &[Finding],
) -> Option<ReportedAlert> {
    errors(findings).next()?;
    let items = errors(findings).map(|finding| Evidence::from(finding.to_string()));
    Some(ReportedAlert::new(kind, folder, items))
}

fn errors(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_changes_all_the_time_keeps_no_other_from_being_read_and_ends_nothing() {
        let folder = |files: &[(&str, &str)]| Folder {
            sources: files.iter().map(|(file, text)| Source::new(*file, *text)).collect(),
            ..Folder::default()
        };
        let before = folder(&[("/f/a.yaml", "1"), ("/f/b.yaml", "new"), ("/f/gone.yaml", "x")]);
        let now = folder(&[("/f/a.yaml", "2"), ("/f/b.yaml", "new"), ("/f/came.yaml", "x")]);
        let settled = settled_part(&before, &now);
        let files = |sources: &[Arc<Source>]| -> Vec<String> {
            sources.iter().map(|source| format!("{}={}", source.file, source.text)).collect()
        };
        assert_eq!(files(&settled.sources), ["/f/b.yaml=new"]);
        let unsettled = files_with_errors(&settled.findings);
        assert_eq!(
            unsettled,
            ["/f/a.yaml", "/f/came.yaml", "/f/gone.yaml"].map(String::from).into()
        );
        let kept = [Source::new("a.yaml", "0"), Source::new("gone.yaml", "x")];
        let (sources, _) = readable(Path::new("/f"), settled, &kept, "advice");
        assert_eq!(files(&sources), ["b.yaml=new", "a.yaml=0", "gone.yaml=x"]);
    }

    #[test]
    fn folder_that_may_not_be_looked_at_is_a_finding_and_an_absent_one_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file"), "").expect("written");
        for (path, is_found) in [("absent", false), ("file/below", true)] {
            let path = folder.path().join(path);
            let known = &mut KnownFiles::new();
            let read = crate::config::read_advisories(&path, known, std::time::UNIX_EPOCH);
            let (sources, findings) = readable(&path, read, &[], "advice");
            assert_eq!((sources.len(), findings.is_empty()), (0, !is_found), "{findings:?}");
        }
    }

    /// A lost mount leaves an empty folder, perhaps with files of another kind.
    #[rstest::rstest]
    #[case(&[])]
    #[case(&[".gitkeep"])]
    #[case(&["notes.txt"])]
    fn folder_that_loses_its_files_ends_nothing(#[case] others: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        for file in others {
            std::fs::write(folder.path().join(file), "text").expect("written");
        }
        let read = crate::config::read_advisories(
            folder.path(),
            &mut KnownFiles::new(),
            std::time::UNIX_EPOCH,
        );
        let kept = [Source::new("a.yaml", "id: A\n")];
        let (sources, findings) = readable(folder.path(), read, &kept, "advice");
        assert_eq!(sources, kept);
        let empty = |finding: &Finding| finding.to_string().contains("the folder became empty");
        assert!(findings.iter().any(empty), "{findings:?}");
    }
}
