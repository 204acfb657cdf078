//! The random numbers that spread delays.

use serde::{Deserialize, Serialize};

/// A small random generator (xorshift64*): good enough to spread delays, and repeatable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Jitter(u64);

impl Jitter {
    /// A generator that repeats itself for the same seed.
    pub(super) const fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed | 1)
    }

    /// A number in 0..1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}
