//! `sdprep convert folder` and the folder layouts of `sdprep convert nyu` as processes: real data by documented
//! commands, and how mistakes end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use common::process::{done, refused, sdprep};
use common::tree;
use semdepth::shard::Set;

/// The CRC of the depth of all samples, as `fixtures/folder/expected.json` has it.
fn depth_crc(set: &Path) -> u32 {
    let set = Set::open(set).unwrap();
    let mut crc = flate2::Crc::new();
    for row in set.rows() {
        set.sample(row).unwrap().depth.metres().iter().for_each(|m| crc.update(&m.to_le_bytes()));
    }
    crc.sum()
}

/// The commands of `docs/folder.md`, on the real folders.
#[test]
fn documented_commands_convert_real_folders() {
    let Some(real) = common::real_data() else { return };
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/folder/expected.json");
    let expected: serde_json::Value = serde_json::from_slice(&fs::read(expected).unwrap()).unwrap();
    let out = tempfile::tempdir().unwrap();
    for (name, command) in [
        ("rgbd_7scenes", "folder rgbd_7scenes --preset 7scenes"),
        ("redwood_rgbd", "folder redwood_rgbd --preset redwood"),
        ("sunrgbd", "folder sunrgbd --preset sunrgbd --images *_color.jpg --depths *_depth.png"),
        ("kitti_depth_gt", "folder kitti_depth --images *_rgb.png --depths *_gt_depth.png --depth-scale 1/256"),
        (
            "kitti2015",
            "folder kitti2015_devkit --images image.png --depths disp_gt.png --depth-encoding disparity \
             --depth-scale 1/256 --baseline-focal 389.630358",
        ),
        ("nyuv2_frame0000", "folder nyuv2_frame0000 --images rgb.jpg --depths depth_m_float32.npy"),
        ("nyuv2_raw", "folder nyuv2_raw --images *_color.ppm --depths *_depth.pgm --depth-encoding kinect"),
        ("nyuv2_raw", "nyu nyuv2_raw"),
    ] {
        let set = out.path().join(command.replace(['/', ' ', '*'], "_"));
        let run = sdprep(&real, &format!("convert {command} --quiet --out {}", set.display()));
        assert_eq!(run.code, 0, "{command}: {}", run.stderr);
        assert_eq!(serde_json::json!(depth_crc(&set)), expected[name]["depth_crc"], "{command}");
    }
}

/// Writes an 8-bit RGB PNG and a 16-bit depth PNG.
fn write_pair(folder: &Path, image: &str, depth: &str) {
    for file in [image, depth] {
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
    }
    image::RgbImage::new(8, 6).save(folder.join(image)).unwrap();
    image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(8, 6, image::Luma([1500])).save(folder.join(depth)).unwrap();
}

#[test]
fn a_damaged_file_is_a_finding_and_the_rest_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    for i in 1..=3 {
        write_pair(folder.path(), &format!("own/rgb/{i}.png"), &format!("own/depth/{i}.png"));
    }
    let spoiled = folder.path().join("own/depth/2.png");
    let bytes = fs::read(&spoiled).unwrap();
    fs::write(&spoiled, &bytes[..bytes.len() - 20]).unwrap();
    fs::remove_file(folder.path().join("own/depth/3.png")).unwrap();
    let run = sdprep(folder.path(), "convert folder own --images rgb/*.png --depths depth/*.png --depth-scale 1/1000");
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("left out rgb/3.png: it has no depth"), "{}", run.stderr);
    assert!(run.stderr.contains("depth/2.png: depth: damaged PNG"), "{}", run.stderr);
    let set = Set::open(folder.path().join("shards/own")).unwrap();
    assert_eq!(set.rows().collect::<Vec<_>>(), [0]);
    assert_eq!(set.sample(0).unwrap().depth.metres()[(0, 0)], 1.5);
}

#[test]
fn mistakes_end_with_advice_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path(), "own/rgb/1.png", "own/depth/1.png");
    for (command, part) in [
        ("folder own --images rgb/*.png --depths depth/*.png", "Give --depth-scale"),
        ("folder own --depths depth/*.png --depth-scale 1", "--images 'rgb/*.jpg'"),
        ("folder own --images rgb/*.jpg", "none of the 2 files"),
        ("folder own --images rgb/?.png", "expected `*`"),
        ("folder own --images rgb/*.png --labels rgb/*.png", "--labels-table CSV or one of"),
        ("folder own --images rgb/*.png --labels-table nyu40", "without label maps"),
        ("folder own --images rgb/*.png --labels rgb/*.png --labels-table nyu41", "the tables are ade20k"),
        ("folder own --images rgb/*.png --intrinsics 1,2", "no such file"),
        (
            "folder own --images rgb/*.png --depths depth/*.png --depth-encoding disparity --depth-scale 1",
            "--baseline-focal",
        ),
        ("folder own --preset tun", "7scenes"),
        ("folder own --images rgb/*.png --fit stretch", "crop:HEIGHTxWIDTH"),
        ("nyu own", "sdprep convert folder"),
        ("nyu own --layout bts --border crop", "belongs to the labelled file"),
        ("nyu own --layout densedepth --split all", "--split train or test"),
        ("nyu own --layout h5", "no .h5 files"),
    ] {
        let run = sdprep(folder.path(), &format!("convert {command}"));
        assert_eq!(run.code, 2, "{command}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{command}: {}", run.stderr);
    }
    assert!(!folder.path().join("shards").exists());
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_ends_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path(), "own/rgb/1.png", "own/depth/1.png");
    std::os::unix::fs::symlink("..", folder.path().join("own/depth/again")).unwrap();
    let run = sdprep(folder.path(), "convert folder own --images rgb/*.png --depths depth/*.png --depth-scale 1");
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("depth/again: symbolic link: leads back"), "{}", run.stderr);
}

#[test]
fn bts_and_densedepth_folders_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path(), "sync/kitchen_0028b/rgb_00045.png", "sync/kitchen_0028b/sync_depth_00045.png");
    let run = sdprep(folder.path(), "convert nyu sync --split train");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let set = Set::open(folder.path().join("shards/nyu")).unwrap();
    assert_eq!(set.records()[0].entry.scene_type.as_deref(), Some("kitchen"));
    write_pair(folder.path(), "dd/nyu2_test/00000_colors.png", "dd/nyu2_test/00000_depth.png");
    let run = sdprep(folder.path(), "convert nyu dd --split test");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let set = Set::open(folder.path().join("shards/nyu-test")).unwrap();
    assert_eq!(set.sample(0).unwrap().depth.metres()[(5, 7)], 1.5);
}

#[test]
fn what_is_asked_to_be_left_alone_is() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    // The places where the real files would be.
    for path in ["data/nyu_depth_v2_labeled.mat", "data/kitti/2011_09_26/calib_cam_to_cam.txt"] {
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::write(folder.join(path), "downloaded").unwrap();
    }
    let before = tree(folder);
    refused(folder, "synth indoor -n 1 --height 64 --width 64 --as nyu-mat", "is there already");
    refused(folder, "synth road -n 1 --height 94 --width 310 --as kitti", "is there already");
    refused(folder, "synth indoor -n 1 --as nyu-mat --out x.mat --dry-run", "--dry-run is for sets");
    refused(folder, "labels remap data --from ade20k --to nyu40 --out y --dry-run", "--dry-run is for sets");
    refused(folder, "synth indoor -n 99999999999", "from 1 to 10000000");
    refused(folder, "convert folder data --images *.jpg --split tain", "train, val, test, all");
    refused(folder, "convert folder data --images *.jpg --depths *.png --depth-scale 0", "not 0");
    assert!(tree(folder) == before);
}

#[test]
fn every_set_of_a_folder_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    for out in ["shards/a/train", "shards/b/train", "shards/c", "shards/d"] {
        done(folder, &format!("synth indoor -n 1 --height 32 --width 32 --quiet --out {out}"));
    }
    fs::write(folder.join("shards/c/zarr.json"), "{").unwrap();
    fs::remove_file(folder.join("shards/d/zarr.json")).unwrap();
    let run = sdprep(folder, "verify");
    assert_eq!(run.code, 1, "{}", run.stderr);
    for line in ["shards/a/train: whole", "shards/b/train: whole", "shards/c: NOT READ", "shards/d: NOT READ"] {
        assert!(run.stdout.contains(line), "{line}: {}", run.stdout);
    }
    let run = sdprep(folder, "view --out sheet.png");
    assert!(run.code == 3 && run.stderr.contains("shards/c/zarr.json"), "{}", run.stderr);
    ["c", "d"].iter().for_each(|set| fs::remove_dir_all(folder.join("shards").join(set)).unwrap());
    done(folder, "view --out sheet.png");
    assert!(folder.join("sheet-a-train.png").exists() && folder.join("sheet-b-train.png").exists());
    done(folder, "export --to npy --out npy");
    assert!(folder.join("npy/a/train").exists() && folder.join("npy/b/train").exists());
    let run = sdprep(folder, "verify nowhere");
    assert!(run.code == 3 && run.stderr.contains("there is no prepared set here"), "{}", run.stderr);
}
