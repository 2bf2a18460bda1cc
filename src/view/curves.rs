use std::borrow::Cow;
use std::collections::BTreeMap;

use super::color::metres as number;
use super::drawing::{Align, Drawing, Rgb, Style};
use super::summary::round_up_nicely;
use super::text::{self, Weight};

const GROUND: Rgb = [255, 255, 255];
const INK: Rgb = [32, 34, 38];
const FAINT: Rgb = [116, 120, 128];
const GRID: Rgb = [228, 230, 233];
/// Told apart by people who see few colours, too.
const COLORS: [Rgb; 8] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [90, 90, 90],
    [110, 50, 130],
];

const MARGIN: f32 = 28.0;
const AXIS: f32 = 52.0;
const WIDTH: f32 = 620.0;
const HEIGHT: f32 = 200.0;
const PANEL: f32 = HEIGHT + 92.0;
/// Height of a line of names.
const LINE: f32 = 17.0;
/// Share of the points over which a curve is smoothed.
const SMOOTHED: f64 = 0.02;

/// Curves that share axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Its heading.
    pub title: String,
    /// The curves.
    pub series: Vec<Series>,
}

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Shown in the heading, in its colour; may be empty.
    pub name: String,
    /// By ascending x.
    pub points: Vec<(f64, f64)>,
    /// What is drawn.
    pub line: Line,
}

impl Series {
    /// What the heading and the range of y tell: the mean where it stands alone, else the points.
    fn told(&self) -> Cow<'_, [(f64, f64)]> {
        match self.line {
            Line::Points | Line::Smoothed => (&self.points).into(),
            Line::Mean => running_mean(&self.points).into(),
        }
    }
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Through its points, which are marked.
    Points,
    /// A running mean over its pale points.
    Smoothed,
    /// The running mean alone.
    Mean,
}

/// Panels one below the other, all from 0 to `end` along x. The range of y follows the 1 and 99 % quantiles of each panel: a
/// single outlier flattens nothing.
#[must_use]
pub fn curves(panels: &[Panel], end: f64, unit: &str) -> Drawing {
    let headings: Vec<Heading> = panels.iter().map(Heading::of).collect();
    let heights = headings.iter().map(|heading| PANEL + heading.height);
    let mut drawing = Drawing::new(2.0 * MARGIN + AXIS + WIDTH, MARGIN * 2.0 + heights.sum::<f32>(), GROUND);
    let mut top = MARGIN;
    for (panel, heading) in panels.iter().zip(&headings) {
        heading.draw(&mut drawing, &panel.title, top);
        draw_panel(&mut drawing, panel, top + heading.height, end.max(1.0), unit);
        top += PANEL + heading.height;
    }
    drawing
}

/// The title of a panel, and beside it the names of its curves with their last values; in as many lines as they need.
struct Heading {
    /// Where a name begins, its text and its colour.
    labels: Vec<(f32, f32, String, Rgb)>,
    /// Of the lines after the first.
    height: f32,
}

impl Heading {
    fn of(panel: &Panel) -> Self {
        let left = MARGIN + AXIS;
        let (mut x, mut y) = (left + text::width(&panel.title, 14.0, Weight::Bold) + 16.0, 0.0);
        let mut labels = Vec::new();
        for (series, color) in panel.series.iter().zip(COLORS.into_iter().cycle()) {
            let last = series.told().last().map_or(String::new(), |(_, y)| format!(" {y:.4}"));
            let label = format!("{}{last}", series.name);
            let width = text::width(&label, 12.0, Weight::Regular);
            if x + width > left + WIDTH && x > left {
                (x, y) = (left, y + LINE);
            }
            labels.push((x, y, label, color));
            x += width + 16.0;
        }
        Self { labels, height: y }
    }

    fn draw(&self, drawing: &mut Drawing, title: &str, top: f32) {
        drawing.text(MARGIN + AXIS, top + 16.0, title, Style::bold(14.0, INK));
        for (x, y, label, color) in &self.labels {
            drawing.text(*x, top + 16.0 + y, label, Style::regular(12.0, *color));
        }
    }
}

fn draw_panel(drawing: &mut Drawing, panel: &Panel, top: f32, end: f64, unit: &str) {
    let left = MARGIN + AXIS;
    let (plot_top, bottom) = (top + 34.0, top + 34.0 + HEIGHT);
    let Some((low, high, step)) = range(panel) else {
        drawing.text(left, plot_top + 20.0, "nothing yet", Style::regular(13.0, FAINT));
        return;
    };
    let y_of = |y: f64| bottom - ((y.clamp(low, high) - low) / (high - low)) as f32 * HEIGHT;
    let lines = ((high - low) / step).round() as usize;
    for i in 0..=lines {
        let value = low + i as f64 * step;
        drawing.rect(left, y_of(value), WIDTH, 1.0, if i == 0 { FAINT } else { GRID });
        let style = Style::regular(11.0, FAINT).aligned(Align::Right);
        drawing.text(left - 7.0, y_of(value) + 4.0, number(value), style);
    }
    let x_of = |x: f64| left + (x / end).clamp(0.0, 1.0) as f32 * WIDTH;
    let tick = round_up_nicely(end / 8.0);
    for i in 0..=(end / tick).floor() as usize {
        let x = i as f64 * tick;
        drawing.rect(x_of(x), bottom, 1.0, 5.0, FAINT);
        drawing.text(x_of(x), bottom + 19.0, number(x), Style::regular(11.0, FAINT).aligned(Align::Middle));
    }
    let style = Style::regular(11.0, FAINT).aligned(Align::Middle);
    drawing.text(x_of(end / 2.0), bottom + 36.0, unit, style);
    for (series, color) in panel.series.iter().zip(COLORS.into_iter().cycle()) {
        if series.line == Line::Smoothed {
            draw_line(drawing, &series.points, color.map(|c| 255 - (255 - c) / 4), 1.0, &x_of, &y_of);
        }
        if series.line != Line::Points {
            draw_line(drawing, &running_mean(&series.points), color, 2.0, &x_of, &y_of);
            continue;
        }
        draw_line(drawing, &series.points, color, 2.0, &x_of, &y_of);
        for &(x, y) in &series.points {
            drawing.rect_with_note(x_of(x) - 2.0, y_of(y) - 2.0, 5.0, 5.0, color, format!("{}: {y:.4}", number(x)));
        }
    }
}

/// Lowest and highest y shown, and the distance of the grid lines.
fn range(panel: &Panel) -> Option<(f64, f64, f64)> {
    let values = panel.series.iter().flat_map(|series| series.told().into_owned());
    let mut values: Vec<f64> = values.map(|(_, y)| y).filter(|y| y.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    // So many of either end are left out: none of fewer than a hundred.
    let out = values.len() / 100;
    let (low, high) = (values.get(out)?.min(0.0), *values.get(values.len().checked_sub(out + 1)?)?);
    let step = round_up_nicely(((high - low) / 4.0).max(1e-9));
    let low = (low / step).floor() * step;
    let high = low + ((high - low) / step).ceil().max(1.0) * step;
    (high - low).is_finite().then_some((low, high, step))
}

fn running_mean(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let n = ((points.len() as f64 * SMOOTHED).round() as usize).max(1);
    let mut sum = 0.0;
    let mean = points.iter().enumerate().map(|(i, &(x, y))| {
        sum += y;
        if i >= n {
            sum -= points[i - n].1;
        }
        (x, sum / (i + 1).min(n) as f64)
    });
    mean.collect()
}

/// A line of upright bars, one a column of pixels: from its lowest to its highest value there.
fn draw_line(
    drawing: &mut Drawing,
    points: &[(f64, f64)],
    color: Rgb,
    thickness: f32,
    x_of: &impl Fn(f64) -> f32,
    y_of: &impl Fn(f64) -> f32,
) {
    let mut columns: BTreeMap<i64, (f32, f32)> = BTreeMap::new();
    let mut mark = |x: f32, y: f32| {
        let span = columns.entry(x.round() as i64).or_insert((y, y));
        *span = (span.0.min(y), span.1.max(y));
    };
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = ((x_of(pair[0].0), y_of(pair[0].1)), (x_of(pair[1].0), y_of(pair[1].1)));
        let parts = (x1 - x0).abs().ceil().max(1.0) as usize;
        for i in 0..=parts {
            let share = i as f32 / parts as f32;
            mark(x0 + share * (x1 - x0), y0 + share * (y1 - y0));
        }
    }
    for (x, (top, bottom)) in columns {
        drawing.rect(x as f32, top - thickness / 2.0, 1.0, bottom - top + thickness, color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(points: Vec<(f64, f64)>) -> Panel {
        Panel { title: "loss".into(), series: vec![Series { name: "depth".into(), points, line: Line::Smoothed }] }
    }

    #[test]
    fn the_heading_says_the_last_value_and_one_outlier_flattens_nothing() {
        let mut points: Vec<(f64, f64)> = (1..=300).map(|i| (f64::from(i), 3.0 - f64::from(i) / 150.0)).collect();
        points[4].1 = 1e6;
        let panel = panel(points);
        let (low, high, _) = range(&panel).unwrap();
        assert!(low == 0.0 && high < 5.0, "{low} to {high}");
        let svg = curves(&[panel], 300.0, "steps").to_svg();
        assert!(svg.contains(">depth 1.0000</text>") && svg.contains(">steps</text>"), "{svg}");
    }

    #[test]
    fn of_a_few_points_all_are_within_the_range() {
        let points = vec![(500.0, 0.3153), (1000.0, 0.2963), (1500.0, 0.2579), (2000.0, 0.265)];
        assert_eq!(range(&panel(points)).unwrap(), (0.0, 0.4, 0.1));
        assert_eq!(range(&panel(vec![(1.0, 7.0)])).unwrap().1, 8.0);
        assert_eq!(range(&panel(vec![(1.0, -3.0), (2.0, 1.0)])).unwrap(), (-3.0, 1.0, 1.0));
    }

    #[test]
    fn names_that_do_not_fit_go_to_the_next_line() {
        let series = |i: u32| Series {
            name: format!("a run with a long name {i}"),
            points: vec![(1.0, f64::from(i)), (2.0, 0.5)],
            line: Line::Points,
        };
        let panel = Panel { title: "abs_rel".into(), series: (0..6).map(series).collect() };
        let heading = Heading::of(&panel);
        assert!(heading.height >= LINE, "{}", heading.height);
        assert!(
            heading
                .labels
                .iter()
                .all(|(x, _, text, _)| { x + text::width(text, 12.0, Weight::Regular) <= MARGIN + AXIS + WIDTH + 1.0 })
        );
        let height = |panels: &[Panel]| curves(panels, 2.0, "").to_rgb().height();
        let one = Panel { series: vec![series(0)], ..panel.clone() };
        assert_eq!(height(&[panel]), height(&[one]) + heading.height as u32);
    }

    #[test]
    fn a_mean_alone_says_and_shows_the_mean() {
        let points: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), if i % 2 == 0 { 9.0 } else { 1.0 })).collect();
        let mean = Panel { title: "loss".into(), series: vec![Series { name: "a".into(), points, line: Line::Mean }] };
        assert!(curves(std::slice::from_ref(&mean), 100.0, "").to_svg().contains(">a 5.0000</text>"));
        assert!(range(&mean).unwrap().1 < 9.5, "the range is that of the mean but for its beginning");
    }

    #[test]
    fn means_run_over_the_last_points() {
        let points: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), f64::from(i))).collect();
        let mean = running_mean(&points);
        assert_eq!((mean[0].1, mean[1].1, mean[99].1), (0.0, 0.5, 98.5));
        assert!(curves(&[panel(Vec::new())], 0.0, "").to_svg().contains("nothing yet"));
        let _ = curves(&[panel(vec![(1.0, f64::NAN), (2.0, 0.0)])], 2.0, "").to_rgb();
    }
}
