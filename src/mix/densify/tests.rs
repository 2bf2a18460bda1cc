use super::*;
use ndarray::Array2;
use proptest::prelude::*;

const SKY: u8 = 2;

/// The definition, word by word, with a search over all measurements.
fn literal(metres: &[f32], labels: Option<&[u8]>, size: Size) -> Vec<f32> {
    let (h, w) = (size.height, size.width);
    let valid = |i: usize| metres[i] > 0.0;
    let count = |y: usize| (y * w..((y + 5) * w).min(h * w)).filter(|&i| valid(i)).count();
    let top = (0..h).find(|&y| count(y) >= 3).unwrap_or(h);
    let regions = labels.map(|l| Components::of(l, size, Four).of_pixels(size));
    let distance = |a: usize, b: usize| (a / w).abs_diff(b / w).pow(2) + (a % w).abs_diff(b % w).pow(2);
    let seeds: Vec<usize> = (0..h * w).filter(|&i| valid(i)).collect();
    let nearest = |i: usize, allowed: &dyn Fn(usize) -> bool| {
        seeds.iter().copied().filter(|&s| allowed(s)).min_by_key(|&s| (distance(i, s), s / w, s % w))
    };
    let of = |i: usize| {
        let own = labels.map(|l| l[i]).filter(|&l| l != IGNORE);
        if i / w >= top {
            let same = own.and_then(|own| nearest(i, &|s| labels.unwrap()[s] == own && distance(i, s) <= 625));
            return metres[same.or_else(|| nearest(i, &|_| true)).unwrap()];
        }
        let Some(regions) = regions.as_ref().filter(|_| own.is_some_and(|own| own != SKY)) else {
            return f32::INFINITY;
        };
        let reaches = seeds.iter().any(|&s| s >= top * w && regions[s] == regions[i]);
        if reaches { metres[nearest(i, &|s| regions[s] == regions[i]).unwrap()] } else { f32::INFINITY }
    };
    (0..h * w).map(of).collect()
}

fn depth(metres: &[f32], size: Size) -> Depth {
    Depth::from_metres(Array2::from_shape_vec((size.height, size.width), metres.to_vec()).unwrap()).0
}

/// Labels in blocks, so that there are regions; measurements only from some row on but for a few.
fn scene() -> impl Strategy<Value = (Size, Vec<f32>, Vec<u8>)> {
    (20..34usize, 30..64usize, 0..12usize, 1..6usize, any::<u64>()).prop_map(|(h, w, top, block, seed)| {
        let noise = |a: usize, b: usize, c: u64| {
            let n = (a as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (b as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
            let n = (n ^ seed ^ c.wrapping_mul(0x1656_67b1_9e37_79f9)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            (n >> 40) as usize
        };
        let pixels = || (0..h).flat_map(|y| (0..w).map(move |x| (y, x)));
        let labels = pixels().map(|(y, x)| [SKY, 7, 12, IGNORE, 80][noise(y / (2 * block), x / (3 * block), 1) % 5]);
        let metres = pixels().map(|(y, x)| {
            let rate = if y < top { 300 } else { 3 };
            if noise(y, x, 2).is_multiple_of(rate) { 1.0 + noise(y, x, 3) as f32 / 65536.0 } else { 0.0 }
        });
        (Size::new(h, w), metres.collect(), labels.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn it_follows_the_definition((size, metres, labels) in scene()) {
        let classes = Semantics::new(Array2::from_shape_vec((size.height, size.width), labels.clone()).unwrap());
        if metres.iter().filter(|&&m| m > 0.0).count() < LEAST_MEASUREMENTS {
            prop_assert_eq!(densify(&depth(&metres, size), Some(&classes), Some(SKY)), None);
        } else {
            prop_assert_eq!(
                densify(&depth(&metres, size), Some(&classes), Some(SKY)).unwrap(), literal(&metres, Some(&labels), size)
            );
            prop_assert_eq!(densify(&depth(&metres, size), None, Some(SKY)).unwrap(), literal(&metres, None, size));
        }
    }
}

#[test]
fn dense_depth_stays_as_it_is() {
    let size = Size::new(20, 20);
    let metres: Vec<f32> = (1..=400).map(|i| i as f32).collect();
    assert_eq!(densify(&depth(&metres, size), None, None), Some(metres));
}

#[test]
fn too_few_measurements_are_none() {
    let size = Size::new(20, 20);
    let some = |n: usize| depth(&(0..400).map(|i| f32::from(u8::from(i < n))).collect::<Vec<_>>(), size);
    assert_eq!(densify(&some(199), None, None), None);
    assert!(densify(&some(200), None, None).is_some());
}
