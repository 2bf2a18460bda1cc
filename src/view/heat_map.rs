use super::color::ColorMap;
use super::drawing::{Align, Drawing, Rgb, Style};
use super::text::{self, Weight};
use crate::label::{Confusion, LabelSpace};
use crate::sample::IGNORE;

const GROUND: Rgb = [255, 255, 255];
const INK: Rgb = [32, 34, 38];
const FAINT: Rgb = [116, 120, 128];
const GRID: Rgb = [228, 230, 233];

const MARGIN: f32 = 28.0;
const CELL: f32 = 22.0;
const NAMES: f32 = 190.0;
/// The rest is too rare to see.
const MAX_CLASSES: usize = 40;

/// Where ground truth and teacher agree and what they mistake for what: a row for each class of the ground truth, a
/// column for each of the teacher, a cell as bright as its share of the row. The most frequent classes are shown, and
/// pixels without a label as *none*.
#[must_use]
pub fn heat_map(confusion: &Confusion, title: &str) -> Drawing {
    let classes = frequent(confusion);
    let side = classes.len() as f32 * CELL;
    let (left, top) = (MARGIN + NAMES, MARGIN + 76.0);
    let mut drawing = Drawing::new((left + side + 70.0 + MARGIN).max(560.0), top + side + MARGIN, GROUND);
    let title = text::fitted(title, 18.0, Weight::Bold, drawing.size().0 - 2.0 * MARGIN);
    drawing.text(MARGIN, MARGIN + 12.0, title, Style::bold(18.0, INK));
    let caption = "rows: ground truth, columns: teacher (by id); color: share of the row, 0 to 100 %";
    drawing.text(MARGIN, MARGIN + 34.0, caption, Style::regular(12.0, FAINT));
    let total: u64 = confusion.pairs().map(|(.., n)| n).sum();
    for (i, &class) in classes.iter().enumerate() {
        let at = i as f32 * CELL;
        let id = if class == IGNORE { "-".to_owned() } else { class.to_string() };
        let middle = Style::regular(10.0, FAINT).aligned(Align::Middle);
        drawing.text(left + at + CELL / 2.0, top - 7.0, &id, middle);
        let name = format!("{} {id}", name(class));
        let name = text::fitted(&name, 12.0, Weight::Regular, NAMES - 10.0);
        drawing.text(left - 8.0, top + at + 15.0, name, Style::regular(12.0, INK).aligned(Align::Right));
        let row: u64 = confusion.pairs().filter(|(t, ..)| *t == class).map(|(.., n)| n).sum();
        let share = format!("{:.1} %", percent(row, total));
        drawing.text(left + side + 8.0, top + at + 15.0, share, Style::regular(11.0, FAINT));
        for (j, &other) in classes.iter().enumerate() {
            let n = confusion.pairs().find(|&(t, p, _)| (t, p) == (class, other)).map_or(0, |(.., n)| n);
            // The map runs from near (bright) to far (dark); frequent is bright.
            let share = percent(n, row);
            let color = if n == 0 { GRID } else { ColorMap::Viridis.color(1.0 - (share / 100.0) as f32) };
            let note = format!("{} to the teacher {}: {n} pixels, {share:.1} %", self::name(class), self::name(other));
            drawing.rect_with_note(left + j as f32 * CELL, top + at, CELL - 1.0, CELL - 1.0, color, note);
        }
    }
    drawing
}

/// The classes with most pixels on either side, by id, *none* last.
fn frequent(confusion: &Confusion) -> Vec<u8> {
    let mut counts = [0_u64; 256];
    for (truth, pseudo, n) in confusion.pairs() {
        counts[usize::from(truth)] += n;
        counts[usize::from(pseudo)] += n;
    }
    let mut classes: Vec<u8> = (0..=IGNORE).filter(|&id| counts[usize::from(id)] > 0).collect();
    classes.sort_by_key(|&id| (std::cmp::Reverse(counts[usize::from(id)]), id));
    classes.truncate(MAX_CLASSES);
    classes.sort_unstable();
    classes
}

fn name(class: u8) -> &'static str {
    if class == IGNORE { "none" } else { LabelSpace::Ade20k150.class_name(class).unwrap_or("?") }
}

#[expect(clippy::cast_precision_loss, reason = "for a picture")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_as_bright_as_its_share() {
        let truth = [[0; 8], [3; 8]].concat();
        let pseudo = [[0; 8], [3, 3, 3, 3, 3, 3, 0, 255]].concat();
        let drawing = heat_map(&Confusion::count(&truth, &pseudo), "test");
        let svg = drawing.to_svg();
        assert!(svg.contains("floor to the teacher wall: 1 pixels, 12.5 %"), "{svg}");
        assert!(svg.contains("floor to the teacher none: 1 pixels"));
        let picture = drawing.to_rgb();
        let cell = |row: u32, column: u32| {
            let at = |i: u32, start: f32| (start + i as f32 * CELL + 5.0) as u32;
            picture.get_pixel(at(column, MARGIN + NAMES), at(row, MARGIN + 76.0)).0
        };
        assert_eq!(cell(0, 0), ColorMap::Viridis.color(0.0), "wall is always wall");
        assert_eq!(cell(0, 1), GRID, "and never floor");
        assert_eq!(cell(1, 1), ColorMap::Viridis.color(0.25));
    }

    #[test]
    fn only_the_frequent_classes_are_shown() {
        let all: Vec<u8> = (0..150).chain([7]).collect();
        let classes = frequent(&Confusion::count(&all, &all));
        assert_eq!((classes.len(), classes.contains(&7)), (MAX_CLASSES, true));
        assert!(heat_map(&Confusion::default(), "nothing").to_svg().contains("nothing"));
    }
}
