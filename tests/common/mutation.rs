//! Mutated files for parsers of foreign bytes: deterministic, starting from valid files.
//!
//! `SEMDEPTH_MUTATIONS=1000000 cargo test --release --test mutation -- --nocapture` sets the number of executions of
//! each target (2000 unless set) and prints how many inputs were accepted and rejected.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// A parser under test.
pub struct Target<'a> {
    pub name: &'a str,
    /// Valid files.
    pub seeds: Vec<Vec<u8>>,
    /// Whether the bytes were accepted. Must neither panic nor take long on any bytes. A target that wraps mutated
    /// bytes (deflating them again, mending a checksum) does so here.
    pub accepts: &'a dyn Fn(&[u8]) -> bool,
    /// One in so many of the executions asked for; 1 for parsers in memory.
    pub one_in: u64,
}

impl Target<'_> {
    /// Runs the target on mutated seeds. Panics with the input when it panics, or takes longer than 20 seconds.
    pub fn run(self) {
        let asked =
            std::env::var("SEMDEPTH_MUTATIONS").ok().map(|n| n.parse().expect("SEMDEPTH_MUTATIONS is a number"));
        let n_executions = (asked.unwrap_or(2000_u64) / self.one_in).max(self.seeds.len() as u64);
        for (i, seed) in self.seeds.iter().enumerate() {
            assert!((self.accepts)(seed), "{}: seed {i} is not valid", self.name);
        }
        let (mut n_accepted, mut slowest) = (0_u64, Duration::ZERO);
        for execution in 0..n_executions {
            let bytes = mutant(&self.seeds, execution);
            let start = Instant::now();
            let Ok(accepted) = catch_unwind(AssertUnwindSafe(|| (self.accepts)(&bytes))) else {
                panic!("{}: panicked on mutation {execution}: {}", self.name, hex(&bytes));
            };
            slowest = slowest.max(start.elapsed());
            assert!(slowest < Duration::from_secs(20), "{}: mutation {execution} took {slowest:?}", self.name);
            n_accepted += u64::from(accepted);
        }
        println!(
            "{}: {n_executions} executions, {n_accepted} accepted, {} rejected, slowest {slowest:?}",
            self.name,
            n_executions - n_accepted
        );
    }
}

/// The beginning of an input, for a message.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(2048).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SplitMix64: the same mutations on every machine.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// Below `n`, which is not 0.
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    /// A place for a field of `n` bytes; small files have few.
    fn place(&mut self, length: usize, n: usize) -> usize {
        self.below(length.saturating_sub(n) + 1)
    }
}

/// Mutation number `execution` of the seeds: one to four changes.
fn mutant(seeds: &[Vec<u8>], execution: u64) -> Vec<u8> {
    let mut draw = Draw(execution);
    let mut bytes = seeds[draw.below(seeds.len())].clone();
    for _ in 0..=draw.below(4) {
        if bytes.is_empty() {
            break;
        }
        match draw.below(8) {
            0 | 1 => {
                let at = draw.below(bytes.len());
                bytes[at] ^= 1 << draw.below(8);
            }
            2 | 3 => edit_field(&mut bytes, &mut draw),
            4 => {
                let at = draw.below(bytes.len());
                bytes[at] = u8::try_from(draw.below(256)).unwrap();
            }
            5 => splice(&mut bytes, &seeds[draw.below(seeds.len())], &mut draw),
            6 => {
                let length = 1 + draw.below(64.min(bytes.len()));
                let at = draw.place(bytes.len(), length);
                if draw.below(2) == 0 {
                    bytes.drain(at..at + length);
                } else {
                    bytes[at..at + length].fill(if draw.below(2) == 0 { 0 } else { 0xFF });
                }
            }
            _ if draw.below(4) == 0 => bytes.truncate(draw.below(bytes.len())),
            _ => {
                let from = draw.below(bytes.len());
                let to = draw.below(bytes.len());
                bytes.swap(from, to);
            }
        }
    }
    bytes
}

/// Overwrites a field of 1, 2, 4 or 8 bytes with a number that breaks careless arithmetic, or moves it a little.
fn edit_field(bytes: &mut [u8], draw: &mut Draw) {
    let size = [1, 2, 4, 8][draw.below(4)].min(bytes.len());
    let at = draw.place(bytes.len(), size);
    let mut old = [0; 8];
    old[..size].copy_from_slice(&bytes[at..at + size]);
    let old = u64::from_le_bytes(old);
    let small = 1 + draw.next() % 16;
    let new = match draw.below(10) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => u64::MAX >> 1,
        4 => 1 << draw.below(64),
        5 => bytes.len() as u64,
        6 => old.wrapping_mul(2),
        7 => old.wrapping_add(small),
        8 => old.wrapping_sub(small),
        _ => draw.next(),
    };
    bytes[at..at + size].copy_from_slice(&new.to_le_bytes()[..size]);
    if draw.below(8) == 0 {
        bytes[at..at + size].reverse();
    }
}

/// Puts a piece of a file over a piece of this one, at the same or another place.
fn splice(bytes: &mut [u8], other: &[u8], draw: &mut Draw) {
    let longest = bytes.len().min(other.len()).min(256);
    if longest == 0 {
        return;
    }
    let length = 1 + draw.below(longest);
    let from = draw.place(other.len(), length);
    let to = if draw.below(2) == 0 && from + length <= bytes.len() { from } else { draw.place(bytes.len(), length) };
    bytes[to..to + length].copy_from_slice(&other[from..from + length]);
}
