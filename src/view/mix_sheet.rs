use image::{RgbImage, imageops};

use super::color::DepthScale;
use super::drawing::{Drawing, Rgb, Style};
use super::panel;
use super::sheet::{BAR, FAINT, GAP, GROUND, HAIRLINE, INK, MARGIN, PANEL_AREA, SheetOptions, draw_scale};
use super::stats::{DepthStats, Stats};
use super::text::{self, Weight};
use crate::mix::Mask;
use crate::sample::{Sample, Size};

/// One mix with all that went into it.
#[derive(Clone, Debug, PartialEq)]
pub struct MixRow {
    /// Key of the result.
    pub key: String,
    /// What was drawn, in words.
    pub note: String,
    /// The sample that is pasted, when there is one.
    pub a: Option<Sample>,
    /// The background.
    pub b: Sample,
    /// Where the result is not the background; absent when nothing was mixed.
    pub mask: Option<Mask>,
    /// The mixed sample.
    pub result: Sample,
}

const TITLE: f32 = 24.0;
const CAPTION: f32 = 20.0;
const ROW_GAP: f32 = 26.0;
/// Pixels of A, and of B.
const TINTS: [Rgb; 2] = [[240, 128, 32], [52, 108, 190]];

/// A picture of mixes: for each the two parents and the mask, and below them the result with its depth and classes.
#[must_use]
pub fn mix_sheet(rows: &[MixRow], options: &SheetOptions) -> RgbImage {
    let panel = panel_size(rows);
    let (width, height) = (panel.width as f32, panel.height as f32);
    let stats = rows.iter().fold(DepthStats::default(), |all, row| all.merge(Stats::of(&row.result).depth));
    let fixed = options.range_m.and_then(|(near, far)| DepthScale::new(near, far, options.map));
    let scale = fixed.unwrap_or_else(|| DepthScale::of(&stats, options.map));
    let top = MARGIN + 74.0;
    let line = CAPTION + height;
    let row_height = TITLE + 2.0 * line + ROW_GAP;
    let total = (2.0 * MARGIN + 3.0 * width + 2.0 * GAP).max(820.0);
    let mut drawing = Drawing::new(total, top + row_height * rows.len() as f32, GROUND);
    let title = text::fitted(&options.title, 22.0, Weight::Bold, total - 4.0 * MARGIN - BAR.0);
    drawing.text(MARGIN, MARGIN + 20.0, title, Style::bold(22.0, INK));
    drawing.text(MARGIN, MARGIN + 43.0, &options.subtitle, Style::regular(13.0, FAINT));
    draw_scale(&mut drawing, total - MARGIN - BAR.0 - 14.0, MARGIN + 4.0, &scale);
    let mut pictures = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let y = top + row_height * i as f32;
        let key = text::fitted(&text::printable(&row.key), 13.0, Weight::Bold, 0.5 * total);
        let x = MARGIN + text::width(&key, 13.0, Weight::Bold) + 14.0;
        drawing.rect(MARGIN, y - 6.0, total - 2.0 * MARGIN, 1.0, HAIRLINE);
        drawing.text(MARGIN, y + 14.0, key, Style::bold(13.0, INK));
        let note = text::fitted(&text::printable(&row.note), 12.0, Weight::Regular, total - MARGIN - x);
        drawing.text(x, y + 14.0, note, Style::regular(12.0, FAINT));
        for (at, (name, picture)) in panels(row, panel, &scale, options).into_iter().enumerate() {
            let x = MARGIN + (at % 3) as f32 * (width + GAP);
            let y = y + TITLE + (at / 3) as f32 * line;
            drawing.text(x, y + 14.0, name, Style::regular(12.0, FAINT));
            pictures.push((picture, x, y + CAPTION));
        }
    }
    let mut canvas = drawing.to_rgb();
    for (picture, x, y) in pictures {
        imageops::replace(&mut canvas, &picture, x.round() as i64, y.round() as i64);
    }
    canvas
}

fn panels(row: &MixRow, size: Size, scale: &DepthScale, options: &SheetOptions) -> Vec<(&'static str, RgbImage)> {
    let result = &row.result;
    let first = match &row.a {
        Some(a) => ("A, what is pasted", panel::of_image(&a.image, size)),
        None => ("depth of the sample", panel::of_depth(&row.b.depth, size, scale)),
    };
    let mut panels = vec![first];
    panels.push(("B, the background", panel::of_image(&row.b.image, size)));
    panels.push(("mask: orange is pasted", of_mask(row.mask.as_ref(), result, size)));
    panels.push(("result", panel::of_image(&result.image, size)));
    panels.push(("depth of the result", panel::of_depth(&result.depth, size, scale)));
    let classes = result.semantics.as_ref().map(|labels| panel::of_classes(labels, size, options.space));
    panels.extend(classes.map(|classes| ("classes of the result", classes)));
    panels
}

/// The result in grey, tinted by where its pixels come from.
fn of_mask(mask: Option<&Mask>, result: &Sample, size: Size) -> RgbImage {
    let from = result.image.size();
    let shown = result.image.resize_smooth(size);
    RgbImage::from_fn(size.width as u32, size.height as u32, |x, y| {
        let (y, x) = (y as usize, x as usize);
        let at = (y * from.height / size.height) * from.width + x * from.width / size.width;
        let pasted = mask.is_some_and(|mask| mask.cells().get(at) == Some(&true));
        let [r, g, b] = shown.rgb(y, x).map(u32::from);
        let light = (r * 3 + g * 6 + b) / 10;
        let tint = TINTS[usize::from(!pasted)];
        image::Rgb(tint.map(|t| (u32::from(t) * (light + 110) / 365).min(255) as u8))
    })
}

fn panel_size(rows: &[MixRow]) -> Size {
    let grid = rows.first().map(|row| row.result.image.size()).filter(|size| size.n_pixels() > 0);
    let grid = grid.unwrap_or(Size::new(3, 4));
    let aspect = (grid.width as f64 / grid.height as f64).clamp(0.2, 8.0);
    let side = |v: f64| v.sqrt().round() as usize;
    Size::new(side(PANEL_AREA / aspect), side(PANEL_AREA * aspect))
}
