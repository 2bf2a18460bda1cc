use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::cli::exit::Exit;
use crate::cli::fraction::step;
use crate::cli::output::{Output, bytes};
use crate::cli::sets::complete_sets;
use crate::run::Progress;
use crate::shard::Set;
use crate::shard::export::{ExportOptions, Format, export};

/// Writes a set as plain files that every tool opens. Quarantined samples are left out; dataset.json and samples.jsonl
/// say what the files are.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A set, or a folder that holds sets
    #[arg(default_value = "shards")]
    set: PathBuf,
    /// Kind of files
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: To,
    /// Folder to make (for several sets, one folder in it for each)
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Metres of one step of 16-bit depth PNGs [default: that of the set, or 0.001, or 1/256 if 65.5 m do not do]
    #[arg(long, value_name = "METRES", value_parser = step)]
    depth_step: Option<f64>,
    /// Samples in one WebDataset archive
    #[arg(long, value_name = "N", default_value = "512", value_parser = clap::value_parser!(u32).range(1..))]
    samples_per_tar: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    /// FIELD/KEY.npy: the arrays as they are, depth in metres
    Npy,
    /// FIELD/KEY.png: 8-bit RGB, 16-bit depth, class ids as grey values
    Png,
    /// NAME-000000.tar with KEY.image.png, KEY.depth.npy, KEY.semantics.png, KEY.json
    Webdataset,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let options = ExportOptions {
            format: match self.to {
                To::Npy => Format::Npy,
                To::Png => Format::Png,
                To::Webdataset => Format::Webdataset,
            },
            depth_step_m: self.depth_step,
            samples_per_tar: self.samples_per_tar as usize,
        };
        let paths = complete_sets(&self.set, output)?;
        let (mut text, mut values) = (String::new(), Vec::new());
        for path in &paths {
            let set = Set::open(path)?;
            let folder = if paths.len() == 1 {
                self.out.clone()
            } else {
                self.out.join(path.strip_prefix(&self.set).unwrap_or(path))
            };
            let bar = output.bar("exporting");
            bar.begin(set.rows().count(), 0);
            let exported = export(&set, &folder, &options, || bar.advance());
            bar.finish();
            let exported = exported?;
            text += &format!(
                "{}: {} samples in {} files, {}",
                folder.display(),
                exported.n_samples,
                exported.n_files,
                bytes(exported.n_bytes)
            );
            if let Some(step) = exported.depth_step_m {
                text += &format!("; depth = value * {step} m, 0 = missing");
            }
            text.push('\n');
            values.push(exported);
        }
        output.result(text, &values)?;
        Ok(Exit::Done)
    }
}
