use std::fs::{Permissions, metadata, remove_file, set_permissions, symlink_metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tracing::debug;

/// The reason why the operations socket cannot be used.
#[derive(Debug, Error)]
pub enum SocketError {
    #[error(
        "{path} is {found} and not a socket; move it away, or name another path with `ops_socket` (--ops-socket)"
    )]
    NotASocket { path: PathBuf, found: &'static str },
    #[error(
        "another process answers at {path}; name another path with `ops_socket` (--ops-socket)"
    )]
    InUse { path: PathBuf },
    #[error(
        "the process at {path} belongs to user {uid}, which is neither the owner of the data folder, this user nor \
         root; it was asked nothing"
    )]
    Stranger { path: PathBuf, uid: u32 },
    #[error("{path} cannot be used as a socket")]
    Unusable { path: PathBuf, source: io::Error },
}

/// The users that may be at the other end of the operations socket: the owner of the data folder and root, who can
/// read and replace everything in it, and the user of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trusted([u32; 3]);

const ROOT: u32 = 0;

impl Trusted {
    fn of(data: &Path) -> io::Result<Self> {
        Ok(Self([metadata(data)?.uid(), own_uid()?, ROOT]))
    }

    fn admits(self, uid: u32) -> bool {
        self.0.contains(&uid)
    }
}

/// Returns the effective user of this process.
///
/// # Errors
/// When the system provides no pair of sockets.
pub fn own_uid() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

/// The Unix socket of operations: a local user whom the system names needs no token. Its file is removed when it is
/// dropped.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    file: SocketFile,
    trusted: Trusted,
}

/// The file of a socket.
#[derive(Debug, Clone)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// The device and the inode that it was made with.
    made: Option<(u64, u64)>,
}

impl SocketFile {
    fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), made: Self::there(path).ok() }
    }

    fn there(path: &Path) -> io::Result<(u64, u64)> {
        symlink_metadata(path).map(|found| (found.dev(), found.ino()))
    }

    /// Returns false if the file was removed or replaced.
    pub(super) fn is_in_place(&self) -> bool {
        match Self::there(&self.path) {
            Ok(there) => self.made.is_none_or(|made| made == there),
            Err(error) => error.kind() != ErrorKind::NotFound,
        }
    }
}

impl Socket {
    /// Listens at a path, in place of the socket that an earlier daemon left. The caller holds the lock of the store
    /// in `data`, so that no other daemon of this folder listens there.
    ///
    /// # Errors
    /// When something else is there, or the system refuses the path, for example because it is too long.
    pub(super) async fn bind(path: &Path, data: &Path) -> Result<Self, SocketError> {
        let unusable = |source| SocketError::Unusable { path: path.into(), source };
        let trusted = Trusted::of(data).map_err(unusable)?;
        make_way(path).await?;
        let listener = UnixListener::bind(path).map_err(unusable)?;
        let socket = Self { listener, file: SocketFile::of(path), trusted };
        set_permissions(path, Permissions::from_mode(0o600)).map_err(unusable)?;
        Ok(socket)
    }

    pub(super) fn file(&self) -> SocketFile {
        self.file.clone()
    }

    /// Accepts a connection of a trusted user, and returns the user; closes those of others.
    pub(super) async fn accept(&self) -> io::Result<(UnixStream, u32)> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let uid = stream.peer_cred()?.uid();
            if self.trusted.admits(uid) {
                return Ok((stream, uid));
            }
            debug!(uid, "a connection of another user was closed");
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // One that is left behind refuses connections, and the next daemon replaces it.
        if self.file.is_in_place() {
            let _ = remove_file(&self.file.path);
        }
    }
}

/// Removes a socket at which no process listens any more.
async fn make_way(path: &Path) -> Result<(), SocketError> {
    let unusable = |source| SocketError::Unusable { path: path.into(), source };
    match symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unusable(error)),
        Ok(found) if !found.file_type().is_socket() => {
            let found = if found.is_dir() { "a folder" } else { "a file" };
            Err(SocketError::NotASocket { path: path.into(), found })
        }
        Ok(_) => match UnixStream::connect(path).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                remove_file(path).map_err(unusable)
            }
            // One that is busy is in use, too.
            _ => Err(SocketError::InUse { path: path.into() }),
        },
    }
}

/// Connects to the operations socket of the daemon that uses `data`, and checks the user at the other end before
/// anything is written.
///
/// # Errors
/// When nothing listens there, or when a process of another user does.
pub async fn connect_socket(path: &Path, data: &Path) -> Result<UnixStream, SocketError> {
    let unusable = |source| SocketError::Unusable { path: path.into(), source };
    let trusted = Trusted::of(data).map_err(unusable)?;
    let stream = UnixStream::connect(path).await.map_err(unusable)?;
    let uid = stream.peer_cred().map_err(unusable)?.uid();
    if trusted.admits(uid) {
        Ok(stream)
    } else {
        Err(SocketError::Stranger { path: path.into(), uid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[tokio::test]
    async fn socket_is_private_replaces_a_stale_one_and_is_removed_at_the_end() {
        let folder = folder();
        let path = folder.path().join("ops.sock");
        // A listener that is dropped leaves its file.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
        assert!(connect_socket(&path, folder.path()).await.is_err());
        let socket = Socket::bind(&path, folder.path()).await.expect("bound");
        let mode = metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (accepted, connected) =
            tokio::join!(socket.accept(), connect_socket(&path, folder.path()));
        assert_eq!(accepted.expect("accepted").1, own_uid().expect("a user"));
        connected.expect("connected");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn living_socket_or_another_file_is_not_replaced() {
        let folder = folder();
        let path = folder.path().join("ops.sock");
        let living = Socket::bind(&path, folder.path()).await.expect("bound");
        let refused = Socket::bind(&path, folder.path()).await;
        assert!(matches!(refused, Err(SocketError::InUse { .. })), "{refused:?}");
        drop(living);
        std::fs::write(&path, "a file").expect("written");
        let refused = Socket::bind(&path, folder.path()).await;
        assert!(matches!(refused, Err(SocketError::NotASocket { .. })), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "a file");
        let long = folder.path().join("x".repeat(200));
        let refused = Socket::bind(&long, folder.path()).await;
        assert!(matches!(refused, Err(SocketError::Unusable { .. })), "{refused:?}");
    }

    #[tokio::test]
    async fn connection_of_another_user_is_closed() {
        let folder = folder();
        let path = folder.path().join("ops.sock");
        let mut socket = Socket::bind(&path, folder.path()).await.expect("bound");
        // As if this process were of another user.
        socket.trusted = Trusted([own_uid().expect("a user") + 1; 3]);
        let stream = UnixStream::connect(&path).await.expect("connected");
        tokio::select! {
            accepted = socket.accept() => panic!("{accepted:?}"),
            ended = stream.readable() => ended.expect("an event"),
        }
        assert_eq!(stream.try_read(&mut [0; 1]).expect("the end"), 0);
    }
}
