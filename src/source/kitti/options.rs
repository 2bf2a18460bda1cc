use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::frame::Camera;
use crate::label::LabelSpace;
use crate::source::fit::{Fit, KITTI_BENCHMARK};

/// Where depth comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DepthKind {
    /// `proj_depth/groundtruth`: accumulated over eleven sweeps and cleaned, u16 PNG, metres * 256.
    Annotated,
    /// `proj_depth/velodyne_raw`: one sweep, u16 PNG, metres * 256.
    VelodyneRaw,
    /// Projected here from the velodyne `.bin` by the Eigen protocol; depth along the optical axis.
    Project,
    /// As [`Project`](Self::Project) with the scanner's forward coordinate, as in the published Eigen test depths.
    ProjectVelodyneX,
    /// `disp_occ_0` of the stereo benchmarks, u16 PNG, pixels * 256: all pixels, also those hidden from the right camera.
    Disparity,
    /// `disp_noc_0`: only pixels that both cameras see.
    DisparityNoc,
    /// Nowhere: all depth is missing, as in the semantic benchmark on its own.
    Nothing,
}

impl DepthKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Annotated,
        Self::VelodyneRaw,
        Self::Project,
        Self::ProjectVelodyneX,
        Self::Disparity,
        Self::DisparityNoc,
        Self::Nothing,
    ];

    /// As written on the command line and in a set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Annotated => "annotated",
            Self::VelodyneRaw => "velodyne-raw",
            Self::Project => "project",
            Self::ProjectVelodyneX => "project-velodyne-x",
            Self::Disparity => "disparity",
            Self::DisparityNoc => "disparity-noc",
            Self::Nothing => "none",
        }
    }

    pub(super) const fn is_disparity(self) -> bool {
        matches!(self, Self::Disparity | Self::DisparityNoc)
    }

    pub(super) const fn is_projected(self) -> bool {
        matches!(self, Self::Project | Self::ProjectVelodyneX)
    }
}

impl fmt::Display for DepthKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DepthKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("expected one of {names}; found {text:?}")
        })
    }
}

/// Which of the two colour cameras to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cameras {
    /// One of them.
    One(Camera),
    /// Both.
    Both,
}

impl Cameras {
    pub(super) fn contains(self, camera: Camera) -> bool {
        match self {
            Self::One(only) => only == camera,
            Self::Both => true,
        }
    }
}

impl fmt::Display for Cameras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(Camera::Left) => "02",
            Self::One(Camera::Right) => "03",
            Self::Both => "both",
        })
    }
}

impl FromStr for Cameras {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "02" | "2" | "left" => Ok(Self::One(Camera::Left)),
            "03" | "3" | "right" => Ok(Self::One(Camera::Right)),
            "both" => Ok(Self::Both),
            _ => Err(format!("expected 02, 03 or both; found {text:?}")),
        }
    }
}

/// What to do with frames that lack their image or their depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// They get no row, and their number is reported. The first and last five frames of every drive have no
    /// annotated depth, and a list may name drives that are not there.
    #[default]
    LeaveOut,
    /// A frame that a list names keeps its row, which is quarantined. Frames for which the list itself says `None`
    /// are left out all the same.
    Quarantine,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeaveOut => "leave-out",
            Self::Quarantine => "quarantine",
        })
    }
}

impl FromStr for Missing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "leave-out" => Ok(Self::LeaveOut),
            "quarantine" => Ok(Self::Quarantine),
            _ => Err(format!("expected leave-out or quarantine, found {text:?}")),
        }
    }
}

/// An image and its depth in a folder of another layout, e.g. `*_rgb.png=*_gt_depth.png`.
///
/// Both are paths below the root. The file name may hold one `*`, which stands for the same text in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The image.
    pub image: String,
    /// Its depth or disparity.
    pub depth: String,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.image, self.depth)
    }
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (image, depth) = text
            .split_once('=')
            .ok_or_else(|| format!("expected IMAGE=DEPTH such as '*_rgb.png=*_depth.png', found {text:?}"))?;
        for side in [image, depth] {
            let (folder, name) = side.rsplit_once('/').unwrap_or(("", side));
            if name.is_empty() || side.starts_with('/') || side.split('/').any(|part| part == "..") {
                return Err(format!("expected the path of a file below ROOT, found {side:?}"));
            }
            if folder.contains('*') || name.matches('*').count() > 1 {
                return Err(format!("expected at most one * and that in the file name, found {side:?}"));
            }
        }
        if image.contains('*') != depth.contains('*') {
            return Err(format!("expected a * on both sides of = or on none, found {text:?}"));
        }
        Ok(Self { image: image.to_owned(), depth: depth.to_owned() })
    }
}

/// What to convert and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The data set. See `docs/kitti.md` for the trees that are understood.
    pub root: PathBuf,
    /// Where the depth PNGs are, when they are not below the root.
    pub depth_root: Option<PathBuf>,
    /// Only the frames of this list (BTS or monodepth2).
    pub split_file: Option<PathBuf>,
    /// Only the drives of this half (`train`, `val`) of the depth tree; with a list, the name to record.
    pub split: Option<String>,
    /// `None`: the first kind the tree holds.
    pub depth: Option<DepthKind>,
    /// `None`: those that the list names; without a list, camera 02.
    pub cameras: Option<Cameras>,
    /// Images and depths in other layouts. When not empty, nothing else is looked for.
    pub pairs: Vec<Pair>,
    /// How pictures of different sizes come to lie on one grid.
    pub fit: Fit,
    /// Frames without image or depth.
    pub missing: Missing,
    /// Distance of the two colour cameras in metres; what disparity is turned into depth with.
    pub baseline_m: f64,
    /// Focal length in pixels for disparity. `None`: that of the calibration, or of the known widths.
    pub focal_px: Option<f64>,
    /// Classes that the labels of the semantic benchmark become.
    pub label_space: LabelSpace,
    /// Map some classes that are not evaluated too: bridge, parking, caravan, ...
    pub extended_labels: bool,
}

impl Options {
    /// The usual choices for the data set at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            depth_root: None,
            split_file: None,
            split: None,
            depth: None,
            cameras: None,
            pairs: Vec::new(),
            fit: Fit::Crop(KITTI_BENCHMARK),
            missing: Missing::default(),
            baseline_m: 0.54,
            focal_px: None,
            label_space: LabelSpace::Ade20k150,
            extended_labels: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back_is_the_identity() {
        for kind in DepthKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for text in ["02", "03", "both"] {
            assert_eq!(text.parse::<Cameras>().unwrap().to_string(), text);
        }
        for text in ["leave-out", "quarantine"] {
            assert_eq!(text.parse::<Missing>().unwrap().to_string(), text);
        }
        assert!("Z".parse::<DepthKind>().unwrap_err().contains("annotated, velodyne-raw"));
    }

    #[test]
    fn pairs_stay_below_the_root() {
        assert_eq!("a/*_rgb.png=b/*.png".parse::<Pair>().unwrap().to_string(), "a/*_rgb.png=b/*.png");
        for wrong in ["a.png", "/a.png=b.png", "a.png=../b.png", "*=b", "a*b*=c*", "*/a.png=*/b.png", "=b.png"] {
            assert!(wrong.parse::<Pair>().is_err(), "{wrong}");
        }
    }
}
