use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::lookup::ProofReport;
use crate::daemon::runtime::Feed;
use crate::model::Name;

/// Requests that may wait for a lookup; the senders of more wait.
const REQUESTS: usize = 16;

pub(super) type Reply = oneshot::Sender<Result<ProofReport, String>>;

/// A client wants a namespace to be verified now.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) namespace: String,
    pub(super) reply: Reply,
}

/// What other services tell the verification, and ask of it. It keeps what it is told while the loop
/// does not run.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Verification {
    pub(super) touched: Feed,
    pub(super) resembling: watch::Sender<Arc<BTreeSet<String>>>,
    requests: mpsc::Sender<Request>,
    pub(super) inbox: Arc<Mutex<mpsc::Receiver<Request>>>,
}

impl Verification {
    pub(in crate::daemon) fn new() -> Self {
        let (requests, inbox) = mpsc::channel(REQUESTS);
        Self {
            touched: Feed::default(),
            resembling: watch::Sender::default(),
            requests,
            inbox: Arc::new(Mutex::new(inbox)),
        }
    }

    /// Tells that names came or changed, so that their namespaces may have to be looked up.
    pub(in crate::daemon) fn touch(&self, names: impl IntoIterator<Item = Name>) {
        self.touched.touch(names);
    }

    /// Tells which names resemble something protected, in place of those told before: their
    /// namespaces are looked up before the rest.
    pub(in crate::daemon) fn resembling(&self, names: &[&Name]) {
        let of = |name: &&Name| name.namespace().to_ascii_lowercase();
        let before = self.resembling.send_replace(Arc::new(names.iter().map(of).collect()));
        let new = names.iter().filter(|name| !before.contains(&of(name)));
        self.touch(new.map(|name| (*name).clone()));
    }

    /// Verifies a namespace now.
    ///
    /// # Errors
    /// Why it cannot be verified, in words.
    pub(in crate::daemon) async fn verify(&self, namespace: &str) -> Result<ProofReport, String> {
        let stopped = || "the daemon is stopping".to_owned();
        let (reply, answer) = oneshot::channel();
        let request = Request { namespace: namespace.to_owned(), reply };
        self.requests.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}
