//! NYU Depth v2 in the forms it is passed around in.
//!
//! | layout | files |
//! | --- | --- |
//! | [`bts`] | `<scene>/rgb_00045.jpg` + `sync_depth_00045.png`, with or without a list |
//! | [`densedepth`] | `nyu2_train/<scene>_out/1.jpg` + `1.png`, `nyu2_test/00000_colors.png` + `00000_depth.png` |
//! | [`labelled`] | `nyu_depth_v2_labeled.mat`, with `splits.mat` |
//! | [`fast_depth`] | `<split>/<scene>/00001.h5` |
//! | [`toolbox`] | raw recordings: `r-*.ppm` + `d-*.pgm`, Kinect disparity |

pub mod bts;
pub mod densedepth;
pub mod fast_depth;
pub mod labelled;
mod layout;
pub mod toolbox;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::sample::Intrinsics;
use crate::source::pairs::{DEPTH, IMAGE, Name};
use crate::source::{Entry, SourceError};

pub use layout::Layout;

/// The colour camera, in whose grid the registered depth lies. Source: `camera_params.m` of the toolbox.
pub const RGB_CAMERA: Intrinsics = Intrinsics {
    fx: 518.857_901_174_501_9,
    fy: 519.469_611_121_274_9,
    cx: 325.582_449_411_190_34,
    cy: 253.736_166_334_004_65,
};

/// `kitchen` for the scene `kitchen_0028b`; `None` for a name without a number.
#[must_use]
pub fn scene_type(scene: &str) -> Option<&str> {
    let (kind, number) = scene.rsplit_once('_')?;
    let number = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    (!kind.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(kind)
}

fn name(split: &str) -> Name {
    Name { dataset: "nyuv2".to_owned(), split: split.to_owned() }
}

/// Entries of the pairs (picture, depth map) of a list, in its order.
fn listed(list: &Path, pairs: impl Iterator<Item = (String, String)>) -> Result<Vec<Entry>, SourceError> {
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for (image, depth) in pairs {
        let source = BTreeMap::from([(IMAGE.to_owned(), image), (DEPTH.to_owned(), depth)]);
        let mut entry = Entry { source, ..Entry::default() };
        set_scene(&mut entry);
        if !seen.insert(entry.key.clone()) {
            return Err(SourceError::format(list, "list", format!("{:?} stands in it twice", entry.key)));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Key and scene from the path of the picture: `kitchen_0028b/rgb_00045`, of `kitchen_0028b`, a `kitchen`.
/// The test pictures of BTS lie in folders that are types of scenes, not scenes.
fn set_scene(entry: &mut Entry) {
    let image = entry.source.get(IMAGE).map(String::as_str).unwrap_or_default();
    let key = image.rsplit_once('.').map_or(image, |(stem, _)| stem);
    let folder = key.rsplit('/').nth(1).map(|folder| folder.strip_suffix("_out").unwrap_or(folder));
    let kind = folder.and_then(scene_type);
    entry.scene = kind.and(folder).map(str::to_owned);
    entry.scene_type = kind.or(folder).map(str::to_owned);
    entry.key = key.to_owned();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_scene_is_its_name_without_number() {
        assert_eq!(scene_type("kitchen_0028b"), Some("kitchen"));
        assert_eq!(scene_type("home_office_0001"), Some("home_office"));
        assert_eq!(scene_type("bathroom"), None);
        assert_eq!(scene_type("study_room"), None);
    }

    #[test]
    fn entries_are_named_after_their_picture() {
        let pair = |image: &str| [(image.to_owned(), "d".to_owned())].into_iter();
        let entry = &listed(Path::new("l"), pair("nyu2_train/study_room_0004_out/1.jpg")).unwrap()[0];
        assert_eq!(entry.key, "nyu2_train/study_room_0004_out/1");
        assert_eq!(
            (entry.scene.as_deref(), entry.scene_type.as_deref()),
            (Some("study_room_0004"), Some("study_room"))
        );
        let entry = &listed(Path::new("l"), pair("bathroom/rgb_00045.jpg")).unwrap()[0];
        assert_eq!((entry.scene.as_deref(), entry.scene_type.as_deref()), (None, Some("bathroom")));
        let error = listed(Path::new("l"), pair("a/1.jpg").chain(pair("a/1.jpg"))).unwrap_err();
        assert_eq!(error.to_string(), "l: list: \"a/1\" stands in it twice");
    }
}
