//! Stopping early: Ctrl-C, SIGTERM, or the first error of a worker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

type Hook = Box<dyn Fn() + Send>;

/// Says to everybody at once that the work ends now. Clones share one state.
#[derive(Clone, Default)]
pub struct Stop {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    set: AtomicBool,
    hooks: Mutex<Hooks>,
}

#[derive(Default)]
struct Hooks {
    next: u64,
    registered: Vec<(u64, Hook)>,
}

impl Stop {
    pub fn new() -> Self {
        Self::default()
    }

    #[inline]
    pub fn is_set(&self) -> bool {
        self.state.set.load(Ordering::Relaxed)
    }

    /// Sets the state and runs the hooks, once.
    pub fn trigger(&self) {
        if !self.state.set.swap(true, Ordering::SeqCst) {
            self.hooks().registered.iter().for_each(|(_, hook)| hook());
        }
    }

    /// Runs `hook` when the stop comes, or at once if it has come. The hook is forgotten when the guard is dropped.
    ///
    /// For what a flag cannot reach: a thread that waits in a read of a socket.
    #[must_use]
    pub fn on_stop(&self, hook: impl Fn() + Send + 'static) -> HookGuard {
        let mut hooks = self.hooks();
        if self.is_set() {
            hook();
        }
        let id = hooks.next;
        hooks.next += 1;
        hooks.registered.push((id, Box::new(hook)));
        HookGuard { stop: self.clone(), id }
    }

    /// A stop for a part of the work, which comes with this one and can come by itself. It is heeded as long as the guard lives.
    #[must_use]
    pub fn part(&self) -> (Stop, HookGuard) {
        let part = Stop::new();
        let also = part.clone();
        let guard = self.on_stop(move || also.trigger());
        (part, guard)
    }

    /// What the work comes to; none where the stop comes first, and the work is dropped. For what waits without looking: a lock that
    /// somebody else holds, a server that does not answer.
    pub async fn or_stop<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let come = Arc::new(Notify::new());
        let told = come.clone();
        let _hook = self.on_stop(move || told.notify_one());
        tokio::select! {
            biased;
            done = work => Some(done),
            () = come.notified() => None,
        }
    }

    fn hooks(&self) -> std::sync::MutexGuard<'_, Hooks> {
        self.state.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct HookGuard {
    stop: Stop,
    id: u64,
}

impl Drop for HookGuard {
    fn drop(&mut self) {
        self.stop.hooks().registered.retain(|(id, _)| *id != self.id);
    }
}

/// Runs `work` on `jobs` threads and waits for all. The first error stops the others and is the one returned.
///
/// The only place that starts threads for rows; each thread makes a current-thread runtime of its own where it needs one.
pub fn in_parallel<R: Send, E: Send>(
    jobs: usize,
    stop: &Stop,
    work: impl Fn(usize) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let first_error = Mutex::new(None);
    let results: Vec<Option<R>> = std::thread::scope(|scope| {
        let spawn = |n| {
            let (first_error, work) = (&first_error, &work);
            scope.spawn(move || {
                // A panic must not leave the others waiting for work that never comes.
                let panicked = PanicGuard(stop);
                let result = work(n);
                std::mem::forget(panicked);
                match result {
                    Ok(result) => Some(result),
                    Err(error) => {
                        first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        stop.trigger();
                        None
                    }
                }
            })
        };
        let threads: Vec<_> = (0..jobs).map(spawn).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    match first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(results.into_iter().flatten().collect()),
    }
}

struct PanicGuard<'a>(&'a Stop);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        self.0.trigger();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_stops_the_others_and_is_returned() {
        let stop = Stop::new();
        let result: Result<Vec<()>, usize> = in_parallel(3, &stop, |n| {
            if n == 1 {
                return Err(1);
            }
            while !stop.is_set() {
                std::thread::yield_now();
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            Err(n)
        });
        assert_eq!(result, Err(1));
    }

    #[tokio::test]
    async fn a_wait_without_end_ends_with_the_stop() {
        let stop = Stop::new();
        assert_eq!(stop.or_stop(std::future::ready(1)).await, Some(1));
        let (later, for_ever) = (stop.clone(), std::future::pending::<()>());
        std::thread::spawn(move || later.trigger());
        assert_eq!(stop.or_stop(for_ever).await, None);
        assert_eq!(stop.or_stop(std::future::pending::<()>()).await, None, "it has come before");
    }

    #[test]
    fn a_hook_runs_once_and_not_after_its_guard_is_gone() {
        let count = Arc::new(Mutex::new(0));
        let stop = Stop::new();
        let add = |by: i32| {
            let count = count.clone();
            move || *count.lock().unwrap() += by
        };
        let _kept = stop.on_stop(add(1));
        drop(stop.on_stop(add(10)));
        stop.trigger();
        stop.trigger();
        let _late = stop.on_stop(add(100));
        assert_eq!(*count.lock().unwrap(), 101);
    }
}
