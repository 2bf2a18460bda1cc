//! What holds for every mix, on made-up samples.

use std::collections::BTreeSet;

use ndarray::{Array2, Array3};
use proptest::prelude::*;

use super::cutdepth::Missing;
use super::cutmix::CutMixKind;
use super::depthmix::DepthTest;
use super::nearfarmix::{self, Threshold};
use super::*;
use crate::sample::{Confidence, Depth, IGNORE, Image, Sample, Semantics, Size};

pub(super) const SIZE: Size = Size::new(24, 40);
pub(super) const SKY: Option<u8> = Some(2);
/// A car and a chair among what cannot be moved.
const CLASSES: [u8; 6] = [2, 6, 20, 19, 0, IGNORE];

fn noise(seed: u64, i: usize, what: u64) -> u64 {
    let n = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed ^ what.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    let n = (n ^ (n >> 31)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (n ^ (n >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 24
}

/// A sample whose classes come in blocks; of `one_in` pixels one has no depth (0: all have).
pub(super) fn made(seed: u64, one_in: u64) -> Sample {
    let at = |y: usize, x: usize| y * SIZE.width + x;
    let shape = (SIZE.height, SIZE.width);
    let image = Array3::from_shape_fn((3, shape.0, shape.1), |(c, y, x)| noise(seed, at(y, x), c as u64) as u8);
    let metres = Array2::from_shape_fn(shape, |(y, x)| {
        let missing = one_in > 0 && noise(seed, at(y, x), 5).is_multiple_of(one_in);
        if missing { 0.0 } else { 1.0 + noise(seed, at(y, x), 6) as f32 / 2.0_f32.powi(37) }
    });
    let labels = Array2::from_shape_fn(shape, |(y, x)| CLASSES[noise(seed, at(y / 6, x / 8), 7) as usize % 6]);
    let mut sample = Sample::new(Image::from_planes(image).unwrap(), Depth::from_metres(metres).0);
    sample.semantics = Some(Semantics::new(labels));
    sample.confidence = Some(Confidence::new(Array2::from_shape_fn(shape, |(y, x)| noise(seed, at(y, x), 8) as u8)));
    sample.raw_depth = Some(sample.depth.clone().mirror());
    sample
}

/// Two samples, dense or with holes.
fn pair() -> impl Strategy<Value = (Sample, Sample)> {
    (any::<u64>(), any::<u64>(), prop_oneof![Just(0), Just(40), Just(3)], prop_oneof![Just(0), Just(4)])
        .prop_map(|(a, b, holes_a, holes_b)| (made(a, holes_a), made(b, holes_b)))
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let domain = prop_oneof![Just(Domain::Indoor), Just(Domain::Road)];
    let threshold = prop_oneof![
        Just(Threshold::Quantile(0.25, 0.75)),
        Just(Threshold::Metric(1.5, 6.0)),
        Just(Threshold::MinMax(0.2, 0.6)),
        Just(Threshold::Fixed(3.0)),
    ];
    let source = prop_oneof![
        Just(MaskSource::Auto),
        Just(MaskSource::Filled),
        Just(MaskSource::Strict),
        Just(MaskSource::Literal)
    ];
    let test = prop_oneof![
        Just(DepthTest::Disparity { eps: 0.03, tau: 0.0 }),
        Just(DepthTest::Disparity { eps: 0.0, tau: 0.4 }),
        Just(DepthTest::Metric { eps_m: 0.1 }),
    ];
    let missing = prop_oneof![Just(Missing::Zero), Just(Missing::KeepRgb), Just(Missing::Filled)];
    (domain, threshold, source, test, missing, any::<bool>()).prop_map(
        |(domain, threshold, source, test, missing, beta)| {
            let mut parameters = Parameters::of(domain);
            parameters.nearfarmix.threshold = threshold;
            parameters.nearfarmix.mask_source = source;
            parameters.depthmix.test = test;
            parameters.cutdepth.paint.missing = missing;
            parameters.vcutdepth.paint.missing = missing;
            parameters.cutmix.kind = if beta { CutMixKind::Beta } else { CutMixKind::Half };
            parameters.affinemix.area.0 = 0.0;
            parameters
        },
    )
}

pub(super) fn draws(seed: u64) -> Draws {
    Draws::new(seed, "m", "k", 0, Purpose::Mix)
}

/// Everything a pixel of a sample holds.
fn pixel(s: &Sample, y: usize, x: usize) -> ([u8; 3], u32, u8, u8, u32) {
    let (labels, confidence, raw) = (s.semantics.as_ref(), s.confidence.as_ref(), s.raw_depth.as_ref());
    let (labels, confidence, raw) = (labels.unwrap(), confidence.unwrap(), raw.unwrap());
    let at = (y, x);
    (
        s.image.rgb(y, x),
        s.depth.metres()[at].to_bits(),
        labels.values()[at],
        confidence.values()[at],
        raw.metres()[at].to_bits(),
    )
}

fn pixels() -> impl Iterator<Item = (usize, usize)> {
    (0..SIZE.height).flat_map(|y| (0..SIZE.width).map(move |x| (y, x)))
}

fn ids(s: &Sample) -> BTreeSet<u8> {
    s.semantics.as_ref().unwrap().values().iter().copied().collect()
}

const COMPOSITING: [Method; 4] = [Method::NearFarMix, Method::CutMix, Method::ClassMix, Method::DepthMix];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The golden rule: one mask, and image, depth, classes, confidence and raw depth from the same source at every pixel.
    #[test]
    fn every_field_of_a_pixel_comes_from_one_source(
        (a, b) in pair(), parameters in parameters(), seed: u64, method in prop::sample::select(COMPOSITING.to_vec()),
    ) {
        let sides = (Side::new(&a, SKY), Side::new(&b, SKY));
        let Ok((_, edit)) = parameters.draw(method, sides.0, sides.1, &mut draws(seed)) else { return Ok(()) };
        let mixed = edit.clone().apply(Some(a.clone()), b.clone()).unwrap();
        for ((y, x), &from_a) in pixels().zip(edit.mask().cells()) {
            prop_assert_eq!(pixel(&mixed, y, x), pixel(if from_a { &a } else { &b }, y, x));
        }
        prop_assert!(ids(&mixed).is_subset(&(&ids(&a) | &ids(&b))));
    }

    /// What was drawn gives the same result again; the same stream draws the same.
    #[test]
    fn a_draw_can_be_replayed(
        (a, b) in pair(), parameters in parameters(), seed: u64, method in prop::sample::select(Method::ALL.to_vec()),
    ) {
        let sides = (Side::new(&a, SKY), Side::new(&b, SKY));
        let first = parameters.draw(method, sides.0, sides.1, &mut draws(seed));
        prop_assert_eq!(&first, &parameters.draw(method, sides.0, sides.1, &mut draws(seed)));
        if let Ok((drawn, edit)) = first {
            prop_assert_eq!(&parameters.edit(&drawn, sides.0, sides.1), &Ok(edit));
            let parent = Parent { set: 0, row: 1, key: "k".into() };
            let partner = method.needs_partner().then(|| parent.clone());
            let recipe = Recipe {
                method, copy: 0, sample: parent, partner, swapped: false, unmixed: None, drawn: Some(drawn), share: Some(0.1),
            };
            let line = serde_json::to_string(&recipe).unwrap();
            prop_assert_eq!(serde_json::from_str::<Recipe>(&line).unwrap(), recipe, "{}", line);
        }
    }

    /// Section 2.1: the form with four masks, in a wider type, is the selection.
    #[test]
    fn the_four_masks_of_the_paper_are_the_selection(
        pixels in prop::collection::vec((any::<u8>(), any::<u8>(), 0f32..10.0, 0f32..10.0), 1..200), threshold in 0f32..10.0,
    ) {
        for (x1, x2, d1, d2) in pixels {
            let (m1, m2) = (i32::from(d1 <= threshold), i32::from(d2 > threshold));
            let (overlap, exclusive) = (m1 * m2, (1 - m1) * (1 - m2));
            let long = |x1: i32, x2: i32| x1 * m1 + (x2 * m2 + x2 * exclusive - x2 * overlap);
            let chosen = if d1 <= threshold { x1 } else { x2 };
            prop_assert_eq!(long(i32::from(x1), i32::from(x2)), i32::from(chosen));
            let (m1, m2, overlap, exclusive) = (m1 as f32, m2 as f32, overlap as f32, exclusive as f32);
            let long = d1 * m1 + (d2 * m2 + d2 * exclusive - d2 * overlap);
            prop_assert_eq!(long, if d1 <= threshold { d1 } else { d2 });
        }
    }

    #[test]
    fn the_quantile_controls_the_share((a, b) in (any::<u64>(), any::<u64>()).prop_map(|(a, b)| (made(a, 0), made(b, 0))), seed: u64) {
        let parameters = Parameters::of(Domain::Indoor);
        let (drawn, edit) =
            parameters.draw(Method::NearFarMix, Side::new(&a, SKY), Side::new(&b, SKY), &mut draws(seed)).unwrap();
        let Drawn::NearFarMix(drawn) = drawn else { panic!("{drawn:?}") };
        prop_assert!((edit.mask().share() - drawn.u.unwrap()).abs() < 0.01);
        prop_assert!((0.25..=0.75).contains(&drawn.u.unwrap()) && drawn.tries == 1);
    }

    #[test]
    fn thresholds_below_and_above_all_depths_give_b_and_a(a in any::<u64>().prop_map(|s| made(s, 0))) {
        let near_far = Parameters::of(Domain::Indoor).nearfarmix;
        let share = |threshold: f32| {
            let drawn = nearfarmix::Drawn { u: None, threshold, tries: 1 };
            near_far.mask(&drawn, Side::new(&a, SKY)).unwrap().share()
        };
        prop_assert_eq!((share(0.5), share(100.0)), (0.0, 1.0));
    }

    /// Depth is pasted into the image and nowhere else, in a rectangle (of the full height for the vertical form).
    #[test]
    fn depth_pasted_into_the_image_changes_nothing_else(
        (_, b) in pair(), parameters in parameters(), seed: u64, vertical: bool,
    ) {
        let method = if vertical { Method::VCutDepth } else { Method::CutDepth };
        let side = Side::new(&b, SKY);
        let Ok((drawn, edit)) = parameters.draw(method, side, side, &mut draws(seed)) else { return Ok(()) };
        let (Drawn::CutDepth(rect) | Drawn::VCutDepth(rect)) = drawn else { panic!("{drawn:?}") };
        prop_assert!(!vertical || (rect.top, rect.height) == (0, SIZE.height));
        prop_assert!(rect.width >= 1 && rect.left + rect.width <= SIZE.width);
        prop_assert!(rect.height >= 1 && rect.top + rect.height <= SIZE.height);
        let mixed = edit.clone().apply(None, b.clone()).unwrap();
        prop_assert_eq!(Sample { image: b.image.clone(), ..mixed.clone() }, b.clone());
        let paint = parameters.cutdepth.paint;
        for (y, x) in pixels() {
            let inside = (rect.top..rect.top + rect.height).contains(&y) && (rect.left..rect.left + rect.width).contains(&x);
            let metres = f64::from(b.depth.metres()[(y, x)]);
            let grey = (255.0 * metres / paint.max_m).min(255.0);
            let found = mixed.image.rgb(y, x);
            match (inside, metres > 0.0, paint.missing) {
                (false, ..) | (_, false, Missing::KeepRgb) => prop_assert_eq!(found, b.image.rgb(y, x)),
                (_, false, Missing::Zero) => prop_assert_eq!(found, [0; 3]),
                (_, false, Missing::Filled) => prop_assert!(found[0] == found[1] && found[1] == found[2]),
                _ => {
                    prop_assert!(found == [found[0]; 3] && (f64::from(found[0]) - grey).abs() <= 0.501, "{:?} {}", found, grey);
                }
            }
        }
    }

    #[test]
    fn half_of_the_classes_of_a_are_pasted((a, b) in pair(), seed: u64) {
        let parameters = Parameters::of(Domain::Indoor);
        let drawn = parameters.draw(Method::ClassMix, Side::new(&a, SKY), Side::new(&b, SKY), &mut draws(seed));
        let mut there = ids(&a);
        there.remove(&IGNORE);
        let Ok((Drawn::ClassMix(drawn), edit)) = drawn else {
            prop_assert!(there.len() < 2 || drawn == Err(Unmixed::Share));
            return Ok(());
        };
        prop_assert_eq!(drawn.classes.len(), there.len() / 2);
        prop_assert!(drawn.classes.iter().all(|id| there.contains(id)));
        for ((y, x), &from_a) in pixels().zip(edit.mask().cells()) {
            prop_assert_eq!(from_a, drawn.classes.contains(&a.semantics.as_ref().unwrap().values()[(y, x)]));
        }
    }

    #[test]
    fn the_rectangle_of_cutmix_has_half_the_area(height in 1..80usize, width in 1..80usize, seed: u64) {
        let size = Size::new(height, width);
        let rect = CutMix { kind: CutMixKind::Half }.draw(size, &mut draws(seed)).rect;
        prop_assert!(rect.left + rect.width <= width && rect.top + rect.height <= height && 2 * rect.width >= width);
        prop_assert!((rect.width * rect.height).abs_diff(size.n_pixels() / 2) <= rect.width.div_ceil(2) + 1);
        let drawn = CutMix { kind: CutMixKind::Beta }.draw(size, &mut draws(seed));
        let (rect, cut) = (drawn.rect, (1.0 - drawn.lambda.unwrap()).sqrt());
        prop_assert!(rect.left + rect.width <= width && rect.top + rect.height <= height);
        prop_assert!(rect.width <= (cut * width as f64) as usize && rect.height <= (cut * height as f64) as usize);
        let mask = CutMix::mask(&drawn, size);
        let ones = (mask.share() * size.n_pixels() as f64).round() as usize;
        prop_assert_eq!(ones, size.n_pixels() - rect.width * rect.height);
    }

    /// Against the definition in f64, away from the edge of the test; and whoever loses one order wins the other.
    #[test]
    fn depthmix_shows_the_nearer((a, b) in (any::<u64>(), any::<u64>()).prop_map(|(a, b)| (made(a, 40), made(b, 40)))) {
        let mut mix = Parameters::of(Domain::Indoor).depthmix;
        let (side_a, side_b) = (Side::new(&a, SKY), Side::new(&b, SKY));
        let mask = mix.mask(side_a, side_b).unwrap();
        let scale = |s: &Sample| {
            let mut q: Vec<f64> = s.depth.metres().iter().filter(|&&m| m > 0.0).map(|&m| 1.0 / f64::from(m)).collect();
            q.sort_by(f64::total_cmp);
            let at = |u: f64| q[(u * (q.len() - 1) as f64).floor() as usize];
            (at(0.01), at(0.99))
        };
        let (range_a, range_b) = (scale(&a), scale(&b));
        let delta = |m: f32, (low, high): (f64, f64)| ((1.0 / f64::from(m) - low) / (high - low)).clamp(0.0, 1.0);
        for ((y, x), &from_a) in pixels().zip(mask.cells()) {
            let (of_a, of_b) = (a.depth.metres()[(y, x)], b.depth.metres()[(y, x)]);
            let lead = delta(of_a, range_a) - (delta(of_b, range_b) - 0.03);
            if of_a == 0.0 || of_b == 0.0 {
                prop_assert!(!from_a);
            } else if lead.abs() > 1e-5 {
                prop_assert_eq!(from_a, lead > 0.0);
            }
        }
        mix.test = DepthTest::Metric { eps_m: 0.25 };
        let (one, other) = (mix.mask(side_a, side_b).unwrap(), mix.mask(side_b, side_a).unwrap());
        for (((y, x), &first), &second) in pixels().zip(one.cells()).zip(other.cells()) {
            let valid = a.depth.metres()[(y, x)] > 0.0 && b.depth.metres()[(y, x)] > 0.0;
            prop_assert_eq!(first || second, valid);
        }
    }

    /// No class and no depth but those of the sample itself, and its depths times one of the scales.
    #[test]
    fn moved_objects_bring_only_their_scaled_depths(seed: u64, holes in prop_oneof![Just(0_u64), Just(3)], draw: u64) {
        let b = made(seed, holes);
        let mut parameters = Parameters::of(Domain::Indoor);
        parameters.affinemix.area = (0.0, 1.0);
        let side = Side::new(&b, SKY);
        let Ok((Drawn::AffineMix(drawn), edit)) = parameters.draw(Method::AffineMix, side, side, &mut draws(draw)) else {
            return Ok(());
        };
        let depths: BTreeSet<u32> = b.depth.metres().iter().map(|m| m.to_bits()).collect();
        let scaled: BTreeSet<u32> = drawn.objects.iter()
            .flat_map(|o| b.depth.metres().iter().map(|&m| (o.scale as f32 * m).to_bits()).collect::<Vec<_>>()).collect();
        prop_assert!(drawn.objects.iter().all(|o| (0.6..=1.6).contains(&o.scale) && !(0.9001..1.0999).contains(&o.scale)));
        let mixed = edit.clone().apply(None, b.clone()).unwrap();
        for ((y, x), &moved) in pixels().zip(edit.mask().cells()) {
            let (found, before) = (pixel(&mixed, y, x), pixel(&b, y, x));
            if moved {
                prop_assert!(scaled.contains(&found.1) && drawn.objects.iter().any(|o| o.class == found.2));
            } else {
                prop_assert_eq!(found, before);
                prop_assert!(depths.contains(&found.1));
            }
        }
    }
}
