//! Changes of samples while training, apart from mixes: the border that is not learned from, mirroring, turning, cropping, colours
//! (dss.md section 9).

use serde::{Deserialize, Serialize};

use super::nn::Stream;
use crate::mix::Domain;
use crate::sample::{Sample, Size, Window};

/// How samples are changed. The default changes nothing; [`Augmentation::usual`] has the values of dss.md section 9.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Whether the depth of NYU's frames of 480x640 counts as missing outside rows 45..=471 and columns 43..=607, which is nearly
    /// what the evaluation of NYU leaves out (it begins with column 41 and ends with 600).
    pub nyu_border: bool,
    /// Largest rotation to either side, in degrees.
    pub rotation: f64,
    /// The part of a picture that is taken, anywhere in it, and resized to the input of the network; depth stays as it is.
    pub crop: Crop,
    /// How often colours are changed.
    pub photometric: f64,
    /// Range of the exponent of every channel in [0, 1].
    pub gamma: (f64, f64),
    /// Range of the factor of all channels.
    pub brightness: (f64, f64),
    /// Range of the factor of the distance from middle grey.
    pub contrast: (f64, f64),
    /// Range of the factors of each channel.
    pub colour: (f64, f64),
}

/// What a random crop keeps of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Crop {
    /// At least this share of each side, in the proportions of the picture. 1 crops nothing.
    Share(f64),
    /// So many rows and columns, as dss.md 3.1 trains on windows of KITTI.
    Pixels(usize, usize),
}

impl Default for Augmentation {
    fn default() -> Self {
        let same = (1.0, 1.0);
        Self {
            nyu_border: false,
            rotation: 0.0,
            crop: Crop::Share(1.0),
            photometric: 0.0,
            gamma: same,
            brightness: same,
            contrast: same,
            colour: same,
        }
    }
}

impl Augmentation {
    /// What dss.md section 9 says for rooms and roads. It names no share of a crop and no contrast, so that there are none.
    pub fn usual(domain: Domain) -> Self {
        let road = domain == Domain::Road;
        Self {
            nyu_border: true,
            rotation: if road { 1.0 } else { 2.5 },
            photometric: 0.5,
            gamma: (0.9, 1.1),
            brightness: if road { (0.9, 1.1) } else { (0.75, 1.25) },
            colour: (0.9, 1.1),
            ..Self::default()
        }
    }

    /// # Errors
    ///
    /// In words: which value is out of range, what is possible.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(format!("augmentation.{name}: expected a number from {low} to {high}, found {value}"))
        };
        within("rotation", self.rotation, 0.0, 180.0)?;
        match self.crop {
            Crop::Share(share) => within("crop", share, 0.1, 1.0)?,
            Crop::Pixels(rows, columns) => {
                let least = rows.min(columns);
                within("crop: rows and columns", least as f64, 32.0, 1e6)?;
            }
        }
        within("photometric", self.photometric, 0.0, 1.0)?;
        for (name, (low, high)) in [
            ("gamma", self.gamma),
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("colour", self.colour),
        ] {
            within(name, low, 0.01, 100.0)?;
            within(name, high, low, 100.0)?;
        }
        Ok(())
    }

    /// The sample with the depth that is learned from, `dataset` being the name of its data set.
    pub fn supervise(&self, mut sample: Sample, dataset: &str) -> Sample {
        if self.nyu_border && dataset.starts_with("nyu") && sample.depth.size() == Size::new(480, 640) {
            let inside = sample.depth.window(Window { top: 45, left: 43, height: 427, width: 565 });
            sample.depth = inside.window(Window { top: -45, left: -43, height: 480, width: 640 });
        }
        sample
    }

    /// The sample on the grid of the network: mirrored with probability `flip`, turned, cropped and resized. A crop of a turned
    /// picture shows what lies beside it, where there is something.
    pub fn place(&self, sample: &Sample, size: Size, flip: f64, chance: &mut Stream) -> Sample {
        let mirrored = chance.uniform() < flip;
        let degrees = self.rotation * (2.0 * chance.uniform() - 1.0);
        let draws = [chance.uniform(), chance.uniform(), chance.uniform()];
        let moved = |sample: Sample| {
            let sample = if mirrored { sample.mirror() } else { sample };
            if degrees == 0.0 { sample } else { sample.rotate(degrees) }
        };
        match self.crop {
            // All of it: on the grid of the network there is less to turn.
            Crop::Share(1.0..) => moved(sample.resize(size)),
            some => moved(sample.clone()).window(crop(sample.image.size(), some, draws)).resize(size),
        }
    }

    /// How the values of the three channels, 0 to 255, are changed; all in [0, 1].
    pub fn tones(&self, chance: &mut Stream) -> Tones {
        if chance.uniform() >= self.photometric {
            return plain();
        }
        let mut within = |(low, high): (f64, f64)| low + (high - low) * chance.uniform();
        let (gamma, brightness, contrast) = (within(self.gamma), within(self.brightness), within(self.contrast));
        let colours = [within(self.colour), within(self.colour), within(self.colour)];
        colours.map(|colour| {
            std::array::from_fn(|value| {
                let bright = (value as f64 / 255.0).powf(gamma) * brightness * colour;
                (0.5 + (bright - 0.5) * contrast).clamp(0.0, 1.0) as f32
            })
        })
    }
}

/// What each value of each channel becomes, in [0, 1].
pub type Tones = [[f32; 256]; 3];

/// Every value as it is.
pub fn plain() -> Tones {
    [std::array::from_fn(|value| value as f32 / 255.0); 3]
}

/// A window within the picture.
fn crop(size: Size, crop: Crop, [share, down, along]: [f64; 3]) -> Window {
    let (height, width) = match crop {
        Crop::Share(least) => {
            let share = least + (1.0 - least) * share;
            let side = |n: usize| ((n as f64 * share).round() as usize).clamp(1, n.max(1));
            (side(size.height), side(size.width))
        }
        Crop::Pixels(rows, columns) => (rows.min(size.height), columns.min(size.width)),
    };
    let start = |n: usize, kept: usize, at: f64| ((n.saturating_sub(kept) + 1) as f64 * at) as i64;
    Window { top: start(size.height, height, down), left: start(size.width, width, along), height, width }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Depth, Image, Intrinsics};
    use ndarray::Array2;

    fn sample() -> Sample {
        let size = Size::new(40, 60);
        let depth = Array2::from_shape_fn((40, 60), |(y, x)| 1.0 + (y * 60 + x) as f32);
        let mut sample = Sample::new(Image::filled(size, 100), Depth::from_metres(depth).0);
        sample.intrinsics = Some(Intrinsics { fx: 50.0, fy: 50.0, cx: 29.5, cy: 19.5 });
        sample
    }

    #[test]
    fn nothing_asked_changes_nothing() {
        let (none, size) = (Augmentation::default(), Size::new(40, 60));
        assert_eq!(none.place(&sample(), size, 0.0, &mut Stream::new("a", 1)), sample());
        assert_eq!(none.tones(&mut Stream::new("a", 1)), plain());
        assert_eq!(none.place(&sample(), size, 1.0, &mut Stream::new("a", 1)), sample().mirror());
    }

    #[test]
    fn the_border_of_nyu_is_not_learned_from() {
        let frame = |size: Size| {
            let depth = Array2::from_shape_fn((size.height, size.width), |(y, x)| 1.0 + (y * size.width + x) as f32);
            Sample::new(Image::filled(size, 100), Depth::from_metres(depth).0)
        };
        let (usual, whole) = (Augmentation::usual(Domain::Indoor), frame(Size::new(480, 640)));
        let learned = usual.supervise(whole.clone(), "nyuv2");
        for ((y, x), &m) in learned.depth.metres().indexed_iter() {
            let inside = (45..472).contains(&y) && (43..608).contains(&x);
            assert_eq!(m, if inside { whole.depth.metres()[(y, x)] } else { 0.0 }, "{y}, {x}");
        }
        assert_eq!(Sample { depth: whole.depth.clone(), ..learned }, whole, "only depth is missing");
        assert_eq!(usual.supervise(whole.clone(), "scannet"), whole);
        let small = frame(Size::new(240, 320));
        assert_eq!(usual.supervise(small.clone(), "nyuv2"), small);
        assert_eq!(Augmentation::default().supervise(whole.clone(), "nyuv2"), whole);
    }

    #[test]
    fn a_crop_shows_pixels_of_the_sample_and_the_camera_follows() {
        let half = Augmentation { crop: Crop::Share(0.5), ..Augmentation::default() };
        for i in 0..200 {
            let mut chance = Stream::new(&format!("sample {i}"), 3);
            let window =
                crop(Size::new(40, 60), Crop::Share(0.5), [chance.uniform(), chance.uniform(), chance.uniform()]);
            assert!(window.height >= 20 && window.width >= 30);
            assert!(window.top >= 0 && window.top as usize + window.height <= 40);
            assert!(window.left >= 0 && window.left as usize + window.width <= 60);
        }
        let placed = half.place(&sample(), Size::new(40, 60), 0.0, &mut Stream::new("sample 1", 3));
        assert_eq!(placed.image.size(), Size::new(40, 60));
        let k = placed.intrinsics.unwrap();
        assert!(k.fx > 50.0 && k.fx <= 100.0, "{k:?}");
        assert!(placed.depth.metres().iter().all(|&m| m >= 1.0), "no depth is made up");
    }

    #[test]
    fn a_window_of_a_turned_picture_shows_what_lies_beside_it() {
        let size = Size::new(200, 300);
        let flat = Sample::new(Image::filled(size, 100), Depth::from_metres(Array2::from_elem((200, 300), 2.0)).0);
        let turned = Augmentation { crop: Crop::Pixels(100, 150), rotation: 10.0, ..Augmentation::default() };
        let place = |i: usize| turned.place(&flat, Size::new(100, 150), 0.5, &mut Stream::new(&format!("{i}"), 3));
        let whole = (0..100).filter(|i| place(*i).depth.n_valid() == 100 * 150).count();
        // The picture's own corners are black; a window turned by itself would nearly always have some.
        assert!((30..100).contains(&whole), "{whole}");
    }

    #[test]
    fn a_window_of_pixels_keeps_the_scale() {
        let window = Augmentation { crop: Crop::Pixels(32, 40), ..Augmentation::default() };
        let mut corners = std::collections::BTreeSet::new();
        for i in 0..50 {
            let placed = window.place(&sample(), Size::new(32, 40), 0.0, &mut Stream::new(&format!("sample {i}"), 3));
            let (metres, k) = (placed.depth.metres(), placed.intrinsics.unwrap());
            let corner = metres[(0, 0)];
            let (top, left) = ((corner as usize - 1) / 60, (corner as usize - 1) % 60);
            assert_eq!(metres[(31, 39)], 1.0 + ((top + 31) * 60 + left + 39) as f32);
            assert_eq!((k.fx, k.cx, k.cy), (50.0, 29.5 - left as f64, 19.5 - top as f64));
            corners.insert((top, left));
        }
        assert!(corners.len() > 30, "they lie anywhere: {corners:?}");
    }

    #[test]
    fn crops_are_said_as_a_share_or_as_rows_and_columns() {
        let of = |text: &str| serde_json::from_str::<Augmentation>(text).map(|a| a.crop).ok();
        assert_eq!(of(r#"{"crop": 0.5}"#), Some(Crop::Share(0.5)));
        assert_eq!(of(r#"{"crop": 1}"#), Some(Crop::Share(1.0)));
        assert_eq!(of(r#"{"crop": [352, 608]}"#), Some(Crop::Pixels(352, 608)));
        assert_eq!(of(r#"{"crop": [352]}"#), None);
    }

    #[test]
    fn colours_stay_within_the_ranges() {
        let usual = Augmentation { photometric: 1.0, ..Augmentation::usual(Domain::Indoor) };
        for i in 0..100 {
            let tones = usual.tones(&mut Stream::new(&format!("colour {i}"), 0));
            for channel in tones {
                assert!(channel.is_sorted() && channel[0] == 0.0 && channel[255] <= 1.0);
                let v = 128.0f64 / 255.0;
                let (low, high) = (v.powf(1.1) * 0.75 * 0.9, v.powf(0.9) * 1.25 * 1.1);
                assert!((low..=high).contains(&f64::from(channel[128])));
            }
        }
        let never = Augmentation { photometric: 0.0, ..usual };
        assert_eq!(never.tones(&mut Stream::new("colour", 0)), plain());
        let changed = (0..1000).filter(|i| {
            let usual = Augmentation::usual(Domain::Road);
            usual.tones(&mut Stream::new(&format!("colour {i}"), 0)) != plain()
        });
        assert!(changed.count().abs_diff(500) < 60);
    }

    #[test]
    fn values_out_of_range_are_named() {
        let told = |a: Augmentation| a.check().unwrap_err();
        let usual = Augmentation::usual(Domain::Indoor);
        assert_eq!(usual.check(), Ok(()));
        assert!(told(Augmentation { crop: Crop::Share(0.0), ..usual }).contains("augmentation.crop"));
        assert!(told(Augmentation { gamma: (1.1, 0.9), ..usual }).contains("augmentation.gamma"));
        assert!(told(Augmentation { rotation: f64::NAN, ..usual }).contains("augmentation.rotation"));
    }

    const DRAWS: usize = 2000;

    /// What `of` gives for many streams.
    fn draws<T>(of: impl Fn(&mut Stream) -> T) -> Vec<T> {
        (0..DRAWS).map(|i| of(&mut Stream::new(&format!("sample {i}"), 5))).collect()
    }

    /// Values come next to both ends of a range, never beyond, and as often from either half.
    fn fill(values: &[f64], (low, high): (f64, f64)) {
        let (edge, rounding) = (0.01 * (high - low), 1e-6);
        let least = values.iter().fold(f64::INFINITY, |least, v| least.min(*v));
        let most = values.iter().fold(f64::NEG_INFINITY, |most, v| most.max(*v));
        assert!((low - rounding..low + edge).contains(&least), "{least} is the least, not {low}");
        assert!((high - edge..high + rounding).contains(&most), "{most} is the most, not {high}");
        let above = values.iter().filter(|v| **v > 0.5 * (low + high)).count();
        assert!(above.abs_diff(values.len() / 2) < values.len() / 20, "{above} of {}", values.len());
    }

    /// dss.md section 9. The camera's axis, which lies beside the middle, tells the angle.
    #[test]
    fn pictures_are_turned_to_either_side_as_far_as_allowed() {
        let size = Size::new(5, 9);
        let mut sample = Sample::new(Image::filled(size, 100), Depth::from_metres(Array2::from_elem((5, 9), 2.0)).0);
        sample.intrinsics = Some(Intrinsics { fx: 50.0, fy: 50.0, cx: 4.0 + 3.0, cy: 2.0 });
        for (domain, most) in [(Domain::Indoor, 2.5), (Domain::Road, 1.0)] {
            let usual = Augmentation::usual(domain);
            let degrees = draws(|chance| {
                let k = usual.place(&sample, size, 0.0, chance).intrinsics.unwrap();
                (2.0 - k.cy).atan2(k.cx - 4.0).to_degrees()
            });
            fill(&degrees, (-most, most));
        }
    }

    #[test]
    fn pictures_are_mirrored_as_often_as_asked() {
        let size = Size::new(1, 2);
        let sample = Sample::new(Image::filled(size, 100), Depth::from_metres(ndarray::array![[1.0, 2.0]]).0);
        let mirrored = |flip: f64| {
            let first =
                |chance: &mut Stream| Augmentation::default().place(&sample, size, flip, chance).depth.metres()[(0, 0)];
            draws(first).into_iter().filter(|m| *m == 2.0).count()
        };
        // Five deviations of so many draws.
        assert!(mirrored(0.5).abs_diff(DRAWS / 2) < 112, "{}", mirrored(0.5));
        assert!(mirrored(0.2).abs_diff(DRAWS / 5) < 90, "{}", mirrored(0.2));
        assert_eq!(crate::train::settings::Settings::default().flip, 0.5);
    }

    #[test]
    fn gamma_brightness_and_colours_fill_their_ranges() {
        let (grey, same) = (128.0 / 255.0, (1.0, 1.0));
        for (domain, brightness) in [(Domain::Indoor, (0.75, 1.25)), (Domain::Road, (0.9, 1.1))] {
            let plain =
                Augmentation { photometric: 1.0, gamma: same, brightness: same, colour: same, ..Default::default() };
            let usual = Augmentation::usual(domain);
            let of_grey = |augmentation: Augmentation, channel: usize| {
                draws(|chance| f64::from(augmentation.tones(chance)[channel][128]))
            };
            let factors = |augmentation: Augmentation, channel: usize| -> Vec<f64> {
                of_grey(augmentation, channel).into_iter().map(|v| v / grey).collect()
            };
            fill(&factors(Augmentation { brightness: usual.brightness, ..plain }, 0), brightness);
            let coloured = Augmentation { colour: usual.colour, ..plain };
            let channels = [0, 1, 2].map(|channel| factors(coloured, channel));
            channels.iter().for_each(|values| fill(values, (0.9, 1.1)));
            assert!(channels[0] != channels[1] && channels[1] != channels[2]);
            let curved = of_grey(Augmentation { gamma: usual.gamma, ..plain }, 0);
            fill(&curved.into_iter().map(|v| v.ln() / grey.ln()).collect::<Vec<_>>(), (0.9, 1.1));
        }
    }
}
