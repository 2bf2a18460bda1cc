use std::fmt;

/// Why an HDF5 file, or a part of it, could not be read. Names no path: the caller knows it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// No signature where one may stand.
    #[error("not an HDF5 file: the signature stands at none of the bytes 0, 512, 1024, 2048, ...")]
    NotHdf5,
    /// The bytes contradict the format or each other.
    #[error("damaged {part} at byte {at}: {reason}")]
    Damaged {
        /// The structure that was being read.
        part: &'static str,
        /// Where it begins, from the start of the file.
        at: u64,
        /// What was expected and what was found.
        reason: String,
    },
    /// Well formed, but outside the dialect this reader knows. The text says what to do.
    #[error("{0}")]
    Unsupported(String),
    /// Reading would take more memory than allowed.
    #[error("{what} takes {needed} bytes, the limit is {limit}")]
    TooLarge {
        /// What was to be read.
        what: String,
        /// Bytes it needs.
        needed: u64,
        /// Bytes it may take.
        limit: u64,
    },
    /// No member of that name.
    #[error("there is no `{0}` in this file")]
    Missing(String),
}

impl Error {
    pub(super) fn damaged(part: &'static str, at: u64, reason: impl fmt::Display) -> Self {
        Self::Damaged { part, at, reason: reason.to_string() }
    }

    /// For structures that only newer HDF5 libraries write.
    pub(super) fn newer(what: impl fmt::Display) -> Self {
        Self::Unsupported(format!(
            "{what} belongs to a newer HDF5 dialect than MATLAB 7.3 files have; convert the file with \
             `h5repack --low=0 --high=0 IN OUT`, or save it again from MATLAB with `-v7.3`"
        ))
    }
}
