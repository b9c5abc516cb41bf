//! Threads, of which the system may give no more: the work is then done all the same.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle, scope};

/// Starts work on a thread of its own.
///
/// # Errors
/// When the system gives no thread; then the work was not begun.
pub fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    builder().spawn_scoped(scope, work)
}

/// Work that goes on beside the thread that asked for it, or that this thread does itself when it asks for the result.
pub enum Beside<'scope, T> {
    Running(ScopedJoinHandle<'scope, T>),
    Waiting(Box<dyn FnOnce() -> T + 'scope>),
}

impl<T> fmt::Debug for Beside<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_running = matches!(self, Self::Running(_));
        f.debug_struct("Beside").field("is_running", &is_running).finish()
    }
}

/// Does work beside this thread, if the system gives a thread for it.
pub fn beside<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Clone + Send + 'scope,
) -> Beside<'scope, T> {
    match start(scope, work.clone()) {
        Ok(running) => Beside::Running(running),
        Err(_) => Beside::Waiting(Box::new(work)),
    }
}

impl<T> Beside<'_, T> {
    /// Returns the result of the work, and resumes its panic.
    pub fn join(self) -> T {
        match self {
            Self::Running(thread) => {
                thread.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
            }
            Self::Waiting(work) => work(),
        }
    }
}

/// Returns how many of so many threads the system gives at this moment, and gives them back.
#[must_use]
pub fn available(wanted: usize) -> usize {
    let gate = Mutex::new(());
    let go_through = || drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
    scope(|scope| {
        let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let given = (0..wanted).take_while(|_| start(scope, go_through).is_ok()).count();
        drop(closed);
        given
    })
}

#[cfg(not(test))]
fn builder() -> Builder {
    Builder::new()
}

#[cfg(test)]
use refusal::builder;

/// A system that gives no thread, for tests.
#[cfg(test)]
pub(crate) mod refusal {
    use std::cell::Cell;

    use super::Builder;

    thread_local! {
        static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    /// Runs work on a thread that may start so many threads.
    pub(crate) fn with_threads<T>(left: usize, work: impl FnOnce() -> T) -> T {
        LEFT.set(left);
        let done = work();
        LEFT.set(usize::MAX);
        done
    }

    pub(super) fn builder() -> Builder {
        let left = LEFT.get();
        LEFT.set(left.saturating_sub(1));
        // No machine has the room for this stack.
        if left == 0 { Builder::new().stack_size(1 << 60) } else { Builder::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{ThreadId, current};

    use super::refusal::with_threads;
    use super::*;

    #[test]
    fn work_without_a_thread_is_done_by_the_thread_that_asks_for_its_result() {
        let worked_on = |left| -> Vec<ThreadId> {
            with_threads(left, || {
                scope(|scope| {
                    let begun: Vec<_> = (0..3).map(|_| beside(scope, || current().id())).collect();
                    begun.into_iter().map(Beside::join).collect()
                })
            })
        };
        let own =
            |threads: Vec<ThreadId>| threads.iter().filter(|id| **id == current().id()).count();
        let counts = [usize::MAX, 1, 0].map(|left| own(worked_on(left)));
        assert_eq!(counts, [0, 2, 3]);
    }

    #[test]
    fn threads_that_the_system_gives_are_counted_up_to_what_is_wanted() {
        let counts = [usize::MAX, 5, 0].map(|left| with_threads(left, || available(3)));
        assert_eq!(counts, [3, 3, 0]);
    }
}
