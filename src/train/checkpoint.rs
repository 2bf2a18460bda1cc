//! A training run on disk: parameters, running statistics, moments, step, seed and settings in one safetensors file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use safetensors::tensor::SafeTensors;

use super::model::{self, Config, ConfigError, Dss, WeightsError};
use super::op::{Backend, Row};
use super::optim::{AdamW, AdamWConfig, Moments, MomentsError};
use super::plan::Plan;
use super::settings::Settings;
use crate::file;

const FIRST: &str = "optim.m.";
const SECOND: &str = "optim.v.";
/// The settings of a run.
const TRAINING: &str = "semdepth.training";
/// No file of this project is larger; more is not read.
const LIMIT: u64 = 16 << 30;

/// A checkpoint that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its content does not fit.
    #[error("{path}: {source}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ContentError,
    },
}

/// What is wrong with the content of a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// A tensor or the metadata.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The moments.
    #[error(transparent)]
    Moments(#[from] MomentsError),
    /// Weights without the rest.
    #[error("it holds weights, not a training run: metadata `{key}` is missing or no number")]
    NoRun {
        /// The metadata key.
        key: &'static str,
    },
    /// A configuration that cannot be of these weights.
    #[error("its configuration is of a far larger network than the one whose weights it holds")]
    Larger,
    /// Where the run stands and how long it is contradict each other.
    #[error("metadata `{key}`: expected {expected}, found {found}")]
    Progress {
        /// The metadata key.
        key: &'static str,
        /// What the settings say.
        expected: String,
        /// What it is.
        found: u64,
    },
    /// Settings nobody can read.
    #[error("its settings are not readable: {reason}")]
    Settings {
        /// Why.
        reason: String,
    },
    /// The network is not named.
    #[error("it does not say of which network it is; name one with --model")]
    NoModel,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Finished optimiser steps.
    pub step: u64,
    /// Seed of the run.
    pub seed: u64,
    /// The settings of the run, as it wrote them.
    pub settings: String,
    /// Fingerprints of the sets it learns from, in order; none before the first is learned from.
    pub data: Option<Vec<String>>,
    /// The [hash](Checkpoint::hash) of the file its first weights are from; none when they were drawn.
    pub weights: Option<String>,
}

/// Writes a checkpoint in place of whatever is at `path`; a write that fails leaves that as it was.
///
/// # Errors
///
/// The file system; a tensor with a value that is not finite.
pub fn save<D: Backend<f32>>(
    path: &Path,
    network: &Dss<f32, D>,
    optimiser: &AdamW<D::Row>,
    progress: &Progress,
) -> Result<(), CheckpointError> {
    let mut tensors = model::tensors(network.store());
    let shapes: BTreeMap<&str, &[usize]> =
        network.store().entries().iter().map(|e| (e.name.as_str(), e.shape.as_slice())).collect();
    for (name, moments) in optimiser.moments() {
        let shape = shapes.get(name.as_str()).map(|s| s.to_vec()).unwrap_or_default();
        tensors.push((format!("{FIRST}{name}"), shape.clone(), moments.m.values()));
        tensors.push((format!("{SECOND}{name}"), shape, moments.v.values()));
    }
    if let Some((name, ..)) = tensors.iter().find(|(_, _, values)| !values.iter().all(|v| v.is_finite())) {
        // The file before it can be gone on from; this one could not even be read.
        let source = WeightsError::NotFinite { name: name.clone() }.into();
        return Err(CheckpointError::Content { path: path.to_owned(), source });
    }
    let mut other = BTreeMap::from([
        ("semdepth.step".to_owned(), progress.step.to_string()),
        ("semdepth.seed".to_owned(), progress.seed.to_string()),
        (TRAINING.to_owned(), progress.settings.clone()),
    ]);
    if let Some(data) = &progress.data {
        other.insert("semdepth.data".to_owned(), data.join(" "));
    }
    if let Some(weights) = &progress.weights {
        other.insert("semdepth.weights".to_owned(), weights.clone());
    }
    let bytes = model::serialize(tensors, network.config(), other)
        .map_err(|e| CheckpointError::Content { path: path.to_owned(), source: e.into() })?;
    file::write_atomically(path, &bytes).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
}

/// A file of weights, with or without the state of a run.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    bytes: Vec<u8>,
    metadata: model::Metadata,
}

impl Checkpoint {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// The file system; no safetensors file; metadata of another format.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let bytes =
            file::read_bounded(path, LIMIT).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
        let metadata = model::read_metadata(&bytes)
            .map_err(|e| CheckpointError::Content { path: path.to_owned(), source: e.into() })?;
        Ok(Self { path: path.to_owned(), bytes, metadata })
    }

    /// A hash of the whole file, which tells it from others.
    pub fn hash(&self) -> String {
        format!("xxh3-128:{:032x}", xxhash_rust::xxh3::xxh3_128(&self.bytes))
    }

    /// Network and settings of the run, unless this is a file of weights alone.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    pub fn plan_of_run(&self) -> Result<Option<Plan>, CheckpointError> {
        self.metadata.other.contains_key(TRAINING).then(|| self.plan()).transpose()
    }

    /// The configuration of its network, when the file says it.
    pub fn config(&self) -> Option<&Config> {
        self.metadata.config.as_ref()
    }

    /// The network with these weights on a device; `config` in place of the file's own.
    ///
    /// # Errors
    ///
    /// No configuration, tensors that do not fit it, or those of an encoder alone.
    pub fn network<D: Backend<f32>>(&self, device: D, config: Option<Config>) -> Result<Dss<f32, D>, CheckpointError> {
        let build = move || -> Result<_, ContentError> {
            let config = config.or_else(|| self.metadata.config.clone()).ok_or(ContentError::NoModel)?;
            // Drawing the first values of a giant takes all memory; that its tensors are missing would be found out afterwards.
            if config.least_parameters() > self.bytes.len() / size_of::<f32>() {
                return Err(ContentError::Larger);
            }
            let network = Dss::new(device, config, 0)?;
            model::load(network.store(), &self.bytes, &[FIRST, SECOND], false)?;
            Ok(network)
        };
        build().map_err(|source| self.fault(source))
    }

    /// Gives these weights to a network of another origin: all tensors, or the encoder's from a bare encoder.
    ///
    /// # Errors
    ///
    /// Tensors that do not fit, by name.
    pub fn fill<D: Backend<f32>>(&self, network: &Dss<f32, D>) -> Result<(), CheckpointError> {
        model::load(network.store(), &self.bytes, &[FIRST, SECOND], true).map_err(|e| self.fault(e.into()))
    }

    /// Where the run stands.
    ///
    /// # Errors
    ///
    /// A file of weights alone.
    pub fn progress(&self) -> Result<Progress, CheckpointError> {
        let text =
            |key: &'static str| self.metadata.other.get(key).ok_or_else(|| self.fault(ContentError::NoRun { key }));
        let number = |key: &'static str| text(key)?.parse().map_err(|_| self.fault(ContentError::NoRun { key }));
        Ok(Progress {
            step: number("semdepth.step")?,
            seed: number("semdepth.seed")?,
            settings: text(TRAINING)?.clone(),
            data: self.metadata.other.get("semdepth.data").map(|list| list.split(' ').map(str::to_owned).collect()),
            weights: self.metadata.other.get("semdepth.weights").cloned(),
        })
    }

    /// The network and the settings of the run.
    ///
    /// # Errors
    ///
    /// A file of weights alone; settings of another version.
    pub fn plan(&self) -> Result<Plan, CheckpointError> {
        let unreadable = |reason| self.fault(ContentError::Settings { reason });
        let Progress { step, seed, settings, .. } = self.progress()?;
        let json = &mut serde_json::Deserializer::from_str(&settings);
        let settings: Settings = serde_path_to_error::deserialize(json).map_err(|e| unreadable(e.to_string()))?;
        settings.check().map_err(unreadable)?;
        let contradicts = |key, expected, found| Err(self.fault(ContentError::Progress { key, expected, found }));
        if step > settings.steps {
            return contradicts("semdepth.step", format!("at most the {} steps of the run", settings.steps), step);
        }
        if seed != settings.seed {
            return contradicts("semdepth.seed", format!("the seed {} of the settings", settings.seed), seed);
        }
        let network = self.config().cloned().ok_or_else(|| self.fault(ContentError::NoModel))?;
        Ok(Plan { network, settings })
    }

    /// The optimiser of the run, for the parameters of `network`.
    ///
    /// # Errors
    ///
    /// A file of weights alone, or moments of other parameters.
    pub fn optimiser<D: Backend<f32>>(
        &self,
        config: AdamWConfig,
        network: &Dss<f32, D>,
    ) -> Result<AdamW<D::Row>, CheckpointError> {
        let step = self.progress()?.step;
        let read = || -> Result<_, ContentError> {
            let file = SafeTensors::deserialize(&self.bytes).map_err(WeightsError::from)?;
            let mut moments: BTreeMap<String, Moments<Vec<f32>>> = BTreeMap::new();
            for (name, view) in file.tensors() {
                if let Some(of) = name.strip_prefix(FIRST) {
                    moments.entry(of.to_owned()).or_default().m = model::floats(&name, &view, false)?;
                } else if let Some(of) = name.strip_prefix(SECOND) {
                    moments.entry(of.to_owned()).or_default().v = model::floats(&name, &view, true)?;
                }
            }
            Ok(AdamW::resume(config, step, moments, network.store())?)
        };
        read().map_err(|source| self.fault(source))
    }

    fn fault(&self, source: ContentError) -> CheckpointError {
        CheckpointError::Content { path: self.path.clone(), source }
    }
}

/// Writes the weights alone, as a file for [`Checkpoint::network`].
///
/// # Errors
///
/// The file system.
pub fn save_weights<D: Backend<f32>>(path: &Path, network: &Dss<f32, D>) -> Result<(), CheckpointError> {
    let bytes = model::save(network.store(), network.config())
        .map_err(|e| CheckpointError::Content { path: path.to_owned(), source: e.into() })?;
    file::write_atomically(path, &bytes).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
}
