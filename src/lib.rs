//! semdepth: depth + semantics data sets as sharded Zarr tensors.

#![cfg_attr(not(feature = "fused"), forbid(unsafe_code))]

#[cfg(any(feature = "prep", feature = "train"))]
pub mod cli;
pub mod file;
pub mod label;
pub mod mix;
#[cfg(any(feature = "train", feature = "teacher"))]
mod panic;
pub mod relabel;
pub mod run;
pub mod sample;
pub mod shard;
pub mod source;
#[cfg(feature = "train")]
pub mod train;
pub mod view;
mod wide;
