//! Roads as a tree of KITTI recordings: pictures, laser scans, calibration, depth pictures and split lists.

use std::path::Path;

use ndarray::Array2;
use rayon::prelude::*;

use super::render::{Frame, render, survey, to_f};
use super::rig::{Rig, velo_to_cam};
use super::scene::Scene;
use super::texture::cell;
use super::vector::vec3;
use super::write::{WriteError, write_whole};
use super::{Kind, Synth, lidar, noise_seed, road};
use crate::file::write_folder;
use crate::sample::Image;
use crate::source::Source;

const DATE: &str = "2011_09_26";
/// Frames of a drive; the car moves on between them.
const DRIVE: usize = 8;
/// Metres between two frames.
const STEP: f64 = 0.8;
/// Nothing above this share of the height is annotated.
const TOP: f64 = 0.31;
/// Share of the rest that is.
const DENSITY: f64 = 0.24;
/// Farther points are not annotated, in metres.
const FARTHEST: f32 = 85.0;

/// One frame of the tree.
#[derive(Clone, Copy)]
struct Place {
    drive: usize,
    frame: usize,
    /// Annotated depth is made from neighbours, so the ends of a drive have none.
    annotated: bool,
    /// In the last drive, which is the validation one when there are several.
    held_out: bool,
}

impl Place {
    fn all(count: usize) -> Vec<Self> {
        let last = count.saturating_sub(1) / DRIVE;
        (0..count)
            .map(|i| {
                let (drive, frame) = (i / DRIVE, i % DRIVE);
                let length = DRIVE.min(count - drive * DRIVE);
                let annotated = length < 3 || (frame > 0 && frame + 1 < length);
                Self { drive, frame, annotated, held_out: drive == last && last > 0 }
            })
            .collect()
    }

    fn drive(self) -> String {
        format!("{DATE}_drive_{:04}_sync", self.drive + 1)
    }

    fn recorded(self, sensor: &str, end: &str) -> String {
        format!("{DATE}/{}/{sensor}/data/{:010}.{end}", self.drive(), self.frame)
    }

    fn projected(self, what: &str, camera: usize) -> String {
        format!("{}/proj_depth/{what}/image_{camera:02}/{:010}.png", self.drive(), self.frame)
    }

    fn split(self) -> &'static str {
        if self.held_out { "val" } else { "train" }
    }
}

/// Writes roads as a KITTI tree below `root`, which appears when it is whole; `right` adds the pictures of the right camera.
/// `done` is called after each frame. Into a folder that holds something already it is written file by file, the split lists last.
///
/// # Errors
/// [`WriteError::Usage`] for scenes that are not roads; otherwise what the system said.
pub fn write_kitti_tree(synth: &Synth, root: &Path, right: bool, done: &(dyn Fn() + Sync)) -> Result<(), WriteError> {
    if synth.options.kind != Kind::Road {
        return Err(WriteError::Usage("the KITTI layout holds roads: use `sdprep synth road --as kitti`".into()));
    }
    if root.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return write_tree(synth, root, right, done);
    }
    write_folder(root, WriteError::io(root), |root| write_tree(synth, root, right, done))
}

fn write_tree(synth: &Synth, root: &Path, right: bool, done: &(dyn Fn() + Sync)) -> Result<(), WriteError> {
    let places = Place::all(synth.entries().len());
    let (seed, size) = (synth.options.seed, synth.options.size);
    let calibration = Rig::new(road::build(seed, 0, size).1);
    let text = |name: &str, text: &str| write_whole(&root.join(name), text.as_bytes());
    text(&format!("{DATE}/calib_cam_to_cam.txt"), &calibration.cam_to_cam())?;
    text(&format!("{DATE}/calib_velo_to_cam.txt"), &velo_to_cam())?;
    places.par_iter().enumerate().try_for_each(|(i, &place)| {
        let (scene, camera) = road::build(seed, place.drive as u64, size);
        let rig = Rig::new(camera.moved(0.0, 0.0, STEP * to_f(place.frame)));
        write_frame(root, place, &scene, &rig, right, noise_seed(seed, i))?;
        done();
        Ok(())
    })?;
    let [train, test] = lists(&places, calibration.camera(2).intrinsics.fx);
    text("eigen_train_files_with_gt.txt", &train)?;
    text("eigen_test_files_with_gt.txt", &test)?;
    let [train, test] = frame_lists(&places, right);
    text("splits/eigen_zhou/train_files.txt", &train)?;
    text("splits/eigen/test_files.txt", &test)
}

fn write_frame(root: &Path, place: Place, scene: &Scene, rig: &Rig, right: bool, seed: u32) -> Result<(), WriteError> {
    let points = lidar::scan(scene, rig);
    let bytes: Vec<u8> = points.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    write_whole(&root.join(place.recorded("velodyne_points", "bin")), &bytes)?;
    for number in if right { &[2, 3][..] } else { &[2] } {
        let (number, camera) = (*number, rig.camera(*number));
        let frame = render(scene, &camera, seed ^ number as u32);
        let depth = survey(scene, &camera).0;
        write_picture(&root.join(place.recorded(&format!("image_{number:02}"), "png")), frame)?;
        if place.annotated {
            let folder = root.join(place.split());
            write_depth(&folder.join(place.projected("groundtruth", number)), &annotated(&depth, seed))?;
            write_depth(
                &folder.join(place.projected("velodyne_raw", number)),
                &projected(&points, rig, number, &depth),
            )?;
        }
    }
    Ok(())
}

/// Exact depth on a part of the pixels, as many scans together would give.
fn annotated(depth: &Array2<f32>, seed: u32) -> Array2<f32> {
    let top = to_f(depth.dim().0) * TOP;
    let mut out = depth.clone();
    for ((y, x), metres) in out.indexed_iter_mut() {
        let kept = to_f(y) >= top && *metres <= FARTHEST && cell(to_f(x), to_f(y), seed ^ 0xa11) < DENSITY;
        if !kept {
            *metres = 0.0;
        }
    }
    out
}

/// Scanner points in the camera's grid; of several on one pixel the nearest counts.
fn projected(points: &[[f32; 4]], rig: &Rig, camera: usize, like: &Array2<f32>) -> Array2<f32> {
    let mut out = Array2::zeros(like.dim());
    for &[x, y, z, _] in points {
        let p = vec3(f64::from(x), f64::from(y), f64::from(z));
        let Some((u, v, depth)) = rig.project(camera, p) else { continue };
        #[expect(clippy::cast_possible_truncation, reason = "stored with 1/256 m")]
        let (seen, depth): (&mut f32, f32) = (&mut out[(v, u)], depth as f32);
        if *seen == 0.0 || depth < *seen {
            *seen = depth;
        }
    }
    out
}

fn write_picture(path: &Path, frame: Frame) -> Result<(), WriteError> {
    let (_, height, width) = frame.image.dim();
    let image = Image::from_planes(frame.image).ok_or_else(|| WriteError::encode(path, "not three planes"))?;
    let bytes = encode(path, [height, width], png::ColorType::Rgb, png::BitDepth::Eight, &image.to_interleaved())?;
    write_whole(path, &bytes)
}

/// Metres as u16 in 1/256 m, 0 = none, big endian as PNG wants.
fn write_depth(path: &Path, metres: &Array2<f32>) -> Result<(), WriteError> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of u16")]
    let samples: Vec<u8> = metres.iter().flat_map(|m| ((m * 256.0 + 0.5).min(65_535.0) as u16).to_be_bytes()).collect();
    let (height, width) = metres.dim();
    let bytes = encode(path, [height, width], png::ColorType::Grayscale, png::BitDepth::Sixteen, &samples)?;
    write_whole(path, &bytes)
}

fn encode(
    path: &Path,
    [height, width]: [usize; 2],
    color: png::ColorType,
    bits: png::BitDepth,
    samples: &[u8],
) -> Result<Vec<u8>, WriteError> {
    let side = |n: usize| u32::try_from(n).map_err(|e| WriteError::encode(path, e));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(width)?, side(height)?);
    encoder.set_color(color);
    encoder.set_depth(bits);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header().map_err(|e| WriteError::encode(path, e))?;
    writer.write_image_data(samples).map_err(|e| WriteError::encode(path, e))?;
    writer.finish().map_err(|e| WriteError::encode(path, e))?;
    Ok(bytes)
}

/// Lists as BTS has them, `picture depth focal`: training frames that have depth, and test frames with `None` where
/// they have not. The last line does not end.
fn lists(places: &[Place], focal: f64) -> [String; 2] {
    let line = |place: &Place| {
        let depth = if place.annotated { place.projected("groundtruth", 2) } else { "None".into() };
        format!("{} {depth} {focal}", place.recorded("image_02", "png"))
    };
    let several = places.iter().any(|place| place.held_out);
    let train: Vec<String> = places.iter().filter(|p| p.annotated && !p.held_out).map(line).collect();
    let test: Vec<String> = places.iter().filter(|p| p.held_out || !several).map(line).collect();
    [train.join("\n"), test.join("\n")]
}

/// Lists as monodepth2 has them, `drive frame side`: the frame is padded in the test list only.
fn frame_lists(places: &[Place], right: bool) -> [String; 2] {
    let several = places.iter().any(|place| place.held_out);
    let sides = if right { &["l", "r"][..] } else { &["l"] };
    let train: String = places
        .iter()
        .filter(|p| p.annotated && !p.held_out)
        .flat_map(|p| sides.iter().map(move |side| format!("{DATE}/{} {} {side}\n", p.drive(), p.frame)))
        .collect();
    let test: String = places
        .iter()
        .filter(|p| p.held_out || !several)
        .map(|p| format!("{DATE}/{} {:010} l\n", p.drive(), p.frame))
        .collect();
    [train, test]
}

#[cfg(test)]
mod tests {
    use super::super::render::EVERYWHERE;
    use super::*;
    use crate::sample::Size;
    use crate::source::synth::Options;

    #[test]
    fn the_ends_of_a_drive_have_no_annotation() {
        let places = Place::all(20);
        let without: Vec<usize> = (0..20).filter(|&i| !places[i].annotated).collect();
        assert_eq!(without, [0, 7, 8, 15, 16, 19]);
        let [train, test] = lists(&places, 721.5377);
        assert_eq!((train.lines().count(), test.lines().count()), (12, 4));
        assert_eq!(
            train.lines().next().unwrap(),
            "2011_09_26/2011_09_26_drive_0001_sync/image_02/data/0000000001.png \
             2011_09_26_drive_0001_sync/proj_depth/groundtruth/image_02/0000000001.png 721.5377"
        );
        assert_eq!(
            test.lines().next().unwrap(),
            "2011_09_26/2011_09_26_drive_0003_sync/image_02/data/0000000000.png None 721.5377"
        );
        assert!(!test.ends_with('\n'));
        let [train, test] = frame_lists(&places, true);
        assert_eq!(train.lines().nth(1), Some("2011_09_26/2011_09_26_drive_0001_sync 1 r"));
        assert_eq!(test.lines().next(), Some("2011_09_26/2011_09_26_drive_0003_sync 0000000000 l"));
    }

    /// Scanner points, projected with the calibration, show the depth the camera sees. The scanner stands elsewhere and
    /// a pixel is not a point, so edges may differ; flat parts may not.
    #[test]
    fn scans_agree_with_depth() {
        for index in [0, 2] {
            let (scene, camera) = road::build(5, index, road::SIZE);
            let rig = Rig::new(camera);
            let points = lidar::scan(&scene, &rig);
            assert!((40_000..128_000).contains(&points.len()), "{} points", points.len());
            assert!(points.iter().all(|p| (0.0..=0.99).contains(&p[3])));
            for number in [2, 3] {
                let camera = rig.camera(number);
                let sparse = projected(&points, &rig, number, &Array2::zeros((375, 1242)));
                let (mut n, mut close) = (0, 0);
                for ((y, x), &found) in sparse.indexed_iter() {
                    if found > 0.0 {
                        let hit = scene.nearest(&camera.ray(to_f(y), to_f(x)), EVERYWHERE);
                        let exact = hit.map_or(0.0, |hit| hit.t as f32);
                        n += 1;
                        close += usize::from((found - exact).abs() < 0.02 * exact + 0.02);
                    }
                }
                assert!(n > 9_000, "{n} pixels");
                assert!(close * 100 > n * 85, "scene {index}, camera {number}: {close} of {n} agree");
            }
        }
    }

    #[test]
    fn a_tree_is_complete_and_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let synth = Synth::new(Options { size: Size::new(63, 207), ..Options::new(Kind::Road, 3) }).unwrap();
        let files = |name: &str| {
            let root = folder.path().join(name);
            write_kitti_tree(&synth, &root, true, &|| ()).unwrap();
            let mut files: Vec<(String, Vec<u8>)> = walkdir::WalkDir::new(&root)
                .into_iter()
                .filter_map(Result::ok)
                .filter(|entry| entry.file_type().is_file())
                .map(|e| {
                    (e.path().strip_prefix(&root).unwrap().display().to_string(), std::fs::read(e.path()).unwrap())
                })
                .collect();
            files.sort();
            files
        };
        let first = files("a");
        // 3 scans, 6 pictures, a frame with 2 cameras x 2 depth pictures, 2 calibrations, 4 lists.
        assert_eq!(first.len(), 3 + 6 + 4 + 6, "{:?}", first.iter().map(|f| &f.0).collect::<Vec<_>>());
        assert!(first == files("b"), "two runs differ");
        let depth = crate::source::picture::read_u16(
            &folder.path().join("a/train/2011_09_26_drive_0001_sync/proj_depth/groundtruth/image_02/0000000001.png"),
        )
        .unwrap();
        let valid = depth.iter().filter(|&&v| v > 0).count();
        assert!((9..=22).contains(&(valid * 100 / depth.len())), "{valid} of {}", depth.len());
        assert!(depth.rows().into_iter().take(19).all(|row| row.iter().all(|&v| v == 0)));
    }
}
