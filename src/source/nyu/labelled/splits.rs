//! `splits.mat`: the official division into training and test frames, 1-based.

use std::path::Path;

use crate::source::SourceError;
use crate::source::mat;

/// Which frames are for training and which for testing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// 0-based, ascending.
    pub train: Vec<usize>,
    /// 0-based, ascending.
    pub test: Vec<usize>,
}

impl Splits {
    /// Reads `trainNdxs` and `testNdxs` (any numeric class, whole numbers from 1 to `n_frames`) from a MAT file of
    /// version 5 or 7.3.
    ///
    /// # Errors
    /// When the file cannot be read, a variable is missing, or an index is not a frame, occurs twice or in both.
    pub fn read(path: &Path, n_frames: usize) -> Result<Self, SourceError> {
        let variables = mat::read(path).map_err(|error| match error {
            mat::Error::Io(error) => SourceError::io(path, error),
            error => SourceError::format(path, "splits", error),
        })?;
        let list = |name: &str| {
            let format = |reason: String| SourceError::format(path, name, reason);
            let value = variables.get(name).map_err(|error| format(error.to_string()))?;
            let indices = value.numbers().and_then(mat::Numbers::to_indices);
            let indices =
                indices.ok_or_else(|| format(format!("expected whole numbers, found class {}", value.class())))?;
            zero_based(&indices, n_frames).map_err(format)
        };
        let (train, test) = (list("trainNdxs")?, list("testNdxs")?);
        if let Some(both) = train.iter().find(|index| test.binary_search(index).is_ok()) {
            let reason = format!("frame {} is in trainNdxs and in testNdxs", both + 1);
            return Err(SourceError::format(path, "testNdxs", reason));
        }
        Ok(Self { train, test })
    }

    /// The split of a frame.
    #[must_use]
    pub fn of(&self, frame: usize) -> Option<&'static str> {
        let within = |list: &[usize]| list.binary_search(&frame).is_ok();
        if within(&self.train) {
            Some("train")
        } else if within(&self.test) {
            Some("test")
        } else {
            None
        }
    }
}

fn zero_based(indices: &[u64], n_frames: usize) -> Result<Vec<usize>, String> {
    let frame = |&index: &u64| {
        let frame =
            usize::try_from(index).ok().and_then(|index| index.checked_sub(1)).filter(|&frame| frame < n_frames);
        frame.ok_or_else(|| format!("expected frames 1 to {n_frames}, found {index}; does it belong to this file?"))
    };
    let mut frames = indices.iter().map(frame).collect::<Result<Vec<_>, _>>()?;
    frames.sort_unstable();
    match frames.array_windows().find(|[a, b]| a == b) {
        Some([twice, _]) => Err(format!("frame {} is listed twice", twice + 1)),
        None => Ok(frames),
    }
}

#[cfg(test)]
mod tests {
    use super::zero_based;

    #[test]
    fn indices_become_zero_based_and_are_checked() {
        assert_eq!(zero_based(&[3, 1], 3).unwrap(), [0, 2]);
        assert!(zero_based(&[0], 3).unwrap_err().contains("found 0"));
        assert!(zero_based(&[4], 3).unwrap_err().contains("found 4"));
        assert!(zero_based(&[2, 2], 3).unwrap_err().contains("twice"));
    }
}
