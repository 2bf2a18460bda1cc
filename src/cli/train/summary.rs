use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use dfdx::tensor::Cpu;
use serde_json::json;

use super::run::weights_of;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::train::checkpoint::Checkpoint;
use crate::train::model::{Config, Dss};
use crate::train::nn::Role;

/// Says what a network is made of: tensors, parameters of each part, configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A named network, the folder of a run, or a file of weights
    #[arg(default_value = "dss-nano", value_name = "MODEL|RUN")]
    network: String,
    /// Rows and columns of the pictures
    #[arg(long, value_name = "HxW", value_parser = super::size)]
    size: Option<(usize, usize)>,
    /// List every tensor
    #[arg(long)]
    tensors: bool,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let path = PathBuf::from(&self.network);
        let mut config = if path.exists() {
            let checkpoint = Checkpoint::read(&weights_of(&path))?;
            checkpoint
                .config()
                .cloned()
                .ok_or_else(|| Usage(format!("{} does not say of which network it is", self.network)))?
        } else {
            Config::named(&self.network).map_err(|e| Usage(e.to_string()))?
        };
        if let Some(size) = self.size {
            config = config.for_size(size);
        }
        let network: Dss<f32, Cpu> = Dss::new(Cpu::default(), config, 0).map_err(|e| Usage(e.to_string()))?;
        let entries = network.store().entries();
        let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in network.store().parameters() {
            *parts.entry(entry.name.split('.').next().unwrap_or_default()).or_default() += entry.len();
        }
        let buffers: usize = entries.iter().filter(|e| e.role == Role::Buffer).map(|e| e.len()).sum();
        let total = network.store().parameter_count();
        let config = network.config();
        let mut text = vec![format!("{} at {}x{}", config.model, config.input_size.0, config.input_size.1)];
        text.extend(parts.iter().map(|(part, n)| format!("  {part:<10} {n:>12}")));
        text.push(format!(
            "  {:<10} {total:>12} parameters in {} tensors",
            "all",
            network.store().parameters().count()
        ));
        text.push(format!("  {:<10} {buffers:>12} running statistics", ""));
        if self.tensors {
            text.extend(entries.iter().map(|e| format!("{}  {:?}", e.name, e.shape)));
        }
        let tensors: Option<Vec<_>> =
            self.tensors.then(|| entries.iter().map(|e| json!({ "name": e.name, "shape": e.shape })).collect());
        let value = json!({
            "config": config, "parts": parts, "parameters": total, "buffers": buffers, "tensors": tensors,
        });
        output.result(text.join("\n"), &value)?;
        Ok(Exit::Done)
    }
}
