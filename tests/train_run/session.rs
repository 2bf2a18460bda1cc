//! Runs by the library: what they leave, and what they are functions of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dfdx::tensor::Cpu;
use ndarray::Array2;
use semdepth::mix::{Domain, Method};
use semdepth::run::{RunOptions, Silent, convert};
use semdepth::sample::{Depth, Fields, Image, Sample, Semantics, Size};
use semdepth::train::augment::{Augmentation, Crop};
use semdepth::train::checkpoint::{Checkpoint, save_weights};
use semdepth::train::data::Data;
use semdepth::train::fault::TrainError;
use semdepth::train::loader::Feed;
use semdepth::train::mixing::{MixShares, Mixing, Planned};
use semdepth::train::model::{Config, Dss, ExchangeKind};
use semdepth::train::optim::AdamWConfig;
use semdepth::train::session::{BEST, LOG, Session, Told, VALIDATION};
use semdepth::train::settings::Settings;
use semdepth::train::trainer::{LAST, Trainer};
use serde_json::Value;

use super::common::made::Made;
use super::{nano, result, rooms, train};

#[test]
fn a_stopped_and_continued_run_equals_an_unbroken_one_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 3)]).unwrap());
    let settings = Settings {
        steps: 4,
        warmup: 2,
        batch: 2,
        checkpoint_every: 1,
        validate_every: 2,
        keep: 2,
        pictures: 0,
        mix: MixShares::from([(Method::NearFarMix, 0.5), (Method::CutMix, 0.3)]),
        augmentation: Augmentation { crop: Crop::Share(0.7), ..Augmentation::usual(Domain::Indoor) },
        ..Settings::default()
    };
    let begin = || Trainer::new(Cpu::default(), nano(), settings.clone()).unwrap();
    let unbroken = dir.path().join("unbroken");
    let stopped = |stop_after: u64| dir.path().join(format!("stopped-{stop_after}"));
    let stop_and_go_on = |stop_after: u64| {
        let (folder, mut trainer) = (stopped(stop_after), begin());
        assert!(train(&mut trainer, &data, &folder, stop_after).unwrap().is_none(), "it did not come to its end");
        assert_eq!(trainer.step(), stop_after);
        let mut trainer = Trainer::resume(Cpu::default(), &folder.join(LAST)).unwrap();
        assert_eq!((trainer.step(), trainer.settings()), (stop_after, &settings));
        assert_eq!(train(&mut trainer, &data, &folder, 0).unwrap().unwrap().full.pictures, 3);
    };
    thread::scope(|scope| {
        for stop_after in [1, 2] {
            scope.spawn(move || stop_and_go_on(stop_after));
        }
        train(&mut begin(), &data, &unbroken, 0).unwrap();
    });
    for stop_after in [1, 2] {
        assert!(result(&stopped(stop_after)) == result(&unbroken), "stopped after step {stop_after}");
    }
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(unbroken.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(lines(LOG).len(), 4);
    assert!(lines(LOG).iter().all(|line| line["total"].as_f64().unwrap() > 0.0));

    // The best checkpoint is that of the better of the two evaluations, and two of the others are kept.
    let validations = lines(VALIDATION);
    assert_eq!((validations[0]["step"].as_u64(), validations[1]["step"].as_u64()), (Some(2), Some(4)));
    let error = |i: usize| validations[i]["abs_rel"].as_f64().unwrap();
    let best = if error(1) < error(0) { 4 } else { 2 };
    assert_eq!(Checkpoint::read(&unbroken.join(BEST)).unwrap().progress().unwrap().step, best);
    let names: Vec<String> = result(&unbroken).into_keys().filter(|name| name.starts_with("step-")).collect();
    assert_eq!(names, ["step-00000003.safetensors", "step-00000004.safetensors"]);
}

/// It may be long: whoever stops a run does not wait for its end.
#[test]
fn an_evaluation_that_was_broken_off_is_made_when_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 2)]).unwrap());
    let settings =
        Settings { steps: 3, batch: 1, checkpoint_every: 3, validate_every: 2, pictures: 1, ..Settings::default() };
    let begin = || Trainer::new(Cpu::default(), nano(), settings.clone()).unwrap();
    let (unbroken, folder) = (dir.path().join("unbroken"), &dir.path().join("broken"));
    train(&mut begin(), &data, &unbroken, 0).unwrap();
    let mut trainer = begin();
    // After steps 2 and 3, the last.
    for step in [2, 3] {
        let stop = AtomicBool::new(false);
        let mut evaluated = 0;
        let session = Session { folder, data: Arc::clone(&data), validation: Some(&data), stop: &stop };
        let found = session.run(&mut trainer, |told| {
            if let Told::Evaluated(..) = told {
                evaluated += 1;
                // The one after step 2 is owed when step 3 is to come.
                stop.store(step == 2 || evaluated == 3, Ordering::Relaxed);
            }
        });
        assert!(found.unwrap().is_none());
        assert_eq!((trainer.step(), evaluated), (step, if step == 2 { 1 } else { 3 }));
        let said = std::fs::read_to_string(folder.join(VALIDATION)).unwrap();
        assert_eq!(said.lines().count() as u64, step - 2);
        trainer = Trainer::resume(Cpu::default(), &folder.join(LAST)).unwrap();
        assert_eq!(trainer.step(), step);
    }
    assert_eq!(train(&mut trainer, &data, folder, 0).unwrap().unwrap().full.pictures, 2);
    assert!(result(folder) == result(&unbroken));
    assert!(train(&mut trainer, &data, folder, 0).unwrap().is_none(), "nothing is owed any more");
}

#[test]
fn a_run_whose_steps_have_parts_goes_on_with_the_part_after_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 4)]).unwrap());
    let settings = Settings { steps: 2, batch: 1, accumulate: 2, semantics: false, pictures: 0, ..Settings::default() };
    let narrow = Config { encoder_widths: [16; 4], channels: 8, ..nano().for_size((32, 32)) };
    let mut by_hand = Trainer::new(Cpu::default(), narrow, settings).unwrap();
    let mixing = Mixing::new(&MixShares::new(), 0, &data).unwrap();
    let (batching, augmentation) = (by_hand.batching(), Augmentation::default());
    let feed = Feed { data: Arc::clone(&data), batching, augmentation, mixing };
    let learn = |trainer: &mut Trainer<Cpu>, parts: [u64; 2]| {
        trainer.learn(&parts.map(|part| feed.make(part).unwrap())).unwrap();
    };
    learn(&mut by_hand, [0, 1]);
    by_hand.save(&dir.path().join(LAST)).unwrap();
    let mut continued = Trainer::resume(Cpu::default(), &dir.path().join(LAST)).unwrap();
    let (folder, stop) = (&dir.path().join("run"), AtomicBool::new(false));
    Session { folder, data: Arc::clone(&data), validation: None, stop: &stop }.run(&mut continued, |_| ()).unwrap();
    learn(&mut by_hand, [2, 3]);
    let values = |trainer: &Trainer<Cpu>| -> Vec<Vec<f32>> {
        trainer.network().store().entries().iter().map(|entry| entry.values()).collect()
    };
    assert_eq!((continued.step(), by_hand.step()), (2, 2));
    assert!(values(&continued) == values(&by_hand));
}

#[test]
fn what_no_loss_reaches_is_left_alone_and_depth_is_learned_without_labels() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 2)]).unwrap());
    let settings = Settings { steps: 2, batch: 1, semantics: false, pictures: 0, ..Settings::default() };
    let mut trainer = Trainer::new(Cpu::default(), nano(), settings).unwrap();
    let before = |name: &str| Dss::<f32, Cpu>::new(Cpu::default(), nano(), 0).unwrap().store().by_name()[name].values();
    let after = |trainer: &Trainer<Cpu>, name: &str| trainer.network().store().by_name()[name].values();
    train(&mut trainer, &data, &dir.path().join("run"), 1).unwrap();
    let names: Vec<String> =
        trainer.network().store().parameters().map(|e| e.name.clone()).filter(|n| n.starts_with("head.sem")).collect();
    assert!(!names.is_empty());
    for name in &names {
        assert_eq!(before(name), after(&trainer, name), "{name}");
    }
    assert_ne!(before("head.depth.out.weight"), after(&trainer, "head.depth.out.weight"));
    // It goes on without moments of what was left alone.
    let mut trainer = Trainer::resume(Cpu::default(), &dir.path().join("run").join(LAST)).unwrap();
    train(&mut trainer, &data, &dir.path().join("run"), 0).unwrap();
    assert_eq!(trainer.step(), 2);
}

#[test]
fn the_best_network_is_not_replaced_when_its_evaluation_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 1)]).unwrap());
    let settings = Settings { steps: 3, batch: 1, pictures: 0, validate_every: 1, ..Settings::default() };
    let folder = dir.path().join("run");
    train(&mut Trainer::new(Cpu::default(), nano(), settings).unwrap(), &data, &folder, 2).unwrap();
    let resume = || Trainer::resume(Cpu::default(), &folder.join(LAST)).unwrap();
    let lost = std::fs::read(folder.join(VALIDATION)).unwrap();
    std::fs::remove_file(folder.join(VALIDATION)).unwrap();
    let best = std::fs::read(folder.join(BEST)).unwrap();
    let error = train(&mut resume(), &data, &folder, 0).unwrap_err();
    assert!(matches!(error, TrainError::BestUnknown { step: 1 | 2, .. }), "{error}");
    assert_eq!(std::fs::read(folder.join(BEST)).unwrap(), best);
    std::fs::write(folder.join(VALIDATION), lost).unwrap();
    train(&mut resume(), &data, &folder, 0).unwrap();
    assert_eq!(resume().step(), 3);
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_with_its_batch_saved() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 2)]).unwrap());
    let optimiser = AdamWConfig { lr: 1e38, lr_encoder: 1e38, ..AdamWConfig::default() };
    let settings = Settings { steps: 9, warmup: 0, batch: 2, optimiser, pictures: 0, ..Settings::default() };
    let mut trainer = Trainer::new(Cpu::default(), nano(), settings).unwrap();
    let folder = dir.path().join("run");
    let error = train(&mut trainer, &data, &folder, 0).unwrap_err();
    let TrainError::NotFinite { step, keys, saved } = &error else { panic!("{error}") };
    assert_eq!(keys.len(), 2);
    let bytes = std::fs::read(saved).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("0.input").unwrap().shape(), [2, 3, 64, 96]);
    assert!(error.to_string().contains(&format!("step {step}")) && error.to_string().contains(&keys[0]), "{error}");
    assert_eq!(trainer.step(), *step, "nothing was learned from it");
}

#[test]
fn event_files_and_pictures_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 1)]).unwrap());
    let settings = Settings { steps: 1, batch: 1, pictures: 1, ..Settings::default() };
    let mut trainer = Trainer::new(Cpu::default(), nano(), settings).unwrap();
    train(&mut trainer, &data, dir.path(), 0).unwrap();
    // A record: length, masked CRC-32C of it, content, masked CRC-32C of that (tensorflow/core/lib/io/record_writer.h).
    let bytes = std::fs::read(dir.path().join("events.out.tfevents.0000000000.semdepth")).unwrap();
    let masked = |content: &[u8]| {
        let crc = crc32c::crc32c(content);
        crc.rotate_right(15).wrapping_add(0xA282_EAD8).to_le_bytes()
    };
    let (mut rest, mut records) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        let n = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(rest[8..12], masked(&rest[..8]));
        let content = &rest[12..12 + n];
        assert_eq!(rest[12 + n..16 + n], masked(content));
        // Field 1: time as a double; field 2: step.
        assert_eq!((content[0], content[9]), (0x09, 0x10));
        records.push((u64::from(content[10]), content[11..].to_vec()));
        rest = &rest[16 + n..];
    }
    // Version, start, losses of step 1, evaluation after it.
    assert_eq!(records.iter().map(|r| r.0).collect::<Vec<_>>(), [0, 0, 1, 1]);
    assert_eq!(records[0].1, b"\x1a\x0dbrain.Event:2");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(dir.path().join(LOG)).unwrap()).unwrap();
    let mut scalar = b"loss/depth\x15".to_vec();
    scalar.extend((report["depth"].as_f64().unwrap() as f32).to_le_bytes());
    assert!(records[2].1.windows(scalar.len()).any(|part| part == scalar));
    assert!(records[3].1.windows(18).any(|part| part == b"validation/abs_rel"));

    let size = |name: &str| image::image_dimensions(dir.path().join(name)).unwrap();
    assert!(size("sheets/step-00000001.png").0 > 800);
    assert!(size("curves.png").1 > 1000, "four panels");
}

#[test]
fn mixes_are_functions_of_seed_and_position_and_follow_their_shares() {
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(Data::open(&[rooms(dir.path(), 4)]).unwrap());
    let shares = MixShares::from([(Method::NearFarMix, 0.5), (Method::CutDepth, 0.25)]);
    let mixing = Mixing::new(&shares, 7, &data).unwrap();
    let planned: Vec<_> = (0..4000).map(|position| mixing.plan(position, (position % 4) as usize)).collect();
    let count = |method| planned.iter().flatten().filter(|p| p.method == method).count();
    assert!(count(Method::NearFarMix).abs_diff(2000) < 120, "{}", count(Method::NearFarMix));
    assert!(count(Method::CutDepth).abs_diff(1000) < 100, "{}", count(Method::CutDepth));
    for (position, planned) in planned.iter().enumerate() {
        let partner = planned.and_then(|p| p.partner);
        assert!(partner.is_none_or(|partner| partner < 4 && partner != position % 4));
    }

    // A mixed pixel is A's or B's whole: picture, depth and label.
    let (b, a) = (data.sample(0).unwrap().0, data.sample(1).unwrap().0);
    let planned = Planned { method: Method::NearFarMix, partner: Some(1) };
    let (mixed, made) = mixing.mix(planned, 5, 0, b.clone(), Some(a.clone()));
    assert!(made && mixed != b && mixed != a);
    let pixel = |s: &Sample, y, x| {
        (s.image.rgb(y, x), s.depth.metres()[(y, x)], s.semantics.as_ref().unwrap().values()[(y, x)])
    };
    let whole = |y, x| [pixel(&a, y, x), pixel(&b, y, x)].contains(&pixel(&mixed, y, x));
    assert!((0..64).all(|y| (0..96).all(|x| whole(y, x))));

    // Batches do not depend on what was made before.
    let batching =
        Trainer::new(Cpu::default(), nano(), Settings { seed: 7, batch: 2, ..Settings::default() }).unwrap().batching();
    let augmentation = Augmentation::usual(Domain::Indoor);
    let feed = Feed { data: Arc::clone(&data), batching, augmentation, mixing };
    let forward: Vec<_> = (0..4).map(|step| feed.make(step).unwrap()).collect();
    let backward: Vec<_> = (0..4).rev().map(|step| feed.make(step).unwrap()).collect();
    assert!(forward.iter().eq(backward.iter().rev()));
    assert!(forward.iter().map(|b| b.mixed).sum::<usize>() > 0);
    assert_eq!(forward.iter().map(|b| b.step).collect::<Vec<_>>(), [0, 1, 2, 3], "chance in a pass comes from it");
}

#[test]
fn depth_at_the_border_of_nyu_reaches_no_batch() {
    let dir = tempfile::tempdir().unwrap();
    let size = Size::new(480, 640);
    let frame = move |_| {
        let mut sample = Sample::new(Image::filled(size, 90), Depth::from_metres(Array2::from_elem((480, 640), 2.0)).0);
        sample.semantics = Some(Semantics::filled(size, 3));
        sample
    };
    let mut frames = Made::new(2, size, Fields::default(), |i| format!("{i}"), frame, usize::MAX);
    frames.header.dataset = "nyuv2".into();
    convert(&frames, dir.path(), &RunOptions::default(), &Silent).unwrap();
    let data = Arc::new(Data::open(&[dir.path().to_owned()]).unwrap());
    let settings = Settings { batch: 1, flip: 0.0, ..Settings::default() };
    let batching = Trainer::new(Cpu::default(), nano(), settings).unwrap().batching();
    let depth = |nyu_border| {
        let augmentation = Augmentation { nyu_border, ..Augmentation::default() };
        let mixing = Mixing::new(&MixShares::new(), 0, &data).unwrap();
        let feed = Feed { data: Arc::clone(&data), batching: batching.clone(), augmentation, mixing };
        Array2::from_shape_vec((64, 96), feed.make(0).unwrap().depth).unwrap()
    };
    assert!(depth(false).iter().all(|&m| m == 2.0));
    // A row is 7.5 and a column 6.7 of the frame's.
    let learned = depth(true);
    for ((y, x), &m) in learned.indexed_iter() {
        let (row, column) = ((y as f64 + 0.5) * 7.5, (x as f64 + 0.5) * 640.0 / 96.0);
        let inside = (45.0..472.0).contains(&row) && (43.0..608.0).contains(&column);
        assert!(m == 2.0 || !inside, "{y}, {x} is inside");
        // A cell at the edge takes what it has of the inside.
        let near = (41.0..=476.0).contains(&row) && (39.0..=612.0).contains(&column);
        assert!(m == 0.0 || near, "{y}, {x} is outside");
    }
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let network: Dss<f32, Cpu> = Dss::new(Cpu::default(), nano(), 1).unwrap();
    save_weights(&path, &network).unwrap();
    let file = Checkpoint::read(&path).unwrap();
    assert_eq!(file.config(), Some(&nano()));
    assert!(file.progress().unwrap_err().to_string().contains("not a training run"));

    // A network without the exchange knows nothing of its tensors; one with more layers lacks some.
    let none = Config { exchange: ExchangeKind::None, ..nano() };
    let error = file.network(Cpu::default(), Some(none)).unwrap_err().to_string();
    assert!(error.contains("`exchange.dgt.fused.conv1.weight` belongs to no layer"), "{error}");
    let more = Config { lgcat_n_s: 2, ..nano() };
    let error = file.network(Cpu::default(), Some(more)).unwrap_err().to_string();
    assert!(error.contains("is missing"), "{error}");
    let wider = Config { channels: 64, ..nano() };
    let error = file.network(Cpu::default(), Some(wider)).unwrap_err().to_string();
    assert!(error.contains("has the shape"), "{error}");

    // Bias tables of another window are resized; everything else is kept.
    let other = file.network(Cpu::default(), Some(nano().for_size((96, 128)))).unwrap();
    let (own, same) = (network.store().by_name(), other.store().by_name());
    assert_eq!(own["head.depth.out.weight"].values(), same["head.depth.out.weight"].values());

    // Every cut of the file is an error, never a panic.
    let bytes = std::fs::read(&path).unwrap();
    for keep in (0..bytes.len()).step_by(bytes.len() / 40) {
        std::fs::write(&path, &bytes[..keep]).unwrap();
        assert!(Checkpoint::read(&path).and_then(|file| file.network(Cpu::default(), None)).is_err(), "{keep} bytes");
    }
}
