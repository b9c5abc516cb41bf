use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use tokio_util::sync::CancellationToken;

use super::server::serve_socket;
use super::socket::{Socket, SocketFile};
use crate::daemon::{Watch, try_blocking};
use crate::model::reason;

/// The interval at which a socket that cannot be opened is tried again.
const AGAIN: Duration = Duration::from_secs(3);

/// The socket of operations of a daemon, which is tried again until it is open. Without it the daemon goes on: the
/// commands then need an address and the token.
#[derive(Debug)]
pub struct LocalOperations {
    path: PathBuf,
    data: PathBuf,
    socket: Option<Socket>,
    /// The reason why it is not open.
    refused: Arc<ArcSwapOption<String>>,
}

impl LocalOperations {
    /// Tries to open the socket at a path; the caller has the lock of the store in `data`.
    pub async fn open(path: PathBuf, data: PathBuf) -> Self {
        let mut operations = Self { path, data, socket: None, refused: Arc::default() };
        operations.try_to_open().await;
        operations
    }

    /// Returns a watch that reports why the socket is not open.
    pub(crate) fn watch(&self) -> Watch {
        let refused = Arc::clone(&self.refused);
        let look = move || {
            let reason = |reason: Arc<String>| {
                format!(
                    "operations have no socket; commands need `--ops-listen ADDRESS`, which `daemon.json` in the data folder \
                     has, and read the token there: {reason}"
                )
            };
            refused.load_full().map(reason).into_iter().collect()
        };
        Watch::system("operations socket", Arc::new(look))
    }

    /// Serves a router to local users until `stop`, from the time at which the socket is open. One whose file is removed, or
    /// whose folder is replaced, is opened again.
    pub async fn serve(mut self, router: Router, stop: CancellationToken) {
        loop {
            if let Some(socket) = self.socket.take() {
                let (file, lost) = (socket.file(), stop.child_token());
                let mut serving = pin!(serve_socket(socket, router.clone(), lost.clone()));
                tokio::select! {
                    () = &mut serving => return,
                    () = until_lost(file) => {}
                }
                lost.cancel();
                serving.await;
                self.try_to_open().await;
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => self.try_to_open().await,
            }
        }
    }

    async fn try_to_open(&mut self) {
        let opened = Socket::bind(&self.path, &self.data).await;
        let refused = opened.as_ref().err().map(|error| Arc::new(reason(error)));
        self.refused.store(refused);
        self.socket = opened.ok();
    }
}

/// Waits until the file of a socket is not in its place any more.
async fn until_lost(file: SocketFile) {
    loop {
        tokio::time::sleep(AGAIN).await;
        let file = file.clone();
        // A look that panics says nothing of the file.
        if try_blocking(move || file.is_in_place()).await.is_ok_and(|is_in_place| !is_in_place) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::connect_socket;

    #[tokio::test]
    async fn socket_is_open_when_what_was_in_its_place_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, data) = (folder.path().join("ops.sock"), folder.path().to_owned());
        std::fs::create_dir(&path).expect("a folder");
        let operations = LocalOperations::open(path.clone(), data.clone()).await;
        let refused = Arc::clone(&operations.refused);
        assert!(refused.load().is_some());
        std::fs::remove_dir(&path).expect("removed");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(operations.serve(Router::new(), stop.clone()));
        tokio::time::timeout(Duration::from_mins(1), async {
            while connect_socket(&path, &data).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("it is open");
        assert!(refused.load().is_none());
        // What cleans up folders of sockets removes the file.
        std::fs::remove_file(&path).expect("removed");
        tokio::time::timeout(Duration::from_mins(1), async {
            while connect_socket(&path, &data).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("it is open again");
        stop.cancel();
        serving.await.expect("it ends");
        assert!(!path.exists());
    }
}
