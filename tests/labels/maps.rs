//! Maps as they lie in files: damage, index bases, colours, other spaces.

use std::fs;
use std::path::Path;

use image::RgbImage;
use semdepth::label::LabelSpace;
use semdepth::shard::{Set, verify};

use super::common::tree;
use super::{TRUTH, done, grey, labels, npy, sdprep, world};

#[test]
fn bad_maps_are_quarantined_one_by_one() {
    let world = world();
    let dir = world.path();
    let before = tree(&dir.join("set"));
    let maps = dir.join("maps");
    grey(&maps.join("f0.png"), 2, &[0; 8]);
    grey(&maps.join("f1.png"), 4, &[0, 0, 0, 0, 0, 0, 0, 151]);
    fs::remove_file(maps.join("f3.png")).unwrap();
    fs::write(maps.join("f3.npy"), npy("<f4", "(2, 4)", &[0; 32])).unwrap();
    fs::remove_file(maps.join("f4.png")).unwrap();
    fs::write(maps.join("f4.npz"), b"PK\x03\x04 and no more").unwrap();
    let run = sdprep(dir, "labels merge set --pseudo maps --base 0 --out new");
    assert_eq!(run.code, 1, "{}", run.stderr);
    for part in [
        "quarantined \"f0\" (row 0): f0.png: pseudo: expected a map of the sample, 2x4",
        "quarantined \"f1\" (row 1): f1.png: pseudo: class id 151 is not in the table",
        "quarantined \"f3\" (row 3): f3.npy: pseudo: expected integers (of scores, take the argmax over the classes first)",
        "quarantined \"f4\" (row 4): f4.npz: pseudo: damaged npz: the table of contents is missing",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let set = Set::open(dir.join("new")).unwrap();
    assert_eq!(set.rows().collect::<Vec<_>>(), [2]);
    assert_eq!(labels(set.root(), 2), [0, 0, 3, 3, 7, 255, 5, 19]);
    assert!(verify(&set, || ()).findings.is_empty(), "quarantined rows are empty in the shared arrays too");
    assert_eq!(set.sample(2).unwrap().depth.metres()[(0, 0)], 1.2);
    assert!(tree(&dir.join("set")) == before);
    // What is quarantined stays so in the next set.
    let run = sdprep(dir, "labels remap new --to nyu40 --out next");
    assert_eq!(run.code, 1, "{}", run.stderr);
    let next = Set::open(dir.join("next")).unwrap();
    assert_eq!((next.rows().collect::<Vec<_>>(), next.spec().label_space), (vec![2], Some(LabelSpace::Nyu40)));
    assert!(verify(&next, || ()).findings.is_empty());
    let run = sdprep(dir, "labels merge set --pseudo maps --base 0 --out strict --strict");
    assert!(run.code == 3 && run.stderr.contains("sample \"f0\""), "{}", run.stderr);
}

#[test]
fn a_wrong_base_is_proved_or_suspected() {
    let world = world();
    let dir = world.path();
    for i in 0..5 {
        grey(&dir.join(format!("proof/f{i}.png")), 4, &[1, 1, 4, 4, 150, 1, 6, 20]);
    }
    let run = sdprep(dir, "labels merge set --pseudo proof --base 0 --out new");
    assert!(run.code == 2 && run.stderr.contains("holds the number 150"), "{}", run.stderr);
    done(dir, "labels merge set --pseudo proof --base 1 --prefer pseudo --out new");
    assert_eq!(labels(&dir.join("new"), 0), [0, 0, 3, 3, 149, 0, 5, 19]);
    // A picture large enough to judge by: the maps count from 1, and show their pictures mirrored.
    let wide = dir.path_of("wide");
    RgbImage::new(64, 48).save(wide.join("rgb.png")).unwrap();
    let half = |a: u8, b: u8| (0..64 * 48).map(|i| if i % 64 < 32 { a } else { b }).collect::<Vec<u8>>();
    grey(&wide.join("label.png"), 64, &half(0, 3));
    grey(&wide.join("shifted/rgb.png"), 64, &half(1, 4));
    grey(&wide.join("mirrored/rgb.png"), 64, &half(3, 0));
    done(&wide, "convert folder . --images rgb.png --labels label.png --labels-table ade20k --out set");
    let run = done(&wide, "labels merge set --pseudo shifted --base 0 --out a");
    assert!(run.stderr.contains("with --base 1 on 100 %: is the base wrong?"), "{}", run.stderr);
    grey(&wide.join("plain/rgb.png"), 64, &half(0, 3));
    let run = done(&wide, "labels merge set --pseudo plain --base 1 --out d");
    assert!(run.stderr.contains("with --base 0 on 100 %: is the base wrong?"), "{}", run.stderr);
    let run = done(&wide, "labels merge set --pseudo mirrored --base 0 --out b");
    assert!(run.stderr.contains("without --mirror the maps agree with the ground truth on 0 %"), "{}", run.stderr);
    let run = done(&wide, "labels merge set --pseudo mirrored --base 0 --mirror --out c");
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    assert!(run.stdout.contains("agree on 100.00 %"), "{}", run.stdout);
}

/// The look at eight maps can miss the one that proves the base wrong. The run then stops: what it has begun is not
/// taken for a set, what it was made from stays as it was, and the message says how to go on.
#[test]
fn a_wrong_base_is_proved_while_merging() {
    let world = tempfile::tempdir().unwrap();
    let dir = world.path();
    for i in 0..16 {
        grey(&dir.join(format!("own/f{i:02}.png")), 4, &[9; 8]);
        grey(&dir.join(format!("maps/f{i:02}.png")), 4, &[1, 1, 4, 4, if i == 13 { 150 } else { 0 }, 1, 6, 20]);
    }
    done(dir, "convert folder own --images *.png --samples-per-shard 2 --out set");
    let before = tree(&dir.join("set"));
    let run = sdprep(dir, "labels merge set --pseudo maps --base 0 --threads 1 --out new");
    assert_eq!(run.code, 2, "{}", run.stderr);
    let proof =
        "\"f13.png\" holds the number 150, which only maps that count from 1 have; type --base 1; --force starts";
    assert!(run.stderr.contains(proof), "{}", run.stderr);
    assert!(tree(&dir.join("set")) == before);
    let run = sdprep(dir, "stats new");
    assert!(run.code == 3 && run.stderr.contains("the set is not complete"), "{} {}", run.code, run.stderr);
    let run = sdprep(dir, "labels merge set --pseudo maps --base 1 --out new");
    assert!(run.code == 2 && run.stderr.contains("--force to start over"), "{}", run.stderr);
    done(dir, "labels merge set --pseudo maps --base 1 --force --out new");
    done(dir, "labels merge set --pseudo maps --base 1 --out fresh");
    assert!(tree(&dir.join("new")) == tree(&dir.join("fresh")));
    assert_eq!(labels(&dir.join("new"), 13), [0, 0, 3, 3, 149, 0, 5, 19]);
}

/// RGB maps by published colours and by a file of the user's, ids by hand from the tables of the formats.
#[test]
fn colours_are_read_in_every_space() {
    let world = world();
    let dir = world.path();
    let rgb = |name: &str, colors: &[[u8; 3]]| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_raw(colors.len() as u32, 1, colors.concat()).unwrap().save(path).unwrap();
    };
    let remapped = |folder: &str| image::open(dir.join(folder).join("a.png")).unwrap().into_luma8().into_raw();
    // road, sidewalk, pole and polegroup, car and license plate, bridge, unlabeled
    let city = [[128, 64, 128], [244, 35, 232], [153; 3], [0, 0, 142], [150, 100, 100], [0; 3]];
    rgb("city/a.png", &city);
    for (table, expected) in [
        ("cityscapes", [6, 11, 93, 20, 255, 255]),
        ("cityscapes-extended", [6, 11, 93, 20, 61, 255]),
        ("cityscapes-trainids", [6, 11, 93, 20, 255, 255]),
    ] {
        done(dir, &format!("labels remap city --from {table} --to ade20k --out {table}"));
        assert_eq!(remapped(table), expected, "{table}");
    }
    // wall, building and black (other) in the palette of the official annotations
    rgb("official/a.png", &[[120; 3], [180, 120, 120], [0; 3]]);
    done(dir, "labels remap official --from ade20k-official --to ade20k --out official-ade");
    assert_eq!(remapped("official-ade"), [0, 1, 255]);
    // NYU40 has no colours of its own: 1 wall, 5 chair, 0 unlabelled
    rgb("nyu/a.png", &[[128, 0, 0], [0, 128, 0], [0; 3]]);
    let run = sdprep(dir, "labels remap nyu --from nyu40 --to ade20k --out x");
    assert!(
        run.code == 1 && run.stderr.contains("a.png: labels: expected class ids") && run.stderr.contains("--colors"),
        "{}",
        run.stderr
    );
    fs::write(dir.join("colors.csv"), "r,g,b,id\n128,0,0,1\n0,128,0,5\n0,0,0,0\n").unwrap();
    for (table, expected) in [("nyu40", [0, 19, 255]), ("sunrgbd37", [0, 19, 255]), ("nyu13", [7, 3, 255])] {
        done(dir, &format!("labels remap nyu --from {table} --to ade20k --colors colors.csv --out own-{table}"));
        assert_eq!(remapped(&format!("own-{table}")), expected, "{table}");
    }
    // A colour that is not listed names itself, its pixel and its file.
    rgb("nyu/b/c.png", &[[128, 0, 0], [1, 2, 3]]);
    let run = sdprep(dir, "labels remap nyu --from nyu40 --to ade20k --colors colors.csv --out y");
    let found = "left out b/c.png: labels: expected colours of colors.csv";
    assert!(run.code == 1 && run.stderr.contains(found), "{}", run.stderr);
    assert!(run.stderr.contains("found 1,2,3 in row 0, column 1"), "{}", run.stderr);
    for (text, part) in [("1,2,3\n", "four columns"), ("0,0,0,1\n0,0,0,2\n", "line 2: the colour 0,0,0 stands here")] {
        fs::write(dir.join("bad.csv"), text).unwrap();
        let run = sdprep(dir, "labels remap nyu --from nyu40 --to ade20k --colors bad.csv --out z");
        assert!(run.code == 2 && run.stderr.contains(part), "{}", run.stderr);
    }
    // The same file serves converting and merging, and tells its options apart.
    let colors = |pixels: &[[u8; 3]]| {
        for i in 0..5 {
            let path = dir.join(format!("rgbmaps/f{i}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_raw(4, 2, pixels.concat()).unwrap().save(path).unwrap();
        }
    };
    let (wall, chair, none) = ([128, 0, 0], [0, 128, 0], [0; 3]);
    colors(&[wall, wall, chair, chair, none, none, chair, wall]);
    fs::create_dir_all(dir.join("own/rgblabel")).unwrap();
    for i in 0..5 {
        fs::copy(dir.join(format!("rgbmaps/f{i}.png")), dir.join(format!("own/rgblabel/f{i}.png"))).unwrap();
    }
    let convert = "convert folder own --images rgb/*.png --labels rgblabel/*.png --labels-table nyu40";
    done(dir, &format!("{convert} --colors colors.csv --out converted"));
    assert_eq!(labels(&dir.join("converted"), 4), [0, 0, 19, 19, 255, 255, 19, 0]);
    assert_eq!(Set::open(dir.join("converted")).unwrap().spec().options["colors"]["table"], "colors.csv");
    fs::write(dir.join("ade.csv"), "128,0,0,0\n0,128,0,19\n0,0,0,255\n").unwrap();
    let merge = "labels merge set --pseudo rgbmaps --prefer pseudo --colors ade.csv --out merged";
    let run = sdprep(dir, merge);
    assert!(run.code == 2 && run.stderr.contains("is the first class of the maps 0 or 1?"), "{}", run.stderr);
    done(dir, &format!("{merge} --base 0"));
    assert_eq!(labels(&dir.join("merged"), 2), [0, 0, 19, 19, 255, 255, 19, 0]);
    fs::write(dir.join("ade.csv"), "128,0,0,1\n0,128,0,19\n0,0,0,255\n").unwrap();
    let run = sdprep(dir, &format!("{merge} --base 0"));
    assert!(run.code == 2 && run.stderr.contains("made with other options"), "{}", run.stderr);
}

trait PathOf {
    fn path_of(&self, name: &str) -> std::path::PathBuf;
}

impl PathOf for Path {
    /// A new folder below this one.
    fn path_of(&self, name: &str) -> std::path::PathBuf {
        fs::create_dir_all(self.join(name)).unwrap();
        self.join(name)
    }
}

#[test]
fn sets_and_folders_go_to_other_spaces() {
    let world = world();
    let dir = world.path();
    done(dir, "labels remap set --to nyu40 --out nyu40");
    // wall 1, floor 2, ceiling 22, chair 5: the NYU40 ids of the format notes.
    assert_eq!(labels(&dir.join("nyu40"), 0), [1, 1, 2, 2, 255, 255, 22, 5]);
    let run = sdprep(dir, "labels merge nyu40 --pseudo maps --base 0 --out x");
    assert!(run.code == 2 && run.stderr.contains("sdprep labels remap nyu40 --to ade20k"), "{}", run.stderr);
    done(dir, "labels remap nyu40 --to ade20k --out back");
    assert_eq!(labels(&dir.join("back"), 0), TRUTH);
    done(dir, "labels remap set --to cityscapes --out city");
    assert_eq!(labels(&dir.join("city"), 0), [3, 3, 255, 255, 255, 255, 255, 255], "only the wall has a train id");
    fs::write(dir.join("own.csv"), "0,person\n14,255\n3,sky\n255,255\n7,\n5,5\n30,30\n").unwrap();
    fs::write(dir.join("maps/notes.txt"), "no map").unwrap();
    let run = done(dir, "labels remap maps --from own.csv --to ade20k --out files");
    assert!(run.stdout.contains("5 maps of ade20k150, 0 left out as bad, 1 other files"), "{}", run.stdout);
    let map = image::open(dir.join("files/f2.png")).unwrap().into_luma8();
    assert_eq!(map.as_raw(), &[12, 255, 2, 255, 255, 255, 5, 30]);
    let run = sdprep(dir, "labels remap maps --from own.csv --to ade20k --out files");
    assert!(run.code == 2 && run.stderr.contains("is there already"), "{}", run.stderr);
    let picked = done(dir, "labels remap maps --pattern f{1,2}.png --from own.csv --to ade20k --out picked");
    assert!(picked.stdout.contains("2 maps of ade20k150, 0 left out as bad, 4 other files"), "{}", picked.stdout);
    let run = sdprep(dir, "labels remap maps --pattern g*.png --from own.csv --to ade20k --out none");
    assert!(run.code == 2 && run.stderr.contains("no label maps below it that g*.png matches"), "{}", run.stderr);
    let run = sdprep(dir, "labels remap set --pattern *.png --to nyu40 --out none");
    assert!(run.code == 2 && run.stderr.contains("and set is a set"), "{}", run.stderr);
    grey(&dir.join("maps/f9.png"), 4, &[200; 8]);
    let run = sdprep(dir, "labels remap maps --from own.csv --to ade20k --out more");
    assert!(run.code == 1 && run.stderr.contains("left out f9.png: labels: class id 200"), "{}", run.stderr);
}
