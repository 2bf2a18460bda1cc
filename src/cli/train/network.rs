//! Which trained network a command runs.

use std::path::Path;

use anyhow::{Result, anyhow, bail};

use crate::cli::exit::Usage;
use crate::train::checkpoint::Checkpoint;
use crate::train::device::DeviceName;
use crate::train::model::{Config, Dss};
use crate::train::op::Backend;
use crate::train::predict::InputSize;
use crate::train::session::BEST;
use crate::train::trainer::LAST;

/// Options of every command that runs a network.
#[derive(Debug, clap::Args)]
pub(super) struct NetworkArgs {
    /// The network of a file that does not say it: dss-nano, dss-tiny, dss-small, dss-base or dss-large
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Rows and columns the pictures are resized to, or `own` for as they are; what the network cannot take is padded
    /// [default: as in training]
    #[arg(long, value_name = "HxW|own", value_parser = input_size)]
    size: Option<InputSize>,
    /// Where the network runs: cpu, or cuda:0 and so on
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub(super) device: DeviceName,
}

/// A network as a run left it.
pub(super) struct Trained<D: Backend<f32>> {
    pub(super) network: Dss<f32, D>,
    /// How large it sees pictures.
    pub(super) size: InputSize,
    /// Whether it has learned classes.
    pub(super) semantics: bool,
    /// Tells its file from others.
    pub(super) hash: String,
}

impl NetworkArgs {
    /// The network of the folder of a run, or of a file of weights.
    pub(super) fn load<D: Backend<f32>>(&self, device: D, run: &Path) -> Result<Trained<D>> {
        let checkpoint = weights_of(run)?;
        let own = checkpoint.config();
        let config = match (&self.model, own) {
            (Some(asked), Some(own)) if *asked != own.model => {
                return Err(Usage(format!("{} is of {}, not of {asked}", run.display(), own.model)).into());
            }
            (_, Some(own)) => Some(own.clone()),
            (Some(asked), None) => Some(Config::named(asked).map_err(|e| Usage(e.to_string()))?),
            (None, None) => None,
        };
        let config = match (config, self.size) {
            (Some(config), Some(InputSize::Fixed(rows, columns))) => {
                let config = config.running_at((rows, columns));
                config.check().map_err(|e| Usage(e.to_string()))?;
                Some(config)
            }
            (config, _) => config,
        };
        let plan = checkpoint.plan_of_run()?;
        let of_training = || {
            let plan = plan.as_ref()?;
            Some(InputSize::of_training(&plan.network, plan.settings.augmentation.crop))
        };
        let size = self.size.or_else(of_training).unwrap_or_default();
        let (semantics, hash) = (plan.as_ref().is_none_or(|plan| plan.settings.semantics), checkpoint.hash());
        Ok(Trained { network: checkpoint.network(device, config)?, size, semantics, hash })
    }
}

/// The weights of a run: its folder, or a file.
pub(super) fn weights_of(run: &Path) -> Result<Checkpoint> {
    let shown = run.display();
    if run.join("zarr.json").exists() {
        return Err(Usage(format!("{shown} is a set and no run; the run is named first: sdtrain eval RUN SET")).into());
    }
    if !run.exists() {
        bail!("{shown}: there is no such run; name the folder of one, such as runs/last, or a file of weights");
    }
    if !run.is_dir() {
        return Ok(Checkpoint::read(run)?);
    }
    let (last, best) = (run.join(LAST), run.join(BEST));
    if !last.exists() {
        bail!("{shown} holds no {LAST}: it is no run, or one that has not saved anything yet");
    }
    Checkpoint::read(&last).map_err(|error| match best.exists() {
        true => anyhow!("{error}; the run has another checkpoint: {}", best.display()),
        false => error.into(),
    })
}

fn input_size(text: &str) -> Result<InputSize, String> {
    match text {
        "own" => Ok(InputSize::OWN),
        _ => super::size(text).map(|(rows, columns)| InputSize::Fixed(rows, columns)),
    }
}
