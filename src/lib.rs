//! semdepth: depth + semantics data sets as sharded Zarr tensors.

pub mod label;
pub mod sample;
pub mod source;
