//! The names of the classes beside a row and below the sheet.

use super::layout::{LEGEND_LINE, LEGEND_WIDTH, Layout, MARGIN};
use super::{FAINT, HAIRLINE, INK};
use crate::label::LabelSpace;
use crate::view::drawing::{Align, Drawing, Style};
use crate::view::stats::{ClassCounts, Stats};
use crate::view::text::{self, Weight};

pub(super) fn draw_row_legend(
    drawing: &mut Drawing,
    classes: &ClassCounts,
    layout: &Layout,
    top: f32,
    space: LabelSpace,
) {
    let x = layout.panel_x(layout.fields.len()) + 4.0;
    let right = x + LEGEND_WIDTH - 4.0;
    let found = classes.by_frequency();
    let room = layout.legend_lines();
    let shown = if found.len() > room { room.saturating_sub(1) } else { found.len() };
    let n_labelled: u64 = found.iter().map(|&(_, n)| n).sum();
    for (i, &(id, n)) in found.iter().take(shown).enumerate() {
        let y = top + 13.0 + LEGEND_LINE * i as f32;
        draw_class(drawing, x, y, id, space, right - 50.0);
        let share = format!("{:.1} %", 100.0 * n as f64 / n_labelled as f64);
        drawing.text(right, y, share, Style::regular(12.0, FAINT).aligned(Align::Right));
    }
    if shown < found.len() {
        let y = top + 13.0 + LEGEND_LINE * shown as f32;
        drawing.text(x + 19.0, y, format!("{} more", found.len() - shown), Style::regular(12.0, FAINT));
    }
}

fn draw_class(drawing: &mut Drawing, x: f32, baseline: f32, id: u8, space: LabelSpace, right: f32) {
    drawing.frame(x, baseline - 11.0, 12.0, 13.0, HAIRLINE);
    drawing.rect(x, baseline - 11.0, 12.0, 13.0, space.color(id));
    let name = text::fitted(&class_name(id, space), 12.0, Weight::Regular, right - x - 19.0);
    drawing.text(x + 19.0, baseline, name, Style::regular(12.0, INK));
}

fn class_name(id: u8, space: LabelSpace) -> String {
    space.class_name(id).map_or_else(|| format!("{id} (no class)"), str::to_owned)
}

/// The classes of all rows, when some row has more of them than fit beside it.
pub(super) fn sheet_legend(stats: &[Option<Stats>]) -> Vec<(u8, usize)> {
    let classes = || stats.iter().flatten().filter_map(|s| s.classes.as_ref());
    let most = classes().map(|c| c.by_frequency().len()).max().unwrap_or_default();
    let all = classes().cloned().reduce(|a, b| a.merge(&b));
    all.map(|c| c.by_frequency().into_iter().map(|(id, _)| (id, most)).collect()).unwrap_or_default()
}

/// Classes of a line, each with its place from the left.
pub(super) type Line = Vec<(f32, u8)>;

pub(super) fn footer_lines(legend: &[(u8, usize)], layout: &Layout, space: LabelSpace) -> Vec<Line> {
    if legend.first().is_none_or(|&(_, most)| most <= layout.legend_lines()) {
        return Vec::new();
    }
    let mut lines: Vec<Line> = vec![Vec::new()];
    let mut x = MARGIN;
    for &(id, _) in legend {
        let width = text::width(&class_name(id, space), 12.0, Weight::Regular) + 42.0;
        if x + width > layout.width() - MARGIN && x > MARGIN {
            lines.push(Vec::new());
            x = MARGIN;
        }
        if let Some(line) = lines.last_mut() {
            line.push((x, id));
        }
        x += width;
    }
    lines
}

pub(super) fn footer_height(lines: &[Line]) -> f32 {
    if lines.is_empty() { 0.0 } else { 34.0 + 22.0 * lines.len() as f32 }
}

pub(super) fn draw_footer(drawing: &mut Drawing, lines: &[Line], top: f32, space: LabelSpace) {
    if !lines.is_empty() {
        drawing.text(MARGIN, top + 12.0, "classes on this sheet", Style::bold(13.0, FAINT));
    }
    for (i, line) in lines.iter().enumerate() {
        for &(x, id) in line {
            draw_class(drawing, x, top + 36.0 + 22.0 * i as f32, id, space, f32::INFINITY);
        }
    }
}
