use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvError};
use std::sync::{Mutex, PoisonError};

use rayon::{ScopeFifo, Yield};

/// Finished items a thread may be ahead of the one whose turn it is, unless stated.
pub(super) const AHEAD: usize = 8;

/// Calls `produce` for every item on `threads` threads (those of the current pool when `None`), and `consume` on this
/// thread in the order of the items. Finished items wait for their turn in a window of a few a thread, so that a slow
/// one does not stop the others and memory stays bounded.
///
/// # Errors
/// The first error of `consume`, which ends the run.
///
/// # Panics
/// When `produce` panics.
pub fn in_order<I, T, E>(
    threads: Option<usize>,
    items: &[I],
    produce: impl Fn(I) -> T + Sync,
    consume: impl FnMut(I, T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Copy + Sync,
    T: Send,
{
    in_order_with(threads, AHEAD, items, || (), |(), item| produce(item), consume)
}

/// As [`in_order`], with a state that `init` makes for each thread and every call of `produce` there reuses, and a window of
/// `ahead` items a thread.
///
/// # Errors
/// The first error of `consume`, which ends the run.
///
/// # Panics
/// When `init` or `produce` panics.
pub fn in_order_with<I, S, T, E>(
    threads: Option<usize>,
    ahead: usize,
    items: &[I],
    init: impl Fn() -> S + Sync,
    produce: impl Fn(&mut S, I) -> T + Sync,
    mut consume: impl FnMut(I, T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Copy + Sync,
    S: Send,
    T: Send,
{
    let threads = threads.unwrap_or_else(rayon::current_num_threads).max(1);
    let window = ahead.max(1).saturating_mul(threads);
    let work = Work { items, init, produce, idle: Mutex::new(Vec::new()), stopped: AtomicBool::new(false) };
    // The threads that planned the run have memory that serves again; new ones would ask for their own.
    if threads == rayon::current_num_threads() {
        return rayon::in_place_scope_fifo(|scope| consume_in_order(scope, &work, window, consume));
    }
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.in_place_scope_fifo(|scope| consume_in_order(scope, &work, window, consume)),
        // The system refuses threads only when it is out of memory or at a limit: one thread then still does the work.
        Err(_) => {
            let mut state = (work.init)();
            items.iter().try_for_each(|&item| consume(item, (work.produce)(&mut state, item)))
        }
    }
}

/// What the threads share.
struct Work<'i, I, S, N, P> {
    items: &'i [I],
    init: N,
    produce: P,
    /// States that no thread is using.
    idle: Mutex<Vec<S>>,
    stopped: AtomicBool,
}

impl<I: Copy, S, T, N: Fn() -> S, P: Fn(&mut S, I) -> T> Work<'_, I, S, N, P> {
    fn make(&self, n: usize) -> T {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut state = kept.unwrap_or_else(&self.init);
        let made = (self.produce)(&mut state, self.items[n]);
        idle().push(state);
        made
    }
}

/// An item is a task of its own, which begins when fewer than `window` items before it are unfinished: no thread waits for
/// another, and what `produce` and `consume` ask of the same pool gets its turn.
fn consume_in_order<'s, I, S, T, E, N, P>(
    scope: &ScopeFifo<'s>,
    work: &'s Work<'_, I, S, N, P>,
    window: usize,
    mut consume: impl FnMut(I, T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Copy + Sync,
    S: Send,
    T: Send + 's,
    N: Fn() -> S + Sync,
    P: Fn(&mut S, I) -> T + Sync,
{
    let (sender, finished) = mpsc::channel();
    let begin = |n: usize| {
        let sender = sender.clone();
        scope.spawn_fifo(move |_| {
            if work.stopped.load(Ordering::Relaxed) {
                return;
            }
            // Whoever waits for the item has to be told when there will be none.
            let made = catch_unwind(AssertUnwindSafe(|| work.make(n)));
            let _ = sender.send((n, made)); // refused when the run has been stopped meanwhile
        });
    };
    let _stop = StopOnDrop(&work.stopped);
    (0..work.items.len().min(window)).for_each(begin);
    let mut waiting = BTreeMap::new();
    for (turn, &item) in work.items.iter().enumerate() {
        let made = loop {
            if let Some(made) = waiting.remove(&turn) {
                break made;
            }
            let (n, made) = next(&finished);
            waiting.insert(n, made.unwrap_or_else(|panic: Box<dyn Any + Send>| resume_unwind(panic)));
        };
        consume(item, made)?;
        if turn + window < work.items.len() {
            begin(turn + window);
        }
    }
    Ok(())
}

/// The next finished item. A thread of the pool itself works meanwhile: it may be the only one.
fn next<T>(finished: &Receiver<T>) -> T {
    let mut made = finished.try_recv();
    while made.is_err() && rayon::yield_now() == Some(Yield::Executed) {
        made = finished.try_recv();
    }
    let made = made.or_else(|_| finished.recv());
    made.unwrap_or_else(|RecvError| unreachable!("the sender whose clones the tasks have outlives the wait"))
}

struct StopOnDrop<'s>(&'s AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use rayon::prelude::*;

    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        let items: Vec<usize> = (0..500).collect();
        for threads in [1, 2, 7] {
            let mut seen = Vec::new();
            let produce = |i: usize| {
                if i.is_multiple_of(13) {
                    std::thread::sleep(std::time::Duration::from_micros(300));
                }
                i * i
            };
            in_order(Some(threads), &items, produce, |i, v| {
                seen.push((i, v));
                Ok::<(), ()>(())
            })
            .unwrap();
            assert_eq!(seen, items.iter().map(|&i| (i, i * i)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_the_run() {
        let items: Vec<usize> = (0..10_000).collect();
        let produced = AtomicUsize::new(0);
        let result = in_order(
            Some(3),
            &items,
            |_| produced.fetch_add(1, Ordering::Relaxed),
            |i, _| if i == 5 { Err("five") } else { Ok(()) },
        );
        assert_eq!(result, Err("five"));
        assert!(produced.load(Ordering::Relaxed) <= 5 + AHEAD * 3 + 3 + 1);
    }

    #[test]
    #[should_panic(expected = "at 40")]
    fn a_panic_of_the_producer_is_not_swallowed_and_does_not_hang() {
        let items: Vec<usize> = (0..1000).collect();
        let produce = |i: usize| assert!(i != 40, "at 40");
        let _ = in_order(Some(2), &items, produce, |_, ()| Ok::<(), ()>(()));
    }
    #[test]
    fn both_ends_may_use_the_pool_they_run_in() {
        let items: Vec<u64> = (0..200).collect();
        let below = |n: u64| (0..n).into_par_iter().sum::<u64>();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut sum = 0;
            let consume = |i, s| {
                sum += s;
                if s == below(i) { Ok(()) } else { Err(i) }
            };
            assert_eq!(pool.install(|| in_order(None, &items, below, consume)), Ok(()));
            assert_eq!(sum, items.iter().map(|n| n * n.saturating_sub(1) / 2).sum::<u64>());
        }
    }

    #[test]
    fn states_are_used_again_and_never_by_two() {
        let items: Vec<usize> = (0..1000).collect();
        let made = AtomicUsize::new(0);
        let init = || (made.fetch_add(1, Ordering::Relaxed), 0);
        let mut calls = BTreeMap::new();
        let produce = |state: &mut (usize, usize), _| {
            state.1 += 1;
            *state
        };
        in_order_with(Some(3), 4, &items, init, produce, |_, (state, n)| {
            calls.entry(state).or_insert_with(Vec::new).push(n);
            Ok::<(), ()>(())
        })
        .unwrap();
        assert!(calls.len() <= 3, "{} states", calls.len());
        for mut calls in calls.into_values() {
            calls.sort_unstable();
            assert_eq!(calls, (1..=calls.len()).collect::<Vec<_>>());
        }
    }
}
