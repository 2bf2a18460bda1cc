//! A prepared set on disk: a Zarr v3 group of sharded, zstd-compressed, checksummed arrays and one line of JSON a
//! sample. `docs/format.md` is its description; any Zarr v3 reader opens it.
//!
//! The module knows fields and bytes, never a data set. Shards are assembled here, chunk by chunk in row order, so
//! that one set needs a few samples of memory whatever its size, and appear under their name only when whole.

mod array;
mod chunk;
mod container;
mod diff;
mod encode;
pub mod export;
mod read;
mod record;
mod set;
mod share;
mod source;
mod spec;
mod verify;
mod write;

pub use array::{Array, DepthEncoding, Dtype, Field};
pub use container::{ContainerError, Index};
pub use diff::{Comparison, FieldDifference, compare};
pub use encode::{EncodeError, Encoded, Encoder, Values};
pub use read::Reader;
pub use record::{Record, fingerprint, read_records, write_records};
pub use set::{FoundSets, Set, SetError, find_all, find_sets};
pub(crate) use set::{is_whole_shard, read_attributes};
pub use share::{SharedFiles, Sharer};
pub use source::SetSource;
pub use spec::{FORMAT_VERSION, Spec};
pub use verify::{Finding, Verification, verify};
pub use write::ShardWriter;
