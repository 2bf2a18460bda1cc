/// Told how far a run is. Called from the thread that writes, in row order.
pub trait Progress: Sync {
    /// `total` rows are to be had, of which `done` are there already.
    fn begin(&self, total: usize, done: usize);
    /// One more row is written.
    fn advance(&self);
    /// The run has ended.
    fn finish(&self);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _total: usize, _done: usize) {}
    fn advance(&self) {}
    fn finish(&self) {}
}
