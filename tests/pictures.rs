//! Decoding of pictures against what Pillow and NumPy read (`fixtures/picture/make.py`), and damaged ones.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use semdepth::sample::Size;
use semdepth::source::picture::{self, Endian, PictureError};
use serde_json::Value;

const SIZE: Size = Size::new(5, 7);

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/picture")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

/// The pictures of one section of `expected.json`: name and values.
fn expected(section: &str) -> Vec<(String, Vec<f64>)> {
    let all: Value = serde_json::from_slice(&bytes("expected.json")).unwrap();
    let pictures = all[section].as_object().unwrap();
    let values = |v: &Value| v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect();
    pictures.iter().map(|(name, v)| (name.clone(), values(v))).collect()
}

#[test]
fn colour_pictures_equal_pillow() {
    let pictures = expected("rgb");
    assert_eq!(pictures.len(), 26);
    for (name, values) in pictures {
        let path = fixtures().join(&name);
        let image = picture::read_rgb(&path).unwrap();
        assert_eq!(picture::read_size(&path).unwrap(), SIZE, "{name}");
        assert_eq!(image.size(), SIZE, "{name}");
        let found: Vec<f64> = image.to_interleaved().into_iter().map(f64::from).collect();
        assert_eq!(found, values, "{name}");
    }
}

#[test]
fn samples_are_exact_and_never_stretched() {
    let pictures = expected("u16");
    assert_eq!(pictures.len(), 23);
    for (name, values) in pictures {
        let path = fixtures().join(&name);
        assert_eq!(picture::read_size(&path).unwrap(), SIZE, "{name}");
        let samples = picture::read_u16(&path).unwrap();
        assert_eq!(samples.dim(), (5, 7), "{name}");
        assert_eq!(samples.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), values, "{name}");
    }
}

#[test]
fn arrays_of_every_type_and_order_equal_numpy() {
    let arrays = expected("f32");
    assert_eq!(arrays.len(), 11);
    for (name, values) in arrays {
        let plane = picture::read_f32(&fixtures().join(&name)).unwrap();
        assert_eq!(plane.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), values, "{name}");
    }
}

#[test]
fn jpeg_of_every_kind_is_close_to_pillow() {
    let pictures = expected("jpeg");
    assert_eq!(pictures.len(), 4);
    for (name, values) in pictures {
        let path = fixtures().join(&name);
        let image = picture::read_rgb(&path).unwrap();
        assert_eq!(picture::read_size(&path).unwrap(), image.size());
        let worst =
            image.to_interleaved().iter().zip(&values).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
        assert!(worst <= 3.0, "{name}: {worst} levels");
    }
}

#[test]
fn a_colour_picture_or_a_jpeg_is_no_depth_map() {
    for (name, part) in [("rgb8.png", "RGB at 8 bits"), ("greyalpha8.png", "grey with alpha"), ("grey.jpg", "JPEG")] {
        let error = picture::decode_u16(&bytes(name), Endian::Big).unwrap_err();
        assert!(matches!(error, PictureError::Unexpected { .. }), "{name}: {error}");
        assert!(error.to_string().contains(part), "{name}: {error}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    for name in ["grey16.png", "grey16_interlaced.png", "rgb8.png", "rgb.jpg", "grey16.pgm", "rgb8.ppm", "f4.npy"] {
        let whole = bytes(name);
        assert!(decodes(&whole), "{name}");
        for length in 0..whole.len() {
            assert!(!decodes(&whole[..length]), "{name} cut to {length} of {} bytes", whole.len());
        }
    }
}

#[test]
fn every_flipped_bit_of_a_png_is_noticed() {
    for name in ["grey16.png", "grey16_interlaced.png", "palette4.png", "grey1.png"] {
        let whole = bytes(name);
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(picture::decode_u16(&damaged, Endian::Big).is_err(), "{name}: bit {bit}");
        }
    }
}

#[test]
fn bytes_after_the_samples_are_an_error() {
    for name in ["grey16.pgm", "rgb8.ppm", "f4.npy"] {
        let longer = [bytes(name), vec![0]].concat();
        assert!(!decodes(&longer), "{name}");
    }
}

fn decodes(bytes: &[u8]) -> bool {
    picture::decode_rgb(bytes).is_ok() || picture::decode_f32(bytes, Endian::Big).is_ok()
}

#[test]
fn a_huge_header_is_refused_before_memory_is_taken() {
    let mut png = bytes("grey8.png");
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let mut jpeg = bytes("rgb.jpg");
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    let npy =
        String::from_utf8_lossy(&bytes("f4.npy")[10..128]).replace("(5, 7), }    ", "(60000, 60000), }").into_bytes();
    let npy = [&bytes("f4.npy")[..10], &npy[..118]].concat();
    for huge in [png, jpeg, b"P5 60000 60000 65535\n".to_vec(), npy] {
        let error = picture::decode_size(&huge).unwrap_err();
        assert!(matches!(error, PictureError::TooLarge { .. }), "{error}");
        assert!(!decodes(&huge));
    }
}

/// Of a PNG chunk, type and data.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, &byte: &u8| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| c >> 1 ^ (0xedb8_8320 & (c & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[test]
fn a_small_jpeg_cannot_claim_a_large_picture() {
    let mut jpeg = bytes("rgb.jpg");
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x1f, 0x40, 0x1f, 0x40]);
    let error = picture::decode_rgb(&jpeg).unwrap_err().to_string();
    assert!(error.contains("bytes cannot hold 8000x8000"), "{error}");
}

#[test]
fn what_is_no_picture_is_named() {
    let message = |bytes: &[u8]| picture::decode_rgb(bytes).unwrap_err().to_string();
    assert_eq!(message(b""), "expected a picture, found an empty file");
    assert_eq!(
        message(b"GIF89a"),
        "expected PNG, JPEG, PGM, PPM, npy or npz, found a file that begins with the bytes 47 49 46 38"
    );
    assert_eq!(message(b"P3 1 1 255 0 0 0"), "expected binary PGM (P5) or PPM (P6), found P3");
    let error = picture::read_rgb(&fixtures()).unwrap_err();
    assert_eq!(error.to_string(), "cannot be read: expected a file, found a folder");
    let fault = picture::read_u16(&fixtures().join("none.png")).unwrap_err().fault("a/none.png", "depth");
    assert_eq!(fault.to_string(), "a/none.png: depth: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn labels_outside_16_bits_are_named() {
    let mut npy = bytes("i8_1hw.npy");
    npy[128..136].copy_from_slice(&(-1_i64).to_le_bytes());
    let error = picture::decode_u16(&npy, Endian::Big).unwrap_err();
    assert_eq!(error.to_string(), "expected integers from 0 to 65535, found -1");
    let error = picture::decode_u16(&bytes("f4.npy"), Endian::Big).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected integers (of scores, take the argmax over the classes first), found an array of F32 of shape [5, 7]"
    );
}
