//! Folders as DenseDepth made them, and their CSV lists. Depth for training has 8 bits, 255 = 10 m; depth for testing has
//! 16 bits, millimetres. Zero is missing in both.

use std::path::Path;

use serde_json::Map;

use super::{RGB_CAMERA, listed, name, set_scene};
use crate::source::depth_code::DepthCode;
use crate::source::fit::Fit;
use crate::source::folder::{self, Options};
use crate::source::pairs::{Pairs, Reading};
use crate::source::{SourceError, picture, walk};

/// Which half: they differ in names and in the unit of depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// `nyu2_train/<scene>_out/1.jpg` + `1.png`
    Train,
    /// `nyu2_test/00000_colors.png` + `00000_depth.png`
    Test,
}

impl Half {
    fn depth(self) -> DepthCode {
        match self {
            Self::Train => DepthCode { scale: 10.0 / 255.0, bits: Some(8), ..DepthCode::metres() },
            Self::Test => DepthCode::u16_steps(1000.0),
        }
    }

    fn split(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// Reads a CSV list: picture and depth map, relative to the folder that holds `data/` or to `data/` itself.
///
/// # Errors
/// The number of the line that is wrong and why, or bytes that are not text.
pub fn parse_list(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut pairs = Vec::new();
    for (i, row) in reader.records().enumerate() {
        let row = row.map_err(|error| format!("line {}: {error}", i + 1))?;
        let (Some(image), Some(depth), 2) = (row.get(0), row.get(1), row.len()) else {
            return Err(format!("line {}: expected two columns, picture and depth map, found {}", i + 1, row.len()));
        };
        let path = |p: &str| {
            walk::relative(p).ok_or_else(|| format!("line {}: expected a path below the root, found {p:?}", i + 1))
        };
        pairs.push((path(image)?, path(depth)?));
    }
    Ok(pairs)
}

/// Plans the pairs of a list, in its order. When `root` has no folder `data`, the paths are taken to start below it.
///
/// # Errors
/// A list that cannot be read, a line that is wrong, the same picture twice, or pictures whose sizes do not become one.
pub fn plan_list(root: &Path, list: &Path, half: Half, fit: Fit) -> Result<Pairs, SourceError> {
    let bytes = picture::read_bytes(list).map_err(|e| SourceError::format(list, "list", e))?;
    let pairs = parse_list(&bytes).map_err(|reason| SourceError::format(list, "list", reason))?;
    let has_data = root.join("data").is_dir();
    let below = |path: String| match path.strip_prefix("data/") {
        Some(rest) if !has_data => rest.to_owned(),
        _ => path,
    };
    let entries = listed(list, pairs.into_iter().map(|(image, depth)| (below(image), below(depth))))?;
    let reading = Reading { intrinsics: Some(RGB_CAMERA), fit, ..Reading::of_depth(half.depth()) };
    Pairs::plan(root, name(half.split()), entries, reading, Map::new())
}

/// Plans all pairs below `nyu2_train` or `nyu2_test`, in byte order.
///
/// # Errors
/// A folder that cannot be walked, no pairs, or pictures whose sizes do not become one.
pub fn plan_folder(root: &Path, half: Half, fit: Fit) -> Result<Pairs, SourceError> {
    let (images, depths) = match half {
        Half::Train => ("**/nyu2_train/**/*.jpg", "**/nyu2_train/**/*.png"),
        Half::Test => ("**/nyu2_test/*_colors.png", "**/nyu2_test/*_depth.png"),
    };
    let options = Options::new(name(half.split()), images, depths, half.depth())?;
    let options = Options { intrinsics: Some(RGB_CAMERA), fit, ..options };
    Ok(folder::plan(root, options)?.map_entries(|entry| {
        set_scene(entry);
        if half == Half::Test {
            entry.scene_type = None; // the folder is no scene
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_two_columns_without_header() {
        let list = b"data/nyu2_train/a_0001_out/1.jpg,data/nyu2_train/a_0001_out/1.png\r\n";
        let image = "data/nyu2_train/a_0001_out/1.jpg".to_owned();
        assert_eq!(parse_list(list).unwrap(), [(image, "data/nyu2_train/a_0001_out/1.png".to_owned())]);
        assert_eq!(parse_list(b"a,b\nc").unwrap_err(), "line 2: expected two columns, picture and depth map, found 1");
        assert!(parse_list(b"a,\xff").unwrap_err().starts_with("line 1: "));
        assert!(parse_list(b"a,../../b").unwrap_err().contains("below the root"));
    }
}
