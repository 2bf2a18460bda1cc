//! The KITTI readers against real recordings and the published routine. Values come from files that others made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::io::Read;
use std::path::Path;

use ndarray::Array2;
use semdepth::sample::{Crop, Size, Window};
use semdepth::shard::Set;
use semdepth::source::Source;
use semdepth::source::fit::Fit;
use semdepth::source::kitti::calib::{self, Rig};
use semdepth::source::kitti::velodyne::{self, Axis, Projection};
use semdepth::source::kitti::{Camera, DepthKind, Kitti, Options, split};

/// One f32 map of an npz: a ZIP whose members are deflated npy files.
fn npz_f32(path: &Path, name: &str) -> Array2<f32> {
    let bytes = fs::read(path).unwrap();
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
    let read = |path: &str| fs::read(day.join(path)).unwrap();
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
    let list = |name: &str| split::parse(&fs::read(real.join("kitti_splits").join(name)).unwrap()).unwrap();
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

/// Frames 0 and 4 of the recording have no sweep and are left out. The maps on the full grid equal the reference;
/// kb-crop is rows 23..375, columns 13..1229 of them, and the principal point moves with it.
#[test]
fn a_raw_recording_is_projected_and_cropped() {
    let Some(real) = common::real_data() else { return };
    let expected = npz_f32(&real.join("kitti_raw_reference/0000000001_cam02.npz"), "depth_z");
    let options = Options { depth: Some(DepthKind::Project), ..Options::new(real.join("kitti_raw")) };

    let whole = Kitti::plan(Options { fit: Fit::Reject, ..options.clone() }).unwrap();
    assert_eq!((whole.header().size, whole.entries().len()), (Size::new(375, 1242), 3));
    assert_eq!(whole.entries()[0].key, "2011_09_26_drive_0000_sync/image_02/0000000001");
    assert_eq!(whole.entries()[0].scene.as_deref(), Some("2011_09_26_drive_0000_sync"));
    assert_eq!(whole.entries()[0].source["calib_velo"], "2011_09_26/calib_velo_to_cam.txt");
    assert_eq!((whole.report().without_depth.n, whole.report().left_out().len()), (2, 1));
    let first = whole.load(0).unwrap();
    assert_eq!(first.crop, None);
    assert!(first.sample.depth.metres().iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
    assert_eq!(first.sample.intrinsics.unwrap().to_array(), [721.5377, 721.5377, 609.5593, 172.854]);

    let cropped = Kitti::plan(options.clone()).unwrap().load(0).unwrap();
    let window = Window { top: 23, left: 13, height: 352, width: 1216 };
    assert_eq!(cropped.crop, Crop::new(window, Size::new(375, 1242)));
    assert!(cropped.sample.depth.metres().indexed_iter().all(|((y, x), &m)| m == expected[(y + 23, x + 13)]));
    let k = cropped.sample.intrinsics.unwrap();
    assert!((k.cx - 596.5593).abs() < 1e-9 && (k.cy - 149.854).abs() < 1e-9);
    assert_eq!(cropped.sample.image.rgb(0, 0), first.sample.image.rgb(23, 13));

    // The .bin frames are found without being asked for; camera 03 has no images here.
    assert_eq!(Kitti::plan(Options { depth: None, ..options.clone() }).unwrap().depth_kind(), DepthKind::Project);
    let right = Kitti::plan(Options { cameras: "03".parse().ok(), ..options }).err().unwrap().to_string();
    assert!(right.contains("no frame has both an image and depth of the kind `project`"), "{right}");
}

#[test]
fn lists_choose_frames_and_say_what_is_missing() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let list = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        Options { split_file: Some(path), depth: Some(DepthKind::Project), ..Options::new(real.join("kitti_raw")) }
    };
    let drive = "2011_09_26/2011_09_26_drive_0000_sync";
    let text = format!("{drive} 2 l\n{drive} 0000000001 l\n{drive} 2 l\n{drive} 0 l\n{drive} 9 l\n{drive} 1 r");
    let options = list("my_test_files.txt", &text);
    let kitti = Kitti::plan(options.clone()).unwrap();
    let keys: Vec<_> = kitti.entries().iter().map(|e| e.key.rsplit('/').next().unwrap()).collect();
    assert_eq!(keys, ["0000000001", "0000000002"]);
    let report = kitti.report();
    assert_eq!((report.without_image.n, report.without_depth.n, report.repeated.n), (2, 1, 1));
    assert_eq!(kitti.header().split, "test");

    // Rows for everything that is named: what is missing is told by its file.
    let kept = Kitti::plan(Options { missing: "quarantine".parse().unwrap(), ..options }).unwrap();
    assert_eq!(kept.entries().len(), 5);
    let fault = kept.load(0).unwrap_err();
    assert_eq!(fault.file, "2011_09_26/2011_09_26_drive_0000_sync/velodyne_points/data/0000000000.bin");
    assert_eq!(fault.field, "depth");

    // `None` speaks of annotated depth, which a projection does not need.
    let none = Kitti::plan(list("a.txt", &format!("/{drive}/image_02/data/0000000001.png None 721.5377"))).unwrap();
    assert_eq!((none.entries().len(), none.header().split.as_str()), (1, "all"));

    let wrong = Kitti::plan(list("b.txt", &format!("{drive} 1 l\n{drive} 1 m"))).err().unwrap().to_string();
    assert!(wrong.ends_with("b.txt: line 2: expected the side l or r, found \"m\""), "{wrong}");
}

/// A tree of the depth benchmark around real files: two pictures of other sizes, annotated depth for two frames.
fn benchmark_tree(real: &Path, root: &Path) {
    let place = |from: &str, to: &str| {
        let to = root.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(real.join(from), to).unwrap();
    };
    let drive = "2011_09_26/2011_09_26_drive_0002_sync/image_02/data";
    place("kitti_depth/postech4_rgb.png", &format!("raw/{drive}/0000000005.png"));
    place("kitti_depth/postech4_rgb.png", &format!("raw/{drive}/0000000006.png"));
    place("kitti2015_devkit/image.png", &format!("raw/{drive}/0000000007.png"));
    place("kitti_depth/postech4_rgb.png", &format!("raw/{drive}/0000000008.png"));
    let maps = "data_depth_annotated/val/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02";
    place("kitti_depth/postech4_gt_depth.png", &format!("{maps}/0000000005.png"));
    place("kitti_depth/scadc_gt_0.png", &format!("{maps}/0000000006.png"));
    place("kitti2015_devkit/disp_gt.png", &format!("{maps}/0000000007.png"));
}

#[test]
fn mixed_sizes_are_cropped_padded_or_rejected() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    benchmark_tree(&real, dir.path());
    let plan = |fit: &str| Kitti::plan(Options { fit: fit.parse().unwrap(), ..Options::new(dir.path()) }).unwrap();

    let cropped = plan("kb-crop");
    assert_eq!((cropped.depth_kind(), cropped.entries().len()), (DepthKind::Annotated, 3));
    assert_eq!((cropped.header().split.as_str(), cropped.report().without_depth.n), ("val", 1));
    assert!(cropped.report().to_string().contains("no intrinsics: raw/2011_09_26/calib_cam_to_cam.txt is not there"));
    assert_eq!(cropped.load(0).unwrap().crop, None);
    let window = Window { top: 23, left: 13, height: 352, width: 1216 };
    assert_eq!(cropped.load(2).unwrap().crop, Crop::new(window, Size::new(375, 1242)));

    let padded = plan("pad");
    assert_eq!(padded.header().size, Size::new(375, 1242));
    let loaded = padded.load(0).unwrap();
    let window = Window { top: -23, left: -13, height: 375, width: 1242 };
    assert_eq!(loaded.crop, Crop::new(window, Size::new(352, 1216)));
    assert_eq!(loaded.sample.misfit(), None);

    let rejecting = plan("reject");
    assert_eq!(rejecting.header().size, Size::new(352, 1216));
    let fault = rejecting.load(2).unwrap_err();
    assert!(fault.file.ends_with("0000000007.png") && fault.reason.contains("found 375x1242"), "{fault}");

    let test = Kitti::plan(Options { split: Some("train".into()), ..Options::new(dir.path()) }).err().unwrap();
    assert!(test.to_string().contains("--split train"), "{test}");
}

/// Measured pixels and the sum of their metres, made with numpy of what Pillow reads:
/// `a = numpy.array(PIL.Image.open(FILE)).astype("f8"); print((a > 0).sum(), a.sum() / 256)`. For the disparity:
/// `a /= 256; k = a > 0; m = (721.5377 * 0.54 / a[k]).astype("f4"); print(k.sum(), m.astype("f8").sum())`.
#[test]
fn depth_and_disparity_of_flat_folders() {
    let Some(real) = common::real_data() else { return };
    let plan = |folder: &str, pair: &str, depth: DepthKind| {
        let pairs = vec![pair.parse().unwrap()];
        Kitti::plan(Options { pairs, fit: Fit::Reject, depth: Some(depth), ..Options::new(real.join(folder)) }).unwrap()
    };
    let total = |kitti: &Kitti| {
        let depth = kitti.load(0).unwrap().sample.depth;
        (depth.n_valid(), depth.metres().iter().map(|&m| f64::from(m)).sum::<f64>())
    };
    let annotated = plan("kitti_depth", "*_rgb.png=*_gt_depth.png", DepthKind::Annotated);
    assert_eq!((annotated.entries().len(), annotated.entries()[0].key.as_str()), (1, "postech4_rgb"));
    assert_eq!(total(&annotated), (44_295, 775_596.617_187_5));
    for (name, expected) in [
        ("postech4_sparse_depth", (20_132, 304_874.652_343_75)),
        ("scadc_gt_0", (83_540, 1_532_483.550_781_25)),
        ("scadc_gt_1", (81_186, 1_527_463.164_062_5)),
        ("scadc_completed_0", (428_032, 9_967_047.632_812_5)),
        ("scadc_completed_1", (428_032, 9_901_839.550_781_25)),
    ] {
        let kitti = plan("kitti_depth", &format!("postech4_rgb.png={name}.png"), DepthKind::VelodyneRaw);
        assert_eq!(total(&kitti), expected, "{name}");
    }
    let (n_valid, sum) = total(&plan("kitti2015_devkit", "image.png=disp_gt.png", DepthKind::Disparity));
    assert_eq!(n_valid, 111_326);
    assert!((sum - 1_248_891.225_675_106).abs() < 0.01, "{sum}");

    let reason = |pair: &str| plan(".", pair, DepthKind::Annotated).load(0).unwrap_err().reason;
    let flow = reason("kitti2015_devkit/image.png=kitti2015_devkit/flow_gt.png");
    assert_eq!(flow, "expected a 16-bit grey PNG, found 16 bits of colour type 2");
    let image = reason("kitti_depth/postech4_rgb.png=kitti_depth/postech4_rgb.png");
    assert_eq!(image, "expected a 16-bit grey PNG, found 8 bits of colour type 2");
    let size = reason("kitti2015_devkit/image.png=kitti_depth/scadc_gt_0.png");
    assert!(size.starts_with("expected the size of the image, 375x1242"), "{size}");
}

/// The object benchmark: the camera comes from the frame's own calibration, the size from its picture. Values:
/// `python tests/golden/kitti_object_projection.py $SEMDEPTH_REAL_DATA/kitti_object 000000`.
#[test]
fn the_object_benchmark_is_projected() {
    let Some(real) = common::real_data() else { return };
    let options = Options { fit: Fit::Pad, ..Options::new(real.join("kitti_object")) };
    let kitti = Kitti::plan(options).unwrap();
    assert_eq!((kitti.depth_kind(), kitti.entries()[0].key.as_str()), (DepthKind::Project, "image_2/000000"));
    let loaded = kitti.load(0).unwrap();
    assert_eq!(loaded.sample.intrinsics.unwrap().fx, 707.0493);
    let sum: f64 = loaded.sample.depth.metres().iter().map(|&m| f64::from(m)).sum();
    assert_eq!(loaded.sample.depth.n_valid(), 20_280);
    assert!((sum - 235_460.022_378_444_67).abs() < 0.01, "{sum}");
}

/// A stereo benchmark as it is unpacked: `_11` has no disparity, the calibration is that of the frame.
#[test]
fn the_stereo_benchmark_has_depth_from_disparity() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let place = |from: &str, to: &str| {
        let to = dir.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(real.join(from), to).unwrap();
    };
    place("kitti2015_devkit/image.png", "training/image_2/000003_10.png");
    place("kitti2015_devkit/image.png", "training/image_2/000003_11.png");
    place("kitti2015_devkit/disp_gt.png", "training/disp_occ_0/000003_10.png");
    let plan = |options: &Options| Kitti::plan(options.clone());
    let options = Options::new(dir.path());
    let bare = plan(&options).unwrap();
    assert_eq!((bare.depth_kind(), bare.entries().len()), (DepthKind::Disparity, 1));
    assert_eq!((bare.report().without_depth.n, bare.header().fields.intrinsics), (1, false));
    let by_width = bare.load(0).unwrap().sample.depth;

    place("kitti_object/calib/000008.txt", "training/calib/000003.txt");
    let loaded = plan(&options).unwrap().load(0).unwrap().sample;
    assert_eq!(loaded.depth, by_width); // the same camera: 721.5377
    assert_eq!(loaded.intrinsics.unwrap().fy, 721.5377);
    fs::write(dir.path().join("training/calib/000003.txt"), "P2: 1 2 3").unwrap();
    let fault = plan(&options).unwrap().load(0).unwrap_err();
    assert_eq!(fault.to_string(), "training/calib/000003.txt: calib: P2: expected 12 numbers, found 3");

    let noc = plan(&Options { depth: Some(DepthKind::DisparityNoc), ..options.clone() }).err().unwrap().to_string();
    assert!(noc.contains("try --depth disparity"), "{noc}");
    let right = plan(&Options { cameras: "both".parse().ok(), ..options }).err().unwrap().to_string();
    assert!(right.contains("left camera only"), "{right}");
}

#[test]
fn the_depth_selection_is_found_by_its_names() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let selection = dir.path().join("val_selection_cropped");
    for (folder, kind, from) in [("image", "image", "rgb"), ("groundtruth_depth", "groundtruth_depth", "gt_depth")] {
        let name = format!("2011_09_26_drive_0002_sync_{kind}_0000000005_image_02.png");
        fs::create_dir_all(selection.join(folder)).unwrap();
        fs::copy(real.join(format!("kitti_depth/postech4_{from}.png")), selection.join(folder).join(name)).unwrap();
    }
    fs::create_dir(selection.join("intrinsics")).unwrap();
    let matrix = "721.5377 0 596.5593 0 721.5377 149.854 0 0 1";
    fs::write(selection.join("intrinsics/2011_09_26_drive_0002_sync_image_0000000005_image_02.txt"), matrix).unwrap();
    let kitti = Kitti::plan(Options::new(dir.path())).unwrap();
    assert_eq!(kitti.entries()[0].key, "2011_09_26_drive_0002_sync/image_02/0000000005");
    assert_eq!(kitti.header().split, "val");
    let sample = kitti.load(0).unwrap().sample;
    assert_eq!(sample.depth.n_valid(), 44_295);
    assert_eq!(sample.intrinsics.unwrap().cx, 596.5593);
}

/// A test set of the depth benchmark: numbered pictures, a sweep each, or no depth at all.
#[test]
fn the_test_sets_of_the_depth_benchmark_are_numbered() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["image", "velodyne_raw", "intrinsics"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    for number in 0..2u16 {
        let name = format!("{number:010}.png");
        image::RgbImage::new(1216, 352).save(dir.path().join("image").join(&name)).unwrap();
        let metres = image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(1216, 352, image::Luma([2560 + number]));
        metres.save(dir.path().join("velodyne_raw").join(&name)).unwrap();
        let matrix = dir.path().join(format!("intrinsics/{number:010}.txt"));
        fs::write(matrix, "721.5377 0 596.5593 0 721.5377 149.854 0 0 1").unwrap();
    }
    let kitti = Kitti::plan(Options::new(dir.path())).unwrap();
    let keys: Vec<&str> = kitti.entries().iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!((keys, kitti.header().split.as_str()), (vec!["image/0000000000", "image/0000000001"], "test"));
    let sample = kitti.load(1).unwrap().sample;
    assert_eq!(sample.depth.n_valid(), 1216 * 352);
    assert_eq!(sample.intrinsics.unwrap().cx, 596.5593);
    fs::remove_file(dir.path().join("velodyne_raw/0000000000.png")).unwrap();
    assert_eq!(Kitti::plan(Options::new(dir.path())).unwrap().entries().len(), 1);
    fs::remove_dir_all(dir.path().join("velodyne_raw")).unwrap();
    let kitti = Kitti::plan(Options::new(dir.path())).unwrap();
    assert_eq!(kitti.entries().len(), 2);
    assert_eq!(kitti.load(0).unwrap().sample.depth.n_valid(), 0);
}

/// A sweep that is cut short costs its frame, a calibration that cannot be read the run.
#[test]
fn damage_is_told_by_file() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let day = dir.path().join("2011_09_26");
    let drive = "2011_09_26_drive_0000_sync";
    for file in ["calib_cam_to_cam.txt", "calib_velo_to_cam.txt"] {
        fs::create_dir_all(&day).unwrap();
        fs::copy(real.join("kitti_raw/2011_09_26").join(file), day.join(file)).unwrap();
    }
    for file in ["image_02/data/0000000001.png", "velodyne_points/data/0000000001.bin"] {
        let to = day.join(drive).join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let bytes = fs::read(real.join("kitti_raw/2011_09_26").join(drive).join(file)).unwrap();
        fs::write(to, if file.ends_with("bin") { &bytes[..1001] } else { &bytes[..] }).unwrap();
    }
    let fault = Kitti::plan(Options::new(dir.path())).unwrap().load(0).unwrap_err();
    let expected = "2011_09_26/2011_09_26_drive_0000_sync/velodyne_points/data/0000000001.bin: depth: length: expected a \
                    multiple of 16 bytes, found 1001; is the file cut short?";
    assert_eq!(fault.to_string(), expected);

    fs::write(day.join("calib_velo_to_cam.txt"), "R: 1 2 3\nT: 0 0 0").unwrap();
    let error = Kitti::plan(Options::new(dir.path())).err().unwrap().to_string();
    assert!(error.ends_with("calib_velo_to_cam.txt: R: expected 9 numbers, found 3"), "{error}");
    let day_given = Kitti::plan(Options::new(&day)).err().unwrap().to_string();
    assert!(day_given.contains("the folder of one day, give its parent"), "{day_given}");
}

#[test]
fn the_program_makes_a_set() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let sdprep = || {
        let mut command = assert_cmd::Command::cargo_bin("sdprep").unwrap();
        command.current_dir(dir.path());
        command
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();

    let nothing = sdprep().args(["convert", "kitti"]).assert().code(2);
    assert!(text(&nothing.get_output().stderr).contains("sdprep convert kitti /path/to/kitti"));

    #[cfg(unix)]
    {
        fs::create_dir(dir.path().join("data")).unwrap();
        std::os::unix::fs::symlink(real.join("kitti_raw"), dir.path().join("data/kitti")).unwrap();
        let made = sdprep().args(["convert", "kitti", "--depth", "project"]).assert().code(0);
        let said = text(&made.get_output().stderr);
        assert!(said.contains("taking data/kitti") && said.contains("2 left out, no depth"), "{said}");
        assert_eq!(Set::open(dir.path().join("shards/kitti")).unwrap().rows().count(), 3);
    }
    let pair = ["--pair", "image.png=disp_gt.png", "--depth", "disparity", "--out", "stereo"];
    sdprep().args(["convert", "kitti"]).arg(real.join("kitti2015_devkit")).args(pair).assert().code(0);
    let wrong = sdprep().args(["convert", "kitti", ".", "--depth", "lidar"]).assert().code(2);
    assert!(text(&wrong.get_output().stderr).contains("project-velodyne-x"));
}
