use std::path::Path;

use crate::sample::Intrinsics;
use crate::source::{SourceError, picture};

/// Reads a camera: the four numbers `fx fy cx cy`, or a 3x3 or 4x4 matrix in rows, separated by blanks, commas or lines.
///
/// # Errors
/// What was expected and what was found.
pub fn parse_camera(text: &str) -> Result<Intrinsics, String> {
    let separators = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '[' | ']');
    let words = text.split(separators).filter(|word| !word.is_empty());
    let number = |word: &str| word.parse().ok().filter(|n: &f64| n.is_finite()).ok_or(format!("{word:?} is no number"));
    let numbers: Vec<f64> = words.take(17).map(number).collect::<Result<_, _>>()?;
    let [fx, fy, cx, cy] = match numbers[..] {
        [fx, fy, cx, cy] => [fx, fy, cx, cy],
        [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0] => [fx, fy, cx, cy],
        [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0] => [fx, fy, cx, cy],
        _ => {
            let expected = "fx, fy, cx, cy or a 3x3 matrix [fx 0 cx; 0 fy cy; 0 0 1]";
            return Err(format!("expected {expected}, found {} other numbers", numbers.len()));
        }
    };
    if fx <= 0.0 || fy <= 0.0 {
        return Err(format!("expected positive focal lengths, found {fx} and {fy}"));
    }
    Ok(Intrinsics { fx, fy, cx, cy })
}

/// [`parse_camera`] of a file.
///
/// # Errors
/// A file that cannot be read or is no camera.
pub fn read_camera(path: &Path) -> Result<Intrinsics, SourceError> {
    let bytes = picture::read_bytes(path).map_err(|error| SourceError::format(path, "intrinsics", error))?;
    let camera = std::str::from_utf8(&bytes).map_err(|_| "expected text".to_owned()).and_then(parse_camera);
    camera.map_err(|reason| SourceError::format(path, "intrinsics", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_numbers_or_a_matrix() {
        let camera = [518.5, 519.5, 325.0, 253.0];
        for text in [
            "518.5,519.5,325,253",
            "5.185e+02\n5.195e+02\n3.25e+02\n2.53e+02\n",
            "518.5 0 325\n0 519.5 253\n0 0 1\n",
            "[[518.5, 0, 325], [0, 519.5, 253], [0, 0, 1]]",
            "518.5 0 325 0\n0 519.5 253 0\n0 0 1 0\n0 0 0 1",
        ] {
            assert_eq!(parse_camera(text).map(Intrinsics::to_array), Ok(camera), "{text}");
        }
        for wrong in ["", "1,2,3", "1 0 0 0 1 0 0 0 2", "a,b,c,d", "0,1,2,3", "nan,1,2,3"] {
            assert!(parse_camera(wrong).is_err(), "{wrong}");
        }
    }
}
