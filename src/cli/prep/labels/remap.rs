use std::path::{Path, PathBuf};

use anyhow::Result;

use super::container::ContainerArgs;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::cli::prep::picture::set_name;
use crate::cli::prep::run::{Derived, MakeArgs, told_outcome};
use crate::label::{LabelSpace, Remap};
use crate::relabel::{Remapping, remap_folder};
use crate::shard::Set;
use crate::source::folder::{LabelTable, Pattern};

/// Carry class ids into another label space: of a set, or of a folder of label files
///
/// A set keeps its place for every other array. Files become 8-bit PNGs of the same names. From ADE20K the tables are
/// many to one, for scoring against labels of NYU40, NYU13 or Cityscapes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sdprep labels remap shards/kitti-ade --to cityscapes
  sdprep labels remap labelIds --from cityscapes --to ade20k --out labelIds-ade
  sdprep labels remap gtFine --pattern '**/*_labelIds.png' --from cityscapes --to ade20k --out gtFine-ade
  sdprep labels remap coco_masks --from coco_to_ade.csv --to ade20k --out masks-ade")]
pub(in crate::cli::prep) struct Args {
    /// A set, or a folder of label files
    input: PathBuf,
    /// The classes the ids are: a known table, or a CSV file (source id, class id or name) [default of a set: its own]
    #[arg(long, value_name = "CSV|NAME")]
    from: Option<String>,
    /// The classes they become: ade20k, nyu40, nyu13 or cityscapes (train ids)
    #[arg(long, value_name = "SPACE")]
    to: LabelSpace,
    /// Of a folder, which files are maps, such as **/*_labelIds.png [default: all that can be]
    #[arg(long, value_name = "PATTERN")]
    pattern: Option<Pattern>,
    #[command(flatten)]
    container: ContainerArgs,
    #[command(flatten)]
    make: MakeArgs,
}

impl Args {
    pub(in crate::cli::prep) fn run(self, output: &Output) -> Result<Exit> {
        let is_set = self.input.join("zarr.json").exists();
        if is_set { self.remap_set(output) } else { self.remap_files(output) }
    }

    fn remap_set(&self, output: &Output) -> Result<Exit> {
        if self.pattern.is_some() {
            return Err(
                Usage(format!("--pattern picks files of a folder, and {} is a set", self.input.display())).into()
            );
        }
        let set = Set::open(&self.input)?;
        let remap = match (&self.from, set.spec().label_space) {
            (Some(from), _) => LabelTable::named_or_csv(from, self.to)?,
            (None, Some(space)) => Remap::between(space, self.to).map_err(|e| Usage(e.to_string()))?,
            (None, None) => return Err(Usage(format!("{}: the set has no labels", self.input.display())).into()),
        };
        let remapping = Remapping::new(&set, remap)?;
        let name = format!("{}-{}", set_name(set.root()), self.to);
        let Some(Derived { out, outcome, .. }) = self.make.derive(&remapping, &name, "remapping", output)? else {
            return Ok(Exit::Done);
        };
        let (text, value) = told_outcome(&outcome, &out, output);
        output.result(text, &value)?;
        Ok(if outcome.quarantined.is_empty() { Exit::Done } else { Exit::Findings })
    }

    fn remap_files(&self, output: &Output) -> Result<Exit> {
        let Some(from) = &self.from else {
            let names = LabelTable::ALL.map(LabelTable::name).join(", ");
            return Err(Usage(format!("which classes are the ids? Give --from CSV or one of: {names}")).into());
        };
        self.make.is_no_set()?;
        let out: &Path = self.make.folder("files need a folder to go to: --out FOLDER")?;
        let remap = LabelTable::named_or_csv(from, self.to)?;
        let container = self.container.container(LabelTable::color_code(from))?;
        let done = remap_folder(&self.input, out, self.pattern.as_ref(), &container, &remap, output.threads())?;
        for fault in &done.faults {
            output.say(format_args!("left out {fault}"));
        }
        let text = format!(
            "{}: {} maps of {}, {} left out as bad, {} other files",
            out.display(),
            done.n_maps,
            self.to,
            done.faults.len(),
            done.n_others
        );
        output.result(text, &done)?;
        Ok(if done.faults.is_empty() { Exit::Done } else { Exit::Findings })
    }
}
