//! The reader of the old HDF5 dialect against libhdf5, on files of every kind that it must know, and those it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use hdf5::types::{FixedAscii, VarLenUnicode};
use ndarray::{Array, ArrayD, IxDyn};
use semdepth::source::mat::hdf5::{Datatype, File};
use semdepth::source::mat::{Value, v73};

fn written(write: impl FnOnce(&hdf5::File)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.h5");
    let file = hdf5::File::with_options().with_fcpl(|p| p.userblock(512)).create(&path).unwrap();
    write(&file);
    drop(file);
    std::fs::read(path).unwrap()
}

fn read(bytes: &[u8], name: &str) -> Vec<u8> {
    File::from_bytes(bytes.to_vec()).unwrap().root().unwrap().dataset(name).unwrap().read_all(1 << 26).unwrap()
}

fn counted(shape: &[usize]) -> (ArrayD<u16>, Vec<u8>) {
    let mut n = 0_u16;
    let data = ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        n = n.wrapping_mul(31).wrapping_add(17);
        n
    });
    let bytes = data.iter().flat_map(|x| x.to_le_bytes()).collect();
    (data, bytes)
}

#[test]
fn every_layout_and_filter_reads_as_written() {
    for (shape, chunk) in [
        (vec![5], vec![2]),
        (vec![13, 17], vec![5, 17]),
        (vec![13, 17], vec![4, 3]),
        (vec![6, 3, 20, 9], vec![1, 2, 7, 9]),
        (vec![3, 4, 2, 5, 3], vec![2, 3, 2, 2, 2]),
        (vec![90, 70], vec![1, 1]), // 6300 chunks: a B-tree of several levels
    ] {
        let (data, bytes) = counted(&shape);
        let file = written(|file| {
            let builder = || file.new_dataset_builder().with_data(&data);
            builder().no_chunk().create("contiguous").unwrap();
            builder().chunk(chunk.clone()).create("chunked").unwrap();
            builder().chunk(chunk.clone()).deflate(3).create("deflate").unwrap();
            builder().chunk(chunk.clone()).shuffle().deflate(9).create("shuffle").unwrap();
            builder().chunk(chunk.clone()).shuffle().deflate(1).fletcher32().create("all").unwrap();
            builder().chunk(chunk.clone()).fletcher32().deflate(1).create("checked first").unwrap();
            if bytes.len() < 60_000 {
                builder().layout(hdf5::dataset::Layout::Compact).create("compact").unwrap();
            }
        });
        let names: Vec<_> = File::from_bytes(file.clone()).unwrap().root().unwrap().members().keys().cloned().collect();
        assert!(names.len() >= 6);
        for name in names {
            assert_eq!(read(&file, &name), bytes, "{name} {shape:?} {chunk:?}");
        }
    }
}

#[test]
fn big_groups_and_long_headers_are_walked_whole() {
    let file = written(|file| {
        for i in 0..700_u32 {
            file.new_dataset_builder().with_data(&[i]).create(format!("member {i:03}").as_str()).unwrap();
        }
        let dataset = file.dataset("member 123").unwrap();
        for i in 0..40_i32 {
            // Forty attributes do not fit the first block of a header.
            dataset
                .new_attr::<i32>()
                .create(format!("attribute {i}").as_str())
                .unwrap()
                .write_scalar(&(i - 20))
                .unwrap();
        }
        let text = FixedAscii::<10>::from_ascii("double").unwrap();
        dataset.new_attr::<FixedAscii<10>>().create("text").unwrap().write_scalar(&text).unwrap();
        let text: VarLenUnicode = "not read".parse().unwrap();
        dataset.new_attr::<VarLenUnicode>().create("variable").unwrap().write_scalar(&text).unwrap();
    });
    let root = File::from_bytes(file.clone()).unwrap().root().unwrap();
    assert_eq!(root.members().len(), 700);
    assert_eq!(read(&file, "member 699"), 699_u32.to_le_bytes());
    let attributes = root.object("member 123").unwrap().attributes().unwrap();
    assert_eq!(attributes.len(), 42);
    assert_eq!(attributes["attribute 3"].integer(), Some(-17));
    assert_eq!(attributes["text"].text().as_deref(), Some("double"));
    assert_eq!((attributes["variable"].text(), attributes["variable"].integer()), (None, None));
}

#[test]
fn what_was_never_written_is_the_fill_value() {
    let file = written(|file| {
        file.new_dataset::<i16>().shape((4, 6)).chunk((2, 4)).fill_value(-7_i16).create("chunked").unwrap();
        file.new_dataset::<i16>().shape(5).no_chunk().create("contiguous").unwrap();
        file.new_dataset::<f64>().shape((0, 3)).create("nothing").unwrap();
        file.new_dataset::<f32>().shape(()).create("scalar").unwrap().write_scalar(&1.5_f32).unwrap();
    });
    assert_eq!(read(&file, "chunked"), [0xF9, 0xFF].repeat(24));
    assert_eq!(read(&file, "contiguous"), [0; 10]);
    assert!(read(&file, "nothing").is_empty());
    assert_eq!(read(&file, "scalar"), 1.5_f32.to_le_bytes());
}

#[test]
fn types_that_are_not_numbers_are_named() {
    #[derive(Clone, hdf5::H5Type)]
    #[repr(C)]
    struct Complex {
        real: f64,
        imag: f64,
    }
    let file = written(|file| {
        file.new_dataset::<Complex>().shape(2).create("complex").unwrap();
        file.new_dataset::<bool>().shape(2).create("enumeration").unwrap();
        file.new_dataset::<VarLenUnicode>().shape(2).create("variable").unwrap();
        file.new_dataset::<[u8; 3]>().shape(2).create("array").unwrap();
        file.new_dataset::<FixedAscii<4>>().shape(2).create("text").unwrap();
    });
    let root = File::from_bytes(file.clone()).unwrap().root().unwrap();
    let name = |member| match root.dataset(member).unwrap().datatype() {
        Datatype::Other { name, .. } => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        ["complex", "enumeration", "variable", "array"].map(name),
        ["compound", "enumeration", "variable length", "array"]
    );
    assert_eq!(root.dataset("text").unwrap().datatype(), Datatype::String { size: 4 });
    let error = v73::File::from_bytes(file).unwrap().read("complex").unwrap_err().to_string();
    assert!(error.contains("`complex`: expected a numeric") && error.contains("complex value"), "{error}");
}

#[test]
fn newer_dialects_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.h5");
    let file = hdf5::File::with_options().with_fapl(|p| p.libver_latest()).create(&path).unwrap();
    file.new_dataset_builder().with_data(&[1, 2]).create("x").unwrap();
    drop(file);
    let error = File::open(&path).unwrap_err().to_string();
    assert!(error.contains("superblock version") && error.contains("h5repack --low=0 --high=0 IN OUT"), "{error}");
}

#[test]
fn the_places_of_the_signature_are_the_specified_ones() {
    let inner = {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.h5");
        let file = hdf5::File::create(&path).unwrap();
        file.new_dataset_builder().with_data(&[7_u8]).create("x").unwrap();
        drop(file);
        std::fs::read(path).unwrap()
    };
    // A user block that was put before the file later: what it says of its own base is no longer true.
    for (n_bytes, found) in [(0, true), (512, true), (1024, true), (1536, false), (2048, true), (100, false)] {
        let bytes = [vec![b' '; n_bytes], inner.clone()].concat();
        match File::from_bytes(bytes.clone()) {
            Ok(_) => assert_eq!(read(&bytes, "x"), [7]),
            Err(error) => assert!(!found, "{n_bytes}: {error}"),
        }
    }
}

#[test]
fn a_truncated_file_says_so() {
    let bytes = written(|file| {
        file.new_dataset_builder().with_data(&Array::from_elem(1000, 3_u8)).create("x").unwrap();
    });
    let error = File::from_bytes(bytes[..bytes.len() - 1].to_vec()).unwrap_err().to_string();
    assert!(error.contains("it was cut short"), "{error}");
    for length in (0..bytes.len()).step_by(97) {
        assert!(File::from_bytes(bytes[..length].to_vec()).is_err(), "{length}");
    }
}

#[test]
fn a_value_that_is_not_small_is_not_taken_for_one() {
    let bytes = written(|file| {
        file.new_dataset::<f64>().shape((1 << 20, 1 << 20)).chunk((1 << 10, 1 << 10)).create("vast").unwrap();
        file.new_dataset_builder().with_data(&[1.0, 2.0]).create("small").unwrap();
    });
    let file = v73::File::from_bytes(bytes).unwrap();
    assert!(file.read("vast").unwrap_err().to_string().contains("`vast`"));
    let Value::Numeric(small) = file.read("small").unwrap() else { panic!() };
    assert_eq!((small.class(), small.dims(), small.to_f64()), ("double", [2, 1].as_slice(), vec![1.0, 2.0]));
}

#[test]
fn an_object_that_refers_to_itself_ends() {
    // A cell whose only element is the cell: the reference is written by hand.
    let mut bytes = written(|file| {
        let dataset = file.new_dataset_builder().with_data(&[0x0123_4567_89AB_CDEF_u64]).create("loop").unwrap();
        let class = FixedAscii::<4>::from_ascii("cell").unwrap();
        dataset.new_attr::<FixedAscii<4>>().create("MATLAB_class").unwrap().write_scalar(&class).unwrap();
    });
    let file = File::from_bytes(bytes.clone()).unwrap();
    let address = file.root().unwrap().members()["loop"];
    let data = bytes.windows(8).position(|w| w == 0x0123_4567_89AB_CDEF_u64.to_le_bytes()).unwrap();
    bytes[data..data + 8].copy_from_slice(&address.to_le_bytes());
    // The datatype message of the dataset: class 0 version 1, 8 bytes, becomes an object reference.
    let header = usize::try_from(address).unwrap() + 512;
    let datatype =
        (header..bytes.len()).find(|&at| bytes[at] == 0x10 && bytes[at + 4..at + 8] == [8, 0, 0, 0]).unwrap();
    bytes[datatype..datatype + 4].copy_from_slice(&[0x17, 0, 0, 0]);
    let error = v73::File::from_bytes(bytes).unwrap().read("loop").unwrap_err().to_string();
    assert!(error.contains("nested deeper than 32"), "{error}");
}
