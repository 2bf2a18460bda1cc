use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// What the numbers of a stream decide. Streams are independent, so that one decision never moves another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Which of several methods.
    Method = 0,
    /// Whether to mix at all, and with whom.
    Pair = 1,
    /// The parameters of the mix.
    Mix = 2,
    /// The parameters of the mix with the roles exchanged.
    Swapped = 3,
}

/// The random numbers of one output sample: a ChaCha8 stream that depends on the seed, the method, the key of the
/// sample and the number of the copy, and on nothing else.
#[derive(Clone, Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream of one decision.
    #[must_use]
    pub fn new(seed: u64, method: &str, key: &str, copy: u32, purpose: Purpose) -> Self {
        let mut message = Vec::with_capacity(32 + method.len() + key.len());
        message.extend_from_slice(b"semdepth mix");
        message.extend_from_slice(&seed.to_le_bytes());
        message.extend_from_slice(&copy.to_le_bytes());
        message.extend_from_slice(&[purpose as u8]);
        message.extend_from_slice(&(method.len() as u64).to_le_bytes());
        message.extend_from_slice(method.as_bytes());
        message.extend_from_slice(key.as_bytes());
        let mut key = [0; 32];
        let (low, high) = key.split_at_mut(16);
        low.copy_from_slice(&xxh3_128_with_seed(&message, 0).to_le_bytes());
        high.copy_from_slice(&xxh3_128_with_seed(&message, 1).to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in 0..1 (1 excluded).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between `low` and `high`.
    pub fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..n`; 0 when `n` is 0.
    #[expect(clippy::cast_possible_truncation, reason = "the product is below n * 2^64")]
    pub fn below(&mut self, n: usize) -> usize {
        // The bias of the product is below n / 2^64.
        let wide = u128::from(self.0.next_u64()) * n as u128;
        (wide >> 64) as usize
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// `count` of the values without replacement, in their own order: the first steps of a Fisher-Yates shuffle.
    pub fn subset<T: Copy + Ord>(&mut self, values: &[T], count: usize) -> Vec<T> {
        let mut values = values.to_vec();
        let count = count.min(values.len());
        for i in 0..count {
            let j = self.between(i, values.len() - 1);
            values.swap(i, j);
        }
        values.truncate(count);
        values.sort_unstable();
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seed: u64, method: &str, key: &str, copy: u32, purpose: Purpose) -> f64 {
        Draws::new(seed, method, key, copy, purpose).unit()
    }

    /// Made by `tests/golden/mix_stream.py` from the definition. A change here changes every mixed set there is.
    #[test]
    fn the_stream_is_fixed() {
        let mut draws = Draws::new(7, "nearfarmix", "kitchen/0001", 0, Purpose::Mix);
        let numbers = [draws.unit(), draws.unit()];
        assert_eq!(numbers, [0.2303349419131009, 0.7035353121526171]);
    }

    #[test]
    fn everything_that_names_a_sample_moves_its_stream() {
        let base = first(1, "a", "b", 0, Purpose::Mix);
        assert_eq!(base, first(1, "a", "b", 0, Purpose::Mix));
        let others = [
            first(2, "a", "b", 0, Purpose::Mix),
            first(1, "ab", "", 0, Purpose::Mix),
            first(1, "a", "c", 0, Purpose::Mix),
            first(1, "a", "b", 1, Purpose::Mix),
            first(1, "a", "b", 0, Purpose::Swapped),
        ];
        assert!(others.iter().all(|&other| other != base));
    }

    #[test]
    fn subsets_are_even() {
        let mut counts = [0; 5];
        for copy in 0..2000 {
            let mut draws = Draws::new(0, "classmix", "k", copy, Purpose::Mix);
            let drawn = draws.subset(&[0, 1, 2, 3, 4], 2);
            assert!(drawn.len() == 2 && drawn.is_sorted() && drawn[0] != drawn[1]);
            drawn.iter().for_each(|&i| counts[i] += 1);
        }
        assert!(counts.iter().all(|&n| (700..900).contains(&n)), "{counts:?}");
        assert_eq!(Draws::new(0, "", "", 0, Purpose::Mix).subset(&[1, 2], 9), [1, 2]);
        assert_eq!(Draws::new(0, "", "", 0, Purpose::Mix).between(3, 3), 3);
    }
}
