//! Contact sheets: one row a sample.

mod layout;
mod legend;

use image::{RgbImage, imageops};

pub(super) use self::layout::{BAR, GAP, MARGIN, PANEL_AREA};
use self::layout::{CAPTION, Layout, QUARANTINED_HEIGHT};
use self::legend::{draw_footer, draw_row_legend, footer_height, footer_lines, sheet_legend};
use super::color::{ColorMap, DepthScale, MISSING, metres};
use super::drawing::{Align, Drawing, Rgb, Style};
use super::panel;
use super::stats::{DepthStats, Stats};
use super::text::{self, Weight};
use crate::label::LabelSpace;
use crate::sample::{Fault, Sample};

/// One row of a contact sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Row in the set.
    pub index: usize,
    /// Key of the sample.
    pub key: String,
    /// More that is known, e.g. the kind of scene; may be empty.
    pub note: String,
    /// What is shown.
    pub content: Content,
    /// Whether depth and classes are what a network says, which leaves nothing unmeasured.
    pub predicted: bool,
}

/// What a row holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A sample.
    Sample(Box<Sample>),
    /// Why there is none.
    Quarantined(Fault),
}

impl Row {
    /// A row with a sample.
    #[must_use]
    pub fn sample(index: usize, key: impl Into<String>, sample: Sample) -> Self {
        Self {
            index,
            key: key.into(),
            note: String::new(),
            content: Content::Sample(Box::new(sample)),
            predicted: false,
        }
    }

    /// A row with what a network says of a picture.
    #[must_use]
    pub fn prediction(key: impl Into<String>, sample: Sample) -> Self {
        Self { predicted: true, ..Self::sample(0, key, sample) }
    }

    /// A row without one.
    #[must_use]
    pub fn quarantined(index: usize, key: impl Into<String>, fault: Fault) -> Self {
        Self { index, key: key.into(), note: String::new(), content: Content::Quarantined(fault), predicted: false }
    }

    fn as_sample(&self) -> Option<&Sample> {
        match &self.content {
            Content::Sample(sample) => Some(sample),
            Content::Quarantined(_) => None,
        }
    }
}

/// How a contact sheet looks.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetOptions {
    /// Heading.
    pub title: String,
    /// A line below it.
    pub subtitle: String,
    /// The space of the class ids.
    pub space: LabelSpace,
    /// Colours of depth.
    pub map: ColorMap,
    /// Depths at the ends of the colour scale, in metres; by default the percentiles 1 and 99 of what is shown.
    pub range_m: Option<(f64, f64)>,
}

impl Default for SheetOptions {
    fn default() -> Self {
        Self {
            title: String::new(),
            subtitle: String::new(),
            space: LabelSpace::Ade20k150,
            map: ColorMap::default(),
            range_m: None,
        }
    }
}

pub(super) const GROUND: Rgb = [250, 250, 248];
pub(super) const INK: Rgb = [32, 34, 38];
pub(super) const FAINT: Rgb = [116, 120, 128];
pub(super) const HAIRLINE: Rgb = [206, 208, 212];
const ALARM: Rgb = [176, 32, 36];
const ALARM_GROUND: Rgb = [250, 230, 228];

/// A contact sheet: one row a sample with its image, depth, raw depth, classes and confidence as far as it has them,
/// and the names of its classes. All depths share one colour scale. Quarantined rows show why they are empty.
#[must_use]
pub fn sheet(rows: &[Row], options: &SheetOptions) -> RgbImage {
    let layout = Layout::new(rows);
    let stats: Vec<Option<Stats>> = rows.iter().map(|row| row.as_sample().map(Stats::of)).collect();
    let scale = scale(stats.iter().flatten(), options);
    let legend = sheet_legend(&stats);
    let footer = footer_lines(&legend, &layout, options.space);
    let top = layout.header_height();
    let mut drawing = Drawing::new(layout.width(), top + layout.rows_height(rows) + footer_height(&footer), GROUND);
    draw_header(&mut drawing, &layout, options, &scale, rows.iter().all(|row| row.predicted));
    let mut pictures = Vec::new();
    let mut y = top;
    for (row, stats) in rows.iter().zip(&stats) {
        match (&row.content, stats) {
            (Content::Sample(sample), Some(stats)) => {
                draw_caption(&mut drawing, row, &told(row, sample, stats), y, INK, layout.width());
                for (i, field) in layout.fields.iter().enumerate() {
                    let x = layout.panel_x(i);
                    if let Some(picture) = field.picture(sample, layout.panel, &scale, options.space) {
                        pictures.push((picture, x, y + CAPTION));
                    } else {
                        drawing.frame(x, y + CAPTION, layout.panel_width(), layout.panel_height(), HAIRLINE);
                    }
                }
                if let Some(classes) = &stats.classes {
                    draw_row_legend(&mut drawing, classes, &layout, y + CAPTION, options.space);
                }
            }
            (Content::Quarantined(fault), _) => draw_quarantined(&mut drawing, row, fault, y, &layout),
            (Content::Sample(_), None) => {}
        }
        y += layout.row_height(row);
    }
    draw_footer(&mut drawing, &footer, y, options.space);
    let mut canvas = drawing.to_rgb();
    for (picture, x, y) in pictures {
        imageops::replace(&mut canvas, &picture, x.round() as i64, y.round() as i64);
    }
    canvas
}

fn scale<'a>(stats: impl Iterator<Item = &'a Stats>, options: &SheetOptions) -> DepthScale {
    let fixed = options.range_m.and_then(|(near, far)| DepthScale::new(near, far, options.map));
    fixed.unwrap_or_else(|| {
        let depth = stats.fold(DepthStats::default(), |all, s| all.merge(s.depth.clone()));
        DepthScale::of(&depth, options.map)
    })
}

fn draw_header(drawing: &mut Drawing, layout: &Layout, options: &SheetOptions, scale: &DepthScale, predicted: bool) {
    let (bar_width, bar_height) = BAR;
    let bar_x = layout.width() - MARGIN - bar_width - 14.0;
    let room = bar_x - 2.0 * MARGIN;
    let title = text::fitted(&options.title, 22.0, Weight::Bold, room);
    drawing.text(MARGIN, MARGIN + 20.0, title, Style::bold(22.0, INK));
    let subtitle = text::fitted(&options.subtitle, 13.0, Weight::Regular, room);
    drawing.text(MARGIN, MARGIN + 43.0, subtitle, Style::regular(13.0, FAINT));

    draw_scale(drawing, bar_x, MARGIN + 4.0, scale);
    let y = MARGIN + bar_height + 42.0;
    if !predicted {
        drawing.rect(bar_x, y - 10.0, 12.0, 12.0, MISSING);
        drawing.text(bar_x + 18.0, y, "no measurement", Style::regular(12.0, FAINT));
    }
    if layout.has_legend() && !predicted {
        let x = bar_x + 150.0;
        drawing.rect(x, y - 10.0, 12.0, 12.0, [0; 3]);
        drawing.text(x + 18.0, y, "no class (ignored)", Style::regular(12.0, FAINT));
    }
    for (i, field) in layout.fields.iter().enumerate() {
        let title = field.title(predicted);
        drawing.text(layout.panel_x(i), layout.header_height() - 12.0, title, Style::bold(13.0, FAINT));
    }
    drawing.rect(MARGIN, layout.header_height() - 4.0, layout.width() - 2.0 * MARGIN, 1.0, HAIRLINE);
}

pub(super) fn draw_scale(drawing: &mut Drawing, x: f32, y: f32, scale: &DepthScale) {
    let (width, height) = BAR;
    for i in 0..width as usize {
        let color = scale.map().color(i as f32 / (width - 1.0));
        drawing.rect(x + i as f32, y, 1.0, height, color);
    }
    let name = if scale.is_log() { "depth (log scale)" } else { "depth" };
    drawing.text(x - 10.0, y + 12.0, name, Style::regular(12.0, FAINT).aligned(Align::Right));
    for m in scale.ticks_m() {
        let at = x + scale.position(m) as f32 * (width - 1.0);
        drawing.rect(at, y + height, 1.0, 5.0, FAINT);
        let label = if m == scale.far_m() { format!("{} m", metres(m)) } else { metres(m) };
        drawing.text(at, y + height + 18.0, label, Style::regular(12.0, INK).aligned(Align::Middle));
    }
}

/// What a caption says after the key.
fn told(row: &Row, sample: &Sample, stats: &Stats) -> String {
    let mut parts = if row.predicted { Vec::new() } else { vec![format!("row {}", row.index)] };
    if !row.note.is_empty() {
        parts.push(row.note.clone());
    }
    match (stats.depth.min_m(), stats.depth.max_m()) {
        (Some(near), Some(far)) => parts.push(format!("{near:.2}\u{2013}{far:.2} m")),
        _ => parts.push("no depth at all".to_owned()),
    }
    if row.predicted {
        return parts.join("  \u{b7}  ");
    }
    let percent = |share: Option<f64>| share.map_or_else(String::new, |s| format!("{:.1} %", 100.0 * s));
    parts.push(format!("{} measured", percent(stats.depth.valid_share())));
    if stats.depth.n_valid > 0 && panel::is_sparse(&sample.depth) {
        parts.push("points enlarged".to_owned());
    }
    if let Some(classes) = &stats.classes {
        parts.push(format!("{} labelled", percent(classes.coverage())));
    }
    parts.join("  \u{b7}  ")
}

fn draw_caption(drawing: &mut Drawing, row: &Row, told: &str, y: f32, color: Rgb, width: f32) {
    let key = text::fitted(&text::printable(&row.key), 13.0, Weight::Bold, 0.5 * width);
    let x = MARGIN + text::width(&key, 13.0, Weight::Bold) + 14.0;
    drawing.text(MARGIN, y + 17.0, key, Style::bold(13.0, color));
    let told = text::fitted(&text::printable(told), 12.0, Weight::Regular, width - MARGIN - x);
    drawing.text(x, y + 17.0, told, Style::regular(12.0, FAINT));
}

fn draw_quarantined(drawing: &mut Drawing, row: &Row, fault: &Fault, y: f32, layout: &Layout) {
    draw_caption(drawing, row, &format!("row {}  \u{b7}  quarantined", row.index), y, ALARM, layout.width());
    let (top, width) = (y + CAPTION, layout.width() - 2.0 * MARGIN);
    drawing.rect(MARGIN, top, width, QUARANTINED_HEIGHT, ALARM_GROUND);
    drawing.rect(MARGIN, top, 4.0, QUARANTINED_HEIGHT, ALARM);
    let reason = text::printable(&fault.to_string());
    for (i, line) in text::wrapped(&reason, 12.0, Weight::Regular, width - 36.0).iter().take(2).enumerate() {
        drawing.text(MARGIN + 18.0, top + 20.0 + 17.0 * i as f32, line, Style::regular(12.0, ALARM));
    }
}

#[cfg(test)]
mod tests {
    use super::layout::Column;
    use super::*;
    use crate::sample::{Depth, Image, Semantics, Size};
    use ndarray::Array2;

    const SIZE: Size = Size::new(330, 440);

    fn labelled() -> Sample {
        let depth = Depth::from_metres(Array2::from_shape_fn((330, 440), |(y, _)| if y < 165 { 0.0 } else { 3.0 })).0;
        let mut sample = Sample::new(Image::filled(SIZE, 200), depth);
        let labels = Array2::from_shape_fn((330, 440), |(_, x)| if x < 220 { 19 } else { 255 });
        sample.semantics = Some(Semantics::new(labels));
        sample
    }

    fn options() -> SheetOptions {
        SheetOptions { title: "t".into(), range_m: Some((2.0, 6.0)), ..SheetOptions::default() }
    }

    fn count(picture: &RgbImage, color: Rgb) -> usize {
        picture.pixels().filter(|p| p.0 == color).count()
    }

    #[test]
    fn panels_stand_where_the_layout_says_and_hold_the_sample() {
        let rows = [Row::sample(0, "a", labelled())];
        let (picture, layout) = (sheet(&rows, &options()), Layout::new(&rows));
        assert_eq!(layout.fields, [Column::Image, Column::Depth, Column::Classes]);
        assert_eq!(layout.panel, SIZE, "shown pixel by pixel");
        let top = (layout.header_height() + CAPTION) as u32;
        let at = |column: usize, y: u32, x: u32| picture.get_pixel(layout.panel_x(column) as u32 + x, top + y).0;
        let scale = DepthScale::new(2.0, 6.0, ColorMap::Turbo).unwrap();
        assert_eq!([at(0, 0, 0), at(0, 329, 439)], [[200; 3]; 2]);
        assert_eq!([at(1, 164, 5), at(1, 165, 5)], [MISSING, scale.color(3.0)]);
        assert_eq!([at(2, 9, 219), at(2, 9, 220)], [[204, 70, 3], [0; 3]], "chair, ignore");
        let swatch = 12 * 13;
        assert_eq!(count(&picture, [204, 70, 3]), 330 * 220 + swatch, "the panel and the legend");
    }

    #[test]
    fn the_scale_bar_runs_from_near_to_far_and_its_ends_are_labelled() {
        let scale = DepthScale::new(2.0, 6.0, ColorMap::Viridis).unwrap();
        let mut drawing = Drawing::new(400.0, 80.0, GROUND);
        draw_scale(&mut drawing, 50.0, 10.0, &scale);
        let picture = drawing.to_rgb();
        assert_eq!(picture.get_pixel(50, 12).0, scale.color(2.0));
        assert_eq!(picture.get_pixel(349, 12).0, scale.color(6.0));
        let svg = drawing.to_svg();
        assert!(
            svg.contains("<text x=\"50\" y=\"42\" font-size=\"12\" fill=\"#202226\" text-anchor=\"middle\">2</text>")
        );
        assert!(
            svg.contains(
                "<text x=\"349\" y=\"42\" font-size=\"12\" fill=\"#202226\" text-anchor=\"middle\">6 m</text>"
            )
        );
    }

    #[test]
    fn quarantined_rows_are_shown_as_such() {
        let fault = Fault::new("a.png", "image", "truncated");
        let picture = sheet(&[Row::sample(0, "a", labelled()), Row::quarantined(1, "b", fault.clone())], &options());
        assert!(count(&picture, ALARM_GROUND) > 10_000 && count(&picture, ALARM) > 4 * 48);
        let only = sheet(&[Row::quarantined(0, "b", fault)], &options());
        assert!(count(&only, ALARM_GROUND) > 10_000);
        assert_eq!(count(&sheet(&[], &options()), ALARM_GROUND), 0);
    }

    #[test]
    fn classes_that_find_no_room_beside_their_row_stand_below() {
        let mut sample = labelled();
        sample.semantics = Some(Semantics::new(Array2::from_shape_fn((330, 440), |(y, _)| (y / 11) as u8)));
        let rows = [Row::sample(0, "a", sample)];
        let (few, many) = (sheet(&[Row::sample(0, "a", labelled())], &options()), sheet(&rows, &options()));
        assert!(many.height() > few.height() + 40);
        let color = LabelSpace::Ade20k150.color(29);
        let panel = 11 * 440;
        assert_eq!(count(&many, color), panel + 12 * 13, "one swatch, below");
    }

    #[test]
    fn wide_frames_get_wide_panels() {
        let sample = Sample::new(Image::filled(Size::new(375, 1242), 9), Depth::missing(Size::new(375, 1242)));
        let layout = Layout::new(&[Row::sample(0, "a", sample)]);
        assert!(layout.panel.width > 3 * layout.panel.height);
        assert!((layout.panel.n_pixels() as f64 / PANEL_AREA - 1.0).abs() < 0.01);
    }
}
