//! Label maps in all their containers, on the real samples, and what damaged ones say.
//!
//! The CRCs are those of NumPy and Pillow: `zlib.crc32` of the expected u8 map, 1-based ones shifted by
//! `numpy.where((a == 0) | (a == 255), 255, a - 1)`, tables applied by indexing an array made from the CSV.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use semdepth::label::{LabelSpace, Remap};
use semdepth::sample::{Semantics, Size};
use semdepth::source::folder::LabelTable;
use semdepth::source::label_map::{Base, ColorCode, Container, LabelMap, decode, decode_confidence};

const ADE: LabelSpace = LabelSpace::Ade20k150;

fn crc(map: &Semantics) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(map.values().as_slice().unwrap());
    crc.sum()
}

fn map(path: &Path, container: &Container) -> LabelMap {
    decode(&std::fs::read(path).unwrap(), container).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn remapped(path: &Path, remap: &Remap) -> Semantics {
    map(path, &Container::default()).classes(remap).unwrap()
}

#[test]
fn eight_containers_hold_the_same_map() {
    let Some(real) = common::real_data() else { return };
    let folder = real.join("teacher_deeplab_formats");
    for (number, array, expected, enlarged) in
        [("11", "int64.npy", 452_643_146, 1_961_180_437), ("345", "int32_1hw.npy", 1_306_811_047, 319_460_081)]
    {
        let file = |name: &str| folder.join(format!("{number}_{name}"));
        for (name, base) in [
            ("index0.png", None),
            ("index0_u16.png", None),
            ("palette.png", Some(Base::Zero)),
            ("color.png", Some(Base::Zero)),
            (array, None),
            ("semantic.npz", None),
            ("uncompressed.npz", None),
        ] {
            let map = map(&file(name), &Container::default());
            assert_eq!(map.base, base, "{name}");
            assert_eq!(crc(&map.classes(&Remap::identity(ADE)).unwrap()), expected, "{number}_{name}");
        }
        assert_eq!(crc(&remapped(&file("official1.png"), &Remap::ade20k_official())), expected);
        let half = remapped(&file("halfres_index0.png"), &Remap::identity(ADE));
        assert_eq!(half.size(), Size::new(240, 320));
        assert_eq!(crc(&half.resize_nearest(Size::new(480, 640))), enlarged);
    }
}

#[test]
fn headerless_maps_count_from_one() {
    let Some(real) = common::real_data() else { return };
    let folder = real.join("ade20k_deeplab_outputs/predictions_raw_u8_512x512");
    let container = Container { raw: Some(Size::new(512, 512)), ..Container::default() };
    let expected = [1_382_572_038, 1_677_296_250, 793_488_846, 922_486_433, 2_180_860_350];
    for (i, expected) in expected.into_iter().enumerate() {
        let path = folder.join(format!("ADE_val_0000000{}.raw", i + 1));
        assert_eq!(crc(&map(&path, &container).classes(&Remap::ade20k_official()).unwrap()), expected);
        let error = decode(&std::fs::read(&path).unwrap()[1..], &container).unwrap_err().to_string();
        assert_eq!(error, "expected 262144 bytes of a headerless map of 512x512 (height x width), found 262143 bytes");
    }
}

#[test]
fn padding_of_annotations_stays_ignored() {
    let Some(real) = common::real_data() else { return };
    for (number, expected) in [
        (1, 2_066_452_580),
        (2, 1_654_629_858),
        (4, 48_207_889),
        (5, 1_561_905_188),
        (6, 3_080_307_696),
        (7, 3_194_041_238),
        (8, 3_823_592_438),
        (9, 2_108_465_262),
    ] {
        let path = real.join(format!("ade20k_padded512_annotations/ADE_val_0000000{number}.png"));
        let map = remapped(&path, &Remap::ade20k_official());
        assert_eq!(crc(&map), expected, "{number}");
        assert!(map.values().iter().all(|&v| v != 254), "255 is padding, not a class to shift");
    }
}

#[test]
fn cityscapes_in_all_its_files() {
    let Some(real) = common::real_data() else { return };
    for (name, expected) in [
        ("train/aachen/aachen_000000_000019", 4_280_942_034),
        ("train/aachen/aachen_000001_000019", 2_007_229_583),
        ("val/frankfurt/frankfurt_000000_000576", 4_178_059_537),
        ("val/frankfurt/frankfurt_000000_001236", 1_865_392_310),
        ("val/frankfurt/frankfurt_000000_003357", 1_923_409_072),
        ("val/frankfurt/frankfurt_000000_011810", 3_173_922_750),
        ("../../cityscapes_small/frankfurt_000000_000294", 1_638_805_118),
    ] {
        let file = |kind: &str| real.join(format!("cityscapes/gtFine/{name}_gtFine_{kind}.png"));
        assert_eq!(crc(&remapped(&file("labelIds"), &Remap::cityscapes_to(ADE).unwrap())), expected, "{name}");
        let instances = Remap::cityscapes_instances_to(ADE).unwrap();
        assert_eq!(crc(&remapped(&file("instanceIds"), &instances)), expected, "{name}");
    }
    let train_ids = real.join("cityscapes_small/frankfurt_000000_000294_gtFine_labelTrainIds.png");
    assert_eq!(crc(&remapped(&train_ids, &Remap::cityscapes_train_ids_to(ADE).unwrap())), 1_241_776_045);
}

/// The challenge version of the picture is the full one, renumbered and shrunk by nearest neighbour.
#[test]
fn the_full_ade20k_becomes_the_challenge() {
    let Some(real) = common::real_data() else { return };
    let file = |kind: &str| real.join(format!("ade20k/full_vs_challenge/ADE_train_00000970_{kind}.png"));
    let container = Container { color: ColorCode::Ade20kFull, ..Container::default() };
    let full = map(&file("raw"), &container).classes(&Remap::ade20k_full()).unwrap();
    let challenge = remapped(&file("challenge"), &Remap::ade20k_official());
    assert_eq!(crc(&challenge), 3_376_859_048);
    assert_eq!(full.resize_nearest(challenge.size()), challenge);
    let error = decode(&std::fs::read(file("raw")).unwrap(), &Container::default()).unwrap_err().to_string();
    assert!(error.contains("colours of ADE20K (an overlay"), "{error}");
}

#[test]
fn nyu13_maps_agree_with_nyu40() {
    let Some(real) = common::real_data() else { return };
    let nyu13 = Remap::nyu13_to(ADE).unwrap();
    let first = real.join("nyuv2_test_class13/new_nyu_class13_0001.png");
    assert_eq!(crc(&remapped(&first, &nyu13)), 4_243_333_277);
    let other = real.join("nyuv2_test_class13/new_nyu_class13_1407.png");
    assert_eq!(crc(&remapped(&other, &nyu13)), 3_970_204_858);
    // The same frame as a palette PNG of 40 classes, whose palette is not that of ADE20K.
    let path = real.join("nyuv2_frame0000/label40_palette.png");
    let forty = map(&path, &Container::default());
    assert_eq!(forty.base, None);
    let to_13 = Remap::nyu40_to(LabelSpace::Nyu13).unwrap();
    assert_eq!(remapped(&path, &to_13), remapped(&first, &Remap::identity(LabelSpace::Nyu13)));
}

#[test]
fn sun_rgbd_is_zero_based() {
    let Some(real) = common::real_data() else { return };
    let table = LabelTable::SunRgbd37ZeroBased.remap(ADE).unwrap();
    let labels = remapped(&real.join("sunrgbd/label37/train_00000001.png"), &table);
    assert_eq!(labels.size(), Size::new(530, 730));
}

/// `{key: bytes of an npy}` as an archive of stored members.
fn npz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut table) = (Vec::new(), Vec::new());
    for (key, data) in members {
        let name = format!("{key}.npy");
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let at = file.len() as u32;
        let lens = [crc.sum(), data.len() as u32, data.len() as u32].map(u32::to_le_bytes).concat();
        let name_len = (name.len() as u16).to_le_bytes();
        file.extend([b"PK\x03\x04".as_slice(), &[0; 10], &lens, &name_len, &[0; 2], name.as_bytes(), data].concat());
        table.extend([b"PK\x01\x02".as_slice(), &[0; 12], &lens, &name_len, &[0; 12], &at.to_le_bytes()].concat());
        table.extend(name.as_bytes());
    }
    let (n, at) = ((members.len() as u16).to_le_bytes(), (file.len() as u32).to_le_bytes());
    let len = (table.len() as u32).to_le_bytes();
    file.extend([table.as_slice(), b"PK\x05\x06", &[0; 4], &n, &n, &len, &at, &[0; 2]].concat());
    file
}

fn npy(descr: &str, shape: &str, fortran: bool, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
}

fn error(bytes: &[u8], container: &Container) -> String {
    decode(bytes, container).unwrap_err().to_string()
}

#[test]
fn arrays_of_an_archive_are_found_by_shape_or_by_key() {
    let plain = Container::default();
    let map = npy("<i8", "(1, 1, 2)", false, &[7, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0]);
    let scores = npy("<f4", "(2, 1, 1)", false, &[0; 8]);
    let found = decode(&npz(&[("scores", &scores), ("pred", &map)]), &plain).unwrap();
    assert_eq!(found.ids.into_u16(), ndarray::array![[7, 255]]);
    let two = npz(&[("a", &map), ("b", &npy("|u1", "(1, 1)", false, &[3]))]);
    assert!(error(&two, &plain).contains("expected one map; name it by its key, found the keys a, b"));
    let by_key = |key: &str| Container { npz_key: Some(key.into()), ..Container::default() };
    assert_eq!(decode(&two, &by_key("b")).unwrap().ids.into_u16(), ndarray::array![[3]]);
    assert!(error(&two, &by_key("c")).contains("expected an array called c, found only a, b"));
    assert!(error(&npz(&[("scores", &scores)]), &plain).contains("expected a map of two axes"));
}

#[test]
fn fortran_order_and_every_integer_type() {
    let plain = Container::default();
    let expected = ndarray::array![[1, 2, 3], [4, 5, 6]];
    for (descr, n) in [("|u1", 1), ("|i1", 1), ("<u2", 2), ("<i2", 2), ("<u4", 4), ("<i4", 4), ("<u8", 8), ("<i8", 8)] {
        let data = |order: [u8; 6]| order.into_iter().flat_map(|v| [[v].as_slice(), &[0; 7]].concat()[..n].to_vec());
        let c: Vec<u8> = data([1, 2, 3, 4, 5, 6]).collect();
        let f: Vec<u8> = data([1, 4, 2, 5, 3, 6]).collect();
        assert_eq!(decode(&npy(descr, "(2, 3)", false, &c), &plain).unwrap().ids.into_u16(), expected, "{descr}");
        assert_eq!(decode(&npy(descr, "(1, 2, 3)", true, &f), &plain).unwrap().ids.into_u16(), expected, "{descr}");
    }
}

#[test]
fn what_cannot_be_a_label_map_says_why() {
    let plain = Container::default();
    let scores = error(&npy("<f4", "(1, 1)", false, &[0; 4]), &plain);
    assert!(scores.contains("take the argmax over the classes first") && scores.contains("F32"), "{scores}");
    assert!(error(&npy("<i2", "(1, 1)", false, &[255, 255]), &plain).contains("found -1"));
    assert!(error(b"\xff\xd8\xff\xe0", &plain).contains("JPEG"));
    assert!(error(&[3; 40], &plain).contains("a map without a header needs its size stated"));
    let whole = npz(&[("semantic", &npy("|u1", "(2, 2)", false, &[1, 2, 3, 4]))]);
    for end in 0..whole.len() {
        assert!(decode(&whole[..end], &plain).is_err(), "cut at {end}");
    }
    assert!(error(&whole[..whole.len() - 30], &plain).contains("the file is cut short"));
    let at = whole.windows(4).position(|w| w == [1, 2, 3, 4]).unwrap();
    let mut flipped = whole.clone();
    flipped[at] ^= 1;
    assert!(error(&flipped, &plain).contains("semantic: checksum: expected"));
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let _ = decode(&damaged, &plain); // an error or a map, never a panic
        }
    }
}

#[test]
fn a_palette_tells_the_base() {
    let png = |first: usize| {
        let colors = semdepth::label::ade20k::classes().iter().flat_map(|c| c.color);
        let palette: Vec<u8> = std::iter::repeat_n(0, 3 * first).chain(colors).collect();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 2, 1);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(palette);
        encoder.write_header().unwrap().write_image_data(&[5, 7]).unwrap();
        decode(&file, &Container::default()).unwrap()
    };
    assert_eq!(png(0).base, Some(Base::Zero));
    assert_eq!(png(1).base, Some(Base::One));
    assert_eq!(png(1).ids.into_u16(), ndarray::array![[5, 7]], "the numbers stay as they are");
    assert_eq!(png(2).base, None);
}

#[test]
fn confidences_are_bytes_or_floats() {
    let floats: Vec<u8> = [0.0_f32, 0.5, 1.0].into_iter().flat_map(f32::to_le_bytes).collect();
    let map = decode_confidence(&npy("<f4", "(1, 3)", false, &floats)).unwrap();
    assert_eq!(map.values(), ndarray::array![[0, 128, 255]]);
    let map = decode_confidence(&npz(&[("conf", &npy("<f4", "(1, 3)", false, &floats))])).unwrap();
    assert_eq!(map.values(), ndarray::array![[0, 128, 255]]);
    assert_eq!(decode_confidence(b"P5 2 1 255\n\x00\xff").unwrap().values(), ndarray::array![[0, 255]]);
    assert!(decode_confidence(&npy("<f4", "(1, 1)", false, &1.5_f32.to_le_bytes())).is_err());
    assert!(decode_confidence(&npy("<f4", "(1, 1)", false, &f32::NAN.to_le_bytes())).is_err());
    assert!(decode_confidence(b"P5 1 1 65535\n\x01\x00").unwrap_err().to_string().contains("from 0 to 255"));
}
