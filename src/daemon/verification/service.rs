use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::handle::{Reply, Verification};
use super::lookup::{Answer, Question, decides_otherwise};
use super::state::Lookup;
use crate::config::Settings;
use crate::curation::PolicySnapshot;
use crate::daemon::policy::InForce;
use crate::daemon::runtime::{Clock, blocking};
use crate::model::{Name, reason};
use crate::ownership::{Holding, Urgency};
use crate::remote::Witnesses;
use crate::store::{Proofs, Store, StoreError};

/// What verification asks of other services, and tells them. It knows none of them.
pub(in crate::daemon) struct Ports {
    /// Whether any view shows any version of a name.
    pub(in crate::daemon) is_served: Box<dyn Fn(&Name) -> bool + Send + Sync>,
    /// Something else is known of the owners of these names.
    pub(in crate::daemon) touched: Box<dyn Fn(Vec<Name>) + Send + Sync>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// What the loop works with.
#[derive(Debug)]
pub(in crate::daemon) struct Service {
    pub(in crate::daemon) settings: Arc<Settings>,
    pub(in crate::daemon) store: Arc<Store>,
    pub(in crate::daemon) clock: Arc<Clock>,
    pub(in crate::daemon) policy: watch::Receiver<Arc<InForce>>,
    pub(in crate::daemon) witnesses: Witnesses,
    pub(in crate::daemon) ports: Ports,
    pub(in crate::daemon) handle: Verification,
}

impl Service {
    fn policy(&self) -> Arc<PolicySnapshot> {
        Arc::clone(&self.policy.borrow().snapshot)
    }

    /// Looks a namespace up, and stores what was found.
    pub(super) async fn look_up(
        self: Arc<Self>,
        lookup: Lookup<Reply>,
    ) -> Result<Answer, StoreError> {
        let Lookup { namespace, urgency, names, asked, reply } = lookup;
        if reply.is_some() {
            self.witnesses.forget_answers();
        }
        let outcome = Arc::clone(&self).find(&namespace, urgency, names, asked).await;
        if let Some(reply) = reply {
            let report = match &outcome {
                Ok(answer) => Ok(answer.report(&self.policy(), &namespace)),
                Err(error) => Err(reason(error)),
            };
            // The client may have gone away.
            let _ = reply.send(report);
        }
        outcome
    }

    async fn find(
        self: Arc<Self>,
        namespace: &str,
        urgency: Urgency,
        names: Vec<Name>,
        asked: Vec<Name>,
    ) -> Result<Answer, StoreError> {
        let (reader, wanted) = (Arc::clone(&self), namespace.to_owned());
        let question = blocking(move || {
            let snapshot = reader.store.snapshot()?;
            Question::read(&snapshot, &reader.policy(), &wanted, &asked, urgency)
        })
        .await?;
        let now = || self.clock.now();
        let holding = question.look(&self.witnesses, now).await;
        self.keep_holding(&question, &holding, names).await?;
        let answer = question.look_at_names(&self.witnesses, holding, now).await;
        if !answer.namings.is_empty() {
            let namings = answer.namings.clone();
            self.keep(Proofs { holdings: Vec::new(), namings }).await?;
        }
        Ok(answer)
    }

    /// Stores what was seen of a namespace as soon as it was, however long its repositories and
    /// packages take; and has its names decided about when that may change anything, by what is
    /// pinned now.
    async fn keep_holding(
        &self,
        question: &Question,
        holding: &Holding,
        names: Vec<Name>,
    ) -> Result<(), StoreError> {
        let holdings = vec![(question.namespace.clone(), holding.clone())];
        let kept = self.keep(Proofs { holdings, namings: Vec::new() }).await;
        let policy = self.policy();
        let pins = policy.overlays.pins(&question.namespace);
        let now = self.clock.now();
        // A commit may have succeeded although it reported an error.
        if *pins != question.pins || decides_otherwise(&question.before, holding, pins, now) {
            (self.ports.touched)(names);
        }
        kept
    }

    async fn keep(&self, proofs: Proofs) -> Result<(), StoreError> {
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        blocking(move || store.keep_proofs(&proofs, now)).await
    }
}
