//! How many threads a kernel is launched with, and sizes as kernels take them.

use cudarc::driver::LaunchConfig;

use crate::train::device::TOO_MANY;

/// A size as kernels take it.
pub(super) fn int(number: usize) -> i32 {
    let found = i32::try_from(number);
    assert!(found.is_ok(), "{number} values are {TOO_MANY}; take a smaller --batch or --size");
    found.unwrap_or_default()
}

/// Threads of a block: `THREADS` and `MOST` of common.cu.
pub(super) const THREADS: usize = 256;
pub(super) const MOST: usize = 1024;

/// The blocks of a launch: columns, rows, and threads in each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid(usize, usize, usize);

impl Grid {
    /// A thread for each of `n` values.
    pub(super) fn over(n: usize) -> Self {
        Self(n.div_ceil(THREADS), 1, THREADS)
    }

    /// So many blocks.
    pub(super) fn blocks(n: usize) -> Self {
        Self(n, 1, THREADS)
    }

    /// So many blocks, each with a thread for some of `values`.
    pub(super) fn rows(n: usize, values: usize) -> Self {
        Self(n, 1, values.div_ceil(4).next_power_of_two().clamp(32, THREADS))
    }

    /// So many blocks of as many threads as there can be.
    pub(super) fn large_blocks(n: usize) -> Self {
        Self(n, 1, MOST)
    }

    /// So many blocks, and each of them so many times.
    pub(super) fn parts(n: usize, parts: usize) -> Self {
        Self(n, parts, THREADS)
    }

    /// Whether there is no block.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0 || self.1 == 0
    }
}

impl From<Grid> for LaunchConfig {
    fn from(Grid(columns, rows, threads): Grid) -> Self {
        Self {
            grid_dim: (int(columns) as u32, int(rows) as u32, 1),
            block_dim: (int(threads) as u32, 1, 1),
            shared_mem_bytes: 0,
        }
    }
}
