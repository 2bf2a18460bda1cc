//! One RGB-D frame with its labels, and the rules that belong to each of its fields.
//!
//! A field is a type of its own: it knows its unit, the value that stands for *missing* and how it may be
//! resampled. Class ids have no interpolating method, so blending them does not compile:
//!
//! ```compile_fail
//! use semdepth::sample::{Semantics, Size};
//! fn half(labels: &Semantics) -> Semantics {
//!     labels.resize_smooth(Size::new(240, 320)) // only an Image has this
//! }
//! ```
//!
//! | field | type | unit, range | missing | resampling |
//! | --- | --- | --- | --- | --- |
//! | image | u8 \[3,H,W\] | sRGB | never | area / bilinear |
//! | depth, raw depth | f32 \[H,W\] | metres | 0 | nearest, valid before missing |
//! | semantics | u8 \[H,W\] | class id | 255 | nearest |
//! | confidence | u8 \[H,W\] | 0..255 = 0..1 | 0 | nearest |
//! | intrinsics | f64 | pixels | absent | follows crop, flip and scale |

mod byte_map;
mod depth;
mod entry;
mod fault;
mod geometry;
mod image;
mod intrinsics;
mod rotate;
mod runs;
mod select;

pub use byte_map::{Confidence, IGNORE, Semantics};
pub use depth::{Depth, Invalid};
pub use entry::{Entry, Fields};
pub use fault::Fault;
pub use geometry::{Crop, Size, Window};
pub use image::Image;
pub use intrinsics::Intrinsics;
pub use runs::Element;
pub(crate) use runs::{push_run, runs};
pub(crate) use select::Selection;

/// One frame: every field lies on the same H x W grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// sRGB, `[3, H, W]`.
    pub image: Image,
    /// Metres, `[H, W]`, 0 = no measurement.
    pub depth: Depth,
    /// Class ids, `[H, W]`, 255 = ignore. Absent when the set carries no labels.
    pub semantics: Option<Semantics>,
    /// Confidence of a pseudo label, `[H, W]`.
    pub confidence: Option<Confidence>,
    /// Depth as measured, before holes were filled, `[H, W]`.
    pub raw_depth: Option<Depth>,
    /// Pinhole camera of the stored grid.
    pub intrinsics: Option<Intrinsics>,
}

impl Sample {
    /// A sample with the two fields every set has.
    #[must_use]
    pub fn new(image: Image, depth: Depth) -> Self {
        Self { image, depth, semantics: None, confidence: None, raw_depth: None, intrinsics: None }
    }

    /// The first field whose grid differs from the image's, with its size.
    #[must_use]
    pub fn misfit(&self) -> Option<(&'static str, Size)> {
        let size = self.image.size();
        let fields = [
            ("depth", Some(self.depth.size())),
            ("semantics", self.semantics.as_ref().map(Semantics::size)),
            ("confidence", self.confidence.as_ref().map(Confidence::size)),
            ("raw_depth", self.raw_depth.as_ref().map(Depth::size)),
        ];
        fields.into_iter().find_map(|(name, found)| found.filter(|&f| f != size).map(|f| (name, f)))
    }

    /// The part of every field that `window` covers; what it covers outside the grid is missing (black in the image).
    #[must_use]
    pub fn window(&self, window: Window) -> Self {
        Self {
            image: self.image.window(window),
            depth: self.depth.window(window),
            semantics: self.semantics.as_ref().map(|s| s.window(window)),
            confidence: self.confidence.as_ref().map(|c| c.window(window)),
            raw_depth: self.raw_depth.as_ref().map(|d| d.window(window)),
            intrinsics: self.intrinsics.map(|k| k.window(window)),
        }
    }

    /// Every field mirrored left to right.
    #[must_use]
    pub fn mirror(self) -> Self {
        let width = self.image.size().width;
        Self {
            image: self.image.mirror(),
            depth: self.depth.mirror(),
            semantics: self.semantics.map(Semantics::mirror),
            confidence: self.confidence.map(Confidence::mirror),
            raw_depth: self.raw_depth.map(Depth::mirror),
            intrinsics: self.intrinsics.map(|k| k.mirror(width)),
        }
    }

    /// Every field on a new grid, each by its own rule.
    #[must_use]
    pub fn resize(&self, size: Size) -> Self {
        let old = self.image.size();
        Self {
            image: self.image.resize(size),
            depth: self.depth.resize_nearest(size),
            semantics: self.semantics.as_ref().map(|s| s.resize_nearest(size)),
            confidence: self.confidence.as_ref().map(|c| c.resize_nearest(size)),
            raw_depth: self.raw_depth.as_ref().map(|d| d.resize_nearest(size)),
            intrinsics: self.intrinsics.map(|k| k.resize(old, size)),
        }
    }
}
