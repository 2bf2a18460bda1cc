use super::color::{ColorMap, DepthScale, metres};
use super::drawing::{Align, Drawing, Rgb, Style};
use super::summary::{ClassSummary, DepthSummary, Summary, round_up_nicely};
use super::text::{self, Weight};

const GROUND: Rgb = [255, 255, 255];
const INK: Rgb = [32, 34, 38];
const FAINT: Rgb = [116, 120, 128];
const GRID: Rgb = [228, 230, 233];

const MARGIN: f32 = 28.0;
const DEPTH_WIDTH: f32 = 620.0;
const PLOT_HEIGHT: f32 = 260.0;
const CLASS_WIDTH: f32 = 420.0;
const CLASS_LINE: f32 = 20.0;
const MAX_CLASSES: usize = 30;

/// Charts of a set: how its depths spread (bars in the colours a contact sheet would give them) and, when it has
/// labels, how large a share each class has.
///
/// Every bar of the SVG tells its numbers when pointed at.
#[must_use]
pub fn chart(summary: &Summary, title: &str, map: ColorMap) -> Drawing {
    let n_classes = summary.semantics.as_ref().map_or(0, |s| s.classes.len().min(MAX_CLASSES));
    let depths = 1 + usize::from(summary.raw_depth.is_some());
    let depth_height = depths as f32 * (PLOT_HEIGHT + 122.0);
    let class_height = n_classes as f32 * CLASS_LINE + 92.0;
    let (width, height) = match &summary.semantics {
        Some(_) => (3.0 * MARGIN + 40.0 + DEPTH_WIDTH + CLASS_WIDTH, depth_height.max(class_height)),
        None => (2.0 * MARGIN + 40.0 + DEPTH_WIDTH, depth_height),
    };
    let mut drawing = Drawing::new(width, height + MARGIN + 34.0, GROUND);
    let title = text::fitted(title, 20.0, Weight::Bold, width - 2.0 * MARGIN);
    drawing.text(MARGIN, MARGIN + 16.0, title, Style::bold(20.0, INK));
    let top = MARGIN + 34.0;
    draw_depth(&mut drawing, &summary.depth, "depth", top, map);
    if let Some(raw) = &summary.raw_depth {
        draw_depth(&mut drawing, raw, "raw depth", top + PLOT_HEIGHT + 122.0, map);
    }
    if let Some(classes) = &summary.semantics {
        draw_classes(&mut drawing, classes, 2.0 * MARGIN + 40.0 + DEPTH_WIDTH, top);
    }
    drawing
}

fn draw_depth(drawing: &mut Drawing, depth: &DepthSummary, name: &str, top: f32, map: ColorMap) {
    let left = MARGIN + 40.0;
    drawing.text(MARGIN, top + 18.0, name, Style::bold(14.0, INK));
    let heading = MARGIN + text::width(name, 14.0, Weight::Bold) + 12.0;
    drawing.text(heading, top + 18.0, told(depth), Style::regular(12.0, FAINT));
    let plot_top = top + 62.0;
    let bottom = plot_top + PLOT_HEIGHT;
    let (bins, bin_m) = (&depth.histogram.counts, depth.histogram.bin_m);
    let shares: Vec<f64> = bins.iter().map(|&n| 100.0 * n as f64 / depth.n_valid as f64).collect();
    let highest = shares.iter().copied().fold(0.0, f64::max);
    if bins.is_empty() || highest <= 0.0 {
        drawing.text(left, plot_top + 20.0, "no measurement", Style::regular(13.0, FAINT));
        return;
    }
    let step = round_up_nicely(highest / 5.0);
    let ceiling = (highest / step).ceil() * step;
    let y_of = |percent: f64| bottom - (percent / ceiling) as f32 * PLOT_HEIGHT;
    for i in 0..=(ceiling / step).round() as usize {
        let percent = i as f64 * step;
        drawing.rect(left, y_of(percent), DEPTH_WIDTH, 1.0, if i == 0 { FAINT } else { GRID });
        let label = format!("{} %", metres(percent));
        drawing.text(left - 7.0, y_of(percent) + 4.0, label, Style::regular(11.0, FAINT).aligned(Align::Right));
    }
    let end_m = bins.len() as f64 * bin_m;
    let x_of = |m: f64| left + (m / end_m) as f32 * DEPTH_WIDTH;
    let scale = scale(depth, map);
    for (i, (&n, &percent)) in bins.iter().zip(&shares).enumerate() {
        let (from, to) = (i as f64 * bin_m, (i + 1) as f64 * bin_m);
        let width = (x_of(to) - x_of(from) - 1.0).max(1.0);
        let open = depth.histogram.last_is_open && i + 1 == bins.len();
        let to_m = if open { "more".to_owned() } else { metres(to) };
        let note = format!("{} to {to_m} m: {n} pixels, {percent:.2} %", metres(from));
        if n > 0 {
            let color = scale.color(((from + to) / 2.0) as f32);
            drawing.rect_with_note(x_of(from), y_of(percent), width, bottom - y_of(percent), color, note);
        }
    }
    draw_depth_axis(drawing, end_m, bottom, &x_of);
    draw_quantiles(drawing, depth, plot_top, &x_of);
}

fn draw_depth_axis(drawing: &mut Drawing, end_m: f64, bottom: f32, x_of: &impl Fn(f64) -> f32) {
    let step = round_up_nicely(end_m / 10.0);
    for i in 0..=(end_m / step).floor() as usize {
        let m = i as f64 * step;
        drawing.rect(x_of(m), bottom, 1.0, 5.0, FAINT);
        drawing.text(x_of(m), bottom + 19.0, metres(m), Style::regular(11.0, FAINT).aligned(Align::Middle));
    }
    let middle = x_of(end_m / 2.0);
    drawing.text(middle, bottom + 38.0, "metres", Style::regular(11.0, FAINT).aligned(Align::Middle));
}

/// Marks above the bars: 5 %, the median, 95 %.
fn draw_quantiles(drawing: &mut Drawing, depth: &DepthSummary, plot_top: f32, x_of: &impl Fn(f64) -> f32) {
    let Some(q) = depth.quantiles_m else { return };
    let y = plot_top - 8.0;
    drawing.rect(x_of(q.p05), y, (x_of(q.p95) - x_of(q.p05)).max(1.0), 3.0, GRID);
    drawing.rect(x_of(q.p25), y, (x_of(q.p75) - x_of(q.p25)).max(1.0), 3.0, FAINT);
    drawing.rect(x_of(q.p50) - 1.0, y - 3.0, 3.0, 9.0, INK);
    let label = format!("median {} m", metres(q.p50));
    drawing.text(x_of(q.p50), y - 7.0, label, Style::regular(11.0, INK).aligned(Align::Middle));
}

fn told(depth: &DepthSummary) -> String {
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |s| format!("{:.1} %", 100.0 * s));
    let mut parts = vec![format!("{} of the pixels measured", percent(depth.valid_share))];
    if let (Some(min), Some(max), Some(mean)) = (depth.min_m, depth.max_m, depth.mean_m) {
        parts.push(format!("{min:.2} to {max:.2} m, mean {mean:.2} m"));
    }
    if depth.n_samples_without > 0 {
        parts.push(format!("{} samples without any", depth.n_samples_without));
    }
    parts.join("  \u{b7}  ")
}

fn scale(depth: &DepthSummary, map: ColorMap) -> DepthScale {
    let ends = depth.quantiles_m.and_then(|q| DepthScale::new(q.p01, q.p99, map));
    ends.or_else(|| DepthScale::new(0.0, 10.0, map)).unwrap_or_else(|| DepthScale::of(&Default::default(), map))
}

fn draw_classes(drawing: &mut Drawing, summary: &ClassSummary, left: f32, top: f32) {
    let space = summary.label_space;
    drawing.text(left, top + 18.0, "classes", Style::bold(14.0, INK));
    let coverage = summary.coverage.map_or_else(|| "-".to_owned(), |c| format!("{:.1} %", 100.0 * c));
    let told = format!(
        "{coverage} of the pixels labelled  \u{b7}  {} of {} classes",
        summary.classes.len(),
        space.n_classes()
    );
    drawing.text(left + 72.0, top + 18.0, told, Style::regular(12.0, FAINT));
    let name_width = 130.0;
    let bar_left = left + name_width + 8.0;
    let room = CLASS_WIDTH - name_width - 8.0 - 56.0;
    let largest = summary.classes.first().map_or(1.0, |c| c.share);
    for (i, class) in summary.classes.iter().take(MAX_CLASSES).enumerate() {
        let y = top + 44.0 + CLASS_LINE * i as f32;
        let name = text::fitted(&class.name, 12.0, Weight::Regular, name_width);
        drawing.text(bar_left - 8.0, y + 11.0, name, Style::regular(12.0, INK).aligned(Align::Right));
        let width = ((class.share / largest) as f32 * room).max(1.0);
        let percent = format!("{:.2} %", 100.0 * class.share);
        let note = format!(
            "{}: {} pixels, {percent} of the labelled ones, in {} samples",
            class.name, class.n_pixels, class.n_samples
        );
        drawing.rect_with_note(bar_left, y, width, CLASS_LINE - 6.0, space.color(class.id), note);
        drawing.text(bar_left + width + 6.0, y + 11.0, percent, Style::regular(11.0, FAINT));
    }
    if let Some(more) = summary.classes.len().checked_sub(MAX_CLASSES).filter(|&n| n > 0) {
        let y = top + 44.0 + CLASS_LINE * MAX_CLASSES as f32 + 11.0;
        drawing.text(bar_left, y, format!("{more} more"), Style::regular(12.0, FAINT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::LabelSpace;
    use crate::sample::{Depth, Image, Sample, Semantics, Size};
    use crate::view::Stats;
    use ndarray::{Array2, array};

    fn summary() -> Summary {
        let depth = Depth::from_metres(array![[1.0, 1.0, 2.0, 0.0]]).0;
        let mut sample = Sample::new(Image::filled(Size::new(1, 4), 0), depth);
        sample.semantics = Some(Semantics::new(array![[19, 19, 0, 255]]));
        Summary::new(&Stats::of(&sample), LabelSpace::Ade20k150)
    }

    #[test]
    fn the_bars_tell_the_numbers_of_the_statistics() {
        let svg = chart(&summary(), "a <set>", ColorMap::Turbo).to_svg();
        assert!(svg.contains("a &lt;set&gt;"));
        assert!(svg.contains("<title>1 to 1.05 m: 2 pixels, 66.67 %</title>"), "{svg}");
        assert!(svg.contains("<title>2 to 2.05 m: 1 pixels, 33.33 %</title>"));
        assert!(svg.contains("<title>chair: 2 pixels, 66.67 % of the labelled ones, in 1 samples</title>"));
        assert!(svg.contains("75.0 % of the pixels labelled"));
        assert!(svg.contains(">median 1 m</text>"));
    }

    #[test]
    fn class_bars_have_the_colours_of_the_palette() {
        let picture = chart(&summary(), "", ColorMap::Turbo).to_rgb();
        assert!(picture.pixels().any(|p| p.0 == [204, 70, 3]), "chair");
    }

    #[test]
    fn nothing_to_show_is_said() {
        let sample = Sample::new(Image::filled(Size::new(2, 2), 0), Depth::from_metres(Array2::zeros((2, 2))).0);
        let summary = Summary::new(&Stats::of(&sample), LabelSpace::Ade20k150);
        assert!(chart(&summary, "empty", ColorMap::Turbo).to_svg().contains(">no measurement</text>"));
        let nothing = Summary::new(&Stats::default(), LabelSpace::Nyu13);
        assert!(chart(&nothing, "", ColorMap::Turbo).to_rgb().width() > 0);
    }
}
