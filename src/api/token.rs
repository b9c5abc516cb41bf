use std::fs::{OpenOptions, Permissions, metadata, remove_file, rename, set_permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::daemon::try_blocking;
use crate::files::read_short_text;
use crate::model::Digest;

/// The file in the data folder with the operations token.
pub const TOKEN_FILE: &str = "ops.token";
/// A shorter token could be guessed.
const LEAST_CHARACTERS: usize = 32;
const MOST_BYTES: u64 = 4 * 1024;
/// The interval of readings of the file.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The operations token, as the file in the data folder has it.
#[derive(Debug)]
pub struct TokenFile {
    data: PathBuf,
    current: ArcSwap<Digest>,
}

impl TokenFile {
    /// Reads the operations token of a data folder, or makes one that only the owner of the file can read.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or made, or has no token.
    pub fn open(data: &Path) -> io::Result<Arc<Self>> {
        let found = read_or_make(data)?;
        warn_of(found.exposed.as_deref());
        let current = ArcSwap::from_pointee(found.digest);
        Ok(Arc::new(Self { data: data.into(), current }))
    }

    /// Returns the digest of the token in use.
    pub(super) fn digest(&self) -> Digest {
        **self.current.load()
    }

    /// Reads the file again and again until `stop`: another token replaces the one in use, and a file that is missing
    /// is made again. A file that cannot be used leaves the token in use.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut logged = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            let this = Arc::clone(&self);
            let problem = match try_blocking(move || this.look()).await {
                Ok(problem) => problem,
                Err(panicked) => Some(panicked.to_string()),
            };
            if problem != logged {
                warn_of(problem.as_deref());
                logged = problem;
            }
        }
    }

    /// Takes the token that the file has now. Returns a problem that the operator should know.
    fn look(&self) -> Option<String> {
        match read_or_make(&self.data) {
            Ok(found) => {
                if found.digest != self.digest() {
                    self.current.store(Arc::new(found.digest));
                    info!("the operations token was replaced");
                }
                found.exposed
            }
            Err(error) => {
                Some(format!("it cannot be used: {error}; the earlier token stays in use"))
            }
        }
    }
}

fn warn_of(problem: Option<&str>) {
    if let Some(reason) = problem {
        warn!(reason, file = TOKEN_FILE, "the operations token needs attention");
    }
}

/// The token that a file has.
struct Found {
    digest: Digest,
    /// Set if other users could read it.
    exposed: Option<String>,
}

/// Reads the token after taking it away from other users; makes one where the file is missing.
fn read_or_make(data: &Path) -> io::Result<Found> {
    let path = data.join(TOKEN_FILE);
    let (token, exposed) = match metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => (make(data)?, None),
        Err(error) => return Err(error),
        Ok(found) => (read_token(&path)?, restrict(&path, found.permissions().mode())),
    };
    Ok(Found { digest: Digest::of(token.as_bytes()), exposed })
}

fn restrict(path: &Path, mode: u32) -> Option<String> {
    if mode.trailing_zeros() >= 6 {
        return None;
    }
    let mode = mode & 0o777;
    let corrected = match set_permissions(path, Permissions::from_mode(0o600)) {
        Ok(()) => "it is 0600 again".to_owned(),
        Err(error) => format!("that cannot be corrected: {error}"),
    };
    Some(format!(
        "other users could read or write it, its mode was {mode:04o}; {corrected}; delete the file to get a new token"
    ))
}

/// Reads the operations token that a daemon made.
///
/// # Errors
/// Returns an error if the file does not exist, cannot be read, or has no token.
pub fn read_token(file: &Path) -> io::Result<String> {
    let text = read_short_text(file, MOST_BYTES)?;
    let token = text.trim();
    if token.len() >= LEAST_CHARACTERS {
        return Ok(token.to_owned());
    }
    Err(io::Error::new(
        ErrorKind::InvalidData,
        "the token has fewer than 32 characters; remove `ops.token` of the data folder to get a new one",
    ))
}

/// Writes a new token under another name, then renames it: a crash leaves no token or a complete one.
fn make(data: &Path) -> io::Result<String> {
    let token = random_text()?;
    let draft = data.join("ops.token.new");
    // A crash left it, or it was put there so that its owner can read what is written to it.
    match remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(token.as_bytes())?;
    file.sync_all()?;
    rename(&draft, data.join(TOKEN_FILE))?;
    Ok(token)
}

/// Returns 256 random bits as hexadecimal digits.
pub(super) fn random_text() -> io::Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)
        .map_err(|_| io::Error::other("the system provides no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn mode(path: &Path) -> u32 {
        metadata(path).expect("a file").permissions().mode() & 0o777
    }

    #[test]
    fn token_is_replaced_with_its_file_and_made_again_when_it_is_missing() {
        let folder = folder();
        let path = folder.path().join(TOKEN_FILE);
        let token = TokenFile::open(folder.path()).expect("made");
        let first = std::fs::read_to_string(&path).expect("a token");
        assert_eq!((first.len(), mode(&path)), (64, 0o600));
        assert_eq!(token.digest(), Digest::of(first.as_bytes()));
        std::fs::write(&path, format!("{}\n", "n".repeat(40))).expect("written");
        assert_eq!(token.look(), None);
        assert_eq!(token.digest(), Digest::of("n".repeat(40).as_bytes()));
        std::fs::write(&path, "short").expect("written");
        assert!(token.look().is_some_and(|problem| problem.contains("fewer than 32")));
        assert_eq!(token.digest(), Digest::of("n".repeat(40).as_bytes()), "the earlier one stays");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(token.look(), None);
        let third = std::fs::read_to_string(&path).expect("a token");
        assert_ne!(third, first);
        assert_eq!(token.digest(), Digest::of(third.as_bytes()));
    }

    /// P90: no later token was taken up.
    #[test]
    fn pipe_or_a_huge_file_in_place_of_the_token_is_named_and_the_next_token_counts() {
        let folder = folder();
        let path = folder.path().join(TOKEN_FILE);
        let token = TokenFile::open(folder.path()).expect("made");
        let first = token.digest();
        std::fs::remove_file(&path).expect("removed");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("it runs").success());
        let problem = token.look().expect("a problem");
        assert!(problem.contains("not a regular file"), "{problem}");
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, "n".repeat(1 << 20)).expect("written");
        assert!(token.look().is_some_and(|problem| problem.contains("more than 4096 bytes")));
        assert_eq!(token.digest(), first, "the earlier one stays");
        std::fs::write(&path, "n".repeat(40)).expect("written");
        token.look();
        assert_eq!(token.digest(), Digest::of("n".repeat(40).as_bytes()));
    }

    #[test]
    fn token_that_other_users_can_read_is_taken_away_from_them() {
        let folder = folder();
        let path = folder.path().join(TOKEN_FILE);
        let token = TokenFile::open(folder.path()).expect("made");
        set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
        assert!(token.look().is_some_and(|problem| problem.contains("its mode was 0644")));
        assert_eq!((mode(&path), token.look()), (0o600, None));
    }

    /// The owner of a file that waits under the name of the draft could read the token.
    #[test]
    fn planted_draft_does_not_get_the_token() {
        let folder = folder();
        let (draft, planted) = (folder.path().join("ops.token.new"), folder.path().join("planted"));
        std::fs::write(&planted, "").expect("written");
        set_permissions(&planted, Permissions::from_mode(0o666)).expect("a mode");
        std::fs::hard_link(&planted, &draft).expect("a link");
        TokenFile::open(folder.path()).expect("made");
        assert_eq!(std::fs::read_to_string(&planted).expect("a file"), "");
        std::fs::remove_file(folder.path().join(TOKEN_FILE)).expect("removed");
        std::os::unix::fs::symlink(&planted, &draft).expect("a link");
        TokenFile::open(folder.path()).expect("made");
        assert_eq!(std::fs::read_to_string(&planted).expect("a file"), "");
        assert_eq!(mode(&folder.path().join(TOKEN_FILE)), 0o600);
    }
}
