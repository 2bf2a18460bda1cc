//! KITTI: raw recordings with annotated, raw or projected laser depth, the depth selection, and the stereo and object
//! benchmarks.
//!
//! ```no_run
//! use semdepth::source::Source;
//! use semdepth::source::kitti::{Kitti, Options};
//!
//! let kitti = Kitti::plan(Options::new("data/kitti"))?;
//! println!("{}", kitti.report());
//! let first = kitti.load(0)?;
//! println!("{} measured pixels", first.sample.depth.n_valid());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Formats: Geiger et al., *Vision meets Robotics: The KITTI Dataset* (2013); Uhrig et al., *Sparsity Invariant CNNs*
//! (2017) for the depth PNGs; Menze and Geiger, *Object Scene Flow for Autonomous Vehicles* (2015) for the disparity.

mod benchmark;
pub mod calib;
mod drives;
mod file;
pub mod frame;
mod optics;
mod options;
mod pairs;
mod plan;
mod source;
pub mod split;
mod tree;
pub mod velodyne;

pub use file::Malformed;
pub use frame::{Camera, Drive, Frame};
pub use options::{Cameras, DepthKind, Missing, Options, Pair};
pub use plan::{LeftOut, Report};
pub use source::Kitti;
