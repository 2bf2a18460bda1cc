//! Which class each id of the file's `labels` is.

use super::variables::Variables;
use crate::label::{LabelSpace, Remap, nyu};
use crate::sample::IGNORE;
use crate::source::SourceError;

/// The way from the ids of a file to those of a label space.
#[derive(Debug)]
pub(super) struct Classes {
    /// Indexed by the id in the file.
    pub(super) targets: Box<[u8; 1 << 16]>,
    /// The greatest id of the file.
    pub(super) n_names: usize,
    /// Names without a place in the 894-name table; their pixels are ignored.
    pub(super) unknown_names: Vec<String>,
}

impl Classes {
    /// Reads `names`; id `i` of the file is the `i`-th of them, 0 is unlabelled.
    pub(super) fn read(file: &Variables, space: LabelSpace) -> Result<Self, SourceError> {
        let names = file.texts("names")?;
        if names.len() >= 1 << 16 {
            return Err(file.format("names", format_args!("expected at most 65535 names, found {}", names.len())));
        }
        let remap = Remap::nyu894_to(space).map_err(|error| SourceError::Usage(error.to_string()))?;
        let mut targets = Box::new([IGNORE; 1 << 16]);
        let mut unknown_names = Vec::new();
        for (target, name) in targets.iter_mut().skip(1).zip(&names) {
            match nyu::id_894(name).map(|id| remap.id(id.into())) {
                Some(Ok(id)) => *target = id,
                Some(Err(_)) | None => unknown_names.push(name.clone()),
            }
        }
        Ok(Self { targets, n_names: names.len(), unknown_names })
    }
}
