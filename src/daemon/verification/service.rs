use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::handle::{Reply, Verification};
use super::lookup::{Answer, Question, may_change_evaluations};
use super::state::LookupTask;
use crate::config::Settings;
use crate::curation::PolicySnapshot;
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::runtime::{Clock, blocking};
use crate::model::{Name, reason};
use crate::ownership::{Priority, VerificationRecord};
use crate::remote::OwnershipSources;
use crate::store::{Store, StoreError, VerificationRecords};

/// The connections of verification to other services, none of which it knows.
pub(in crate::daemon) struct Ports {
    /// Returns true if any view shows any version of a name.
    pub(in crate::daemon) is_served: Box<dyn Fn(&Name) -> bool + Send + Sync>,
    /// Reports names with changed evidence of ownership.
    pub(in crate::daemon) touched: Box<dyn Fn(Vec<Name>) + Send + Sync>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// The settings, store and connections of the loop.
#[derive(Debug)]
pub(in crate::daemon) struct Service {
    pub(in crate::daemon) settings: Arc<Settings>,
    pub(in crate::daemon) store: Arc<Store>,
    pub(in crate::daemon) clock: Arc<Clock>,
    pub(in crate::daemon) policy: watch::Receiver<Arc<CurrentPolicy>>,
    pub(in crate::daemon) sources: OwnershipSources,
    pub(in crate::daemon) ports: Ports,
    pub(in crate::daemon) handle: Verification,
}

impl Service {
    fn policy(&self) -> Arc<PolicySnapshot> {
        Arc::clone(&self.policy.borrow().snapshot)
    }

    /// Looks up a namespace, and stores the evidence.
    pub(super) async fn look_up(
        self: Arc<Self>,
        lookup: LookupTask<Reply>,
    ) -> Result<Answer, StoreError> {
        let LookupTask { namespace, priority, names, asked, reply } = lookup;
        if reply.is_some() {
            self.sources.forget_answers();
        }
        let outcome = Arc::clone(&self).find(&namespace, priority, names, asked).await;
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
        priority: Priority,
        names: Vec<Name>,
        asked: Vec<Name>,
    ) -> Result<Answer, StoreError> {
        let (reader, wanted) = (Arc::clone(&self), namespace.to_owned());
        let question = blocking(move || {
            let snapshot = reader.store.snapshot()?;
            Question::read(&snapshot, &reader.policy(), &wanted, &asked, priority)
        })
        .await?;
        let now = || self.clock.now();
        let record = question.look_up(&self.sources, &self.handle.losses, now).await;
        let served = names.iter().any(|name| (self.ports.is_served)(name));
        self.store_record(&question, &record, names).await?;
        let mut answer = question.look_up_names(&self.sources, record, now).await;
        answer.served = served;
        if !answer.declarations.is_empty() {
            let declarations = answer.declarations.clone();
            self.save(VerificationRecords { verifications: Vec::new(), declarations }).await?;
        }
        Ok(answer)
    }

    /// Stores the evidence of a namespace at once, before its repositories and packages are looked up. Touches
    /// its names if that may change an evaluation, under the current pins.
    async fn store_record(
        &self,
        question: &Question,
        record: &VerificationRecord,
        names: Vec<Name>,
    ) -> Result<(), StoreError> {
        let verifications = vec![(question.namespace.clone(), record.clone())];
        let stored =
            self.save(VerificationRecords { verifications, declarations: Vec::new() }).await;
        let (policy, now) = (self.policy(), self.clock.now());
        let pins = policy.overlays.pins(&question.namespace);
        // A commit may have succeeded although it reported an error.
        let newest = question.newest;
        if *pins != question.pins
            || may_change_evaluations(&question.before, record, pins, newest, now)
        {
            (self.ports.touched)(names);
        }
        stored
    }

    pub(super) async fn save(&self, records: VerificationRecords) -> Result<(), StoreError> {
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        blocking(move || store.store_verification(&records, now)).await
    }
}
