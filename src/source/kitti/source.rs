use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array2;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::optics::{Known, Optics};
use super::options::{DepthKind, Options};
use super::plan::{Item, Plan, Report};
use super::velodyne::{Axis, Sweep};
use super::{benchmark, drives, pairs};
use crate::label::Remap;
use crate::sample::{Depth, Fault, Invalid, Sample, Semantics, Size, Window};
use crate::source::fit::Fit;
use crate::source::picture::{self, Endian};
use crate::source::{Entry, Fields, Header, Loaded, Source, SourceError, walk};

/// Samples of a KITTI data set.
pub struct Kitti {
    header: Header,
    entries: Vec<Entry>,
    /// What `entries` does not tell, in the same order.
    items: Vec<Item>,
    options: Options,
    depth: DepthKind,
    labels: Option<Remap>,
    report: Report,
}

impl Kitti {
    /// Finds the frames and fixes their rows. Nothing is decoded; for `--fit pad` and `reject` the headers of the
    /// images are read.
    ///
    /// # Errors
    /// Nothing found, a list or the calibration of a day that cannot be read, options that do not fit the tree.
    pub fn plan(options: Options) -> Result<Self, SourceError> {
        walk::check_folder(&options.root)?;
        let mut plan = if !options.pairs.is_empty() {
            pairs::plan(&options)?
        } else if let Some(training) = benchmark::training_folder(&options.root) {
            benchmark::plan_training(&options, &training)?
        } else if let Some(selection) = benchmark::selection_folder(&options.root) {
            benchmark::plan_selection(&options, &selection)?
        } else {
            drives::plan(&options)?
        };
        plan.report.n_samples = plan.items.len();
        let size = grid(&options, &plan)?;
        let intrinsics = plan.items.iter().all(|item| !matches!(item.optics, Optics::Unknown));
        let split = split(&options, &plan.items);
        let header = Header {
            dataset: "kitti".into(),
            split: split.clone(),
            label_space: plan.labels.as_ref().map(Remap::space),
            size,
            fields: Fields { intrinsics, ..Fields::default() },
            options: effective(&options, &plan, &split),
        };
        let entries = plan.items.iter().map(|item| item.entry.clone()).collect();
        Ok(Self {
            header,
            entries,
            items: plan.items,
            depth: plan.depth,
            labels: plan.labels,
            report: plan.report,
            options,
        })
    }

    /// What was found and what was left out.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Where depth comes from, chosen or found.
    #[must_use]
    pub fn depth_kind(&self) -> DepthKind {
        self.depth
    }

    /// Metres as the files give them, and the points of a sweep that had no place.
    fn measure(&self, item: &Item, known: &Known, image: Size) -> Result<(Array2<f32>, Invalid), Fault> {
        let project = |axis| {
            let name = item.name("depth");
            let sweep = Sweep::read(depth_file(item)?).map_err(|e| e.in_sample(name, "depth"))?;
            let projection = known.projection.as_ref().ok_or_else(|| no_rig(item))?;
            Ok((projection.depth(&sweep, axis), sweep.invalid))
        };
        match self.depth {
            DepthKind::Annotated | DepthKind::VelodyneRaw => {
                Ok((samples(item)?.mapv(|v| f32::from(v) / STEPS), Invalid::default()))
            }
            DepthKind::Disparity | DepthKind::DisparityNoc => {
                let focal = self.focal(item, known, image)?;
                Ok((metres_of_disparity(&samples(item)?, focal * self.options.baseline_m), Invalid::default()))
            }
            DepthKind::Nothing => Ok((Array2::zeros((image.height, image.width)), Invalid::default())),
            DepthKind::Project => project(Axis::CameraZ),
            DepthKind::ProjectVelodyneX => project(Axis::VelodyneX),
        }
    }

    fn focal(&self, item: &Item, known: &Known, image: Size) -> Result<f64, Fault> {
        let calibrated = known.intrinsics.map(|k| k.fx);
        self.options.focal_px.or(calibrated).or_else(|| focal_of_width(image.width)).ok_or_else(|| {
            let reason = format!("not known for a picture {} pixels wide; give it with --focal", image.width);
            Fault::new(item.name("image"), "focal length", reason)
        })
    }

    fn window(&self, item: &Item, image: Size) -> Result<Window, Fault> {
        let grid = self.header.size;
        let fault = |reason: String| Fault::new(item.name("image"), "size", reason);
        if self.options.fit == Fit::Reject && image != grid {
            return Err(fault(format!("expected the most common size {grid}, found {image}; --fit pad keeps both")));
        }
        self.options.fit.window(image, grid).map_err(|e| fault(e.to_string()))
    }
}

impl Source for Kitti {
    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn load(&self, index: usize) -> Result<Loaded, Fault> {
        let item =
            self.items.get(index).ok_or_else(|| Fault::new("", "index", format!("there is no sample {index}")))?;
        let image = picture::read_rgb(&item.image).map_err(|e| e.fault(item.name("image"), "image"))?;
        let size = image.size();
        let window = self.window(item, size)?;
        let projected = self.depth.is_projected().then_some(size);
        let known = item.optics.resolve(item.name("calib"), item.camera, projected)?;
        let (metres, dropped) = self.measure(item, &known, size)?;
        let (depth, invalid) = Depth::from_metres(metres);
        if depth.size() != size {
            let reason = format!("expected the size of the image, {size}, found {}", depth.size());
            return Err(Fault::new(item.name("depth"), "depth", reason));
        }
        let intrinsics = known.intrinsics.filter(|_| self.header.fields.intrinsics);
        let semantics = self.labels.as_ref().map(|remap| labels(item, remap, size)).transpose()?;
        let sample = Sample { intrinsics, semantics, ..Sample::new(image, depth) };
        Ok(Loaded::window(sample, window, invalid.plus(dropped)))
    }
}

/// The labels of a sample of the semantic benchmark.
fn labels(item: &Item, remap: &Remap, image: Size) -> Result<Semantics, Fault> {
    let fault = |reason: &dyn std::fmt::Display| Fault::new(item.name("semantics"), "semantics", reason);
    let path = item.labels.as_deref().ok_or_else(|| fault(&"the sample has no labels"))?;
    let ids = picture::read_u16(path).map_err(|e| fault(&e))?;
    let labels = remap.apply_plane(ids.view()).map_err(|e| fault(&e))?;
    if labels.size() != image {
        return Err(fault(&format!("expected the size of the image, {image}, found {}", labels.size())));
    }
    Ok(labels)
}

fn depth_file(item: &Item) -> Result<&Path, Fault> {
    item.depth.as_deref().ok_or_else(|| Fault::new("", "depth", "the sample has no such file"))
}

/// Steps of depth PNGs in a metre, and of disparity PNGs in a pixel.
const STEPS: f32 = 256.0;

/// The exact samples of a depth or disparity picture.
fn samples(item: &Item) -> Result<Array2<u16>, Fault> {
    let fault = |e: picture::PictureError| e.fault(item.name("depth"), "depth");
    let bytes = picture::read_bytes(depth_file(item)?).map_err(fault)?;
    // An 8-bit picture would pass for depths below one metre. In a PNG, bits and colour type are bytes 24 and 25.
    match bytes.get(24..26) {
        Some([16, 0]) => picture::decode_u16(&bytes, Endian::Big).map_err(fault),
        _ if !bytes.starts_with(b"\x89PNG") => {
            Err(Fault::new(item.name("depth"), "depth", "expected a 16-bit grey PNG, found another kind of file"))
        }
        Some([bits, colour]) => {
            let reason = format!("expected a 16-bit grey PNG, found {bits} bits of colour type {colour}");
            Err(Fault::new(item.name("depth"), "depth", reason))
        }
        _ => Err(Fault::new(item.name("depth"), "depth", "the file ends inside the header")),
    }
}

fn no_rig(item: &Item) -> Fault {
    Fault::new(item.name("depth"), "depth", "the drive is not there, so nothing says how to project its laser points")
}

/// Metres from disparity in 1/256 pixels; 0 = missing in both. `focal_baseline` is fx in pixels times metres.
fn metres_of_disparity(samples: &Array2<u16>, focal_baseline: f64) -> Array2<f32> {
    samples.mapv(|v| {
        let disparity_px = f64::from(f32::from(v) / STEPS);
        #[expect(clippy::cast_possible_truncation, reason = "depth maps are f32")]
        let metres = (focal_baseline / disparity_px) as f32;
        if v == 0 { 0.0 } else { metres }
    })
}

/// fx of rectified pictures by their width, which differs from day to day.
///
/// Source: the focal lengths in the split lists of BTS.
fn focal_of_width(width: usize) -> Option<f64> {
    let known = [(1242, 721.5377), (1224, 707.0493), (1238, 718.3351), (1226, 707.0912), (1241, 718.856)];
    known.into_iter().find(|(w, _)| *w == width).map(|(_, focal)| focal)
}

/// The grid of the set. Sizes of images that cannot be read do not count; their samples fail when loaded.
fn grid(options: &Options, plan: &Plan) -> Result<Size, SourceError> {
    if let Fit::Crop(size) = options.fit {
        return Ok(size);
    }
    let sizes: Vec<Size> = plan.items.par_iter().filter_map(|item| picture::read_size(&item.image).ok()).collect();
    let usage = |reason: String| SourceError::Usage(format!("{}: {reason}", options.root.display()));
    match options.fit {
        Fit::Reject => most_common(&sizes).ok_or_else(|| usage("no image has a header that can be read".into())),
        fit => fit.grid(sizes).map_err(|e| usage(e.to_string())),
    }
}

/// The larger one when two are equally common.
fn most_common(sizes: &[Size]) -> Option<Size> {
    let mut counts: BTreeMap<Size, usize> = BTreeMap::new();
    for &size in sizes {
        *counts.entry(size).or_default() += 1;
    }
    counts.into_iter().max_by_key(|&(size, n)| (n, size)).map(|(size, _)| size)
}

/// Name of the split: as given, as in the name of the list, as all samples have it, or `all`.
fn split(options: &Options, items: &[Item]) -> String {
    if let Some(split) = &options.split {
        return split.clone();
    }
    let name = list_name(options);
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let mut named = ["train", "val", "test"].into_iter().filter(|split| words.contains(split));
    if let (Some(only), None) = (named.next(), named.next()) {
        return only.into();
    }
    let first = items.first().and_then(|item| item.entry.split.as_ref());
    let unanimous = first.filter(|_| name.is_empty() && items.iter().all(|item| item.entry.split.as_ref() == first));
    unanimous.map_or_else(|| "all".into(), Clone::clone)
}

fn list_name(options: &Options) -> String {
    let name = options.split_file.as_deref().and_then(Path::file_name);
    name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The options that decide what is stored.
fn effective(options: &Options, plan: &Plan, split: &str) -> Map<String, Value> {
    let depth = plan.depth;
    let mut effective = Map::new();
    let mut set = |name: &str, value: Value| effective.insert(name.to_owned(), value);
    set("depth", json!(depth.name()));
    set("split", json!(split));
    set("fit", json!(options.fit.to_string()));
    set("missing", json!(options.missing.to_string()));
    set("cameras", json!(options.cameras.map_or_else(|| "as found".to_owned(), |cameras| cameras.to_string())));
    if options.split_file.is_some() {
        set("split_file", json!(list_name(options)));
    }
    if !options.pairs.is_empty() {
        set("pairs", options.pairs.iter().map(ToString::to_string).collect());
    }
    if depth.is_disparity() {
        set("baseline_m", json!(options.baseline_m));
        set("focal_px", json!(options.focal_px));
    }
    if let Some(remap) = &plan.labels {
        set("labels", remap.to_json());
    }
    effective
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn disparity_becomes_depth_and_none_stays_none() {
        // 4 px: 721.5377 * 0.54 / 4 = 97.40758950 m
        let metres = metres_of_disparity(&array![[0, 1024]], 721.5377 * 0.54);
        assert_eq!(metres, array![[0.0, 97.407_59]]);
    }

    #[test]
    fn the_most_common_size_wins_and_of_two_the_larger() {
        let [a, b] = [Size::new(375, 1242), Size::new(376, 1241)];
        assert_eq!(most_common(&[a, b, a]), Some(a));
        assert_eq!(most_common(&[a, b]), Some(b));
        assert_eq!(most_common(&[]), None);
    }

    #[test]
    fn the_name_of_a_list_tells_the_split() {
        let split_of =
            |name: &str| split(&Options { split_file: Some(format!("lists/{name}").into()), ..Options::new("k") }, &[]);
        assert_eq!(split_of("eigen_train_files_with_gt.txt"), "train");
        assert_eq!(split_of("bts_eigen_test_files_with_gt.txt"), "test");
        assert_eq!(split_of("mine.txt"), "all");
        assert_eq!(split_of("train_val.txt"), "all");
    }
}
