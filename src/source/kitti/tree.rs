//! Where the files of the raw recordings and of the depth benchmark lie. People unpack them in several ways.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::frame::{Camera, Drive, Frame, is_date};
use super::options::DepthKind;
use crate::source::SourceError;

/// Folders of the root that may hold the days of raw recordings.
const RAW: [&str; 5] = ["", "raw", "kitti_raw", "raw_data", "kitti_data"];

/// Folders that may hold the halves or drives of the depth benchmark.
const DEPTH: [&str; 3] = ["", "data_depth_annotated", "data_depth_velodyne"];

/// Extensions of images, the best first: when both are there, the PNG is the original.
const IMAGES: [&str; 3] = ["png", "jpg", "jpeg"];

/// The drives of a data set.
pub(super) struct Tree {
    /// Drive -> its folder in the raw recordings.
    drives: BTreeMap<Drive, PathBuf>,
    /// Folders that hold drives of the depth benchmark, with the half (`train`, `val`) they stand for.
    depth: Vec<(PathBuf, Option<&'static str>)>,
}

impl Tree {
    /// Lists the drives below `root`; depth PNGs are looked for below `depth_root`.
    pub(super) fn open(root: &Path, depth_root: &Path) -> Result<Self, SourceError> {
        let mut drives = BTreeMap::new();
        for raw in RAW.map(|folder| root.join(folder)) {
            for day in folders(&raw)?.into_iter().filter(|name| is_date(name)) {
                for drive in folders(&raw.join(&day))?.iter().filter_map(|name| Drive::parse(name)) {
                    let folder = raw.join(&day).join(drive.name());
                    if drive.date() == day {
                        drives.entry(drive).or_insert(folder); // the first of RAW wins
                    }
                }
            }
        }
        let halves = |folder: &str| {
            let base = depth_root.join(folder);
            [(base.join("train"), Some("train")), (base.join("val"), Some("val")), (base, None)]
        };
        let depth: Vec<_> = DEPTH.into_iter().flat_map(halves).filter(|(folder, _)| folder.is_dir()).collect();
        // A folder that may not be read would later pass for one that is not there.
        for (folder, _) in &depth {
            for drive in names(folder)? {
                names(&folder.join(drive))?;
            }
        }
        Ok(Self { drives, depth })
    }

    /// The drives, in order.
    pub(super) fn drives(&self) -> impl Iterator<Item = &Drive> {
        self.drives.keys()
    }

    /// The folder of a drive, e.g. `DATE/DRIVE`.
    pub(super) fn folder(&self, drive: &Drive) -> Option<&Path> {
        self.drives.get(drive).map(PathBuf::as_path)
    }

    /// The half of the depth benchmark a drive belongs to.
    pub(super) fn half(&self, drive: &Drive) -> Option<&'static str> {
        self.depth.iter().find_map(|(parent, half)| half.filter(|_| parent.join(drive.name()).is_dir()))
    }

    /// Folder of the images of a drive.
    pub(super) fn image_folder(&self, drive: &Drive, camera: Camera) -> Option<PathBuf> {
        self.folder(drive).map(|folder| folder.join(camera.folder()).join("data"))
    }

    /// Folder of the depth files of a drive, if there is one.
    pub(super) fn depth_folder(&self, drive: &Drive, camera: Camera, kind: DepthKind) -> Option<PathBuf> {
        let maps = match kind {
            DepthKind::Annotated => "proj_depth/groundtruth",
            DepthKind::VelodyneRaw => "proj_depth/velodyne_raw",
            DepthKind::Project | DepthKind::ProjectVelodyneX => {
                return self.folder(drive).map(|folder| folder.join("velodyne_points/data")).filter(|f| f.is_dir());
            }
            DepthKind::Disparity | DepthKind::DisparityNoc | DepthKind::Nothing => return None,
        };
        let in_benchmark = self.depth.iter().map(|(parent, _)| parent.join(drive.name()));
        // Some unpack the benchmark into the raw recordings.
        let mut places = in_benchmark.chain(self.folder(drive).map(Path::to_owned));
        places.find_map(|place| Some(place.join(maps).join(camera.folder())).filter(|folder| folder.is_dir()))
    }
}

/// The images of a folder by frame number.
pub(super) fn image_frames(folder: &Path) -> Result<BTreeMap<u64, PathBuf>, SourceError> {
    Ok(numbered(images(folder)?))
}

/// The depth files of a folder by frame number.
pub(super) fn depth_frames(folder: &Path, kind: DepthKind) -> Result<BTreeMap<u64, PathBuf>, SourceError> {
    Ok(numbered(files(folder, &[if kind.is_projected() { "bin" } else { "png" }])?))
}

fn numbered(files: BTreeMap<String, PathBuf>) -> BTreeMap<u64, PathBuf> {
    files.into_iter().filter_map(|(stem, path)| Some((Frame::parse_stem(&stem)?, path))).collect()
}

/// The images of a folder by name without extension.
pub(super) fn images(folder: &Path) -> Result<BTreeMap<String, PathBuf>, SourceError> {
    files(folder, &IMAGES)
}

/// The files of a folder by name without extension. Of files that differ only in the extension the first of
/// `extensions` is taken. A folder that is not there has none.
pub(super) fn files(folder: &Path, extensions: &[&str]) -> Result<BTreeMap<String, PathBuf>, SourceError> {
    let mut found: BTreeMap<String, (usize, PathBuf)> = BTreeMap::new();
    for name in names(folder)? {
        let Some((stem, extension)) = name.rsplit_once('.') else { continue };
        let Some(rank) = extensions.iter().position(|e| e.eq_ignore_ascii_case(extension)) else { continue };
        if found.get(stem).is_none_or(|(best, _)| rank < *best) {
            found.insert(stem.to_owned(), (rank, folder.join(&name)));
        }
    }
    Ok(found.into_iter().map(|(stem, (_, path))| (stem, path)).collect())
}

/// Names of the folders in a folder, links to folders included.
fn folders(parent: &Path) -> Result<Vec<String>, SourceError> {
    Ok(names(parent)?.into_iter().filter(|name| parent.join(name).is_dir()).collect())
}

/// Sorted names in a folder; none when it is not there. Names that are not UTF-8 are none of the data set's.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, SourceError> {
    let failed = |e| SourceError::io(folder, e);
    let entries = match std::fs::read_dir(folder) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        // A folder that may not be read is not one that is not there: its frames would be lost without a word.
        entries => entries.map_err(failed)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_png_is_preferred_and_other_files_are_ignored() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["0000000001.jpg", "0000000001.png", "0000000002.JPG", "2.png", "timestamps.txt", "x.png"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let frames = image_frames(dir.path()).unwrap();
        let names: Vec<_> = frames.values().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["0000000001.png", "0000000002.JPG"]);
        assert!(image_frames(&dir.path().join("absent")).unwrap().is_empty());
    }

    #[test]
    fn all_the_usual_places_are_looked_into() {
        let drive = Drive::parse("2011_09_26_drive_0001_sync").unwrap();
        for raw in ["", "raw/", "kitti_raw/"] {
            for depth in ["train/", "data_depth_annotated/val/", "data_depth_annotated/", "", "raw/2011_09_26/"] {
                let dir = tempfile::tempdir().unwrap();
                let day = dir.path().join(raw).join("2011_09_26");
                let maps = dir.path().join(depth).join(drive.name()).join("proj_depth/groundtruth/image_03");
                fs::create_dir_all(day.join(drive.name())).unwrap();
                fs::create_dir_all(day.join("2011_09_28_drive_0001_sync")).unwrap(); // of another day
                fs::create_dir_all(&maps).unwrap();
                let tree = Tree::open(dir.path(), dir.path()).unwrap();
                if !(depth.starts_with("raw") && raw != "raw/") {
                    assert_eq!(tree.drives().collect::<Vec<_>>(), [&drive], "{raw}");
                    assert_eq!(tree.depth_folder(&drive, Camera::Right, DepthKind::Annotated), Some(maps));
                }
                assert_eq!(tree.depth_folder(&drive, Camera::Left, DepthKind::Annotated), None);
                let half = ["train", "val"].into_iter().find(|half| depth.ends_with(&format!("{half}/")));
                assert_eq!(tree.half(&drive), half);
            }
        }
    }
}
