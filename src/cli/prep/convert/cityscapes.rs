use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::cli::prep::run::RunArgs;
use crate::label::LabelSpace;
use crate::source::cityscapes::{Cityscapes, LabelKind, Options};
use crate::source::fit::Fit;

/// Where the data set is looked for when it is not named.
const PLACES: [&str; 4] = ["data/cityscapes", "cityscapes", "data/Cityscapes", "Cityscapes"];

/// Convert Cityscapes: pictures, labels, and depth from disparity and the camera files
///
/// Files are known by the ends of their names (_leftImg8bit.png, _gtFine_labelIds.png, _disparity.png, _camera.json),
/// wherever below ROOT they lie. Without disparity all depth is missing. Frames that lack a file are left out and counted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sdprep convert cityscapes data/cityscapes --split train
  sdprep convert cityscapes data/cityscapes --split val --label-space cityscapes --fit crop:896x2048")]
pub(in crate::cli::prep) struct Args {
    /// Folder of the data set [default: data/cityscapes or cityscapes]
    root: Option<PathBuf>,
    /// Only the frames below a folder of this name: train, val, test or train_extra
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Which label files: label-ids, train-ids (made by the scripts of the data set), or instance-ids
    #[arg(long, value_name = "KIND", default_value_t, help_heading = "Labels")]
    labels: LabelKind,
    /// Read the coarse annotations instead of the fine ones
    #[arg(long, help_heading = "Labels")]
    coarse: bool,
    /// Map some classes that are not evaluated too: bridge, parking, caravan, ...
    #[arg(long, help_heading = "Labels")]
    extended_labels: bool,
    /// Classes of the set: ade20k or cityscapes (train ids)
    #[arg(long, value_name = "SPACE", default_value = "ade20k", help_heading = "Labels")]
    label_space: LabelSpace,
    /// What makes one size of many: reject, pad (to the largest), crop:HEIGHTxWIDTH (bottom, centred)
    #[arg(long, value_name = "FIT", default_value_t)]
    fit: Fit,
    #[command(flatten)]
    run: RunArgs,
}

impl Args {
    pub(in crate::cli::prep) fn run(self, output: &Output) -> Result<Exit> {
        let root = match self.root {
            Some(root) => root,
            None => {
                let root = PLACES.into_iter().map(Path::new).find(|place| place.is_dir()).ok_or_else(|| {
                    Usage(
                        "no data set in data/cityscapes or cityscapes; name it: sdprep convert cityscapes FOLDER"
                            .into(),
                    )
                })?;
                output.say(format_args!("taking {}", root.display()));
                root.to_owned()
            }
        };
        let name = self.split.as_ref().map_or_else(|| "cityscapes".to_owned(), |split| format!("cityscapes-{split}"));
        let cityscapes = Cityscapes::plan(Options {
            split: self.split,
            labels: self.labels,
            coarse: self.coarse,
            extended: self.extended_labels,
            space: self.label_space,
            fit: self.fit,
            ..Options::new(root)
        })?;
        output.say(cityscapes.report());
        self.run.run(&cityscapes, &name, output)
    }
}
