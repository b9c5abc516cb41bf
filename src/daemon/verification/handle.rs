use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::lookup::OwnershipReport;
use crate::daemon::runtime::Feed;
use crate::model::Name;
use crate::ownership::LossBudget;

/// Requests that may wait for a lookup; senders of further requests wait.
const REQUESTS: usize = 16;

pub(super) type Reply = oneshot::Sender<Result<OwnershipReport, String>>;

/// A client's request to verify a namespace now.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) namespace: String,
    pub(super) reply: Reply,
}

/// The interface of verification to other services. It keeps touched names and requests while the loop does
/// not run.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Verification {
    pub(super) touched: Feed,
    pub(super) resembling: watch::Sender<Arc<BTreeSet<String>>>,
    /// Counts acknowledgements.
    pub(super) acknowledged: watch::Sender<u64>,
    /// The brake on losses by absence, for all lookups.
    pub(super) losses: Arc<std::sync::Mutex<LossBudget>>,
    requests: mpsc::Sender<Request>,
    pub(super) inbox: Arc<Mutex<mpsc::Receiver<Request>>>,
}

impl Verification {
    pub(in crate::daemon) fn new() -> Self {
        let (requests, inbox) = mpsc::channel(REQUESTS);
        Self {
            touched: Feed::default(),
            resembling: watch::Sender::default(),
            acknowledged: watch::Sender::default(),
            losses: Arc::default(),
            requests,
            inbox: Arc::new(Mutex::new(inbox)),
        }
    }

    /// Reports names that came or changed: their namespaces may need a lookup.
    pub(in crate::daemon) fn touch(&self, names: impl IntoIterator<Item = Name>) {
        self.touched.touch(names);
    }

    /// Replaces the set of names that resemble something protected: their namespaces are looked up before the
    /// rest.
    pub(in crate::daemon) fn resembling(&self, names: &[&Name]) {
        let namespace_of = |name: &&Name| name.namespace().to_ascii_lowercase();
        let before =
            self.resembling.send_replace(Arc::new(names.iter().map(namespace_of).collect()));
        let new = names.iter().filter(|name| !before.contains(&namespace_of(name)));
        self.touch(new.map(|name| (*name).clone()));
    }

    /// Reports that a person acknowledged an alert: it may accept keys, or let a loss take effect.
    pub(in crate::daemon) fn acknowledge(&self) {
        self.acknowledged.send_modify(|count| *count += 1);
    }

    /// Verifies a namespace now.
    ///
    /// # Errors
    /// The reason why it cannot be verified.
    pub(in crate::daemon) async fn verify(
        &self,
        namespace: &str,
    ) -> Result<OwnershipReport, String> {
        let stopped = || "the daemon is stopping".to_owned();
        let (reply, answer) = oneshot::channel();
        let request = Request { namespace: namespace.to_owned(), reply };
        self.requests.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}
