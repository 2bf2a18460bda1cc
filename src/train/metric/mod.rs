//! Metrics of depth and semantics (evaluation.md).

mod depth;
mod protocol;
mod semantics;

pub use depth::{Average, Depth, Picture, average, picture};
pub use protocol::{Crop, Flip, Frame, Place, Plane, Prepared, Protocol, mirror_average, resize};
pub use semantics::{Confusion, Scores};
