//! Looking at data: numbers, colour maps, contact sheets, charts and a report page.
//!
//! The functions are pure: samples or counts go in, a picture or a text comes out. Only [`of_set`] reads, through
//! [`Set`](crate::shard::Set).
//!
//! ```
//! use ndarray::Array2;
//! use semdepth::sample::{Depth, Image, Sample, Size};
//! use semdepth::view::{Row, SheetOptions, Stats, sheet};
//!
//! let (depth, _) = Depth::from_metres(Array2::from_shape_fn((24, 32), |(y, x)| 1.0 + (x + y) as f32 / 10.0));
//! let sample = Sample::new(Image::filled(Size::new(24, 32), 128), depth);
//! let stats = Stats::of(&sample);
//! assert_eq!(stats.depth.max_m(), Some(6.4));
//! let picture = sheet(&[Row::sample(0, "ramp", sample)], &SheetOptions::default());
//! assert!(picture.width() > 32);
//! ```

mod chart;
mod cloud;
mod color;
mod curves;
mod drawing;
mod heat_map;
mod mix_sheet;
pub mod of_set;
mod panel;
mod report;
mod sheet;
mod stats;
mod summary;
mod text;

pub use chart::chart;
pub use cloud::point_cloud;
pub use color::{ColorMap, DepthScale, MISSING};
pub use curves::{Line, Panel, Series, curves};
pub use drawing::{Align, Drawing, Rgb};
pub use heat_map::heat_map;
pub use mix_sheet::{MixRow, mix_sheet};
pub use report::{Page, Section};
pub use sheet::{Content, Row, SheetOptions, sheet};
pub use stats::{ClassCounts, DepthStats, Stats};
pub use summary::{ClassShare, ClassSummary, DepthSummary, Histogram, Quantiles, Summary};
