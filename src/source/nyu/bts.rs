//! Folders of pairs as BTS, AdaBins and GLPDepth use them: `<scene>/rgb_00045.jpg` with `<scene>/sync_depth_00045.png`, sixteen bits,
//! millimetres, zero = missing; and their lists, one `rgb depth focal` a line.

use std::path::Path;

use serde_json::Map;

use super::{RGB_CAMERA, listed, name, set_scene};
use crate::source::depth_code::DepthCode;
use crate::source::fit::Fit;
use crate::source::folder::{self, Options};
use crate::source::pairs::{Pairs, Reading};
use crate::source::{SourceError, picture, walk};

/// One line of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The picture, relative to the root of the data set.
    pub image: String,
    /// The depth map, relative to the root of the data set.
    pub depth: String,
    /// Focal length in pixels, when it is there.
    pub focal_px: Option<f64>,
}

/// Reads a list: `rgb depth [focal]` a line, separated by blanks; empty lines are skipped, and a leading `/` means the
/// root of the data set. A picture without depth (`None`) is left out.
///
/// # Errors
/// The number of the line that is wrong and why, or bytes that are not text.
pub fn parse_list(bytes: &[u8]) -> Result<Vec<Line>, String> {
    let text =
        std::str::from_utf8(bytes).map_err(|e| format!("expected text, found other bytes at {}", e.valid_up_to()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let lines = lines.filter_map(|(i, line)| parse_line(line).map_err(|e| format!("line {}: {e}", i + 1)).transpose());
    lines.collect()
}

fn parse_line(line: &str) -> Result<Option<Line>, String> {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let (image, depth, focal) = match parts[..] {
        [image, depth] => (image, depth, None),
        [image, depth, focal] => (image, depth, Some(focal)),
        _ => return Err(format!("expected `rgb depth focal`, found {} parts", parts.len())),
    };
    let path = |p: &str| walk::relative(p).ok_or_else(|| format!("expected a path below the root, found {p:?}"));
    let positive = |f: &str| f.parse().ok().filter(|f: &f64| f.is_finite() && *f > 0.0);
    let focal = focal.map(|f| positive(f).ok_or_else(|| format!("expected a focal length in pixels, found {f:?}")));
    let focal_px = focal.transpose()?;
    if depth == "None" {
        return Ok(None);
    }
    Ok(Some(Line { image: path(image)?, depth: path(depth)?, focal_px }))
}

/// Plans the pairs of a list, in its order. The camera is known when every focal length is the one of the data set.
///
/// # Errors
/// A list that cannot be read, a line that is wrong, the same picture twice, or pictures whose sizes do not become one.
pub fn plan_list(root: &Path, list: &Path, split: &str, fit: Fit) -> Result<Pairs, SourceError> {
    let bytes = picture::read_bytes(list).map_err(|e| SourceError::format(list, "list", e))?;
    let lines = parse_list(&bytes).map_err(|reason| SourceError::format(list, "list", reason))?;
    let is_known = |line: &Line| line.focal_px.is_none_or(|f| (f - RGB_CAMERA.fx).abs() < 0.01);
    let intrinsics = lines.iter().all(is_known).then_some(RGB_CAMERA);
    let entries = listed(list, lines.into_iter().map(|line| (line.image, line.depth)))?;
    let reading = Reading { intrinsics, fit, ..Reading::of_depth(DepthCode::u16_steps(STEPS)) };
    Pairs::plan(root, name(split), entries, reading, Map::new())
}

/// Plans all pairs below a folder, in byte order.
///
/// # Errors
/// A folder that cannot be walked, no pairs, or pictures whose sizes do not become one.
pub fn plan_folder(root: &Path, split: &str, fit: Fit) -> Result<Pairs, SourceError> {
    let options = Options::new(name(split), "**/rgb_*.{jpg,png}", "**/sync_depth_*.png", DepthCode::u16_steps(STEPS))?;
    let options = Options { intrinsics: Some(RGB_CAMERA), fit, ..options };
    Ok(folder::plan(root, options)?.map_entries(set_scene))
}

/// To the metre.
const STEPS: f64 = 1000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_their_oddities() {
        let train = b"/kitchen_0028b/rgb_00045.jpg /kitchen_0028b/sync_depth_00045.png 518.8579\n\n";
        let line = &parse_list(train).unwrap()[0];
        assert_eq!(line.image, "kitchen_0028b/rgb_00045.jpg");
        assert_eq!(line.focal_px, Some(518.8579));
        let test =
            b"a/rgb_1.jpg a/sync_depth_1.png 518.8579\r\nb/rgb_2.jpg None 518.8579\nc/rgb_3.jpg c/sync_depth_3.png";
        let lines = parse_list(test).unwrap();
        assert_eq!(lines.iter().map(|l| l.image.as_str()).collect::<Vec<_>>(), ["a/rgb_1.jpg", "c/rgb_3.jpg"]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let message = |list: &[u8]| parse_list(list).unwrap_err();
        assert_eq!(message(b"a b 1\na b c d"), "line 2: expected `rgb depth focal`, found 4 parts");
        assert_eq!(message(b"a b -1"), "line 1: expected a focal length in pixels, found \"-1\"");
        assert_eq!(message(b"../a b 1"), "line 1: expected a path below the root, found \"../a\"");
        assert_eq!(message(b"a b 1\n\xff"), "expected text, found other bytes at 6");
    }
}
