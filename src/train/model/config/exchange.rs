//! What there is to choose of an exchange.

use serde::{Deserialize, Serialize};

/// How features of the two tasks are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeKind {
    /// Not at all: the baseline.
    None,
    /// Local and global cross-attention in both directions (dss.md 6.2 to 6.5).
    LgCat,
    /// A weight for every pixel of depth, from semantics; a stand-in (exchange_modules.md section 3).
    SwMap,
    /// Factors and shifts of every pixel, from the other task; a stand-in (section 4).
    Sig,
    /// Features of the other task through a gate: PAD-Net (section 5).
    AgMmd,
    /// Attention among channels (section 6).
    Ccam,
    /// Attention among embeddings of a pixel: FSRE-Depth (section 7).
    Cma,
    /// Four learned numbers: SynNet (section 8).
    Lsu,
}

/// What the first sum of a cross-attention layer adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residual {
    /// The stream that is refined.
    Y,
    /// The guide.
    X,
}

/// What attention of the exchange knows of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PosBias {
    /// A learned bias for every offset of key from query, of every head.
    Relative,
    /// Nothing.
    None,
}

/// The block that ends an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fused {
    /// 3x3 that widens, BatchNorm, GELU, 1x1, BatchNorm.
    Mbconv,
    /// Depthwise 3x3, GELU, squeeze-excite, 1x1.
    Gcvit,
}

/// What the gate of `ag_mmd` looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The features that are taken, as in public implementations.
    Source,
    /// The features that are refined.
    Target,
}

/// How `ccam` comes from the cosines of two channels to how much one takes of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Affinity {
    /// By two linear layers and a sigmoid.
    Mlp,
    /// By a softmax of ten times the cosine.
    Softmax,
}

/// What the agreement of key and query is divided by in `cma`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgreementScale {
    /// The root of the channels of an embedding.
    Paper,
    /// The root of the channels of all embeddings, as in the authors' code.
    Code,
}
