//! `sdprep labels teach` with small networks whose answers are known.
#![cfg(feature = "teacher")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, Rgb, RgbImage};
use semdepth::shard::{Set, verify};

/// The protobuf wire format, as far as an ONNX file of one convolution needs it.
mod onnx {
    fn varint(mut n: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while n > 0x7f {
            bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        bytes
    }

    fn int(field: u64, n: u64) -> Vec<u8> {
        [varint(field << 3), varint(n)].concat()
    }

    fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
        [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
    }

    /// The values are `raw`, or in the file of that name, in which 4 bytes stand before them.
    fn tensor(name: &str, dims: &[u64], raw: &[u8], file: Option<&str>) -> Vec<u8> {
        let dims: Vec<u8> = dims.iter().flat_map(|&d| int(1, d)).collect();
        let values = match file {
            None => bytes(9, raw),
            Some(file) => {
                let entry = |key: &str, value: &str| {
                    bytes(13, &[bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat())
                };
                let length = raw.len().to_string();
                [entry("location", file), entry("offset", "4"), entry("length", &length), int(14, 1)].concat()
            }
        };
        [dims, int(2, 1), bytes(8, name.as_bytes()), values].concat()
    }

    /// A float tensor of four axes of any length.
    fn value(name: &str) -> Vec<u8> {
        let axes: Vec<u8> = (0..4).flat_map(|i| bytes(1, &bytes(2, format!("{name}{i}").as_bytes()))).collect();
        [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &[int(1, 1), bytes(2, &axes)].concat()))].concat()
    }

    fn ints(name: &str, values: [u64; 2]) -> Vec<u8> {
        let values: Vec<u8> = values.into_iter().flat_map(|i| int(8, i)).collect();
        [bytes(1, name.as_bytes()), values, int(20, 7)].concat()
    }

    /// A convolution of `stride` x `stride` pixels that moves by as many: `weights[class][channel]`, the same for every
    /// pixel of its window.
    pub(super) fn convolution(weights: &[[f32; 3]], stride: u64) -> Vec<u8> {
        network(weights.len(), stride, &kernel(weights, stride), None)
    }

    /// As [`convolution`], but the weights are not in the file; and what has to be in the file of that name.
    pub(super) fn convolution_beside(weights: &[[f32; 3]], stride: u64, file: &str) -> (Vec<u8>, Vec<u8>) {
        let kernel = kernel(weights, stride);
        (network(weights.len(), stride, &kernel, Some(file)), [vec![9; 4], kernel].concat())
    }

    /// A file with other bytes, as many, in the place of some.
    pub(super) fn patched(mut file: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
        let at = file.windows(old.len()).position(|bytes| bytes == old).unwrap();
        file[at..][..new.len()].copy_from_slice(new);
        file
    }

    fn kernel(weights: &[[f32; 3]], stride: u64) -> Vec<u8> {
        let area = (stride * stride) as usize;
        let spread = |w: &f32| vec![w / area as f32; area];
        weights.iter().flatten().flat_map(spread).flat_map(f32::to_le_bytes).collect()
    }

    fn network(classes: usize, stride: u64, kernel: &[u8], file: Option<&str>) -> Vec<u8> {
        let dims = [classes as u64, 3, stride, stride];
        let ends = [bytes(1, b"x"), bytes(1, b"w"), bytes(2, b"y"), bytes(4, b"Conv")].concat();
        let attributes =
            [bytes(5, &ints("kernel_shape", [stride; 2])), bytes(5, &ints("strides", [stride; 2]))].concat();
        let graph = [
            bytes(1, &[ends, attributes].concat()),
            bytes(2, b"g"),
            bytes(5, &tensor("w", &dims, kernel, file)),
            bytes(11, &value("x")),
            bytes(12, &value("y")),
        ];
        [int(1, 8), bytes(7, &graph.concat()), bytes(8, &int(2, 13))].concat()
    }
}

fn sdprep(folder: &Path, command: &str) -> (i32, String) {
    let run = common::process::sdprep(folder, command);
    (run.code, run.stdout + &run.stderr)
}

/// Two pictures of 16x8 pixels, red on the left and green on the right, with a depth and without labels.
fn world() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["own/rgb", "own/depth"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    let picture = RgbImage::from_fn(16, 8, |x, _| Rgb(if x < 8 { [255, 0, 0] } else { [0, 255, 0] }));
    for i in 0..2 {
        picture.save(dir.path().join(format!("own/rgb/{i}.png"))).unwrap();
        GrayImage::from_pixel(16, 8, Luma([20])).save(dir.path().join(format!("own/depth/{i}.png"))).unwrap();
    }
    let (code, text) =
        sdprep(dir.path(), "convert folder own --images rgb/*.png --depths depth/*.png --depth-scale 1/10 --out set");
    assert_eq!(code, 0, "{text}");
    dir
}

const PLAIN: &str = "--mean 0,0,0 --std 1,1,1";

#[test]
fn a_convolution_of_one_pixel_answers_as_it_must() {
    let world = world();
    let dir = world.path();
    // Class 0 has the logit 2 * red, class 1 the logit green, class 2 none.
    fs::write(dir.join("net.onnx"), onnx::convolution(&[[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0; 3]], 1)).unwrap();
    let (code, text) = sdprep(dir, &format!("labels teach set --onnx net.onnx {PLAIN} --out new"));
    assert_eq!(code, 0, "{text}");
    let set = Set::open(dir.join("new")).unwrap();
    let sample = set.sample(1).unwrap();
    let (labels, sure) = (sample.semantics.unwrap(), sample.confidence.unwrap());
    assert_eq!((labels.values()[(3, 2)], labels.values()[(3, 13)]), (0, 1));
    // e^2 / (e^2 + 2) = 0.78698 -> 200.68; e / (e + 2) = 0.57612 -> 146.91.
    assert_eq!((sure.values()[(3, 2)], sure.values()[(3, 13)]), (201, 147));
    assert!(verify(&set, || ()).findings.is_empty());
    assert_eq!(set.spec().options["labels"]["pseudo"]["teacher"], "net");
    // Only what is sure enough stays.
    let command = format!("labels teach set --onnx net.onnx {PLAIN} --min-confidence 0.7 --out sure --threads 1");
    assert_eq!(sdprep(dir, &command).0, 0);
    let labels = Set::open(dir.join("sure")).unwrap().sample(0).unwrap().semantics.unwrap();
    assert_eq!((labels.values()[(3, 2)], labels.values()[(3, 13)]), (0, 255));
}

#[test]
fn a_stride_of_four_is_enlarged_to_the_picture() {
    let world = world();
    let dir = world.path();
    fs::write(dir.join("net.onnx"), onnx::convolution(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 4)).unwrap();
    let (code, text) = sdprep(dir, &format!("labels teach set --onnx net.onnx {PLAIN} --output scores --out new"));
    assert_eq!(code, 0, "{text}");
    let sample = Set::open(dir.join("new")).unwrap().sample(0).unwrap();
    let (labels, sure) = (sample.semantics.unwrap(), sample.confidence.unwrap());
    let row = |v: ndarray::ArrayView2<'_, u8>| v.row(5).to_vec();
    assert_eq!(row(labels.values()), [[0; 8], [1; 8]].concat());
    // Red falls from 1 to 0 between the centres of its second and third cell, columns 5.5 and 9.5:
    // column 6 is an eighth of the way, 7 three eighths.
    assert_eq!(row(sure.values())[4..12], [255, 255, 223, 159, 159, 223, 255, 255]);
}

#[test]
fn weights_may_be_in_a_file_of_their_own() {
    let world = world();
    let dir = world.path();
    let (net, weights) = onnx::convolution_beside(&[[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 1, "net.onnx.data");
    fs::write(dir.join("net.onnx"), net).unwrap();
    let teach = |out: &str| sdprep(dir, &format!("labels teach set --onnx net.onnx {PLAIN} --out {out}"));
    let (code, text) = teach("none");
    assert!(code == 3 && text.contains("net.onnx.data") && !dir.join("none").exists(), "{code} {text}");

    fs::write(dir.join("net.onnx.data"), &weights).unwrap();
    let (code, text) = teach("one");
    assert_eq!(code, 0, "{text}");
    let one = Set::open(dir.join("one")).unwrap();
    let labels = one.sample(0).unwrap().semantics.unwrap();
    assert_eq!((labels.values()[(3, 2)], labels.values()[(3, 13)]), (0, 1));

    // Other weights are another teacher.
    let (_, other) = onnx::convolution_beside(&[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], 1, "net.onnx.data");
    fs::write(dir.join("net.onnx.data"), &other).unwrap();
    assert_eq!(teach("two").0, 0);
    let two = Set::open(dir.join("two")).unwrap();
    let labels = two.sample(0).unwrap().semantics.unwrap();
    assert_eq!((labels.values()[(3, 2)], labels.values()[(3, 13)]), (1, 0));
    let network = |set: &Set| set.spec().options["labels"]["pseudo"]["network"].clone();
    assert!(network(&one).is_string() && network(&one) != network(&two));

    // Nothing is read from elsewhere.
    fs::create_dir(dir.join("nets")).unwrap();
    let (net, _) = onnx::convolution_beside(&[[1.0, 0.0, 0.0]], 1, "../net.onnx.data");
    fs::write(dir.join("nets/net.onnx"), net).unwrap();
    let (code, text) = sdprep(dir, &format!("labels teach set --onnx nets/net.onnx {PLAIN} --out three"));
    assert!(code == 3 && text.contains("relative path inside the model directory"), "{code} {text}");
}

#[test]
fn what_is_no_teacher_is_refused_before_anything_is_written() {
    let world = world();
    let dir = world.path();
    fs::write(dir.join("not.onnx"), b"no network").unwrap();
    fs::write(dir.join("many.onnx"), onnx::convolution(&[[0.0; 3]; 151], 1)).unwrap();
    fs::write(dir.join("one.onnx"), onnx::convolution(&[[0.0; 3]; 1], 1)).unwrap();
    let still =
        onnx::patched(onnx::convolution(&[[0.0; 3]; 2], 1), b"strides\x40\x01\x40\x01", b"strides\x40\x00\x40\x00");
    fs::write(dir.join("still.onnx"), still).unwrap();
    // The last axis of the input: a number, in three bytes, in place of a name.
    let wide = onnx::patched(onnx::convolution(&[[0.0; 3]; 2], 1), b"\x12\x02x3", b"\x08\x80\x84\x00");
    fs::write(dir.join("wide.onnx"), wide).unwrap();
    fs::write(dir.join("nan.onnx"), onnx::convolution(&[[f32::NAN; 3]; 2], 1)).unwrap();
    for (command, part) in [
        ("--onnx none.onnx", "none.onnx"),
        ("--onnx not.onnx", "network"),
        (
            "--onnx many.onnx",
            "of 2 to 150 classes, found shape [1, 151, 8, 16]; one more is `other`, the first: --other-first",
        ),
        ("--onnx one.onnx", "of 2 to 150 classes, found shape [1, 1, 8, 16]"),
        ("--onnx still.onnx", "network: the library for networks cannot deal with it"),
        ("--onnx wide.onnx", "input: expected a network that takes [1, 3, 8, 16], found [?, ?, ?, 512]"),
        ("--onnx nan.onnx", "is no number"),
        ("--onnx many.onnx --std 1,0,1", "cannot be divided by 0"),
    ] {
        let (code, text) = sdprep(dir, &format!("labels teach set {command} --out new"));
        assert!(matches!(code, 2 | 3) && text.contains(part), "{command}: {code} {text}");
    }
    assert!(!dir.join("new").exists());
    let (code, text) = sdprep(dir, &format!("labels teach set --onnx many.onnx --other-first {PLAIN} --out other"));
    assert_eq!(code, 0, "151 classes with other first: {text}");
}
