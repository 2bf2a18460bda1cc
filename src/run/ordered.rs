use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};

/// Finished items a thread may be ahead of the one whose turn it is, unless stated.
pub(super) const AHEAD: usize = 8;

/// Calls `produce` for every item on `threads` threads (all cores when `None`), and `consume` on this thread in the
/// order of the items. Finished items wait for their turn in a window of a few a thread, so that a slow one does not
/// stop the others and memory stays bounded.
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

/// As [`in_order`], with a state that `init` makes on each thread and every call of `produce` there reuses, and a window of
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
    T: Send,
{
    let threads = threads.unwrap_or_else(rayon::current_num_threads).max(1);
    // The system refuses threads only when it is out of memory or at a limit: one thread then still does the work.
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else {
        let mut state = init();
        return items.iter().try_for_each(|&item| consume(item, produce(&mut state, item)));
    };
    let gate = Gate::new(ahead.max(1).saturating_mul(threads));
    let next = AtomicUsize::new(0);
    let (sender, finished) = mpsc::channel();
    pool.in_place_scope(|scope| {
        let _stop = StopOnDrop(&gate);
        for _ in 0..threads {
            let sender = sender.clone();
            let (gate, next, init, produce) = (&gate, &next, &init, &produce);
            scope.spawn(move |_| {
                let _stop = StopOnPanic(gate);
                let mut state = init();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&item) = items.get(n) else { return };
                    if !gate.enter(n) || sender.send((n, produce(&mut state, item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut turn = 0;
        for (n, value) in finished {
            waiting.insert(n, value);
            while let Some(value) = waiting.remove(&turn) {
                consume(items[turn], value)?;
                turn += 1;
                gate.advance();
            }
        }
        Ok(())
    })
}

/// Lets item n in when fewer than `window` items before it are unfinished.
struct Gate {
    window: usize,
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    fn new(window: usize) -> Self {
        Self { window, state: Mutex::new((0, false)), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, (usize, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn; `false` when the run has been stopped.
    fn enter(&self, n: usize) -> bool {
        let mut state = self.lock();
        while !state.1 && n >= state.0 + self.window {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.1
    }

    fn advance(&self) {
        self.lock().0 += 1;
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.lock().1 = true;
        self.changed.notify_all();
    }
}

struct StopOnDrop<'g>(&'g Gate);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

struct StopOnPanic<'g>(&'g Gate);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

#[cfg(test)]
mod tests {
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
}
