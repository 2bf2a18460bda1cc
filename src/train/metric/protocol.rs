//! Which pixels count and what is done to a prediction first (evaluation.md sections 2 to 6 and 9).

use std::ops::Range;
use std::str::FromStr;

use super::depth::{Picture, picture};

/// The part of a picture that is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crop {
    /// All of it.
    None,
    /// Rows 45..471, columns 41..601 of 480 x 640.
    Nyu,
    /// Garg's shares of the size.
    Garg,
    /// Eigen's shares of the size (KITTI).
    Eigen,
}

impl Crop {
    /// The rows and columns of a picture of `height` x `width`.
    pub fn of(self, height: usize, width: usize) -> (Range<usize>, Range<usize>) {
        let part = |share: f64, n: usize| (share * n as f64).floor() as usize;
        let columns = || part(0.035_947_71, width)..part(0.964_052_29, width);
        match self {
            Self::None => (0..height, 0..width),
            Self::Nyu => (45.min(height)..471.min(height), 41.min(width)..601.min(width)),
            Self::Garg => (part(0.408_108_11, height)..part(0.991_891_89, height), columns()),
            Self::Eigen => {
                (part(0.332_432_4, height)..part(0.913_513_51, height), part(0.035_947_7, width)..columns().end)
            }
        }
    }
}

/// The map a crop's shares are applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// The picture as it is.
    Whole,
    /// The truth is cut to the 352 x 1216 of the KB crop first.
    KbCrop,
}

/// Rows and columns of the KB crop.
const KB: (usize, usize) = (352, 1216);
/// Rows and columns of NYU's pictures.
const NYU: (usize, usize) = (480, 640);

/// What is evaluated, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// Its name.
    pub name: String,
    /// The part that counts.
    pub crop: Crop,
    /// What the crop is applied to.
    pub frame: Frame,
    /// True depths strictly between count; predictions are clamped to them.
    pub range: (f32, f32),
    /// Whether predictions are scaled by the medians of each picture.
    pub median_scaling: bool,
}

impl FromStr for Protocol {
    type Err = String;

    /// `nyu`, `kb_garg`, `kb_eigen`, `full_garg` or `full`.
    fn from_str(name: &str) -> Result<Self, String> {
        let (crop, frame, most) = match name {
            "nyu" => (Crop::Nyu, Frame::Whole, 10.0),
            "kb_garg" => (Crop::Garg, Frame::KbCrop, 80.0),
            "kb_eigen" => (Crop::Eigen, Frame::KbCrop, 80.0),
            "full_garg" => (Crop::Garg, Frame::Whole, 80.0),
            "full" => (Crop::None, Frame::Whole, 10.0),
            _ => {
                return Err(format!(
                    "there is no protocol `{name}`; there are nyu, kb_garg, kb_eigen, full_garg, full"
                ));
            }
        };
        Ok(Self { name: name.to_owned(), crop, frame, range: (1e-3, most), median_scaling: false })
    }
}

/// The pixels of one picture that count: prediction and truth in metres.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    pairs: Vec<(f32, f32)>,
    range: (f32, f32),
    median_scaling: bool,
}

/// A depth map: row-major metres, its rows and its columns.
pub type Plane<'a> = (&'a [f32], usize, usize);

/// Where a true map lies in the picture that it was cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Rows and columns of the picture.
    pub picture: (usize, usize),
    /// The picture's row and column of the map's first pixel; negative where the map is padded.
    pub first: (i64, i64),
}

impl Place {
    /// That of a map of all the picture.
    pub fn whole(rows: usize, columns: usize) -> Self {
        Self { picture: (rows, columns), first: (0, 0) }
    }
}

impl Protocol {
    /// Whether the protocol says which pixels count of a map of so many rows and columns that lies there; none where the whole
    /// picture's size is not known.
    ///
    /// # Errors
    ///
    /// In words: of which pictures it does.
    pub fn check(&self, (rows, columns): (usize, usize), place: Option<Place>) -> Result<(), String> {
        let name = &self.name;
        match (self.crop, self.frame, place.map(|place| place.picture)) {
            (_, Frame::KbCrop, _) if rows < KB.0 || columns < KB.1 => Err(format!(
                "the protocol {name} needs the {}x{} that are cut from KITTI's pictures, found {rows}x{columns}; use `--protocol full`",
                KB.0, KB.1
            )),
            (Crop::None, ..) | (_, Frame::KbCrop, _) | (Crop::Nyu, _, Some(NYU)) => Ok(()),
            (Crop::Nyu, _, Some((h, w))) => Err(format!(
                "the protocol {name} names rows and columns of pictures of {}x{}, found {h}x{w}; use `--protocol full`, or convert the pictures as they are",
                NYU.0, NYU.1
            )),
            (_, _, Some(_)) => Ok(()),
            (_, _, None) => Err(format!(
                "the protocol {name} needs the size of the whole picture, and the set says only which part of it is stored; convert the source again"
            )),
        }
    }

    /// Picks the pixels of one picture of whose prediction nothing but the size is known: one of the KB crop's size is laid on
    /// the full frame (or the truth cut to it), any other is resized to the truth's. The truth is `place` of its picture.
    ///
    /// # Panics
    ///
    /// When a map has not rows times columns values.
    pub fn prepare(&self, prediction: Plane, truth: Plane, place: Place) -> Prepared {
        let (p, ph, pw) = prediction;
        self.pick((&self.sound(p), ph, pw), truth, place)
    }

    /// As [`prepare`](Self::prepare), of a prediction that shows what the truth shows, whatever its size.
    ///
    /// # Panics
    ///
    /// When a map has not rows times columns values.
    pub fn prepare_whole(&self, prediction: Plane, truth: Plane, place: Place) -> Prepared {
        let ((p, ph, pw), (_, th, tw)) = (prediction, truth);
        let p = self.sound(p);
        if (ph, pw) == (th, tw) {
            return self.pick((&p, ph, pw), truth, place);
        }
        self.pick((&resize((&p, ph, pw), (th, tw)), th, tw), truth, place)
    }

    /// Before anything is resized: a neighbour of what is no number would become none as well.
    fn sound(&self, prediction: &[f32]) -> Vec<f32> {
        prediction.iter().map(|d| sound(*d, self.range)).collect()
    }

    fn pick(&self, prediction: Plane, truth: Plane, place: Place) -> Prepared {
        let ((p, ph, pw), (t, th, tw)) = (prediction, truth);
        assert_eq!((p.len(), t.len()), (ph * pw, th * tw), "a map has rows times columns values");
        // Where the KB crop lies in the truth.
        let corner = (th.saturating_sub(KB.0), tw.saturating_sub(KB.1) / 2);
        let (base, size) = match self.frame {
            Frame::KbCrop if th >= KB.0 && tw >= KB.1 => (corner, KB),
            _ => ((0, 0), (th, tw)),
        };
        // The truth's pixel that the prediction's first one belongs to.
        let (origin, resized) = match (ph, pw) {
            whole if whole == (th, tw) => ((0, 0), None),
            KB if th >= KB.0 && tw >= KB.1 => (corner, None),
            _ => (base, Some(resize(prediction, size))),
        };
        let (p, pw) = resized.as_ref().map_or((p, pw), |p| (p.as_slice(), size.1));
        // The picture that the crop is one of, and the truth's first pixel in it.
        let (picture, first) = match self.frame {
            Frame::KbCrop => (size, (-(base.0 as i64), -(base.1 as i64))),
            Frame::Whole => (place.picture, place.first),
        };
        let (rows, columns) = self.crop.of(picture.0, picture.1);
        let (low, high) = self.range;
        let mut pairs = Vec::new();
        for row in moved(rows, first.0, th) {
            for column in moved(columns.clone(), first.1, tw) {
                let g = t[row * tw + column];
                let at = row.checked_sub(origin.0).zip(column.checked_sub(origin.1).filter(|column| *column < pw));
                let predicted = at.and_then(|(row, column)| p.get(row * pw + column));
                if let Some(d) = predicted.filter(|_| g > low && g < high) {
                    pairs.push((*d, g));
                }
            }
        }
        Prepared { pairs, range: self.range, median_scaling: self.median_scaling }
    }
}

impl Prepared {
    /// The metrics of all pixels that count.
    pub fn evaluate(&self) -> Picture {
        picture(&self.pairs, self.range, self.median_scaling)
    }

    /// The metrics of the pixels whose truth is at most `limit` metres.
    pub fn evaluate_to(&self, limit: f32) -> Picture {
        let near: Vec<(f32, f32)> = self.pairs.iter().copied().filter(|(_, g)| *g <= limit).collect();
        picture(&near, self.range, self.median_scaling)
    }
}

/// Indices of a picture as those of a map of `n` that begins with number `first` of them.
fn moved(indices: Range<usize>, first: i64, n: usize) -> Range<usize> {
    // A record may name any numbers.
    let at = |i: usize| i64::try_from(i).unwrap_or(i64::MAX).saturating_sub(first).clamp(0, n as i64) as usize;
    at(indices.start)..at(indices.end)
}

/// NaN and minus infinity become the least, infinity the largest depth; everything else stays.
fn sound(d: f32, (low, high): (f32, f32)) -> f32 {
    match d {
        d if d.is_nan() || d == f32::NEG_INFINITY => low,
        d if d == f32::INFINITY => high,
        d => d,
    }
}

/// How predictions for a picture and its mirror image are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flip {
    /// Their mean.
    Mean,
    /// Their mean but for 5 % at either side, where the prediction that saw more counts.
    Ramp,
}

/// Joins a prediction and the prediction for the mirrored picture (not mirrored back); both are clamped first.
pub fn mirror_average(direct: &[f32], mirrored: &[f32], width: usize, range: (f32, f32), flip: Flip) -> Vec<f32> {
    let clamped = |d: f32| f64::from(sound(d, range).clamp(range.0, range.1));
    let ramp = |column: usize| {
        let x = column as f64 / (width.max(2) - 1) as f64;
        1.0 - (20.0 * (x - 0.05)).clamp(0.0, 1.0)
    };
    let mut joined = Vec::with_capacity(direct.len());
    for (direct, mirrored) in direct.chunks_exact(width).zip(mirrored.chunks_exact(width)) {
        for (column, (d, m)) in direct.iter().zip(mirrored.iter().rev()).enumerate() {
            let (d, m) = (clamped(*d), clamped(*m));
            let (left, right) = match flip {
                Flip::Mean => (0.0, 0.0),
                Flip::Ramp => (ramp(column), ramp(width - 1 - column)),
            };
            joined.push((right * d + left * m + (1.0 - left - right) * 0.5 * (d + m)) as f32);
        }
    }
    joined
}

/// Bilinear with half-pixel centres, the edge repeated, also when shrinking.
pub fn resize((map, h, w): Plane, (rows, columns): (usize, usize)) -> Vec<f32> {
    let taps = |i: usize, n: usize, m: usize| {
        let at = ((i as f64 + 0.5) * n as f64 / m as f64 - 0.5).max(0.0);
        let first = (at.floor() as usize).min(n - 1);
        (first, (first + 1).min(n - 1), at - first as f64)
    };
    let mut result = Vec::with_capacity(rows * columns);
    for y in 0..rows {
        let (a, b, v) = taps(y, h, rows);
        for x in 0..columns {
            let (c, d, u) = taps(x, w, columns);
            let at = |row: usize, column: usize| f64::from(map[row * w + column]);
            let upper = (1.0 - u) * at(a, c) + u * at(a, d);
            let lower = (1.0 - u) * at(b, c) + u * at(b, d);
            result.push(((1.0 - v) * upper + v * lower) as f32);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prediction_of_the_whole_frame_is_not_taken_for_the_kb_crop() {
        let protocol: Protocol = "full_garg".parse().unwrap();
        let by_row = |rows: usize, columns: usize| {
            let depth = |i: usize| (((i / columns) as f32 + 0.5) / rows as f32).mul_add(60.0, 5.0);
            (0..rows * columns).map(depth).collect::<Vec<f32>>()
        };
        let truth = by_row(375, 1242);
        for (rows, columns) in [(352, 1216), (352, 608), (375, 1242)] {
            let prediction = by_row(rows, columns);
            let whole = protocol
                .prepare_whole((&prediction, rows, columns), (&truth, 375, 1242), Place::whole(375, 1242))
                .evaluate();
            let error = whole.metrics.unwrap().abs_rel;
            assert!(error < 1e-3, "{rows}x{columns}: {error}");
        }
        let crop = by_row(352, 1216);
        let guessed = protocol.prepare((&crop, 352, 1216), (&truth, 375, 1242), Place::whole(375, 1242)).evaluate();
        assert!(guessed.metrics.unwrap().abs_rel > 0.02, "its size alone says that it is the crop");
    }

    #[test]
    fn what_is_no_number_does_not_spread_when_a_prediction_is_resized() {
        let protocol: Protocol = "full".parse().unwrap();
        let prediction = [f32::INFINITY, 2.0, 2.0, f32::NAN];
        let found = protocol.prepare((&prediction, 1, 4), (&[1.0; 8], 1, 8), Place::whole(1, 8));
        let depths: Vec<f32> = found.pairs.iter().map(|(d, _)| *d).collect();
        assert_eq!(depths[0], 10.0);
        assert_eq!(depths[3..5], [2.0, 2.0]);
        assert_eq!(depths[7], 1e-3);
    }

    #[test]
    fn crops_are_those_of_the_specification() {
        // evaluation.md section 3.
        assert_eq!(Crop::Nyu.of(480, 640), (45..471, 41..601));
        assert_eq!(Crop::Garg.of(352, 1216), (143..349, 43..1172));
        assert_eq!(Crop::Garg.of(375, 1242), (153..371, 44..1197));
    }

    #[test]
    fn a_place_that_cannot_be_is_no_fault() {
        let protocol: Protocol = "full_garg".parse().unwrap();
        for first in [i64::MIN, -3, i64::MAX] {
            let place = Place { picture: (usize::MAX, 4), first: (first, first) };
            let picture = protocol.prepare((&[1.0; 12], 3, 4), (&[2.0; 12], 3, 4), place).evaluate();
            assert!(picture.pixels <= 12);
        }
    }

    #[test]
    fn a_protocol_that_is_unknown_is_told_which_there_are() {
        assert!("kb".parse::<Protocol>().unwrap_err().contains("kb_garg"));
    }

    #[test]
    fn an_empty_or_smaller_truth_is_no_fault() {
        for name in ["nyu", "kb_garg", "kb_eigen", "full_garg", "full"] {
            let protocol: Protocol = name.parse().unwrap();
            let prediction = vec![1.0; 352 * 1216];
            let picture = protocol.prepare((&prediction, 352, 1216), (&[2.0; 12], 3, 4), Place::whole(3, 4)).evaluate();
            assert!(picture.pixels <= 12, "{name}");
            let picture = protocol.prepare((&[1.0; 6], 2, 3), (&[2.0; 12], 3, 4), Place::whole(3, 4)).evaluate();
            assert!(picture.pixels <= 12, "{name}");
        }
    }
}
