//! Real data. The CRCs are those of NumPy and Pillow: tables applied by indexing, mirrored by `[:, ::-1]`, merged by
//! `numpy.where`, then `zlib.crc32` of the u8 map.

use std::fs;

use semdepth::shard::Set;
use serde_json::Value;

use super::{common, done};

fn crc(set: &Set, row: usize) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(set.reader().unwrap().semantics(row).unwrap().unwrap().values().as_slice().unwrap());
    crc.sum()
}

/// Frames of the mirrored NYU export and their real teacher maps, which are mirrored like the pictures.
#[test]
fn real_teacher_maps_meet_real_labels() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    for frame in ["1004", "11", "2", "345"] {
        for (from, to) in [
            (format!("nyuv2_mirrored/images/{frame}.jpg"), format!("nyu/images/{frame}.jpg")),
            (format!("nyuv2_mirrored/depths/{frame}.png"), format!("nyu/depths/{frame}.png")),
            (format!("nyuv2_mirrored/labels40/{frame}.png"), format!("nyu/labels40/{frame}.png")),
            (format!("teacher_deeplab/nyuv2_mirrored/images/{frame}.png"), format!("teacher/images/{frame}.png")),
        ] {
            let to = dir.path().join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(real.join(from), to).unwrap();
        }
    }
    done(dir.path(), "convert folder nyu --preset nyuv2-mirrored --out set");
    for (rule, expected) in [
        ("gt", [1_063_571_550, 3_097_566_185, 1_692_248_657, 815_542_757]),
        ("pseudo", [2_828_979_763, 2_600_723_410, 1_633_028_907, 2_427_474_758]),
        ("agree", [3_829_563_683, 1_547_088_699, 1_253_182_574, 1_341_717_680]),
    ] {
        let command = "labels merge set --pseudo teacher --base 0 --mirror --json";
        let run = done(dir.path(), &format!("{command} --prefer {rule} --out {rule}"));
        let set = Set::open(dir.path().join(rule)).unwrap();
        assert_eq!((0..4).map(|row| crc(&set, row)).collect::<Vec<_>>(), expected, "{rule}");
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["report"]["agreement"], 561_728.0 / 916_569.0);
        assert_eq!(report["report"]["coverage"]["ground_truth"], 1.0 - (1_228_800.0 - 916_569.0) / 1_228_800.0);
    }
    let run = done(dir.path(), "labels merge set --pseudo teacher --base 0 --out wrong");
    assert!(run.stderr.contains("without --mirror the maps agree"), "{}", run.stderr);
}

/// The 894 raw classes of a labelled file, carried into ADE20K while converting.
#[test]
fn raw_nyu_classes_become_ade20k() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mat = real.join("nyuv2_mini_mat/nyu_depth_v2_labeled_mini.mat");
    done(dir.path(), &format!("convert nyu {} --split all --out set", mat.display()));
    let set = Set::open(dir.path().join("set")).unwrap();
    let expected = [2_690_313_726, 2_147_809_922, 1_660_253_662, 897_508_110, 3_791_406_653, 3_894_334_625];
    assert_eq!((0..6).map(|row| crc(&set, row)).collect::<Vec<_>>(), expected);
}

/// Maps of whole KITTI pictures for a set that keeps the crop of the benchmark.
#[test]
fn maps_of_whole_pictures_are_cropped_like_the_set() {
    let Some(real) = common::real_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), &format!("convert kitti {} --depth project --out set", real.join("kitti_raw").display()));
    let teacher = real.join("teacher_deeplab/kitti_raw");
    let run = done(dir.path(), &format!("labels merge set --pseudo {} --base 0 --out new", teacher.display()));
    assert!(run.stderr.contains("2 maps belong to no sample"), "{}", run.stderr);
    let set = Set::open(dir.path().join("new")).unwrap();
    assert_eq!((0..3).map(|row| crc(&set, row)).collect::<Vec<_>>(), [2_019_239_564, 998_076_614, 1_585_397_620]);
}
