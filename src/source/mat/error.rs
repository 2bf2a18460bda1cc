use super::hdf5;

/// Why a MAT file, or a variable of it, could not be read. Names no path: the caller knows it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The HDF5 structures below a MAT 7.3 file.
    #[error("{0}")]
    Hdf5(#[from] hdf5::Error),
    /// The file is a MAT 7.3 file, which the reader of version 5 cannot open.
    #[error("this is a MAT 7.3 file (HDF5), not a MAT 5 file")]
    Version73,
    /// The bytes contradict the format or each other.
    #[error("{place}: {reason}")]
    Damaged {
        /// Variable or byte.
        place: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// No variable of that name.
    #[error("there is no variable `{0}`")]
    Missing(String),
    /// A variable that is not what the caller needs.
    #[error("variable `{variable}`: expected {expected}, found {found}")]
    Unexpected {
        /// The variable.
        variable: String,
        /// What was needed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Reading would take more memory than allowed.
    #[error("{what} takes more than {limit} bytes")]
    TooLarge {
        /// What was to be read.
        what: String,
        /// Bytes it may take.
        limit: u64,
    },
}

impl Error {
    pub(super) fn damaged(place: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { place: place.into(), reason: reason.to_string() }
    }
}
