//! Layers with parameters, on top of the operations.
//!
//! A [`Store`] owns every tensor of a network under its name; layers hold handles to their own. So loading, saving, counting and
//! optimising go through the store and know nothing of the layers, and a forward pass needs nothing but the layers.

mod fill;
mod layers;
mod pass;
mod store;

pub use fill::Stream;
pub use layers::{BatchNorm, Conv, ConvNorm, Depthwise, FeedForward, LayerNorm, Linear};
pub use pass::{Mode, Pass, Running};
pub use store::{Builder, Entry, Init, Parameter, Role, Store};
