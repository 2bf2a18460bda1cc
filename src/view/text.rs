//! The two fonts of the program, and how wide a text is in them.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

/// Weight of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// For most.
    Regular,
    /// For headings.
    Bold,
}

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| parsed(include_bytes!("font/DejaVuSans-subset.ttf")));
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| parsed(include_bytes!("font/DejaVuSans-Bold-subset.ttf")));

#[expect(clippy::expect_used, reason = "the bytes are a constant of the program, and every picture test reads them")]
fn parsed(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("a font of the program is broken")
}

pub(super) fn font(weight: Weight) -> &'static FontRef<'static> {
    match weight {
        Weight::Regular => &REGULAR,
        Weight::Bold => &BOLD,
    }
}

/// The scale at which the font has an em of `size` pixels, as in SVG: ab_glyph counts ascent + descent instead.
pub(super) fn scale(weight: Weight, size: f32) -> PxScale {
    let font = font(weight);
    PxScale::from(size * font.height_unscaled() / font.units_per_em().unwrap_or(1.0))
}

/// Pixels between the top of the line and the baseline.
pub(super) fn ascent(weight: Weight, size: f32) -> f32 {
    font(weight).as_scaled(scale(weight, size)).ascent()
}

/// Width in pixels.
pub(super) fn width(text: &str, size: f32, weight: Weight) -> f32 {
    let font = font(weight).as_scaled(scale(weight, size));
    text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
}

/// The text with every sign that the font lacks replaced by a question mark.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if REGULAR.glyph_id(c).0 == 0 { '?' } else { c }).collect()
}

/// The text, its end replaced by an ellipsis when it is wider than `available` pixels.
pub(super) fn fitted(text: &str, size: f32, weight: Weight, available: f32) -> String {
    if width(text, size, weight) <= available {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = width("\u{2026}", size, weight);
    for c in text.chars() {
        used += width(c.encode_utf8(&mut [0; 4]), size, weight);
        if used > available {
            break;
        }
        kept.push(c);
    }
    kept + "\u{2026}"
}

/// The text broken between words into lines of at most `available` pixels.
pub(super) fn wrapped(text: &str, size: f32, weight: Weight, available: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, weight) <= available => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fitted(word, size, weight, available)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_an_em() {
        // Advance of `M` in DejaVu Sans: 1767 of 2048 units per em.
        assert!((width("M", 100.0, Weight::Regular) - 100.0 * 1767.0 / 2048.0).abs() < 0.1);
        assert!(width("wall", 12.0, Weight::Bold) > width("wall", 12.0, Weight::Regular));
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        let cut = fitted("a very long class name", 12.0, Weight::Regular, 60.0);
        assert!(cut.ends_with('\u{2026}') && width(&cut, 12.0, Weight::Regular) <= 60.0, "{cut}");
        assert_eq!(fitted("sky", 12.0, Weight::Regular, 60.0), "sky");
        assert!(wrapped("one two three four", 12.0, Weight::Regular, 60.0).len() > 1);
    }

    #[test]
    fn foreign_signs_become_question_marks() {
        let names = "caf\u{e9} K\u{fc}che \u{3ba}\u{3bf}\u{3c5} \u{43a}\u{443}\u{445} \u{2264}";
        assert_eq!(printable(names), names);
        assert_eq!(printable("\u{4e2d} a"), "? a");
        assert!(names.chars().all(|c| c == ' ' || BOLD.glyph_id(c).0 != 0));
    }
}
