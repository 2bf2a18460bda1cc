//! Single cases with results worked out by hand.

use ndarray::{Array2, Array3};

use super::cutdepth::Encoding;
use super::laws::{SIZE, SKY, draws, made};
use super::nearfarmix::{self, Threshold};
use super::*;
use crate::sample::{Depth, Image, Sample, Semantics, Size};

/// Section 2.7.
#[test]
fn the_worked_example() {
    let depth = |rows: [[f32; 2]; 3]| Depth::from_metres(Array2::from(rows.to_vec())).0;
    let size = Size::new(3, 2);
    let a = Sample::new(Image::filled(size, 1), depth([[1.0, 4.0], [2.0, 5.0], [0.0, 3.0]]));
    let b = Sample::new(Image::filled(size, 2), depth([[9.0, 2.0], [1.0, 8.0], [4.0, 0.0]]));
    let mut near_far = Parameters::of(Domain::Indoor).nearfarmix;
    let drawn = nearfarmix::Drawn { u: None, threshold: 3.0, tries: 1 };
    for (source, metres, origin) in [
        (MaskSource::Strict, [[1.0, 2.0], [2.0, 8.0], [4.0, 3.0]], [1, 2, 1, 2, 2, 1]),
        (MaskSource::Literal, [[1.0, 2.0], [2.0, 8.0], [0.0, 3.0]], [1, 2, 1, 2, 1, 1]),
    ] {
        near_far.mask_source = source;
        let mask = near_far.mask(&drawn, Side::new(&a, None)).unwrap();
        let mixed = compose(&mask, a.clone(), b.clone()).unwrap();
        assert_eq!(mixed.depth, depth(metres), "{source:?}");
        assert_eq!(mixed.image.as_slice()[..6], origin, "{source:?}");
    }
}

/// A square 8 m away, moved to 16 m, is half as large and half as far from the principal point.
#[test]
fn a_moved_object_is_scaled_about_the_principal_point() {
    let size = Size::new(100, 100);
    let square = |y: usize, x: usize| (60..80).contains(&y) && (20..40).contains(&x);
    let plane = |inside: f32, outside: f32| {
        Array2::from_shape_fn((100, 100), |(y, x)| if square(y, x) { inside } else { outside })
    };
    let image = Array3::from_shape_fn((3, 100, 100), |(_, y, x)| if square(y, x) { 200 } else { 10 });
    let mut sample = Sample::new(Image::from_planes(image).unwrap(), Depth::from_metres(plane(8.0, 30.0)).0);
    sample.semantics = Some(Semantics::new(plane(20.0, 6.0).mapv(|m| m as u8)));
    let mut mix = Parameters::of(Domain::Road).affinemix;
    mix.centre = Some((50.0, 50.0));
    let side = Side::new(&sample, SKY);
    let moved = |scale: f64| {
        let object = affinemix::Moved { row: 60, column: 20, class: 20, scale };
        mix.edit(&affinemix::Drawn { centre: (50.0, 50.0), objects: vec![object] }, side)
    };
    let edit = moved(2.0).unwrap();
    // x in 20..39 -> 35..44.5, y in 60..79 -> 55..64.5: the pixels whose source is inside, and not hidden by the object.
    let mut expected = Mask::inside(size, Rect { left: 35, top: 55, width: 10, height: 10 });
    expected.cells_mut().iter_mut().enumerate().for_each(|(i, cell)| *cell &= !square(i / 100, i % 100));
    assert!(edit.mask() == &expected);
    let mixed = edit.apply(None, sample.clone()).unwrap();
    assert_eq!((mixed.depth.metres()[(60, 42)], mixed.image.rgb(60, 42)[0]), (16.0, 200));
    assert_eq!(mixed.semantics.unwrap().values()[(60, 42)], 20);
    assert_eq!(mixed.depth.metres()[(70, 30)], 8.0, "the object stays where it is");
    // Behind the wall it is not seen.
    assert_eq!(moved(4.0).unwrap().mask().share(), 0.0);
    let none = affinemix::Moved { row: 0, column: 0, class: 20, scale: 2.0 };
    assert_eq!(mix.edit(&affinemix::Drawn { centre: (0.0, 0.0), objects: vec![none] }, side), Err(Unmixed::NoObject));
}

#[test]
fn degenerate_draws_are_repeated_and_then_given_up() {
    let a = made(1, 0);
    let mut near_far = Parameters::of(Domain::Indoor).nearfarmix;
    near_far.threshold = Threshold::Fixed(0.01);
    assert_eq!(near_far.draw(Side::new(&a, SKY), &mut draws(1)), Err(Unmixed::Share));
    near_far.threshold = Threshold::Quantile(0.0, 0.2);
    let tries: u32 =
        (0..50).filter_map(|s| near_far.draw(Side::new(&a, SKY), &mut draws(s)).ok()).map(|(d, _)| d.tries).sum();
    assert!(tries > 50, "some were repeated");
    near_far.mask_source = MaskSource::Filled;
    let sparse = made(1, 1);
    assert_eq!(near_far.draw(Side::new(&sparse, SKY), &mut draws(1)), Err(Unmixed::TooFewDepths));
}

#[test]
fn a_prediction_is_scaled_to_the_measurements() {
    let mut a = made(3, 0);
    let predicted = Depth::from_metres(a.depth.metres().mapv(|m| m * 0.25)).0;
    let half = a.depth.metres().indexed_iter().map(|((y, x), &m)| if (y + x) % 2 == 0 { m } else { 0.0 }).collect();
    a.depth = Depth::from_metres(Array2::from_shape_vec((24, 40), half).unwrap()).0;
    let side = Side { sample: &a, predicted: Some(&predicted), sky: SKY };
    let near_far = Parameters::of(Domain::Indoor).nearfarmix;
    let (drawn, mask) = near_far.draw(side, &mut draws(5)).unwrap();
    let expected = predicted.metres().iter().map(|&p| p * 4.0 <= drawn.threshold).collect();
    assert_eq!(mask, Mask::new(SIZE, expected));
}

#[test]
fn samples_of_different_sizes_are_not_composed() {
    let (a, b) = (made(1, 0), Sample::new(Image::filled(Size::new(2, 2), 0), Depth::missing(Size::new(2, 2))));
    let error = compose(&Mask::new(SIZE, Vec::new()), a, b).unwrap_err().to_string();
    assert!(error.contains("24x40") && error.contains("2x2"), "{error}");
}

#[test]
fn parameters_out_of_range_are_told() {
    let told = |change: fn(&mut Parameters)| {
        let mut parameters = Parameters::of(Domain::Indoor);
        change(&mut parameters);
        parameters.check().unwrap_err()
    };
    assert!(told(|p| p.nearfarmix.threshold = Threshold::Quantile(0.5, 1.5)).contains("quantile"));
    assert!(told(|p| p.nearfarmix.threshold = Threshold::Metric(5.0, 1.0)).contains("5,1"));
    assert!(told(|p| p.nearfarmix.threshold = Threshold::Fixed(f64::NAN)).contains("fixed"));
    assert!(told(|p| p.classmix.share = (0.0, 1.1)).contains("classmix"));
    assert!(told(|p| p.affinemix.scale = (0.95, 1.05)).contains("nothing"));
    assert!(told(|p| p.cutdepth.paint.max_m = 0.0).contains("metres"));
    assert_eq!(Encoding::default(), Encoding::Scaled);
    for domain in [Domain::Indoor, Domain::Road] {
        assert_eq!(Parameters::of(domain).check(), Ok(()));
    }
}
