use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::nyu_folder::Folder;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::cli::prep::run::RunArgs;
use crate::label::LabelSpace;
use crate::source::fit::Fit;
use crate::source::nyu::Layout;
use crate::source::nyu::labelled::{self, Labelled};

/// What the data set is called by its authors, and where it is looked for when it is not named.
const LABELLED_NAME: &str = "nyu_depth_v2_labeled.mat";
const SPLITS_NAME: &str = "splits.mat";
const PLACES: [&str; 2] = [".", "data"];

/// Convert NYU Depth v2: the labelled .mat file, or the folders made from it and from the raw recordings
///
/// Without FILE, nyu_depth_v2_labeled.mat and splits.mat are taken from the working folder or from data/.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sdprep convert nyu
  sdprep convert nyu nyu_depth_v2_labeled.mat --splits splits.mat --split test --depth raw --out shards/nyu-test
  sdprep convert nyu nyu_depth_v2_labeled.mat --labels nyu40 --border crop
  sdprep convert nyu sync --list nyudepthv2_train_files_with_gt.txt --split train
  sdprep convert nyu nyudepthv2 --layout h5 --split val")]
pub(in crate::cli::prep) struct Args {
    /// The labelled file, or a folder of another layout [default: nyu_depth_v2_labeled.mat or data/nyu_depth_v2_labeled.mat]
    file: Option<PathBuf>,
    /// What FILE is: mat (the labelled file), bts (rgb_*.jpg + sync_depth_*.png, also AdaBins and GLPDepth), densedepth
    /// (nyu2_train, nyu2_test), toolbox (raw .ppm + .pgm), h5 (fast-depth)
    #[arg(long, value_enum, default_value = "auto")]
    layout: LayoutName,
    /// List of the pairs of a bts or densedepth folder, in the order of the set
    #[arg(long, value_name = "FILE", help_heading = "Folders")]
    list: Option<PathBuf>,
    /// What makes one size of many in a folder: reject, pad (to the largest), crop:HEIGHTxWIDTH (bottom, centred)
    #[arg(long, value_name = "FIT", help_heading = "Folders")]
    fit: Option<Fit>,
    /// The official split, a MAT file with trainNdxs and testNdxs [default: splits.mat beside FILE, here or in data/]
    #[arg(long, value_name = "FILE", help_heading = "Labelled file")]
    splits: Option<PathBuf>,
    /// Which frames [default: of the labelled file, train when the split is known; otherwise all]
    ///
    /// Of densedepth and h5 folders it chooses a half; of the others, it is the name to record.
    #[arg(long, value_enum)]
    split: Option<Split>,
    /// Which depth: filled (holes closed), raw (as measured, holes missing), or both (filled, and raw_depth beside it)
    /// [default: filled]
    #[arg(long, value_enum, help_heading = "Labelled file")]
    depth: Option<Depth>,
    /// Classes of the labels: ade20k (150), nyu40, nyu13, or none [default: ade20k]
    #[arg(long, value_enum, help_heading = "Labelled file")]
    labels: Option<Labels>,
    /// The white frame around the pictures: keep, black (as the BTS test set), or crop (427 x 565, as BTS trains)
    /// [default: keep]
    #[arg(long, value_enum, help_heading = "Labelled file")]
    border: Option<Border>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Split {
    Train,
    Test,
    /// Of h5 folders
    Val,
    All,
}

impl Split {
    const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
            Self::Val => "val",
            Self::All => "all",
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LayoutName {
    Auto,
    Mat,
    Bts,
    Densedepth,
    Toolbox,
    H5,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Depth {
    Filled,
    Raw,
    Both,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Labels {
    Ade20k,
    Nyu40,
    Nyu13,
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Border {
    Keep,
    Black,
    Crop,
}

impl Args {
    pub(in crate::cli::prep) fn run(self, output: &Output) -> Result<Exit> {
        let file = match self.file {
            Some(file) => file,
            None => chosen(look_for(LABELLED_NAME, &PLACES.map(Path::new)), output).ok_or_else(|| {
                Usage(format!(
                    "no {LABELLED_NAME} here or in data/; name it: sdprep convert nyu /path/to/{LABELLED_NAME}\n\
                     (without the data set: sdprep synth indoor --help)"
                ))
            })?,
        };
        if !file.exists() {
            bail!("{}: there is no such file or folder", file.display());
        }
        let layout = match self.layout {
            LayoutName::Auto => Layout::detect(&file)?,
            LayoutName::Mat => Layout::Mat,
            LayoutName::Bts => Layout::Bts,
            LayoutName::Densedepth => Layout::DenseDepth,
            LayoutName::Toolbox => Layout::Toolbox,
            LayoutName::H5 => Layout::H5,
        };
        if layout != Layout::Mat {
            let of_mat = [
                ("--splits", self.splits.is_some()),
                ("--depth", self.depth.is_some()),
                ("--labels", self.labels.is_some()),
                ("--border", self.border.is_some()),
            ];
            if let Some((option, _)) = of_mat.into_iter().find(|(_, given)| *given) {
                return Err(
                    Usage(format!("{option} belongs to the labelled file, and {} is none", file.display())).into()
                );
            }
            let split = self.split.map(Split::name);
            let folder = Folder { root: &file, layout, list: self.list, split, fit: self.fit.unwrap_or_default() };
            return folder.run(&self.run, output);
        }
        if self.list.is_some() || self.fit.is_some() {
            return Err(Usage("--list and --fit belong to folders, and the labelled file is none".into()).into());
        }
        let is_given = self.splits.is_some();
        let splits = self.splits.or_else(|| {
            let beside = file.parent().unwrap_or(Path::new(""));
            chosen(look_for(SPLITS_NAME, &[beside, Path::new("."), Path::new("data")]), output)
        });
        let split = match (self.split, &splits) {
            (Some(Split::Train), _) | (None, Some(_)) => labelled::Split::Train,
            (Some(Split::Test), _) => labelled::Split::Test,
            (Some(Split::Val), _) => {
                return Err(Usage("the labelled file has no split val: train, test or all".into()).into());
            }
            (Some(Split::All), _) | (None, None) => labelled::Split::All,
        };
        if self.split.is_none() {
            let why = if splits.is_some() { "the split is known" } else { "no splits.mat was found" };
            output.say(format_args!("taking the split {} ({why}; --split takes another)", split.name()));
        }
        let options = labelled::Options {
            split,
            depth: match self.depth.unwrap_or(Depth::Filled) {
                Depth::Filled => labelled::DepthKind::Filled,
                Depth::Raw => labelled::DepthKind::Raw,
                Depth::Both => labelled::DepthKind::Both,
            },
            labels: match self.labels.unwrap_or(Labels::Ade20k) {
                Labels::Ade20k => Some(LabelSpace::Ade20k150),
                Labels::Nyu40 => Some(LabelSpace::Nyu40),
                Labels::Nyu13 => Some(LabelSpace::Nyu13),
                Labels::None => None,
            },
            border: match self.border.unwrap_or(Border::Keep) {
                Border::Keep => labelled::Border::Keep,
                Border::Black => labelled::Border::Black,
                Border::Crop => labelled::Border::Crop,
            },
        };
        let source = Labelled::open(&file, splits.as_deref(), &options)?;
        if let Some(splits) = splits.filter(|_| !is_given && source.n_unlisted() > 0) {
            let (splits, file, n) = (splits.display(), file.display(), source.n_unlisted());
            return Err(Usage(format!(
                "{splits} was found and leaves out {n} frames of {file}, as if it were another file's; give the right one as --splits FILE"
            ))
            .into());
        }
        if !source.unknown_names().is_empty() {
            output.say(format_args!(
                "{} names of the file are not in the 894-name table, their pixels are ignored: {}",
                source.unknown_names().len(),
                source.unknown_names().join(", ")
            ));
        }
        self.run.run(&source, name(split), output)
    }
}

/// The folder below `shards/`: sets of different splits must not land in one.
const fn name(split: labelled::Split) -> &'static str {
    match split {
        labelled::Split::Test => "nyu-test",
        labelled::Split::Train | labelled::Split::All => "nyu",
    }
}

/// The first of the places that holds a file of that name.
fn look_for(name: &str, places: &[&Path]) -> Option<PathBuf> {
    let path = |place: &&Path| if *place == Path::new(".") { PathBuf::from(name) } else { place.join(name) };
    places.iter().map(path).find(|path| path.is_file())
}

fn chosen(found: Option<PathBuf>, output: &Output) -> Option<PathBuf> {
    found.inspect(|path| output.say(format_args!("taking {}", path.display())))
}
