//! Class sets, and the tables that carry ids from one to another.
//!
//! A [`LabelSpace`] is a set of classes a prepared set can hold; a [`Remap`] carries the ids of a source file into one:
//!
//! ```
//! use semdepth::label::{LabelSpace, Remap, nyu};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let remap = Remap::nyu894_to(LabelSpace::Ade20k150)?;
//! let chair = nyu::id_894("chair").ok_or("no such class")?;
//! assert_eq!(remap.apply([u32::from(chair), 0])?, [19, 255]);
//! assert_eq!(LabelSpace::Ade20k150.class_name(19), Some("chair"));
//! # Ok(()) }
//! ```
//!
//! The tables lie in `tables/` as CSV; where each row comes from is said in `docs/labels.md`.

pub mod ade20k;
pub mod cityscapes;
mod colors;
mod confusion;
mod merge;
pub mod nyu;
mod remap;
mod report;
mod space;
mod table;

pub use colors::ColorTable;
pub use confusion::Confusion;
pub use merge::{Merge, Origin, Overrides, Prefer, Side};
pub use remap::{NoTable, Remap, UnknownId};
pub use report::{ClassReport, Disagreement, MergeReport, Sides};
pub use space::{LabelSpace, UnknownSpace};
pub use table::TableError;
