//! The KITTI readers against real recordings and the published routine. Values come from files that others made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Read;
use std::path::Path;

use ndarray::Array2;
use semdepth::source::kitti::calib::{self, Rig};
use semdepth::source::kitti::velodyne::{self, Axis, Projection};
use semdepth::source::kitti::{Camera, split};

/// One f32 map of an npz: a ZIP whose members are deflated npy files.
fn npz_f32(path: &Path, name: &str) -> Array2<f32> {
    let bytes = std::fs::read(path).unwrap();
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
    let end = bytes.len() - 22; // end of central directory without a comment
    assert_eq!(&bytes[end..end + 4], b"PK\x05\x06");
    let mut entry = u32_at(end + 16);
    for _ in 0..u16_at(end + 10) {
        let (name_len, extra, comment) = (u16_at(entry + 28), u16_at(entry + 30), u16_at(entry + 32));
        if bytes[entry + 46..entry + 46 + name_len] == *format!("{name}.npy").as_bytes() {
            let local = u32_at(entry + 42);
            let data = &bytes[local + 30 + u16_at(local + 26) + u16_at(local + 28)..];
            let mut npy = Vec::new();
            flate2::read::DeflateDecoder::new(data).read_to_end(&mut npy).unwrap();
            let header = std::str::from_utf8(&npy[10..10 + usize::from(npy[8])]).unwrap();
            assert!(header.contains("'<f4'") && header.contains("(375, 1242)"), "{header}");
            let values = npy[10 + usize::from(npy[8])..].as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
            return Array2::from_shape_vec((375, 1242), values).unwrap();
        }
        entry += 46 + name_len + extra + comment;
    }
    panic!("{} has no {name}", path.display());
}

/// `kitti_raw_reference` was made with `generate_depth_map` of monodepth2 from the very sweep projected here.
#[test]
fn projected_sweeps_equal_the_reference_bit_for_bit() {
    let Some(real) = common::real_data() else { return };
    let day = real.join("kitti_raw/2011_09_26");
    let read = |path: &str| std::fs::read(day.join(path)).unwrap();
    let cam_to_cam = calib::parse(&read("calib_cam_to_cam.txt")).unwrap();
    let velo_to_cam = calib::parse(&read("calib_velo_to_cam.txt")).unwrap();
    let sweep = velodyne::parse(&read("2011_09_26_drive_0000_sync/velodyne_points/data/0000000001.bin")).unwrap();
    assert_eq!((sweep.points.len(), sweep.invalid.total()), (1_827_472 / 16, 0));

    for (camera, name, n_valid) in [(Camera::Left, "02", 16_284), (Camera::Right, "03", 16_752)] {
        let rig = Rig::of_raw(&cam_to_cam, &velo_to_cam, camera).unwrap();
        let projection = Projection::new(&rig, cam_to_cam.rectified_size().unwrap());
        for (axis, member) in [(Axis::CameraZ, "depth_z"), (Axis::VelodyneX, "depth_velo_x")] {
            let expected = npz_f32(&real.join(format!("kitti_raw_reference/0000000001_cam{name}.npz")), member);
            let found = projection.depth(&sweep, axis).mapv(|m| if m < 0.0 { 0.0 } else { m });
            assert_eq!(found.iter().filter(|&&m| m > 0.0).count(), n_valid);
            let differ = found.iter().zip(&expected).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
            assert_eq!(differ, 0, "camera {name}, {member}");
        }
    }
}

/// Counts of `wc -l`, `grep -c None` and `cut -d' ' -f3 | sort | uniq -c`.
#[test]
fn published_lists_are_read_whole() {
    let Some(real) = common::real_data() else { return };
    let list = |name: &str| split::parse(&std::fs::read(real.join("kitti_splits").join(name)).unwrap()).unwrap();
    let count = |list: &split::List| {
        let right = list.frames.iter().filter(|l| l.frame.camera == Camera::Right).count();
        (list.frames.len(), list.frames.iter().filter(|l| l.without_depth).count(), right)
    };
    let bts = list("bts_eigen_test_files_with_gt.txt");
    assert_eq!((bts.form, count(&bts)), (split::Form::Bts, (697, 45, 0)));
    let bts_train = list("bts_eigen_train_files_with_gt_head200.txt");
    assert_eq!(count(&bts_train), (200, 0, 0));
    let monodepth = list("monodepth2_eigen_test_files.txt");
    assert_eq!((monodepth.form, count(&monodepth)), (split::Form::Monodepth2, (697, 0, 0)));
    assert_eq!(count(&list("monodepth2_eigen_zhou_train_head200.txt")), (200, 0, 87));
    // The two test lists name the same frames in the same order.
    assert!(bts.frames.iter().zip(&monodepth.frames).all(|(a, b)| a.frame == b.frame));
}
