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
    let places = Arc::clone(&state.evaluating);
    Ok(Json(in_turn(places, move || read(&state.services)).await??))
}

/// Works on a thread that may block, after all earlier work of these places has ended.
async fn in_turn<T: Send + 'static>(
    places: Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let permit = places.acquire_owned().await.map_err(|_| Problem::Internal)?;
    let work = move || {
        // The work keeps its place until it has ended, also if its client has left.
        let _permit = permit;
        work()
    };
    try_blocking(work).await.map_err(|_| Problem::Internal)
}

/// Uses the store on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    state: Arc<Operations>,
    read: impl FnOnce(&Arc<Services>) -> Result<T, StoreError> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let read = try_blocking(move || read(&state.services));
    Ok(Json(read.await.map_err(|_| Problem::Internal)??))
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn evaluation_of_a_client_that_left_keeps_its_place_until_it_ends() {
        let places = Arc::new(Semaphore::new(1));
        let (end, ended) = channel::<()>();
        let first = in_turn(Arc::clone(&places), move || ended.recv().is_ok());
        tokio::select! {
            biased;
            _ = first => panic!("it waits for its end"),
            () = ready(()) => {}
        }
        assert_eq!(places.available_permits(), 0, "its client has left, and it goes on");
        end.send(()).expect("it goes on");
        assert!(matches!(in_turn(places, || 7).await, Ok(7)));
    }
}
