//! Numbers that depend on nothing but a name and a seed.

/// A stream of 64-bit numbers (SplitMix64) that begins at a hash of a name and a seed: parameters.md section 6. The values of a
/// tensor so depend neither on the other tensors of a network nor on the order in which they are made.
#[derive(Debug, Clone)]
pub struct Stream {
    state: u64,
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Stream {
    /// The stream of `name` under `seed`.
    pub fn new(name: &str, seed: u64) -> Self {
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01B3));
        Self { state: hash ^ seed.wrapping_mul(STEP) }
    }

    /// The next number.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normally distributed, mean 0, deviation 1 (Box-Muller, one of the two values).
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_the_specification() {
        // parameters.md 6: seed 11, weights of 3 * 3 * 3 inputs are v sqrt(3 / 27), running variances 1 + 0.3 v.
        let mut v = Stream::new("encoder.stem.conv1.weight", 11);
        let weights: Vec<f64> = (0..4).map(|_| (2.0 * v.uniform() - 1.0) / 3.0).collect();
        for (found, expected) in weights.iter().zip([-0.29395622, -0.11830019, -0.08113916, -0.02634246]) {
            assert!((found - expected).abs() < 1e-8, "{found} instead of {expected}");
        }
        let mut v = Stream::new("encoder.stem.norm1.running_var", 11);
        assert!((1.0 + 0.3 * (2.0 * v.uniform() - 1.0) - 1.22841680).abs() < 1e-7);
    }

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1() {
        let mut stream = Stream::new("x", 1);
        let values: Vec<f64> = (0..20_000).map(|_| stream.normal()).collect();
        let mean = values.iter().sum::<f64>() / 20_000.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "mean {mean}, variance {variance}");
    }
}
