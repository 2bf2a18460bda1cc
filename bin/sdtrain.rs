//! Trains depth + semantics networks on prepared sets.
fn main() {}
