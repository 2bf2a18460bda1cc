//! A reader of the old HDF5 dialect: what MATLAB writes as MAT 7.3 and h5py by default.
//!
//! Superblock 0 or 1, groups as symbol tables, version-1 object headers, compact, contiguous or chunked (v1 B-tree)
//! data, the filters deflate, shuffle and fletcher32. Newer structures are refused with the command that converts the
//! file. The C library is not used: it holds one lock over all threads and does not survive hostile files, while here
//! every length, offset and count is checked before it is used and reading needs `&self` alone.
//!
//! Sections quoted in the comments are those of the *HDF5 File Format Specification, Version 3.0*.
//!
//! ```no_run
//! use semdepth::source::mat::hdf5;
//!
//! let file = hdf5::File::open("00001.h5".as_ref())?;
//! let depth = file.root()?.dataset("depth")?;
//! assert_eq!(depth.shape(), [480, 640]);
//! # Ok::<(), hdf5::Error>(())
//! ```

mod attribute;
mod btree;
mod chunk;
mod dataset;
mod dataspace;
mod datatype;
mod error;
mod fields;
mod filter;
mod group;
mod layout;
mod object;
mod storage;
mod superblock;

use std::path::Path;
use std::sync::Arc;

pub use attribute::Attribute;
pub use chunk::{Chunk, ChunkIndex};
pub use dataset::{Dataset, MAX_CHUNK_BYTES};
pub use datatype::{ByteOrder, Datatype};
pub use error::Error;
pub use filter::Scratch;
pub use group::Group;
pub use object::Object;
pub use storage::ReadAt;

use storage::Storage;

/// A short name for results of this module.
pub type Result<T> = std::result::Result<T, Error>;

/// An open file. Cheap to clone; every clone and every dataset reads through the same handle, without a lock.
#[derive(Clone, Debug)]
pub struct File {
    storage: Arc<Storage>,
    root: u64,
}

impl File {
    /// Opens a file and checks its superblock.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotHdf5`], [`Error::Unsupported`] for newer dialects, [`Error::Damaged`] when the file is
    /// shorter than its superblock says.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_source(Box::new(storage::OpenFile::open(path)?))
    }

    /// The same over bytes in memory.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::from_source(Box::new(bytes))
    }

    fn from_source(source: Box<dyn ReadAt>) -> Result<Self> {
        let (storage, root) = superblock::read(source)?;
        Ok(Self { storage: Arc::new(storage), root })
    }

    /// The root group.
    ///
    /// # Errors
    /// As [`Object::read_group`].
    pub fn root(&self) -> Result<Group> {
        self.object(self.root)?.read_group()
    }

    /// The object whose header stands at `address`, as object references give it.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Unsupported`] when no readable header stands there.
    pub fn object(&self, address: u64) -> Result<Object> {
        Object::read(&self.storage, address)
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.storage.n_bytes()
    }
}
