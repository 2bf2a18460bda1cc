use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::run::RunArgs;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::run::Progress;
use crate::sample::Size;
use crate::source::synth::{Kind, Options, Synth, WriteError, write_kitti_tree, write_nyu_mat};

/// What kind of scenes to make.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Furnished rooms with the NYU camera
    ///
    /// Living rooms, bedrooms, studies, dining rooms and kitchens with some 15 classes in a picture and more than 30 in
    /// a set. `--as nyu-mat` writes the layout of nyu_depth_v2_labeled.mat, which a bare `sdprep convert nyu` then finds.
    Indoor(Args),
    /// Streets and country roads with the KITTI camera
    ///
    /// City streets, residential streets and country roads with cars, people, signs, trees, shadows and a sky without
    /// depth. `--as kitti` writes pictures, laser scans, calibration, depth pictures and split lists.
    Road(Args),
}

/// Options of both kinds.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Number of scenes (of frames, with --as kitti)
    #[arg(long, short = 'n', default_value = "16", value_name = "N", value_parser = count)]
    count: usize,
    /// Decides every scene; scene I of a seed is the same whatever the count
    #[arg(long, default_value = "0", value_name = "S")]
    seed: u64,
    /// Rows of a picture [default: 480 indoor, 375 road]; the camera is scaled with it
    #[arg(long, value_name = "PIXELS")]
    height: Option<usize>,
    /// Columns of a picture [default: 640 indoor, 1242 road]
    #[arg(long, value_name = "PIXELS")]
    width: Option<usize>,
    /// Also store depth with the holes a structured-light sensor leaves
    #[arg(long)]
    raw_depth: bool,
    /// What to write. Without --out, nyu-mat goes to data/nyu_depth_v2_labeled.mat with data/splits.mat beside it,
    /// and kitti to data/kitti
    #[arg(long = "as", value_enum, default_value = "set", value_name = "LAYOUT")]
    layout: Layout,
    /// With --as kitti: the pictures of the right camera as well
    #[arg(long)]
    right: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// Every scene has an entry in memory before the first is drawn.
fn count(text: &str) -> Result<usize, String> {
    const MOST: usize = 10_000_000;
    let number = text.parse().ok().filter(|n| (1..=MOST).contains(n));
    number.ok_or_else(|| format!("expected a whole number from 1 to {MOST}, found {text:?}"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// A set of sharded tensors
    Set,
    /// A MAT 7.3 file of the layout of the labelled NYU set, and splits.mat
    NyuMat,
    /// A folder of the layout of the KITTI recordings
    Kitti,
}

impl Command {
    pub(super) fn run(self, output: &Output) -> Result<Exit> {
        match self {
            Self::Indoor(arguments) => arguments.run(Kind::Indoor, output),
            Self::Road(arguments) => arguments.run(Kind::Road, output),
        }
    }
}

impl Args {
    fn run(self, kind: Kind, output: &Output) -> Result<Exit> {
        let usual = kind.size();
        let size = Size::new(self.height.unwrap_or(usual.height), self.width.unwrap_or(usual.width));
        let options = Options { kind, count: self.count, seed: self.seed, size, raw_depth: self.raw_depth };
        let synth = Synth::new(options)?;
        match self.layout {
            Layout::Set => self.run.run(&synth, kind.dataset(), output),
            Layout::NyuMat => {
                let mat = self.target("data/nyu_depth_v2_labeled.mat");
                let splits = mat.with_file_name("splits.mat");
                self.run.make.is_no_set()?;
                if mat.is_dir() {
                    return Err(Usage(format!(
                        "--out names the file with --as nyu-mat, and {} is a folder",
                        mat.display()
                    ))
                    .into());
                }
                [&mat, &splits].into_iter().try_for_each(|path| self.run.make.is_free(path))?;
                self.write(&mat, output, |done| write_nyu_mat(&synth, &mat, Some(&splits), done))?;
                let text = format!("{}: {} rooms of {size}; {}", mat.display(), self.count, splits.display());
                let value = serde_json::json!({ "mat": mat, "splits": splits, "n_samples": self.count });
                output.result(text, &value)?;
                Ok(Exit::Done)
            }
            Layout::Kitti => {
                let root = self.target("data/kitti");
                self.run.make.is_no_set()?;
                self.run.make.is_free(&root)?;
                self.write(&root, output, |done| write_kitti_tree(&synth, &root, self.right, done))?;
                let text = format!("{}: {} frames of {size}", root.display(), self.count);
                output.result(text, &serde_json::json!({ "root": root, "n_samples": self.count }))?;
                Ok(Exit::Done)
            }
        }
    }

    fn target(&self, usual: &str) -> PathBuf {
        self.run.make.out(usual)
    }

    fn write(
        &self,
        target: &Path,
        output: &Output,
        write: impl FnOnce(&(dyn Fn() + Sync)) -> Result<(), WriteError>,
    ) -> Result<()> {
        output.say(format_args!("{} scenes of seed {} -> {}", self.count, self.seed, target.display()));
        let bar = output.bar("rendering");
        bar.begin(self.count, 0);
        let written = write(&|| bar.advance());
        bar.finish();
        written.map_err(|e| match e {
            WriteError::Usage(text) => Usage(text).into(),
            e => e.into(),
        })
    }
}
