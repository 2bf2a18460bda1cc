use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::exit::{Exit, Usage};
use crate::cli::fraction::fraction;
use crate::cli::output::Output;
use crate::cli::prep::run::RunArgs;
use crate::label::LabelSpace;
use crate::source::fit::Fit;
use crate::source::kitti::{Cameras, DepthKind, Kitti, Missing, Options, Pair};

/// Where the data set is looked for when it is not named.
const PLACES: [&str; 4] = ["data/kitti", "kitti", "data/KITTI", "KITTI"];

/// Convert KITTI: raw recordings, depth, stereo and semantic benchmarks
///
/// ROOT holds DATE/DRIVE folders (also below raw/), or training/image_2 of the stereo and object benchmarks, or image/
/// and groundtruth_depth/ of the depth selection. Frames without depth are left out and counted. Labels are read from
/// training/semantic (or training/instance) when it is there, also beside the disparity of the stereo benchmark.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sdprep convert kitti data/kitti --split-file eigen_train_files_with_gt.txt
  sdprep convert kitti data/kitti --depth project-velodyne-x --fit pad --split-file eigen/test_files.txt
  sdprep convert kitti data_scene_flow --depth disparity --fit pad
  sdprep convert kitti frames --depth annotated --pair '*_rgb.png=*_gt_depth.png'")]
pub(in crate::cli::prep) struct Args {
    /// Folder of the data set [default: data/kitti or kitti]
    root: Option<PathBuf>,
    /// Where depth comes from [default: the first of these that ROOT holds]
    ///
    /// annotated: accumulated and cleaned laser depth (proj_depth/groundtruth); velodyne-raw: single sweeps
    /// (proj_depth/velodyne_raw); project: from velodyne .bin by the Eigen protocol, depth along the optical axis;
    /// project-velodyne-x: the same with the scanner's forward coordinate, as in the Eigen test depths; disparity:
    /// disp_occ_0 of the stereo benchmarks; disparity-noc: disp_noc_0; none: all depth is missing
    #[arg(long, value_name = "KIND")]
    depth: Option<DepthKind>,
    /// Folder of the depth PNGs, when they are not below ROOT
    #[arg(long, value_name = "FOLDER")]
    depth_root: Option<PathBuf>,
    /// Cameras: 02 (left), 03 (right) or both [default: those in the list; without a list, 02]
    #[arg(long, value_name = "CAMERA")]
    cameras: Option<Cameras>,
    /// Only the frames of this list, of BTS (`image depth focal`) or monodepth2 (`DATE/DRIVE frame side`)
    #[arg(long, value_name = "FILE")]
    split_file: Option<PathBuf>,
    /// Only the drives of this half of the depth tree, train or val; with a list, the name to record
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// What makes one size of many: kb-crop (352 x 1216, bottom, centred), crop:HEIGHTxWIDTH, pad (to the largest), or
    /// reject (quarantine all but the most common size)
    #[arg(long, default_value = "kb-crop", value_name = "FIT")]
    fit: Fit,
    /// Frames of a list without image or depth: leave-out, or quarantine (they keep a row)
    #[arg(long, default_value_t, value_name = "WHAT")]
    missing: Missing,
    /// Files of another layout that belong together, below ROOT; one * stands for the same text in both names
    #[arg(long = "pair", value_name = "IMAGE=DEPTH")]
    pairs: Vec<Pair>,
    /// Metres between the colour cameras, for disparity
    #[arg(long, default_value = "0.54", value_name = "METRES", value_parser = positive)]
    baseline: f64,
    /// Focal length in pixels, for disparity [default: from the calibration, or by the width of the picture]
    #[arg(long, value_name = "PIXELS", value_parser = positive)]
    focal: Option<f64>,
    /// Classes that labels become: ade20k or cityscapes (train ids)
    #[arg(long, value_name = "SPACE", default_value = "ade20k", help_heading = "Labels")]
    label_space: LabelSpace,
    /// Map some classes that are not evaluated too: bridge, parking, caravan, ...
    #[arg(long, help_heading = "Labels")]
    extended_labels: bool,
    #[command(flatten)]
    run: RunArgs,
}

fn positive(text: &str) -> Result<f64, String> {
    let value = fraction(text)?;
    if value > 0.0 { Ok(value) } else { Err(format!("expected a positive number, found {text:?}")) }
}

impl Args {
    pub(in crate::cli::prep) fn run(self, output: &Output) -> Result<Exit> {
        let root = match self.root {
            Some(root) => root,
            None => {
                let root = PLACES.into_iter().map(Path::new).find(|place| place.is_dir()).ok_or_else(|| {
                    Usage("no data set in data/kitti or kitti; name it: sdprep convert kitti /path/to/kitti".into())
                })?;
                output.say(format_args!("taking {}", root.display()));
                root.to_owned()
            }
        };
        let below = |file: PathBuf| {
            let inside = root.join(&file);
            if file.exists() || !inside.exists() {
                return file;
            }
            output.say(format_args!("taking {}", inside.display()));
            inside
        };
        let kitti = Kitti::plan(Options {
            depth_root: self.depth_root,
            split_file: self.split_file.map(below),
            split: self.split,
            depth: self.depth,
            cameras: self.cameras,
            pairs: self.pairs,
            fit: self.fit,
            missing: self.missing,
            baseline_m: self.baseline,
            focal_px: self.focal,
            label_space: self.label_space,
            extended_labels: self.extended_labels,
            ..Options::new(root)
        })?;
        let chosen = if self.depth.is_none() { " (found; --depth takes another)" } else { "" };
        output.say(format_args!("depth: {}{chosen}", kitti.depth_kind()));
        output.say(kitti.report());
        self.run.run(&kitti, "kitti", output)
    }
}
