//! What can be wrong with a folder.

use std::path::Path;

use ndarray::array;
use semdepth::label::{LabelSpace, Remap};
use semdepth::sample::{Fault, Invalid};
use semdepth::source::depth_code::DepthCode;
use semdepth::source::folder::{self, Options};
use semdepth::source::{Source, SourceError};

use super::{options, write_picture, write_u8, write_u16};

/// A folder of one sound sample and one that `spoil` has changed.
fn faults(spoil: impl Fn(&Path)) -> Vec<Fault> {
    let root = tempfile::tempdir().unwrap();
    for i in 1..=2 {
        write_picture(&root.path().join(format!("rgb/{i}.png")), 2, 2);
        write_u16(&root.path().join(format!("d/{i}.png")), 2, 2, &[1000, 2000, 3000, 4000]);
        write_u8(&root.path().join(format!("l/{i}.png")), 2, 2, &[0, 1, 149, 255]);
    }
    spoil(root.path());
    let options = Options {
        labels: Some("l/*.png".parse().unwrap()),
        table: Some(Remap::identity(LabelSpace::Ade20k150)),
        ..options("rgb/*.png", "d/*.png", DepthCode::u16_steps(1000.0))
    };
    let source = folder::plan(root.path(), options).unwrap();
    assert_eq!(source.entries().len(), 2);
    (0..2).filter_map(|i| source.load(i).err()).collect()
}

/// Exactly one fault, in this file and field, whose reason holds `part`.
fn assert_fault(found: &[Fault], file: &str, field: &str, part: &str) {
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].file.as_str(), found[0].field.as_str()), (file, field));
    assert!(found[0].reason.contains(part), "{}", found[0]);
}

#[test]
fn a_bad_sample_is_a_fault_of_its_own() {
    assert!(faults(|_| ()).is_empty());
    let cut = |file: &'static str| {
        move |root: &Path| {
            let bytes = std::fs::read(root.join(file)).unwrap();
            std::fs::write(root.join(file), &bytes[..bytes.len() / 2]).unwrap();
        }
    };
    assert_fault(&faults(cut("rgb/2.png")), "rgb/2.png", "image", "damaged PNG");
    assert_fault(&faults(cut("d/2.png")), "d/2.png", "depth", "damaged PNG");
    assert_fault(&faults(|r| std::fs::write(r.join("d/2.png"), "").unwrap()), "d/2.png", "depth", "an empty file");
    assert_fault(
        &faults(|r| write_u8(&r.join("d/2.png"), 2, 2, &[1; 4])),
        "d/2.png",
        "depth",
        "expected 16 bits a sample, found 8",
    );
    assert_fault(
        &faults(|r| write_u16(&r.join("d/2.png"), 3, 2, &[1; 6])),
        "d/2.png",
        "depth",
        "expected the size of the image, 2x2",
    );
    assert_fault(&faults(|r| write_picture(&r.join("d/2.png"), 2, 2)), "d/2.png", "depth", "expected 16 bits");
    assert_fault(&faults(|r| write_u8(&r.join("l/2.png"), 2, 2, &[150; 4])), "l/2.png", "semantics", "class id 150");
    assert_fault(
        &faults(|r| write_picture(&r.join("l/2.png"), 2, 2)),
        "l/2.png",
        "semantics",
        "found 10,20,30 in row 0",
    );
    // A header that asks for 60000 x 60000 pixels, its checksum right.
    let huge = |root: &Path| {
        let mut bytes = std::fs::read(root.join("rgb/2.png")).unwrap();
        bytes[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        std::fs::write(root.join("rgb/2.png"), bytes).unwrap();
    };
    assert_fault(
        &faults(huge),
        "rgb/2.png",
        "image",
        "60000x60000 (height x width) is more than the limit of 64 megapixels",
    );
    let flip = |root: &Path| {
        let mut bytes = std::fs::read(root.join("d/2.png")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(root.join("d/2.png"), bytes).unwrap();
    };
    assert_fault(&faults(flip), "d/2.png", "depth", "damaged PNG");
}

#[test]
fn nan_in_float_depth_is_missing_and_counted() {
    let root = tempfile::tempdir().unwrap();
    write_picture(&root.path().join("1.png"), 3, 1);
    let header = format!("{:<70}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }");
    let values = [1.5_f32, f32::NAN, f32::INFINITY];
    let npy = [
        b"\x93NUMPY\x01\x00\x46\x00".to_vec(),
        header.into_bytes(),
        values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    ];
    std::fs::write(root.path().join("1.npy"), npy.concat()).unwrap();
    let source = folder::plan(root.path(), options("*.png", "*.npy", DepthCode::metres())).unwrap();
    let loaded = source.load(0).unwrap();
    assert_eq!(loaded.sample.depth.metres(), array![[1.5, 0.0, 0.0]]);
    assert_eq!(loaded.invalid, Invalid { nan: 1, negative: 0, infinite: 1 });
}

#[test]
fn plans_that_cannot_be_are_refused_with_advice() {
    let root = tempfile::tempdir().unwrap();
    let message = |o: Options| match folder::plan(root.path(), o).unwrap_err() {
        SourceError::Usage(text) => text,
        other => panic!("{other}"),
    };
    write_picture(&root.path().join("rgb/1.png"), 2, 2);
    write_u16(&root.path().join("d/x1.png"), 2, 2, &[1; 4]);
    let text = message(options("rgb/*.png", "d/*.png", DepthCode::metres()));
    assert!(text.contains("\"rgb/1.png\" has no depth"), "{text}");
    let text = message(options("rgb/*.jpg", "d/*.png", DepthCode::metres()));
    assert!(text.contains("none of the 2 files below the root matches \"rgb/*.jpg\""), "{text}");
    let labels = Some("l/*.png".parse().unwrap());
    let text = message(Options { labels, ..options("rgb/*.png", "d/x*.png", DepthCode::metres()) });
    assert!(text.contains("--labels-table"), "{text}");
    // The only picture is damaged: nothing says how large the set is.
    std::fs::write(root.path().join("rgb/1.png"), "no picture").unwrap();
    let error =
        folder::plan(root.path(), options("rgb/*.png", "d/x*.png", DepthCode::metres())).unwrap_err().to_string();
    assert!(error.contains("rgb/1.png: image: expected PNG"), "{error}");
}
