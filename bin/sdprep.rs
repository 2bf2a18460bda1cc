//! Prepares RGB-D data sets: convert, check, look.
fn main() {}
