use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;

use crate::cli::exit::{Exit, Usage};
use crate::cli::fraction::fraction;
use crate::cli::output::Output;
use crate::cli::prep::colors::ColorArgs;
use crate::cli::prep::run::RunArgs;
use crate::label::{LabelSpace, Remap};
use crate::sample::Intrinsics;
use crate::source::depth_code::{DepthCode, Encoding};
use crate::source::fit::Fit;
use crate::source::folder::{self, Defaults, LabelTable, Options, Pairing, Pattern, Preset};
use crate::source::label_map::{ColorCode, Container};
use crate::source::pairs::{Name, Pairs};

/// Convert your own folder of pictures, depth maps and label maps
///
/// Patterns are paths below ROOT: * matches within a name, **/ any folders, {jpg,png} one of several. Files belong
/// together when their * and **/ match the same text; what stands in braces, {*} too, does not count.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sdprep convert folder scans --images 'rgb/*.jpg' --depths 'depth/*.png' --depth-scale 1/1000
  sdprep convert folder scans --images '**/*_rgb.png' --depths '**/*_depth.npy' --labels '**/*_label.png' \\
      --labels-table my_classes.csv --intrinsics 525,525,319.5,239.5
  sdprep convert folder rgbd_dataset_freiburg1_desk --preset tum --intrinsics 517.3,516.5,318.6,255.3")]
pub(in crate::cli::prep) struct Args {
    /// Folder of the data
    root: PathBuf,
    /// A known data set whose values stand in for what is not given
    #[arg(long, value_parser = PossibleValuesParser::new(Preset::ALL.map(Preset::name)), value_name = "NAME")]
    preset: Option<String>,
    /// Pictures: PNG, JPEG or PPM; they name the samples
    #[arg(long, value_name = "PATTERN")]
    images: Option<Pattern>,
    /// Depth maps: PNG or PGM of 8 or 16 bits, or npy; without them all depth is missing
    #[arg(long, value_name = "PATTERN")]
    depths: Option<Pattern>,
    /// Label maps: grey, palette or RGB PNG (by known colours, or --colors), PGM, or integer npy or npz
    #[arg(long, value_name = "PATTERN")]
    labels: Option<Pattern>,
    /// Confidence of the labels: 8-bit maps, 255 = certain, or float npy, 1 = certain
    #[arg(long, value_name = "PATTERN")]
    confidence: Option<Pattern>,
    /// What makes files a pair: name, number (the last one in what * matched), or time:SECONDS (no further apart)
    #[arg(long, value_name = "HOW")]
    pair: Option<Pairing>,
    /// Metres of one step of the stored numbers, e.g. 1/1000 [default: 1 for npy]
    #[arg(long, value_name = "METRES", value_parser = not_zero, help_heading = "Depth")]
    depth_scale: Option<f64>,
    /// Metres to add: metres = number * scale + offset
    #[arg(long, value_name = "METRES", value_parser = fraction, allow_negative_numbers = true, help_heading = "Depth")]
    depth_offset: Option<f64>,
    /// Stored numbers that mean no measurement, or none [default: 0]
    #[arg(long, value_name = "NUMBER|none", num_args = 1.., value_parser = invalid_number, help_heading = "Depth")]
    depth_invalid: Vec<InvalidNumber>,
    /// What the numbers are: plain; sunrgbd (bits rotated by three); disparity (see --baseline-focal); kinect (raw disparity)
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Depth")]
    depth_encoding: Option<EncodingName>,
    /// Baseline in metres times focal length in pixels: metres = this / (number * scale + offset)
    #[arg(long, value_name = "NUMBER", value_parser = fraction, help_heading = "Depth")]
    baseline_focal: Option<f64>,
    /// Which classes the label ids are: a CSV file (source id, class id or name), or the name of a known table
    #[arg(long, value_name = "CSV|NAME", help_heading = "Labels")]
    labels_table: Option<String>,
    #[command(flatten)]
    colors: ColorArgs,
    /// Classes of the set: ade20k, nyu40, nyu13 or cityscapes
    #[arg(long, value_name = "SPACE", default_value = "ade20k", help_heading = "Labels")]
    label_space: LabelSpace,
    /// The files are mirrored left-right; turn them back
    #[arg(long)]
    mirror: bool,
    /// Camera of a whole picture, after --mirror: fx,fy,cx,cy, or a text file with them or with the 3x3 matrix
    #[arg(long, value_name = "NUMBERS|FILE")]
    intrinsics: Option<String>,
    /// What makes one size of many: reject, pad (to the largest), crop:HEIGHTxWIDTH (bottom, centred)
    #[arg(long, value_name = "FIT", default_value_t)]
    fit: Fit,
    /// Name of the data set to record [default: that of the preset, or folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Split to record; sets whose split is neither train nor all serve as validation
    #[arg(long, value_name = "NAME", default_value = "all", value_parser = ["train", "val", "test", "all"])]
    split: String,
    #[command(flatten)]
    run: RunArgs,
}

/// With a step of 0 every depth would be the same.
fn not_zero(text: &str) -> Result<f64, String> {
    fraction(text).and_then(|step| if step == 0.0 { Err("expected a step that is not 0".into()) } else { Ok(step) })
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EncodingName {
    Plain,
    Sunrgbd,
    Disparity,
    Kinect,
}

impl Args {
    pub(in crate::cli::prep) fn run(self, output: &Output) -> Result<Exit> {
        let preset = self.preset.as_deref().map(str::parse::<Preset>).transpose().map_err(Usage)?;
        let defaults = preset.map(Preset::defaults);
        let (labels, table) = self.labels(defaults.as_ref())?.unzip();
        let depths = self.depths.clone().or(preset_pattern(defaults.as_ref().map(|d| d.depths))?);
        let depth = match &depths {
            Some(pattern) => self.depth(defaults.as_ref(), pattern)?,
            None => DepthCode::metres(),
        };
        if depths.is_none() {
            output.say("no --depths: all depth will be missing");
        }
        let images = self.images.clone().or(preset_pattern(defaults.as_ref().map(|d| d.images))?);
        let dataset = self.name.as_deref().or(defaults.as_ref().map(|d| d.dataset)).unwrap_or("folder");
        let color = self.labels_table.as_deref().map_or(ColorCode::Unknown, LabelTable::color_code);
        let color = self.colors.code(color)?;
        let source = folder::plan(
            &self.root,
            Options {
                name: Name { dataset: dataset.to_owned(), split: self.split.clone() },
                images: images
                    .ok_or_else(|| Usage("name the pictures, e.g. --images 'rgb/*.jpg', or a --preset".into()))?,
                depths,
                labels,
                confidence: self.confidence.clone(),
                pairing: self.pair.or(defaults.as_ref().map(|d| d.pairing)).unwrap_or_default(),
                depth,
                table,
                container: Container { color, ..Container::default() },
                mirror: self.mirror || defaults.as_ref().is_some_and(|d| d.mirror),
                intrinsics: self.camera()?.or(defaults.as_ref().and_then(|d| d.intrinsics)),
                fit: self.fit,
            },
        )?;
        say_unmatched(&source, output);
        self.run.run(&source, &set_name(&self.root), output)
    }

    fn camera(&self) -> Result<Option<Intrinsics>> {
        let Some(text) = &self.intrinsics else { return Ok(None) };
        let path = Path::new(text);
        if path.is_file() {
            return Ok(Some(folder::read_camera(path)?));
        }
        let camera = folder::parse_camera(text);
        Ok(Some(camera.map_err(|error| Usage(format!("--intrinsics {text}: no such file, and {error}")))?))
    }

    /// Pattern and table of the labels, when there are any.
    fn labels(&self, defaults: Option<&Defaults>) -> Result<Option<(Pattern, Remap)>> {
        let known = defaults.and_then(|d| d.labels);
        let Some(pattern) = self.labels.clone().or(preset_pattern(known.map(|(p, _)| p))?) else {
            return match &self.labels_table {
                Some(_) => Err(Usage("--labels-table without label maps; name them with --labels".into()).into()),
                None => Ok(None),
            };
        };
        let table = match (&self.labels_table, known) {
            (Some(table), _) => LabelTable::named_or_csv(table, self.label_space)?,
            (None, Some((_, table))) => table.remap(self.label_space)?,
            (None, None) => {
                let names = LabelTable::ALL.map(LabelTable::name).join(", ");
                let text = format!("which classes are the ids of --labels? Give --labels-table CSV or one of: {names}");
                return Err(Usage(text).into());
            }
        };
        Ok(Some((pattern, table)))
    }

    fn depth(&self, defaults: Option<&Defaults>, pattern: &Pattern) -> Result<DepthCode, Usage> {
        let known = defaults.map(|d| d.depth.clone());
        let is_own = self.depth_scale.is_some() || self.depth_encoding.is_some();
        let mut code = known.clone().unwrap_or_else(DepthCode::metres);
        match (self.depth_encoding, self.baseline_focal) {
            (Some(EncodingName::Disparity), Some(baseline_focal)) => {
                code.encoding = Encoding::Disparity { baseline_focal }
            }
            (Some(EncodingName::Disparity), None) => {
                return Err(Usage(
                    "a disparity needs --baseline-focal, e.g. 389.63 for KITTI (0.54 m * 721.5377)".into(),
                ));
            }
            (_, Some(_)) => return Err(Usage("--baseline-focal belongs to --depth-encoding disparity".into())),
            (Some(EncodingName::Kinect), None) => code = DepthCode::kinect(),
            (Some(EncodingName::Sunrgbd), None) => code.encoding = Encoding::SunRgbd,
            (Some(EncodingName::Plain), None) => code.encoding = Encoding::Plain,
            (None, None) => {}
        }
        let says_metres = code.encoding == Encoding::Kinect || pattern.to_string().ends_with(".npy");
        match self.depth_scale {
            Some(scale) => code.scale = scale,
            None if known.is_some() || says_metres => {}
            None => {
                return Err(Usage("how many metres is one step of the depth maps? Give --depth-scale, e.g. 1/1000 for millimetres, 1/5000, 1/256".into()));
            }
        }
        if is_own && code.encoding != Encoding::Kinect {
            code.bits = None; // the preset's unit went with its bits
        }
        code.offset = self.depth_offset.unwrap_or(code.offset);
        if !self.depth_invalid.is_empty() {
            code.invalid = self.depth_invalid.iter().filter_map(|number| number.0).collect();
        }
        Ok(code)
    }
}

/// A stored number, or nothing for `none`.
#[derive(Clone, Copy, Debug)]
struct InvalidNumber(Option<f64>);

fn invalid_number(text: &str) -> Result<InvalidNumber, String> {
    match text {
        "none" => Ok(InvalidNumber(None)),
        _ => text
            .parse()
            .map(|n| InvalidNumber(Some(n)))
            .map_err(|_| format!("expected a number or none, found {text:?}")),
    }
}

fn preset_pattern(text: Option<&str>) -> Result<Option<Pattern>, Usage> {
    text.map(str::parse).transpose().map_err(Usage)
}

/// Says what was left out, a few by name.
pub(super) fn say_unmatched(source: &Pairs, output: &Output) {
    const SHOWN: usize = 5;
    let unmatched = source.unmatched();
    for file in unmatched.iter().take(SHOWN) {
        output.say(format_args!("left out {}: it has no {}", file.file, file.missing));
    }
    if unmatched.len() > SHOWN {
        output.say(format_args!("left out {} files in all, because they have no partner", unmatched.len()));
    }
}

/// The folder below `shards/`: the last part of the path of the data.
pub(super) fn set_name(root: &Path) -> String {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    root.file_name().map_or_else(|| "folder".to_owned(), |name| name.to_string_lossy().into_owned())
}
