use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use super::container::ContainerArgs;
use super::report::{Drawn, tell};
use crate::cli::exit::{Exit, Usage};
use crate::cli::fraction::fraction;
use crate::cli::output::Output;
use crate::cli::prep::picture::set_name;
use crate::cli::prep::run::MakeArgs;
use crate::label::{Merge, Overrides, Prefer};
use crate::relabel::{Join, JoinBy, MapOptions, Maps, Merging, MissingMaps, Pseudo};
use crate::shard::Set;
use crate::source::folder::Pattern;
use crate::source::label_map::{Base, ColorCode};

/// Merge a teacher's label maps with the labels of a set
///
/// The new set shares all other arrays with the old one. Maps are PNG (8 or 16 bit, palette by index, RGB by the ADE20K
/// palette or --colors), PGM, npy or npz of any integer type, or headerless bytes; smaller ones are enlarged. A map belongs to the
/// sample whose key, or whose image, is called like it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sdprep labels merge shards/kitti --pseudo oneformer_out --base 0
  sdprep labels merge shards/nyu --pseudo out --pattern '*_pred.png' --base 1 --prefer pseudo --heat-map heat.png
  sdprep labels merge shards/nyu --pseudo maps --confidence scores --min-confidence 0.9 --base 0 --prefer agree")]
pub(in crate::cli::prep) struct Args {
    /// A set with ADE20K labels or without labels
    set: PathBuf,
    #[command(flatten)]
    maps: MapArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    make: MakeArgs,
}

/// Where the maps are and what they mean.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Pseudo labels")]
struct MapArgs {
    /// Folder of the teacher's maps
    #[arg(long, value_name = "DIR")]
    pseudo: PathBuf,
    /// Which files are maps; what * and **/ match is the name that is compared
    #[arg(long, value_name = "PATTERN")]
    pattern: Option<Pattern>,
    /// What makes a map belong to a sample: its name, or the last number in it
    #[arg(long, value_name = "HOW", default_value_t)]
    pair: JoinBy,
    /// The number of the first class (wall): 0 as networks predict, 1 as in the official annotations
    #[arg(long, value_name = "0|1", value_parser = base)]
    base: Option<Base>,
    /// The maps were made for left-right mirrored pictures; turn them back
    #[arg(long)]
    mirror: bool,
    #[command(flatten)]
    container: ContainerArgs,
    /// Samples without a map: refuse to begin, or keep their labels as they are
    #[arg(long, value_enum, default_value = "refuse", value_name = "WHAT")]
    missing: Missing,
    /// Folder of the teacher's confidences: 8-bit PNG, or float npy from 0 to 1; stored with the labels
    #[arg(long, value_name = "DIR")]
    confidence: Option<PathBuf>,
    /// Which files are confidences
    #[arg(long, value_name = "PATTERN", requires = "confidence")]
    confidence_pattern: Option<Pattern>,
    /// Name of the teacher, to be recorded [default: that of the folder]
    #[arg(long, value_name = "NAME")]
    teacher: Option<String>,
}

/// Which label counts.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules")]
pub(super) struct RuleArgs {
    /// Where both say something: gt (ground truth), pseudo, or agree (keep only what both say)
    #[arg(long, value_name = "RULE", default_value_t)]
    prefer: Prefer,
    /// Exceptions: a CSV file of ground truth class, pseudo class (* = any) and rule
    #[arg(long, value_name = "CSV")]
    overrides: Option<PathBuf>,
    /// Pseudo labels less sure than this, 0 to 1, count as none
    #[arg(long, value_name = "SHARE", value_parser = share)]
    min_confidence: Option<f64>,
    /// Draw how ground truth and teacher agree; the ending decides: .png or .svg
    #[arg(long, value_name = "FILE")]
    heat_map: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Missing {
    Refuse,
    Keep,
}

fn base(text: &str) -> Result<Base, String> {
    match text {
        "0" => Ok(Base::Zero),
        "1" => Ok(Base::One),
        _ => Err(format!("expected 0 or 1, found {text:?}")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    fraction(text).and_then(|s| if (0.0..=1.0).contains(&s) { Ok(s) } else { Err("expected 0 to 1".to_owned()) })
}

impl MapArgs {
    fn options(self) -> Result<MapOptions> {
        let by = self.pair;
        let options = MapOptions::new(self.pseudo, self.base);
        let container = self.container.container(ColorCode::default())?;
        Ok(MapOptions {
            join: Join { pattern: self.pattern, by },
            container,
            mirror: self.mirror,
            missing: match self.missing {
                Missing::Refuse => MissingMaps::Refuse,
                Missing::Keep => MissingMaps::Keep,
            },
            confidence: self.confidence.map(|root| (root, Join { pattern: self.confidence_pattern, by })),
            teacher: self.teacher.unwrap_or(options.teacher),
            ..options
        })
    }
}

impl RuleArgs {
    /// Merges the labels of `parent` with those of `pseudo` and tells what came of it.
    pub(super) fn run(&self, parent: &Set, pseudo: &dyn Pseudo, make: &MakeArgs, output: &Output) -> Result<Exit> {
        let drawn = self.heat_map.as_deref().map(Drawn::new).transpose()?;
        let overrides = match &self.overrides {
            Some(path) => Overrides::from_csv(path).map_err(|e| Usage(format!("--overrides: {e}")))?,
            None => Overrides::default(),
        };
        let merging = Merging::new(parent, pseudo, Merge::new(self.prefer, overrides), self.min_confidence)?;
        let name = format!("{}-labels", set_name(parent.root()));
        let Some(derived) = make.derive(&merging, &name, "merging", output)? else { return Ok(Exit::Done) };
        tell(&derived, drawn, output)
    }
}

impl Args {
    pub(in crate::cli::prep) fn run(self, output: &Output) -> Result<Exit> {
        let options = self.maps.options()?;
        let (set, files) = rayon::join(|| Set::open(&self.set), || options.files());
        let set = set?;
        let maps = Maps::plan(&set, options, files?)?;
        for warning in maps.warnings() {
            output.say(format_args!("warning: {warning}"));
        }
        if maps.n_missing() > 0 {
            output.say(format_args!("{} samples have no map and keep their labels", maps.n_missing()));
        }
        if maps.n_unused() > 0 {
            output.say(format_args!("{} maps belong to no sample", maps.n_unused()));
        }
        self.rules.run(&set, &maps, &self.make, output)
    }
}
