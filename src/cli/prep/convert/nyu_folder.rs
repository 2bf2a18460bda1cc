use std::path::{Path, PathBuf};

use anyhow::Result;

use super::folder::say_unmatched;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::cli::prep::run::RunArgs;
use crate::source::fit::Fit;
use crate::source::nyu::densedepth::{self, Half};
use crate::source::nyu::fast_depth::FastDepth;
use crate::source::nyu::{Layout, bts, toolbox};

/// The layouts of NYU Depth v2 that are folders.
pub(super) struct Folder<'a> {
    pub(super) root: &'a Path,
    pub(super) layout: Layout,
    pub(super) list: Option<PathBuf>,
    /// `train`, `test`, `val` or `all`, when it was given.
    pub(super) split: Option<&'static str>,
    pub(super) fit: Fit,
}

impl Folder<'_> {
    pub(super) fn run(self, run: &RunArgs, output: &Output) -> Result<Exit> {
        let Self { root, layout, list, split, fit } = self;
        if list.is_some() && !matches!(layout, Layout::Bts | Layout::DenseDepth) {
            return Err(Usage("--list belongs to the layouts bts and densedepth".into()).into());
        }
        let pairs = match layout {
            Layout::Bts => match &list {
                Some(list) => bts::plan_list(root, list, split.unwrap_or("all"), fit)?,
                None => bts::plan_folder(root, split.unwrap_or("all"), fit)?,
            },
            Layout::DenseDepth => {
                let half = half(split)?;
                match &list {
                    Some(list) => densedepth::plan_list(root, list, half, fit)?,
                    None => densedepth::plan_folder(root, half, fit)?,
                }
            }
            Layout::Toolbox => toolbox::plan_folder(root, split.unwrap_or("all"), fit)?,
            Layout::H5 => {
                let source = FastDepth::plan(root, split.filter(|&split| split != "all"), fit)?;
                return run.run(&source, set_name(split), output);
            }
            Layout::Mat => return Err(Usage(format!("{}: the layout mat is a file", root.display())).into()),
        };
        say_unmatched(&pairs, output);
        run.run(&pairs, set_name(split), output)
    }
}

fn half(split: Option<&str>) -> Result<Half, Usage> {
    match split {
        None | Some("train") => Ok(Half::Train),
        Some("test") => Ok(Half::Test),
        Some(_) => {
            Err(Usage("DenseDepth stores train and test depth in different units: --split train or test".into()))
        }
    }
}

/// The folder below `shards/`: sets of different splits must not land in one.
fn set_name(split: Option<&str>) -> &'static str {
    match split {
        Some("test") => "nyu-test",
        Some("val") => "nyu-val",
        _ => "nyu",
    }
}
