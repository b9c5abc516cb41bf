use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tokio::sync::Semaphore;

use crate::api::problem::Problem;
use crate::api::token::TokenFile;
use crate::daemon::{Services, try_blocking};
use crate::store::StoreError;

#[derive(Debug)]
pub(super) struct Operations {
    pub(super) services: Arc<Services>,
    pub(super) token: Arc<TokenFile>,
    /// Answers that evaluate everything are made one after another: several at once would delay a denial.
    evaluating: Arc<Semaphore>,
    /// Proposals in memory: that which is planned, and one that waits or is received.
    pub(super) proposals: Arc<Semaphore>,
    /// The author of a plan decides how much work it is, so that it waits for other plans only.
    pub(super) planning: Arc<Semaphore>,
}

/// The proposals that are in memory at once.
const MAX_PROPOSALS: usize = 2;

pub(super) type Operator = State<Arc<Operations>>;

impl Operations {
    pub(super) fn new(services: Arc<Services>, token: Arc<TokenFile>) -> Self {
        Self {
            services,
            token,
            evaluating: Arc::new(Semaphore::new(1)),
            proposals: Arc::new(Semaphore::new(MAX_PROPOSALS)),
            planning: Arc::new(Semaphore::new(1)),
        }
    }
}

/// Uses the store as [`blocking`] does, after every other such use has ended.
pub(super) async fn evaluating<T: Send + 'static>(
    state: Arc<Operations>,
    read: impl FnOnce(&Arc<Services>) -> Result<T, StoreError> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let permit = Arc::clone(&state.evaluating).acquire_owned().await;
    let permit = permit.map_err(|_| Problem::Internal)?;
    let read = move |services: &Arc<Services>| {
        // The work keeps its place until it has ended, also if its client has left.
        let _permit = permit;
        read(services)
    };
    blocking(state, read).await
}

/// Uses the store on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    state: Arc<Operations>,
    read: impl FnOnce(&Arc<Services>) -> Result<T, StoreError> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let read = try_blocking(move || read(&state.services));
    Ok(Json(read.await.map_err(|_| Problem::Internal)??))
}
