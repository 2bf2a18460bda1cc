//! Plans the raw recordings: every frame of every drive, or those of a list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{Camera, Drive, Frame};
use super::optics::{CAM_TO_CAM, Known, Optics, VELO_TO_CAM};
use super::options::{Cameras, DepthKind, Missing, Options};
use super::plan::{Item, Plan, Report, relative};
use super::split::List;
use super::tree::{self, Tree};
use crate::source::SourceError;

/// The frames wanted of each camera of each drive: those of a list, or all.
type Wanted = BTreeMap<(Drive, Camera), Option<BTreeSet<u64>>>;

pub(super) fn plan(options: &Options) -> Result<Plan, SourceError> {
    let depth_root = options.depth_root.as_deref().unwrap_or(&options.root);
    let tree = Tree::open(&options.root, depth_root)?;
    let depth = match options.depth {
        Some(kind) if kind.is_disparity() => return Err(no_disparity(&options.root)),
        Some(DepthKind::Nothing) => {
            return Err(SourceError::Usage(
                "--depth none belongs to the benchmarks; a drive gives its frames by their depth".into(),
            ));
        }
        Some(kind) => kind,
        None => detect(&tree).ok_or_else(|| nothing(options, &tree))?,
    };
    let mut report = Report::default();
    let wanted = match &options.split_file {
        Some(path) => listed(path, options, depth, &mut report)?,
        None => all(&tree, options)?,
    };
    let mut planner = Planner { options, depth_root, tree: &tree, depth, days: BTreeMap::new(), report, items: vec![] };
    for ((drive, camera), numbers) in &wanted {
        planner.add(drive, *camera, numbers.as_ref())?;
    }
    if planner.items.is_empty() {
        let looked = nothing(options, &tree);
        return Err(SourceError::Usage(format!("{looked}\n{}", planner.report)));
    }
    Ok(Plan { depth, items: planner.items, labels: None, report: planner.report })
}

/// The first kind of depth that any drive has.
fn detect(tree: &Tree) -> Option<DepthKind> {
    let has = |kind| {
        tree.drives()
            .any(|drive| [Camera::Left, Camera::Right].into_iter().any(|c| tree.depth_folder(drive, c, kind).is_some()))
    };
    [DepthKind::Annotated, DepthKind::VelodyneRaw, DepthKind::Project].into_iter().find(|&kind| has(kind))
}

fn all(tree: &Tree, options: &Options) -> Result<Wanted, SourceError> {
    let cameras = options.cameras.unwrap_or(Cameras::One(Camera::Left));
    let half = options.split.as_deref().filter(|&split| split != "all");
    if let Some(half) = half
        && !tree.drives().any(|drive| tree.half(drive) == Some(half))
    {
        return Err(SourceError::Usage(format!(
            "--split {half}: no drive lies in a folder `{half}` of the depth tree. The halves are train and val; for other splits give a list with --split-file"
        )));
    }
    let drives = tree.drives().filter(|drive| half.is_none() || tree.half(drive) == half);
    let both = |drive: &Drive| [Camera::Left, Camera::Right].map(|camera| (drive.clone(), camera));
    Ok(drives.flat_map(both).filter(|(_, camera)| cameras.contains(*camera)).map(|at| (at, None)).collect())
}

fn listed(path: &Path, options: &Options, depth: DepthKind, report: &mut Report) -> Result<Wanted, SourceError> {
    let mut wanted = Wanted::new();
    let list = List::read(path).map_err(|e| e.at(path))?;
    for line in list.frames {
        if options.cameras.is_some_and(|cameras| !cameras.contains(line.frame.camera)) {
            continue;
        }
        // `None` speaks of annotated depth; laser points may be there all the same.
        if line.without_depth && depth == DepthKind::Annotated {
            report.none_in_list.add(&line.frame);
            continue;
        }
        let Frame { drive, camera, number } = line.frame.clone();
        if !wanted.entry((drive, camera)).or_default().get_or_insert_default().insert(number) {
            report.repeated.add(&line.frame);
        }
    }
    Ok(wanted)
}

struct Planner<'a> {
    options: &'a Options,
    depth_root: &'a Path,
    tree: &'a Tree,
    depth: DepthKind,
    /// What was read of each day and camera; `None` when the day has no calibration.
    days: BTreeMap<(PathBuf, Camera), Option<Arc<Known>>>,
    report: Report,
    items: Vec<Item>,
}

impl Planner<'_> {
    fn add(&mut self, drive: &Drive, camera: Camera, numbers: Option<&BTreeSet<u64>>) -> Result<(), SourceError> {
        let image_folder = self.tree.image_folder(drive, camera);
        let depth_folder = self.tree.depth_folder(drive, camera, self.depth);
        let images = image_folder.as_deref().map(tree::image_frames).transpose()?.unwrap_or_default();
        let depths =
            depth_folder.as_deref().map(|f| tree::depth_frames(f, self.depth)).transpose()?.unwrap_or_default();
        let everything = || images.keys().chain(depths.keys()).copied().collect();
        let keep = numbers.is_some() && self.options.missing == Missing::Quarantine;
        for number in numbers.map_or_else(everything, BTreeSet::clone) {
            let frame = Frame { drive: drive.clone(), camera, number };
            let (image, depth) = (images.get(&number), depths.get(&number));
            match (image, depth) {
                (Some(_), Some(_)) => {}
                _ if keep => {}
                (None, _) => {
                    self.report.without_image.add(&frame);
                    continue;
                }
                (_, None) => {
                    self.report.without_depth.add(&frame);
                    continue;
                }
            }
            let image = image.cloned().unwrap_or_else(|| self.expected_image(&frame, image_folder.as_deref()));
            let depth = depth.cloned().unwrap_or_else(|| self.expected_depth(&frame, depth_folder.as_deref()));
            let item = self.item(&frame, image, depth)?;
            self.items.push(item);
        }
        Ok(())
    }

    fn item(&mut self, frame: &Frame, image: PathBuf, depth: PathBuf) -> Result<Item, SourceError> {
        let depth_root = if self.depth.is_projected() { &self.options.root } else { self.depth_root };
        // A benchmark unpacked into the raw recordings is not below a separate depth root.
        let depth_root = if depth.starts_with(depth_root) { depth_root } else { &self.options.root };
        let mut item = Item::new(frame.to_string(), (&self.options.root, image), (depth_root, depth), frame.camera);
        item.entry.scene = Some(frame.drive.name().to_owned());
        item.entry.split = self.tree.half(&frame.drive).map(str::to_owned);
        let Some(day) = self.tree.folder(&frame.drive).and_then(Path::parent) else { return Ok(item) };
        match self.known(day, frame.camera)? {
            Some(known) => {
                let mut name = |field: &str, file: &str| {
                    item.entry.source.insert(field.to_owned(), relative(&self.options.root, &day.join(file)))
                };
                name("calib", CAM_TO_CAM);
                if self.depth.is_projected() {
                    name("calib_velo", VELO_TO_CAM);
                }
                item.optics = Optics::Day(known);
            }
            None => self.report.without_intrinsics = Some(relative(&self.options.root, &day.join(CAM_TO_CAM))),
        }
        Ok(item)
    }

    fn known(&mut self, day: &Path, camera: Camera) -> Result<Option<Arc<Known>>, SourceError> {
        let at = (day.to_owned(), camera);
        if let Some(known) = self.days.get(&at) {
            return Ok(known.clone());
        }
        // Without it depth PNGs can still be read; laser points cannot be projected.
        let absent = !day.join(CAM_TO_CAM).exists() && !self.depth.is_projected();
        let known = if absent { None } else { Some(Arc::new(Known::of_day(day, camera, self.depth.is_projected())?)) };
        self.days.insert(at, known.clone());
        Ok(known)
    }

    /// Where the image of a frame would be.
    fn expected_image(&self, frame: &Frame, folder: Option<&Path>) -> PathBuf {
        let drive = || self.options.root.join(frame.drive.date()).join(frame.drive.name());
        let folder = folder.map_or_else(|| drive().join(frame.camera.folder()).join("data"), Path::to_owned);
        folder.join(format!("{}.png", frame.stem()))
    }

    /// Where the depth of a frame would be.
    fn expected_depth(&self, frame: &Frame, folder: Option<&Path>) -> PathBuf {
        let extension = if self.depth.is_projected() { "bin" } else { "png" };
        let folder = folder.map_or_else(
            || match self.depth {
                DepthKind::Project | DepthKind::ProjectVelodyneX => {
                    let day = self.options.root.join(frame.drive.date());
                    day.join(frame.drive.name()).join("velodyne_points/data")
                }
                kind => {
                    let maps = if kind == DepthKind::VelodyneRaw { "velodyne_raw" } else { "groundtruth" };
                    let drive = self.depth_root.join(frame.drive.name());
                    drive.join("proj_depth").join(maps).join(frame.camera.folder())
                }
            },
            Path::to_owned,
        );
        folder.join(format!("{}.{extension}", frame.stem()))
    }
}

fn no_disparity(root: &Path) -> SourceError {
    SourceError::Usage(format!(
        "{}: disparity belongs to the stereo benchmark, and there is neither training/image_2 nor image_2 here",
        root.display()
    ))
}

fn nothing(options: &Options, tree: &Tree) -> SourceError {
    let root = options.root.display();
    let text = if tree.drives().next().is_none() {
        let hint = match options.root.file_name().and_then(|name| name.to_str()) {
            Some(name) if super::frame::is_date(name) => "; this is the folder of one day, give its parent",
            _ => "",
        };
        format!(
            "{root}: no KITTI recordings found. Expected DATE/DRIVE/image_02/data (also below raw/), training/image_2, or image/ and groundtruth_depth/{hint}. For other layouts say which files belong together: --pair '*_rgb.png=*_depth.png'"
        )
    } else {
        let depth = options.depth.map_or_else(|| "depth".to_owned(), |kind| format!("depth of the kind `{kind}`"));
        format!(
            "{root}: no frame has both an image and {depth}. Annotated and raw depth PNGs are looked for in DRIVE/proj_depth, in train/ and val/ and in data_depth_annotated/; give another place with --depth-root, or project the laser points with --depth project"
        )
    };
    SourceError::Usage(text)
}
