//! The networks.

mod config;
mod cost;
mod decoder;
mod dss;
mod exchange;
mod head;
mod maxvit;
mod scale;
#[cfg(test)]
mod tests;
mod weights;

pub use config::{
    Affinity, AgreementScale, Align, Config, ConfigError, DecoderWidths, DepthLoss, ExchangeKind, Fused, Gate, NAMES,
    PosBias, Residual,
};
pub use cost::{Cost, Part};
pub use decoder::Decoder;
pub use dss::{Dss, Losses, Outputs, Target};
pub use exchange::{Exchange, FeatureExchange};
pub use head::{DepthHead, SemanticsHead};
pub use maxvit::{MaxVit, MaxVitConfig};
pub use weights::{Metadata, WeightsError, load, read_metadata, save, serialize};
pub(super) use weights::{floats, tensors};
