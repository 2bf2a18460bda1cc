//! Mixing augmentations: new samples from one or two.
//!
//! A mix is drawn, becomes a mask, and the mask chooses between the samples:
//!
//! ```
//! use ndarray::Array2;
//! use semdepth::mix::{Domain, Draws, Method, Parameters, Purpose, Side};
//! use semdepth::sample::{Depth, Image, Sample, Size};
//!
//! let sample = |grey: u8, near: f32| {
//!     let depth = Array2::from_shape_fn((60, 80), |(y, x)| near + (y + x) as f32 / 50.0);
//!     Sample::new(Image::filled(Size::new(60, 80), grey), Depth::from_metres(depth).0)
//! };
//! let (a, b) = (sample(200, 1.0), sample(50, 2.0));
//! let mut draws = Draws::new(7, "nearfarmix", "kitchen/0001", 0, Purpose::Mix);
//! let parameters = Parameters::of(Domain::Indoor);
//! let sides = (Side::new(&a, None), Side::new(&b, None));
//! let (drawn, edit) = parameters.draw(Method::NearFarMix, sides.0, sides.1, &mut draws)?;
//! let mixed = edit.clone().apply(Some(a.clone()), b.clone())?;
//! assert_eq!(mixed.image.rgb(0, 0), [200; 3], "the near corner is A's");
//! assert_eq!(mixed.image.rgb(59, 79), [50; 3], "the far corner is B's");
//! // What was drawn gives the same mask again.
//! assert_eq!(parameters.edit(&drawn, sides.0, sides.1)?, edit);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! All functions are pure. The definitions, with the reasons for every default, are in `docs/mixes.md`.

pub mod affinemix;
pub mod classmix;
mod clean;
mod components;
mod compose;
pub mod cutdepth;
pub mod cutmix;
mod densify;
pub mod depthmix;
mod draws;
mod edit;
mod mask;
mod method;
mod mixed;
pub mod movable;
mod nearest;
pub mod nearfarmix;
mod options;
mod parameters;
mod partner;
mod plan;
mod quantile;
mod recipe;
mod side;
mod tally;
pub mod vcutdepth;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod laws;

pub use affinemix::AffineMix;
pub use classmix::ClassMix;
pub use compose::{Misfit, compose};
pub use cutdepth::CutDepth;
pub use cutmix::CutMix;
pub use depthmix::DepthMix;
pub use draws::{Draws, Purpose};
pub use edit::Edit;
pub use mask::{Mask, Rect};
pub use method::{Method, UnknownMethod};
pub use mixed::{Input, Mixed, Settled};
pub use nearfarmix::NearFarMix;
pub use options::Options;
pub use parameters::{Domain, Parameters};
pub use partner::{PartnerRule, Partners};
pub use plan::{Plan, SetName};
pub use recipe::{Drawn, Parent, Recipe, Unmixed};
pub use side::{MaskSource, Side};
pub use tally::{Observed, Tally};
pub use vcutdepth::VCutDepth;
