use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cli::exit::Usage;
use crate::file::read_bounded;
use crate::mix::{Method, UnknownMethod};
use crate::train::augment::{Augmentation, Crop};
use crate::train::mixing::usual_share;
use crate::train::optim::AdamWConfig;
use crate::train::plan::{Layer, NETWORK, Plan, put};
use crate::train::settings::Criterion;

/// Largest file of settings that is read.
const MAX_CONFIG: u64 = 1 << 20;

/// What decides a run; everything can stand in the file of --config, too.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Settings of the run and of its network, as --print-config writes them; options win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The network: auto, dss-nano, dss-tiny, dss-small, dss-base or dss-large; auto is dss-nano on a CPU, dss-tiny on a GPU
    /// [default: auto]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Rows and columns the pictures are resized to, multiples of 32 [default: those of the model]
    #[arg(long, value_name = "HxW", value_parser = super::size)]
    size: Option<(usize, usize)>,
    /// Exchange of features between the tasks: none, lg_cat, ag_mmd, ccam, cma, lsu, sw_map or sig [default: lg_cat]
    #[arg(long, value_name = "KIND")]
    exchange: Option<String>,
    /// Largest depth in metres [default: 10; 80 when all sets show roads]
    #[arg(long, value_name = "METRES", value_parser = finite)]
    d_max: Option<f64>,
    /// Optimiser steps [default: 1000]
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Steps in which the learning rates rise [default: a twentieth of the steps, at most 500]
    #[arg(long, value_name = "N")]
    warmup: Option<u64>,
    /// Samples in a batch [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    batch: Option<u16>,
    /// Batches whose gradients are averaged for one step [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    accumulate: Option<u16>,
    /// Factor of the learning rates 4e-5 (encoder) and 2e-4 [default: 1 with --weights, else 5]
    #[arg(long, value_name = "X", value_parser = finite)]
    lr_scale: Option<f64>,
    /// How often a sample is mirrored [default: 0.5]
    #[arg(long, value_name = "P", value_parser = finite)]
    flip: Option<f64>,
    /// Whether NYU's border is left out, samples are turned and their colours changed: on or off; mirroring and mixes are apart [default: on]
    #[arg(long, value_name = "on|off", value_parser = switch)]
    augment: Option<bool>,
    /// Largest rotation to either side in degrees [default: 2.5; 1 when all sets show roads]
    #[arg(long, value_name = "DEGREES", value_parser = finite)]
    rotate: Option<f64>,
    /// What a random crop keeps: a least share of each side, or rows and columns; pictures are then seen whole in validation, at the
    /// same scale [default: 1, no crops]
    #[arg(long, value_name = "SHARE|HxW", value_parser = crop)]
    crop: Option<Crop>,
    /// How often gamma, brightness and colour are changed [default: 0.5]
    #[arg(long, value_name = "P", value_parser = finite)]
    photometric: Option<f64>,
    /// Mixes while training: methods of `sdprep mix`, each with the share of the samples it is applied to [default share:
    /// 0.5; 0.25 for cutdepth and vcutdepth]
    #[arg(long, value_name = "NAME[=P]", value_delimiter = ',', value_parser = share)]
    mix: Vec<(Method, f64)>,
    /// Decides first weights, order and chance [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Steps between checkpoints [default: 200]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,
    /// Steps between evaluations on the validation sets [default: 500]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    validate_every: Option<u64>,
    /// What best.safetensors is best in on the validation sets: abs_rel, rms, d1 or miou [default: abs_rel]
    #[arg(long, value_name = "METRIC")]
    best: Option<Criterion>,
    /// Keep this many checkpoints step-N.safetensors besides the last and the best [default: 0]
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Samples on the sheets of predictions; 0 draws none [default: 4]
    #[arg(long, value_name = "N")]
    pictures: Option<usize>,
    /// Stop at a sample that cannot be read, instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Let batch normalisations go by the running statistics that the run begins with: for batches of one or two pictures, with --weights
    #[arg(long)]
    freeze_norms: bool,
}

impl Options {
    /// What was asked for: the file, then the options.
    pub(super) fn layers(&self) -> Result<[Layer; 2]> {
        let file = match &self.config {
            None => Layer::new(),
            Some(path) => read(path)?,
        };
        Ok([file, self.given()])
    }

    /// Whether a network is asked for by name.
    pub(super) fn names_model(&self) -> Result<bool> {
        let named = |layer: &Layer| layer.get(NETWORK).and_then(|n| n.get("model")).is_some_and(|name| name != "auto");
        Ok(self.layers()?.iter().any(named))
    }

    /// What does not fit, and where it was said.
    pub(super) fn refuse(&self, reason: &dyn std::fmt::Display) -> anyhow::Error {
        match &self.config {
            None => Usage(reason.to_string()).into(),
            Some(file) => Usage(format!("{}, with the options: {reason}", file.display())).into(),
        }
    }

    fn given(&self) -> Layer {
        let mut layer = Layer::new();
        let mut say = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                put(&mut layer, key, value);
            }
        };
        if self.augment == Some(false) {
            let off = serde_json::to_value(Augmentation::default()).ok();
            say("augmentation", off);
        }
        let rates = AdamWConfig::default();
        say("optimiser.lr", self.lr_scale.map(|scale| json!(scale * rates.lr)));
        say("optimiser.lr_encoder", self.lr_scale.map(|scale| json!(scale * rates.lr_encoder)));
        say("augmentation.rotation", self.rotate.map(|v| json!(v)));
        say("augmentation.crop", self.crop.map(|v| json!(v)));
        say("augmentation.photometric", self.photometric.map(|v| json!(v)));
        for (key, value) in [
            ("steps", self.steps.map(|v| json!(v))),
            ("warmup", self.warmup.map(|v| json!(v))),
            ("batch", self.batch.map(|v| json!(v))),
            ("accumulate", self.accumulate.map(|v| json!(v))),
            ("flip", self.flip.map(|v| json!(v))),
            ("seed", self.seed.map(|v| json!(v))),
            ("checkpoint_every", self.checkpoint_every.map(|v| json!(v))),
            ("validate_every", self.validate_every.map(|v| json!(v))),
            ("best", self.best.map(|v| json!(v))),
            ("keep", self.keep.map(|v| json!(v))),
            ("pictures", self.pictures.map(|v| json!(v))),
            ("strict", self.strict.then_some(json!(true))),
            ("freeze_norms", self.freeze_norms.then_some(json!(true))),
        ] {
            say(key, value);
        }
        if !self.mix.is_empty() {
            say("mix", Some(self.mix.iter().map(|(method, p)| (method.to_string(), json!(p))).collect()));
        }
        let of_network = [
            ("model", self.model.as_ref().map(|v| json!(v))),
            ("input.size", self.size.map(|v| json!(v))),
            ("exchange", self.exchange.as_ref().map(|v| json!(v))),
            ("d_max", self.d_max.map(|v| json!(v))),
        ];
        for (key, value) in of_network {
            say(&format!("{NETWORK}.{key}"), value);
        }
        layer
    }
}

fn read(path: &Path) -> Result<Layer> {
    let bytes = read_bounded(path, MAX_CONFIG).with_context(|| path.display().to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| Usage(format!("{}: it is not UTF-8", path.display())))?;
    Plan::read(&text).map_err(|e| Usage(format!("{}: {e}", path.display())).into())
}

/// A number that is one
fn finite(text: &str) -> Result<f64, String> {
    let number = text.parse().map_err(|_| format!("expected a number; found {text:?}"))?;
    if f64::is_finite(number) { Ok(number) } else { Err(format!("expected a finite number; found {text:?}")) }
}

/// `on` or `off`
fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("expected on or off; found {text:?}")),
    }
}

/// `0.8` or `352x608`
fn crop(text: &str) -> Result<Crop, String> {
    let expected = || format!("expected a share such as 0.8, or HEIGHTxWIDTH such as 352x608; found {text:?}");
    match text.parse() {
        Ok(share) => Ok(Crop::Share(share)),
        Err(_) => super::size(text).map(|(rows, columns)| Crop::Pixels(rows, columns)).map_err(|_| expected()),
    }
}

/// `nearfarmix` or `nearfarmix=0.5`
fn share(text: &str) -> Result<(Method, f64), String> {
    let (name, share) = text.split_once('=').map_or((text, None), |(name, share)| (name, Some(share)));
    let method: Method = name.trim().parse().map_err(|e: UnknownMethod| e.to_string())?;
    let share = share.map(|p| finite(p.trim()).map_err(|_| format!("expected a share such as 0.5; found {p:?}")));
    Ok((method, share.transpose()?.unwrap_or_else(|| usual_share(method))))
}
