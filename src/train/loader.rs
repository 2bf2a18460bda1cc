//! Batches in the order of the steps, decoded ahead of the step that needs them.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::augment::Augmentation;
use super::data::{Batch, Batching, Data, DataError};
use super::mixing::Mixing;
use super::nn::Stream;
use crate::sample::{Sample, Size};
use crate::shard::SetError;

/// Everything that makes the batches of a run. Each is a pure function of its step.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The samples.
    pub data: Arc<Data>,
    /// Order, size and normalisation.
    pub batching: Batching,
    /// What happens to every sample.
    pub augmentation: Augmentation,
    /// The mixes.
    pub mixing: Mixing,
}

impl Feed {
    /// The batch of step `step`.
    ///
    /// # Errors
    ///
    /// A sample that cannot be read, when `strict`; as many in a row as a batch has otherwise.
    pub fn make(&self, step: u64) -> Result<Batch, DataError> {
        let mut batch = Batch::empty(step);
        let (samples, first) = (self.data.len() as u64, step * self.batching.batch as u64);
        let mut known = None;
        for position in first.. {
            if batch.keys.len() == self.batching.batch {
                break;
            }
            let round = position / samples;
            let order = match known.take().filter(|(r, _)| *r == round) {
                Some((_, order)) => order,
                None => self.batching.order(round, self.data.len()),
            };
            let index = order[(position % samples) as usize];
            known = Some((round, order));
            if let Err(error) = self.add(&mut batch, position, index) {
                if self.batching.strict {
                    return Err(error.into());
                }
                batch.skipped.push(error.to_string());
                if batch.skipped.len() > self.batching.batch {
                    return Err(DataError::Unreadable { step, reason: error.to_string() });
                }
            }
        }
        Ok(batch)
    }

    /// Adds sample `index` as it is at `position` of the run: changed, mixed, normalised.
    fn add(&self, batch: &mut Batch, position: u64, index: usize) -> Result<(), SetError> {
        let (mut sample, key) = self.sample(index, &format!("sample {position}"))?;
        if let Some(planned) = self.mixing.plan(position, index) {
            match planned.partner.map(|i| self.sample(i, &format!("partner {position}"))).transpose() {
                Ok(partner) => {
                    let partner = partner.map(|(partner, _)| partner);
                    let mixed;
                    (sample, mixed) = self.mixing.mix(planned, position, index, sample, partner);
                    batch.mixed += usize::from(mixed);
                }
                Err(error) if self.batching.strict => return Err(error),
                // A partner that is lost leaves the sample as it is.
                Err(error) => batch.skipped.push(error.to_string()),
            }
        }
        let tones = self.augmentation.tones(&mut Stream::new(&format!("colours {position}"), self.batching.seed));
        self.batching.push_with(batch, &sample, &tones);
        batch.keys.push(key);
        Ok(())
    }

    /// Sample `index` on the grid of the network, changed as the stream `name` says.
    fn sample(&self, index: usize, name: &str) -> Result<(Sample, String), SetError> {
        let (sample, key) = self.data.sample(index)?;
        let sample = self.augmentation.supervise(sample, self.data.dataset(index));
        let (size, seed, flip) = (self.batching.size, self.batching.seed, self.batching.flip);
        let mut chance = Stream::new(name, seed);
        Ok((self.augmentation.place(&sample, Size::new(size.0, size.1), flip, &mut chance), key))
    }
}

/// Batches of consecutive steps, made on other threads ahead of their use.
#[derive(Debug)]
pub struct Loader {
    /// The threads take turns.
    turns: Vec<Turn>,
    next: usize,
    waited: Duration,
}

/// A thread that makes batches, and where they come out.
#[derive(Debug)]
struct Turn {
    batches: Receiver<Result<Batch, DataError>>,
    thread: Option<JoinHandle<()>>,
}

impl Turn {
    fn receive(&mut self) -> Result<Batch, DataError> {
        if let Ok(batch) = self.batches.recv() {
            return batch;
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => Err(DataError::Empty), // it has told its last error before
        }
    }
}

/// Threads that make batches. They mostly wait: a batch takes a small part of a step.
const THREADS: usize = 2;
/// Batches each of them keeps ready.
const AHEAD: usize = 2;

impl Loader {
    /// Begins with step `first`.
    pub fn start(feed: Feed, first: u64) -> Self {
        let feed = Arc::new(feed);
        let start = |turn: usize| {
            let (sender, batches) = sync_channel(AHEAD);
            let feed = Arc::clone(&feed);
            // The thread ends when the receiver is gone or after a failure.
            let thread = thread::spawn(move || {
                for step in (first + turn as u64..).step_by(THREADS) {
                    let batch = feed.make(step);
                    let failed = batch.is_err();
                    if sender.send(batch).is_err() || failed {
                        break;
                    }
                }
            });
            Turn { batches, thread: Some(thread) }
        };
        Self { turns: (0..THREADS).map(start).collect(), next: 0, waited: Duration::ZERO }
    }

    /// The next batch.
    ///
    /// # Errors
    ///
    /// As [`Feed::make`].
    ///
    /// # Panics
    ///
    /// As the thread that makes it.
    pub fn receive(&mut self) -> Result<Batch, DataError> {
        let since = Instant::now();
        let batch = self.turns[self.next].receive();
        self.next = (self.next + 1) % THREADS;
        self.waited += since.elapsed();
        batch
    }

    /// Time spent waiting for batches so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}
