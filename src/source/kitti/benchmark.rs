//! Plans the folders of the benchmarks: stereo 2012 and 2015, object detection, depth selection.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::frame::{Camera, Drive, Frame};
use super::optics::Optics;
use super::options::{Cameras, DepthKind, Options};
use super::plan::{Item, Plan, Report, relative};
use super::tree::{files, images};
use crate::label::Remap;
use crate::source::SourceError;

/// The folder with `image_2` (`colored_0` in 2012), if the root is a stereo or object benchmark.
pub(super) fn training_folder(root: &Path) -> Option<PathBuf> {
    let places = [root.join("training"), root.to_owned()];
    places.into_iter().find(|place| first_folder(place, image_folders(Camera::Left)).is_some())
}

/// The folder with `image` and depth or matrices beside it, if the root is the depth selection or one of its test sets.
pub(super) fn selection_folder(root: &Path) -> Option<PathBuf> {
    let places = ["", "val_selection_cropped", "depth_selection/val_selection_cropped"].map(|place| root.join(place));
    let beside = ["groundtruth_depth", "velodyne_raw", "intrinsics"];
    let is_one = |place: &PathBuf| place.join("image").is_dir() && beside.iter().any(|kind| place.join(kind).is_dir());
    places.into_iter().find(is_one)
}

const fn image_folders(camera: Camera) -> &'static [&'static str] {
    match camera {
        Camera::Left => &["image_2", "colored_0"],
        Camera::Right => &["image_3", "colored_1"],
    }
}

const fn depth_folders(kind: DepthKind) -> &'static [&'static str] {
    match kind {
        DepthKind::Disparity => &["disp_occ_0", "disp_occ"],
        DepthKind::DisparityNoc => &["disp_noc_0", "disp_noc"],
        DepthKind::Project | DepthKind::ProjectVelodyneX => &["velodyne", "velodyne_reduced"],
        DepthKind::Annotated | DepthKind::VelodyneRaw | DepthKind::Nothing => &[],
    }
}

fn first_folder(place: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| place.join(name)).find(|folder| folder.is_dir())
}

/// Stereo (disparity), object detection (laser points) and semantics (labels): files of equal name, a calibration file
/// each.
pub(super) fn plan_training(options: &Options, training: &Path) -> Result<Plan, SourceError> {
    no_list(options)?;
    let usage = |text: String| SourceError::Usage(format!("{}: {text}", training.display()));
    let kinds = [DepthKind::Disparity, DepthKind::DisparityNoc, DepthKind::Project];
    let found = kinds.into_iter().find(|&kind| first_folder(training, depth_folders(kind)).is_some());
    let labels = Labels::find(options, training)?;
    let depth = options.depth.or(found).or(labels.is_some().then_some(DepthKind::Nothing)).ok_or_else(|| {
        usage("there are images, but no disp_occ_0, disp_noc_0 or velodyne folder to take depth from".into())
    })?;
    let depth_folder = first_folder(training, depth_folders(depth));
    if depth_folder.is_none() && depth != DepthKind::Nothing {
        let instead = found.map_or_else(String::new, |kind| format!("; try --depth {kind}"));
        return Err(usage(format!("no folder holds depth of the kind `{depth}`{instead}")));
    }
    let cameras = options.cameras.unwrap_or(Cameras::One(Camera::Left));
    if depth.is_disparity() && cameras != Cameras::One(Camera::Left) {
        return Err(usage("disparity is given for the left camera only; type --cameras 02".into()));
    }
    let calib = first_folder(training, &["calib_cam_to_cam", "calib"]);
    if calib.is_none() && depth.is_projected() {
        return Err(usage("laser points cannot be projected without the folder calib".into()));
    }

    let mut report = Report::default();
    if calib.is_none() {
        report.without_intrinsics = Some(relative(&options.root, &training.join("calib")));
    }
    let depths = match &depth_folder {
        Some(folder) => files(folder, &[if depth.is_projected() { "bin" } else { "png" }])?,
        None => BTreeMap::new(),
    };
    let mut items = Vec::new();
    for camera in [Camera::Left, Camera::Right].into_iter().filter(|&camera| cameras.contains(camera)) {
        let Some(folder) = first_folder(training, image_folders(camera)) else { continue };
        let folder_name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for (stem, image) in images(&folder)? {
            let key = format!("{folder_name}/{stem}");
            let root = options.root.as_path();
            let mut item = match (depths.get(&stem), depth) {
                (_, DepthKind::Nothing) => Item::without_depth(key, (root, image), camera),
                (Some(path), _) => Item::new(key, (root, image), (root, path.clone()), camera),
                (None, _) => {
                    // Frames 11 of the stereo benchmarks have none by design.
                    report.without_depth.add(key);
                    continue;
                }
            };
            if let Some(labels) = &labels {
                let Some(path) = labels.files.get(&stem).filter(|_| camera == Camera::Left) else {
                    report.without_labels.add(item.entry.key);
                    continue;
                };
                item = item.with_labels(root, path.clone());
            }
            if let Some(calib) = &calib {
                let scene = stem.split('_').next().unwrap_or(&stem); // 000005 of 000005_10
                let path = calib.join(format!("{scene}.txt"));
                item.entry.source.insert("calib".into(), relative(&options.root, &path));
                item.optics = Optics::Frame(path);
            }
            items.push(item);
        }
    }
    let plan = finish(depth, items, report, || usage("no image has a depth or label file of the same name".into()))?;
    Ok(Plan { labels: labels.map(|labels| labels.remap), ..plan })
}

/// The labels of the semantic benchmark, which are those of the left camera: ids of Cityscapes, or instance maps.
struct Labels {
    files: BTreeMap<String, PathBuf>,
    remap: Remap,
}

impl Labels {
    fn find(options: &Options, training: &Path) -> Result<Option<Self>, SourceError> {
        let space = options.label_space;
        let (folder, remap) = match ["semantic", "instance"].map(|name| training.join(name)) {
            [folder, _] if folder.is_dir() && options.extended_labels => (folder, Remap::cityscapes_extended_to(space)),
            [folder, _] if folder.is_dir() => (folder, Remap::cityscapes_to(space)),
            [_, folder] if folder.is_dir() => (folder, Remap::kitti_instances_to(space)),
            _ => return Ok(None),
        };
        let remap = remap.map_err(|error| SourceError::Usage(error.to_string()))?;
        Ok(Some(Self { files: files(&folder, &["png"])?, remap }))
    }
}

/// The 1000 frames of `val_selection_cropped`, or those of a test set, `test_depth_completion_anonymous` or
/// `test_depth_prediction_anonymous`, which has no depth.
pub(super) fn plan_selection(options: &Options, selection: &Path) -> Result<Plan, SourceError> {
    no_list(options)?;
    let usage = |text: String| SourceError::Usage(format!("{}: {text}", selection.display()));
    let kinds = [(DepthKind::Annotated, "groundtruth_depth"), (DepthKind::VelodyneRaw, "velodyne_raw")];
    let found =
        kinds.iter().find(|(_, maps)| selection.join(maps).is_dir()).map_or(DepthKind::Nothing, |(kind, _)| *kind);
    let depth = options.depth.unwrap_or(found);
    let maps = kinds.iter().find(|(kind, _)| *kind == depth).map(|(_, maps)| *maps);
    if maps.is_none() && depth != DepthKind::Nothing {
        return Err(usage(format!("the selection has no depth of the kind `{depth}`; try --depth {found}")));
    }
    let depths: BTreeMap<Picture, PathBuf> = match maps {
        Some(maps) => selected(files(&selection.join(maps), &["png"])?, maps).collect(),
        None => BTreeMap::new(),
    };
    let matrices = selection.join("intrinsics");
    let mut report = Report::default();
    if !matrices.is_dir() {
        report.without_intrinsics = Some(relative(&options.root, &matrices));
    }
    let mut items = Vec::new();
    for (picture, image) in selected(images(&selection.join("image"))?, "image").collect::<BTreeMap<_, _>>() {
        if options.cameras.is_some_and(|cameras| !cameras.contains(picture.camera())) {
            continue;
        }
        let matrix = matrices.join(image.with_extension("txt").file_name().unwrap_or_default());
        let root = options.root.as_path();
        let (key, camera) = (picture.to_string(), picture.camera());
        let mut item = match (maps, depths.get(&picture)) {
            (None, _) => Item::without_depth(key, (root, image), camera),
            (_, Some(path)) => Item::new(key, (root, image), (root, path.clone()), camera),
            (_, None) => {
                report.without_depth.add(key);
                continue;
            }
        };
        (item.entry.scene, item.entry.split) = picture.scene_and_split();
        if matrices.is_dir() {
            item.entry.source.insert("calib".into(), relative(root, &matrix));
            item.optics = Optics::Matrix(matrix);
        }
        items.push(item);
    }
    let maps = maps.unwrap_or("image");
    finish(depth, items, report, || usage(format!("no picture in image/ has its depth in {maps}/")))
}

/// A picture of the selection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Picture {
    /// A frame of a recording.
    Frame(Frame),
    /// One of a test set: its recording and its camera are kept secret.
    Numbered(u64),
}

impl Picture {
    /// The left one where it is secret; nothing but `--cameras` asks.
    fn camera(&self) -> Camera {
        match self {
            Self::Frame(frame) => frame.camera,
            Self::Numbered(_) => Camera::Left,
        }
    }

    fn scene_and_split(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Frame(frame) => (Some(frame.drive.name().to_owned()), Some("val".into())),
            Self::Numbered(_) => (None, Some("test".into())),
        }
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(frame) => frame.fmt(f),
            Self::Numbered(number) => write!(f, "image/{number:010}"),
        }
    }
}

/// `DRIVE_KIND_NUMBER_image_0c` -> frame, `NUMBER` -> a picture of a test set.
fn selected(files: BTreeMap<String, PathBuf>, kind: &str) -> impl Iterator<Item = (Picture, PathBuf)> {
    let frame = move |stem: &str| {
        let (head, camera) = stem.rsplit_once("_image_")?;
        let (head, number) = head.rsplit_once('_')?;
        let drive = Drive::parse(head.strip_suffix(kind)?.strip_suffix('_')?)?;
        let camera = Camera::of_folder(&format!("image_{camera}"))?;
        Some(Picture::Frame(Frame { drive, camera, number: Frame::parse_stem(number)? }))
    };
    files.into_iter().filter_map(move |(stem, path)| {
        let numbered = || Frame::parse_stem(&stem).map(Picture::Numbered);
        Some((frame(&stem).or_else(numbered)?, path))
    })
}

fn no_list(options: &Options) -> Result<(), SourceError> {
    if let Some(list) = &options.split_file {
        return Err(SourceError::Usage(format!(
            "{}: a split list names raw recordings, and {} holds a benchmark; leave --split-file out",
            list.display(),
            options.root.display()
        )));
    }
    Ok(())
}

/// The plan, unless nothing is in it.
pub(super) fn finish(
    depth: DepthKind,
    items: Vec<Item>,
    report: Report,
    nothing: impl FnOnce() -> SourceError,
) -> Result<Plan, SourceError> {
    if items.is_empty() { Err(nothing()) } else { Ok(Plan { depth, items, labels: None, report }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_selection_are_frames() {
        let name = "2011_09_26_drive_0002_sync_groundtruth_depth_0000000005_image_02";
        let frames = |kind| selected([(name.to_owned(), PathBuf::new())].into(), kind).map(|(f, _)| f.to_string());
        assert_eq!(frames("groundtruth_depth").collect::<Vec<_>>(), ["2011_09_26_drive_0002_sync/image_02/0000000005"]);
        assert_eq!(frames("velodyne_raw").count(), 0);
        let numbered = [("0000000042".to_owned(), PathBuf::new()), ("42".to_owned(), PathBuf::new())].into();
        assert_eq!(selected(numbered, "image").map(|(p, _)| p.to_string()).collect::<Vec<_>>(), ["image/0000000042"]);
    }
}
