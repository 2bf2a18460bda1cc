//! Any folder of pictures, depth maps and label maps, described by patterns: the user's own data.
//!
//! Files that belong together are found by what the wildcards of the [`Pattern`]s match; see `docs/folder.md`.

mod camera;
mod label_table;
mod pairing;
mod pattern;
mod preset;

use std::path::Path;

use serde_json::{Map, Value};

use super::depth_code::DepthCode;
use super::fit::Fit;
use super::label_map::Container;
use super::pairs::{self, Name, Pairs, Reading};
use super::{Entry, SourceError, walk};
use crate::label::Remap;
use crate::sample::Intrinsics;

pub use camera::{parse_camera, read_camera};
pub use label_table::LabelTable;
pub use pairing::{Pairing, last_number};
pub use pattern::{Key, Pattern};
pub use preset::{Defaults, Preset};

/// What is in a folder.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the set is called.
    pub name: Name,
    /// Pictures; they name the samples.
    pub images: Pattern,
    /// Depth maps: PNG or PGM of 8 or 16 bits, npy. Without them all depth is missing.
    pub depths: Option<Pattern>,
    /// Label maps: grey, palette or RGB PNG, PGM, integer npy or npz.
    pub labels: Option<Pattern>,
    /// Confidence of the labels: 8-bit maps, 0..255 for 0..1, or float npy from 0 to 1.
    pub confidence: Option<Pattern>,
    /// Which files belong together.
    pub pairing: Pairing,
    /// Depth numbers to metres.
    pub depth: DepthCode,
    /// Label ids to classes.
    pub table: Option<Remap>,
    /// What the label maps do not tell.
    pub container: Container,
    /// The files are mirrored left-right; turn them back.
    pub mirror: bool,
    /// The camera of a whole picture, after mirroring.
    pub intrinsics: Option<Intrinsics>,
    /// What becomes of pictures of different sizes.
    pub fit: Fit,
}

/// Plans the samples of a folder, in byte order of their keys.
///
/// # Errors
/// A folder that cannot be walked, patterns that match nothing or are ambiguous, pictures whose sizes do not become one.
pub fn plan(root: &Path, options: Options) -> Result<Pairs, SourceError> {
    if options.labels.is_some() != options.table.is_some() {
        return Err(SourceError::Usage(
            "label maps need a table of their ids: give both --labels and --labels-table".into(),
        ));
    }
    let patterns = options.patterns();
    let files = walk::files(root)?;
    let (matched, unmatched) = pairing::pair(&patterns, &files, options.pairing)?;
    let lonely = unmatched.iter().find(|u| u.field == pairs::IMAGE);
    if let (true, Some(file)) = (matched.is_empty(), lonely) {
        return Err(SourceError::Usage(format!(
            "no picture has a file of every other field: {:?} has no {}; compare what the `*` of the patterns match",
            file.file, file.missing
        )));
    }
    let echo = options.echo();
    let entries = matched
        .into_iter()
        .map(|sample| {
            let file = sample.files.get(pairs::IMAGE).map(String::as_str).unwrap_or_default();
            let key = Some(sample.key.to_string()).filter(|k| !k.is_empty()).unwrap_or_else(|| stem(file).to_owned());
            let scene = Some(sample.key.folder).filter(|f| !f.is_empty());
            Entry { key, source: sample.files, scene, ..Entry::default() }
        })
        .collect();
    let Options { name, depth, table, container, mirror, intrinsics, fit, .. } = options;
    let reading = Reading { depth, labels: table, container, mirror, intrinsics, fit };
    Ok(Pairs::plan(root, name, entries, reading, echo)?.with_unmatched(unmatched))
}

impl Options {
    /// Pictures and depth maps that pair by name, without labels.
    ///
    /// # Errors
    /// A pattern that is none.
    pub fn new(name: Name, images: &str, depths: &str, depth: DepthCode) -> Result<Self, SourceError> {
        let pattern = |text: &str| text.parse::<Pattern>().map_err(SourceError::Usage);
        Ok(Self {
            name,
            images: pattern(images)?,
            depths: Some(pattern(depths)?),
            labels: None,
            confidence: None,
            pairing: Pairing::Name,
            depth,
            table: None,
            container: Container::default(),
            mirror: false,
            intrinsics: None,
            fit: Fit::Reject,
        })
    }

    fn patterns(&self) -> Vec<(&'static str, &Pattern)> {
        let others = [
            (pairs::DEPTH, self.depths.as_ref()),
            (pairs::SEMANTICS, self.labels.as_ref()),
            (pairs::CONFIDENCE, self.confidence.as_ref()),
        ];
        let others = others.into_iter().filter_map(|(field, pattern)| Some((field, pattern?)));
        [(pairs::IMAGE, &self.images)].into_iter().chain(others).collect()
    }

    fn echo(&self) -> Map<String, Value> {
        let patterns: Map<String, Value> =
            self.patterns().into_iter().map(|(field, p)| (field.to_owned(), p.to_string().into())).collect();
        let mut echo = Map::new();
        echo.insert("files".into(), patterns.into());
        echo.insert("pair".into(), self.pairing.to_string().into());
        echo
    }
}

/// The last part of a path without its extension.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
