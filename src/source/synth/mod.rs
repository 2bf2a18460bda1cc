//! Scenes made by a small ray caster: pictures with exact depth, classes and intrinsics, without any download.
//!
//! Every scene is a pure function of (seed, kind, index) and is computed with additions, products and square roots
//! alone, so that all machines make the same bytes.

mod class;
mod draw;
mod fitting;
mod furniture;
mod glow;
mod kitti_tree;
mod lidar;
#[cfg(feature = "prep")]
mod nyu_mat;
mod render;
mod rig;
mod road;
mod room;
mod room_middle;
mod scene;
mod sensor;
mod shape;
#[cfg_attr(not(feature = "prep"), expect(dead_code, reason = "only the MAT writer stores splits"))]
mod splits;
mod street;
mod texture;
mod tree;
mod vector;
mod wall_piece;
mod write;

use serde_json::{Map, json};

pub use self::kitti_tree::write_kitti_tree;
#[cfg(feature = "prep")]
pub use self::nyu_mat::write_nyu_mat;
pub use self::splits::is_test_row;
pub use self::write::WriteError;

use self::render::{Camera, Frame};
use self::scene::Scene;
use super::{Entry, Fields, Header, Loaded, Source, SourceError};
use crate::label::LabelSpace;
use crate::sample::{Depth, Fault, Image, Invalid, Sample, Semantics, Size};

/// What kind of scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Furnished rooms, 480 x 640, with the RGB camera of the NYU recordings.
    Indoor,
    /// Streets and country roads, 375 x 1242, with the left colour camera of the KITTI recordings.
    Road,
}

impl Kind {
    /// The name of the set: `synth-indoor` or `synth-road`.
    #[must_use]
    pub const fn dataset(self) -> &'static str {
        match self {
            Self::Indoor => "synth-indoor",
            Self::Road => "synth-road",
        }
    }

    /// The size of the camera the scenes imitate.
    #[must_use]
    pub const fn size(self) -> Size {
        match self {
            Self::Indoor => room::SIZE,
            Self::Road => road::SIZE,
        }
    }
}

/// Which scenes to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Rooms or roads.
    pub kind: Kind,
    /// Number of scenes.
    pub count: usize,
    /// Decides every scene; scene `i` of a seed is the same whatever the count.
    pub seed: u64,
    /// Grid of the pictures; the camera is scaled with it.
    pub size: Size,
    /// Also give depth as a structured-light sensor would: with holes beside near objects and at the border.
    pub raw_depth: bool,
}

impl Options {
    /// Scenes of the default size from seed 0.
    #[must_use]
    pub const fn new(kind: Kind, count: usize) -> Self {
        Self { kind, count, seed: 0, size: kind.size(), raw_depth: false }
    }
}

/// Rendered scenes as a source.
pub struct Synth {
    options: Options,
    header: Header,
    entries: Vec<Entry>,
}

/// Rows and columns must lie in this range.
const SIDES: std::ops::RangeInclusive<usize> = 16..=4096;

impl Synth {
    /// Plans the scenes; each is made when it is loaded.
    ///
    /// # Errors
    /// [`SourceError::Usage`] when the count is 0 or a side of the size lies outside 16..4096.
    pub fn new(options: Options) -> Result<Self, SourceError> {
        let Options { kind, count, seed, size, raw_depth } = options;
        if count == 0 {
            return Err(SourceError::Usage("--count is 0: ask for at least one scene".into()));
        }
        if !SIDES.contains(&size.height) || !SIDES.contains(&size.width) {
            return Err(SourceError::Usage(format!("size {size}: --height and --width must lie in 16..4096")));
        }
        let mut stored = Map::new();
        stored.insert("seed".into(), json!(seed));
        stored.insert("count".into(), json!(count));
        stored.insert("height".into(), json!(size.height));
        stored.insert("width".into(), json!(size.width));
        stored.insert("raw_depth".into(), json!(raw_depth));
        let header = Header {
            dataset: kind.dataset().into(),
            split: "train".into(),
            label_space: Some(LabelSpace::Ade20k150),
            size,
            fields: Fields { confidence: false, raw_depth, intrinsics: true },
            options: stored,
        };
        let entries = (0..count).map(|index| entry(kind, seed, index)).collect();
        Ok(Self { options, header, entries })
    }

    fn frame(&self, index: usize) -> (Camera, Frame) {
        let Options { seed, size, kind, .. } = self.options;
        let (scene, camera) = scene(kind, seed, index as u64, size);
        let frame = render::render(&scene, &camera, noise_seed(seed, index));
        (camera, frame)
    }
}

fn scene(kind: Kind, seed: u64, index: u64, size: Size) -> (Scene, Camera) {
    match kind {
        Kind::Indoor => room::build(seed, index, size),
        Kind::Road => road::build(seed, index, size),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "any 32 bits will do")]
fn noise_seed(seed: u64, index: usize) -> u32 {
    (seed as u32).wrapping_mul(0x9e37_79b1) ^ (index as u32).wrapping_mul(0x85eb_ca77)
}

fn scene_type(kind: Kind, index: u64) -> &'static str {
    match kind {
        Kind::Indoor => room::scene_type(index),
        Kind::Road => road::scene_type(index),
    }
}

fn entry(kind: Kind, seed: u64, index: usize) -> Entry {
    let scene_type = scene_type(kind, index as u64);
    let scene = format!("{scene_type}_{index:04}");
    Entry {
        key: format!("{scene}/seed_{seed}"),
        split: Some("train".into()),
        scene: Some(scene),
        scene_type: Some(scene_type.into()),
        ..Entry::default()
    }
}

impl Source for Synth {
    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn load(&self, index: usize) -> Result<Loaded, Fault> {
        let Some(entry) = self.entries.get(index) else {
            return Err(Fault::new("synth", "index", format!("scene {index} of {}", self.entries.len())));
        };
        let (camera, frame) = self.frame(index);
        let image =
            Image::from_planes(frame.image).ok_or_else(|| Fault::new(&entry.key, "image", "not three planes"))?;
        let raw = self.options.raw_depth.then(|| sensor::with_holes(&frame.depth));
        let sample = Sample {
            image,
            depth: Depth::from_metres(frame.depth).0,
            semantics: Some(Semantics::new(frame.classes)),
            confidence: None,
            raw_depth: raw.map(|raw| Depth::from_metres(raw).0),
            intrinsics: Some(camera.intrinsics),
        };
        Ok(Loaded { sample, crop: None, invalid: Invalid::default(), provenance: None })
    }
}

#[cfg(test)]
mod tests;
