use std::fmt::Write;

use image::RgbImage;
use imageproc::drawing::{draw_filled_rect_mut, draw_text_mut};
use imageproc::rect::Rect;

use super::text::{self, Weight};

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// Which part of a text stands at its x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Its left end.
    Left,
    /// Its middle.
    Middle,
    /// Its right end.
    Right,
}

/// Rectangles and texts on a plain ground: one description for pixels and for SVG. Units are pixels, y points down.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    width: f32,
    height: f32,
    ground: Rgb,
    marks: Vec<Mark>,
}

#[derive(Clone, Debug, PartialEq)]
enum Mark {
    Rect { x: f32, y: f32, width: f32, height: f32, color: Rgb, note: String },
    Text { x: f32, y: f32, text: String, style: Style },
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Style {
    pub(super) size: f32,
    pub(super) weight: Weight,
    pub(super) align: Align,
    pub(super) color: Rgb,
}

impl Style {
    pub(super) const fn regular(size: f32, color: Rgb) -> Self {
        Self { size, weight: Weight::Regular, align: Align::Left, color }
    }

    pub(super) const fn bold(size: f32, color: Rgb) -> Self {
        Self { size, weight: Weight::Bold, align: Align::Left, color }
    }

    pub(super) const fn aligned(self, align: Align) -> Self {
        Self { align, ..self }
    }
}

impl Drawing {
    /// An empty drawing.
    #[must_use]
    pub const fn new(width: f32, height: f32, ground: Rgb) -> Self {
        Self { width, height, ground, marks: Vec::new() }
    }

    /// Width and height in pixels.
    #[must_use]
    pub const fn size(&self) -> (f32, f32) {
        (self.width, self.height)
    }

    /// A filled rectangle.
    pub fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, color: Rgb) {
        self.rect_with_note(x, y, width, height, color, String::new());
    }

    /// A filled rectangle that tells `note` when pointed at (in SVG).
    pub fn rect_with_note(&mut self, x: f32, y: f32, width: f32, height: f32, color: Rgb, note: String) {
        self.marks.push(Mark::Rect { x, y, width, height, color, note });
    }

    /// A frame of one pixel around a rectangle.
    pub fn frame(&mut self, x: f32, y: f32, width: f32, height: f32, color: Rgb) {
        self.rect(x - 1.0, y - 1.0, width + 2.0, 1.0, color);
        self.rect(x - 1.0, y + height, width + 2.0, 1.0, color);
        self.rect(x - 1.0, y, 1.0, height, color);
        self.rect(x + width, y, 1.0, height, color);
    }

    /// A line of text, `y` being its baseline.
    pub(super) fn text(&mut self, x: f32, y: f32, text: impl AsRef<str>, style: Style) {
        self.marks.push(Mark::Text { x, y, text: text::printable(text.as_ref()), style });
    }

    /// As pixels.
    #[must_use]
    pub fn to_rgb(&self) -> RgbImage {
        let (width, height) = (self.width.ceil().max(1.0) as u32, self.height.ceil().max(1.0) as u32);
        let mut canvas = RgbImage::from_pixel(width, height, image::Rgb(self.ground));
        for mark in &self.marks {
            match mark {
                Mark::Rect { x, y, width, height, color, .. } => {
                    paint_rect(&mut canvas, [*x, *y, *width, *height], *color);
                }
                Mark::Text { x, y, text, style } => paint_text(&mut canvas, *x, *y, text, *style),
            }
        }
        canvas
    }

    /// As a complete SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let (w, h) = (Number(self.width), Number(self.height));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             font-family=\"DejaVu Sans, Verdana, sans-serif\">\n<rect width=\"{w}\" height=\"{h}\" fill=\"{}\"/>\n",
            hex(self.ground)
        );
        for mark in &self.marks {
            // Writing to a String cannot fail.
            let _ = writeln!(svg, "{}", mark.to_svg());
        }
        svg + "</svg>\n"
    }
}

impl Mark {
    fn to_svg(&self) -> String {
        match self {
            Self::Rect { x, y, width, height, color, note } => {
                let [x, y, w, h] = [x, y, width, height].map(|v| Number(*v));
                let rect = format!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{}\"", hex(*color));
                match note.as_str() {
                    "" => rect + "/>",
                    note => format!("{rect}><title>{}</title></rect>", escaped(note)),
                }
            }
            Self::Text { x, y, text, style } => {
                let anchor = match style.align {
                    Align::Left => "",
                    Align::Middle => " text-anchor=\"middle\"",
                    Align::Right => " text-anchor=\"end\"",
                };
                let weight = if style.weight == Weight::Bold { " font-weight=\"bold\"" } else { "" };
                let (x, y, size) = (Number(*x), Number(*y), Number(style.size));
                let (fill, text) = (hex(style.color), escaped(text));
                format!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{fill}\"{anchor}{weight}>{text}</text>")
            }
        }
    }
}

fn paint_rect(canvas: &mut RgbImage, [x, y, width, height]: [f32; 4], color: Rgb) {
    // Edges are rounded, not sizes, so that neighbours neither overlap nor leave gaps.
    let edges = |start: f32, length: f32, end: u32| {
        let from = start.round().max(0.0);
        let to = (start + length).round().max(from + 1.0).min(end as f32);
        (to > from).then_some((from as i32, (to - from) as u32))
    };
    let (Some((x, w)), Some((y, h))) = (edges(x, width, canvas.width()), edges(y, height, canvas.height())) else {
        return;
    };
    draw_filled_rect_mut(canvas, Rect::at(x, y).of_size(w, h), image::Rgb(color));
}

fn paint_text(canvas: &mut RgbImage, x: f32, baseline: f32, text: &str, style: Style) {
    let width = text::width(text, style.size, style.weight);
    let x = match style.align {
        Align::Left => x,
        Align::Middle => x - width / 2.0,
        Align::Right => x - width,
    };
    let y = baseline - text::ascent(style.weight, style.size);
    let scale = text::scale(style.weight, style.size);
    let font = text::font(style.weight);
    draw_text_mut(canvas, image::Rgb(style.color), x.round() as i32, y.round() as i32, scale, font, text);
}

/// A length with at most two decimals, so that an SVG does not depend on the last bits of a sum.
struct Number(f32);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", (f64::from(self.0) * 100.0).round() / 100.0)
    }
}

/// `#rrggbb`
pub(super) fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The text as it must be written in XML and HTML.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Other control characters are not allowed in XML at all.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_and_svg_hold_the_same_rectangle() {
        let mut drawing = Drawing::new(20.0, 10.0, [255; 3]);
        drawing.rect(4.6, 2.0, 3.0, 100.0, [1, 2, 3]);
        let picture = drawing.to_rgb();
        assert_eq!(picture.dimensions(), (20, 10));
        assert_eq!(picture.get_pixel(5, 9).0, [1, 2, 3]);
        assert_eq!(picture.get_pixel(4, 9).0, [255; 3]);
        assert_eq!(picture.get_pixel(8, 9).0, [255; 3]);
        assert!(drawing.to_svg().contains(r##"<rect x="4.6" y="2" width="3" height="100" fill="#010203"/>"##));
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let mut drawing = Drawing::new(4.0, 4.0, [255; 3]);
        drawing.rect(-5.0, -5.0, 2.0, 2.0, [0; 3]);
        drawing.rect(50.0, 50.0, 2.0, 2.0, [0; 3]);
        drawing.text(-100.0, 400.0, "far away", Style::regular(12.0, [0; 3]));
        let corner = drawing.to_rgb();
        assert!(corner.pixels().skip(1).all(|p| p.0 == [255; 3]));
    }

    #[test]
    fn texts_leave_ink_and_are_escaped() {
        let mut drawing = Drawing::new(80.0, 20.0, [255; 3]);
        drawing.text(78.0, 15.0, "a<b & \"c\"", Style::bold(14.0, [0; 3]).aligned(Align::Right));
        assert!(drawing.to_rgb().pixels().any(|p| p.0[0] < 60));
        assert!(
            drawing.to_svg().contains("text-anchor=\"end\" font-weight=\"bold\">a&lt;b &amp; &quot;c&quot;</text>")
        );
    }
}
