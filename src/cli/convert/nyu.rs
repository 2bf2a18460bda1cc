use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::cli::run::RunArgs;
use crate::label::LabelSpace;
use crate::source::nyu::labelled::{self, Labelled};

/// What the data set is called by its authors, and where it is looked for when it is not named.
const LABELLED_NAME: &str = "nyu_depth_v2_labeled.mat";
const SPLITS_NAME: &str = "splits.mat";
const PLACES: [&str; 2] = [".", "data"];

/// Convert NYU Depth v2: the labelled .mat file
///
/// Without FILE, nyu_depth_v2_labeled.mat and splits.mat are taken from the working folder or from data/.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sdprep convert nyu
  sdprep convert nyu nyu_depth_v2_labeled.mat --splits splits.mat --split test --depth raw --out shards/nyu-test
  sdprep convert nyu nyu_depth_v2_labeled.mat --labels nyu40 --border crop")]
pub(in crate::cli) struct Args {
    /// The labelled file [default: nyu_depth_v2_labeled.mat or data/nyu_depth_v2_labeled.mat]
    file: Option<PathBuf>,
    /// The official split, a MAT file with trainNdxs and testNdxs [default: splits.mat beside FILE, here or in data/]
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,
    /// Which frames [default: train when the split is known, otherwise all]
    #[arg(long, value_enum)]
    split: Option<Split>,
    /// Which depth: filled (holes closed), raw (as measured, holes missing), or both (filled, and raw_depth beside it)
    #[arg(long, value_enum, default_value = "filled")]
    depth: Depth,
    /// Classes of the labels: ade20k (150), nyu40, nyu13, or none
    #[arg(long, value_enum, default_value = "ade20k")]
    labels: Labels,
    /// The white frame around the pictures: keep, black (as the BTS test set), or crop (427 x 565, as BTS trains)
    #[arg(long, value_enum, default_value = "keep")]
    border: Border,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Split {
    Train,
    Test,
    All,
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
    pub(in crate::cli) fn run(self, output: &Output) -> Result<Exit> {
        let file = match self.file {
            Some(file) => file,
            None => chosen(look_for(LABELLED_NAME, &PLACES.map(Path::new)), output).ok_or_else(|| {
                Usage(format!(
                    "no {LABELLED_NAME} here or in data/; name it: sdprep convert nyu /path/to/{LABELLED_NAME}\n\
                     (without the data set: sdprep synth indoor --help)"
                ))
            })?,
        };
        let splits = self.splits.or_else(|| {
            let beside = file.parent().unwrap_or(Path::new(""));
            chosen(look_for(SPLITS_NAME, &[beside, Path::new("."), Path::new("data")]), output)
        });
        let split = match (self.split, &splits) {
            (Some(Split::Train), _) | (None, Some(_)) => labelled::Split::Train,
            (Some(Split::Test), _) => labelled::Split::Test,
            (Some(Split::All), _) | (None, None) => labelled::Split::All,
        };
        if self.split.is_none() {
            let why = if splits.is_some() { "the split is known" } else { "no splits.mat was found" };
            output.say(format_args!("taking the split {} ({why}; --split takes another)", split.name()));
        }
        let options = labelled::Options {
            split,
            depth: match self.depth {
                Depth::Filled => labelled::DepthKind::Filled,
                Depth::Raw => labelled::DepthKind::Raw,
                Depth::Both => labelled::DepthKind::Both,
            },
            labels: match self.labels {
                Labels::Ade20k => Some(LabelSpace::Ade20k150),
                Labels::Nyu40 => Some(LabelSpace::Nyu40),
                Labels::Nyu13 => Some(LabelSpace::Nyu13),
                Labels::None => None,
            },
            border: match self.border {
                Border::Keep => labelled::Border::Keep,
                Border::Black => labelled::Border::Black,
                Border::Crop => labelled::Border::Crop,
            },
        };
        let source = Labelled::open(&file, splits.as_deref(), &options)?;
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
