use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The random numbers of one scene: a ChaCha stream of its own, so that no scene depends on another.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of scene `index` of kind `kind` under `seed`.
    pub(super) fn new(seed: u64, kind: u8, index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&index.to_le_bytes());
        key[16] = kind;
        key[17..].copy_from_slice(b"semdepth scenes");
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in 0..1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between `low` and `high`.
    pub(super) fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..n`, 0 when `n` is 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        // The bias of the product is below n / 2^64.
        let wide = u128::from(self.0.next_u64()) * n as u128;
        (wide >> 64) as usize
    }

    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of the values; there is at least one.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, values: [T; N]) -> T {
        values[self.below(N)]
    }

    /// A number that seeds a texture.
    pub(super) fn texture_seed(&mut self) -> u32 {
        self.0.next_u32()
    }
}
