use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use tokio_util::sync::CancellationToken;

use super::server::serve_socket;
use super::socket::Socket;
use crate::daemon::Watch;
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

    /// Serves a router to local users until `stop`, from the time at which the socket is open.
    pub async fn serve(mut self, router: Router, stop: CancellationToken) {
        loop {
            if let Some(socket) = self.socket.take() {
                return serve_socket(socket, router, stop).await;
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
        stop.cancel();
        serving.await.expect("it ends");
        assert!(!path.exists());
    }
}
