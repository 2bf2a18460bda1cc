use std::path::Path;

use anyhow::Result;
use dfdx::tensor::Cpu;
use indicatif::HumanBytes;
use serde_json::json;

use super::network::weights_of;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::train::model::{Config, Cost, Dss};

/// Says what a network is made of and what it costs: parts, shapes, parameters, multiply-adds, memory.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A named network, the folder of a run, or a file of weights
    #[arg(default_value = "dss-nano", value_name = "MODEL|RUN")]
    network: String,
    /// Rows and columns of the pictures [default: those of the network]
    #[arg(long, value_name = "HxW", value_parser = super::size)]
    size: Option<(usize, usize)>,
    /// Exchange of features between the tasks, of a named network [default: lg_cat]
    #[arg(long, value_name = "KIND")]
    exchange: Option<String>,
    /// Pictures at once, for the memory
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// List every tensor
    #[arg(long)]
    tensors: bool,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        let config = self.config()?;
        let network: Dss<f32, Cpu> = Dss::new(Cpu::default(), config, 0).map_err(|e| Usage(e.to_string()))?;
        let (config, cost) = (network.config(), Cost::of(&network));
        let (h, w) = config.input_size;
        let width = cost.parts.iter().map(|part| part.name.len()).max().unwrap_or_default();
        let mut text = vec![format!("{} at {h}x{w}", config.model)];
        text.push(format!("  {:<width$} {:>16} {:>12} {:>14}", "part", "output", "parameters", "multiply-adds"));
        for part in &cost.parts {
            let [c, h, w] = part.output;
            let output = format!("{c} x {h} x {w}");
            let (name, parameters, multiply_adds) = (&part.name, part.parameters, millions(part.multiply_adds));
            text.push(format!("  {name:<width$} {output:>16} {parameters:>12} {multiply_adds:>14}"));
        }
        let tensors = network.store().entries();
        let (parameters, all) = (cost.parameters, millions(cost.multiply_adds));
        text.push(format!("  {:<width$} {:>16} {parameters:>12} {all:>14}", "all", ""));
        let trained = network.store().parameters().count();
        text.push(format!("{trained} tensors, and {} running statistics in {}", cost.buffers, tensors.len() - trained));
        let batch = usize::from(self.batch);
        let (evaluation, training) = (cost.evaluation_bytes(batch), cost.training_bytes(batch));
        text.push(format!(
            "memory with {batch} at once, estimated: about {} to evaluate, {} to train",
            HumanBytes(evaluation),
            HumanBytes(training)
        ));
        if self.tensors {
            text.extend(tensors.iter().map(|e| format!("{}  {:?}", e.name, e.shape)));
        }
        let listed: Option<Vec<_>> =
            self.tensors.then(|| tensors.iter().map(|e| json!({ "name": e.name, "shape": e.shape })).collect());
        let value = json!({
            "config": config,
            "parts": cost.parts,
            "parameters": parameters,
            "buffers": cost.buffers,
            "multiply_adds": cost.multiply_adds,
            "batch": batch,
            "evaluation_bytes": evaluation,
            "training_bytes": training,
            "tensors": listed,
        });
        output.result(text.join("\n"), &value)?;
        Ok(Exit::Done)
    }

    fn config(&self) -> Result<Config> {
        let path = Path::new(&self.network);
        let config = if path.exists() {
            if self.exchange.is_some() {
                return Err(Usage(format!("{} has an exchange; --exchange is for named networks", self.network)).into());
            }
            let checkpoint = weights_of(path)?;
            let config = checkpoint.config().cloned();
            config.ok_or_else(|| Usage(format!("{} does not say of which network it is", self.network)))?
        } else {
            let mut asked = json!({ "model": self.network });
            if let Some(kind) = &self.exchange {
                asked["exchange"] = json!(kind);
            }
            Config::from_json(&asked.to_string()).map_err(|e| Usage(e.to_string()))?
        };
        Ok(self.size.map_or_else(|| config.clone(), |size| config.clone().running_at(size)))
    }
}

/// In millions.
fn millions(n: u64) -> String {
    format!("{:.2} M", n as f64 / 1e6)
}
