//! The networks, their operations and the trainer: the only place that sees the tensor engine (dfdx).
//!
//! [`op`] holds differentiable operations the engine lacks, [`nn`] layers with parameters made of them, [`model`] the networks.
//! A [`plan`] says what is trained and how ([`settings`]); [`data`], [`augment`], [`mixing`] and [`loader`] make batches of sets;
//! [`trainer`] learns from them with [`optim`] and [`schedule`]; [`session`] is a run in its folder and [`checkpoint`] a file of it.
//! [`device`] is where it all runs and [`self_test`] whether it can, [`predict`] says what a network makes of a picture,
//! [`metric`] measures depth and semantics of any origin, [`evaluate`] those of a network.

pub mod augment;
pub mod checkpoint;
pub mod data;
pub mod device;
pub mod evaluate;
pub mod fault;
pub mod loader;
pub mod metric;
pub mod mixing;
pub mod model;
pub mod nn;
pub mod op;
pub mod optim;
pub mod plan;
pub mod predict;
pub mod report;
pub mod schedule;
pub mod self_test;
pub mod session;
pub mod settings;
pub mod trainer;
