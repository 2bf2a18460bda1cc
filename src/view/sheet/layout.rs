//! Where everything of a contact sheet stands.

use image::RgbImage;

use super::Row;
use crate::label::LabelSpace;
use crate::sample::{Sample, Size};
use crate::view::color::DepthScale;
use crate::view::panel;

pub(in super::super) const MARGIN: f32 = 28.0;
pub(in super::super) const GAP: f32 = 10.0;
pub(super) const CAPTION: f32 = 26.0;
pub(super) const ROW_GAP: f32 = 18.0;
pub(super) const LEGEND_WIDTH: f32 = 200.0;
pub(super) const LEGEND_LINE: f32 = 19.0;
pub(in super::super) const BAR: (f32, f32) = (300.0, 14.0);
pub(super) const QUARANTINED_HEIGHT: f32 = 48.0;
/// Pixels of a panel: 4:3 pictures become 440 x 330.
pub(in super::super) const PANEL_AREA: f64 = 440.0 * 330.0;

/// The columns of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Image,
    Depth,
    RawDepth,
    Classes,
    Confidence,
}

impl Column {
    const ALL: [Self; 5] = [Self::Image, Self::Depth, Self::RawDepth, Self::Classes, Self::Confidence];

    pub(super) const fn title(self, predicted: bool) -> &'static str {
        match self {
            Self::Depth if predicted => "predicted depth",
            Self::Classes if predicted => "predicted classes",
            Self::Image => "image",
            Self::Depth => "depth",
            Self::RawDepth => "raw depth",
            Self::Classes => "classes",
            Self::Confidence => "confidence",
        }
    }

    pub(super) const fn is_in(self, sample: &Sample) -> bool {
        match self {
            Self::Image | Self::Depth => true,
            Self::RawDepth => sample.raw_depth.is_some(),
            Self::Classes => sample.semantics.is_some(),
            Self::Confidence => sample.confidence.is_some(),
        }
    }

    pub(super) fn picture(
        self,
        sample: &Sample,
        size: Size,
        scale: &DepthScale,
        space: LabelSpace,
    ) -> Option<RgbImage> {
        Some(match self {
            Self::Image => panel::of_image(&sample.image, size),
            Self::Depth => panel::of_depth(&sample.depth, size, scale),
            Self::RawDepth => panel::of_depth(sample.raw_depth.as_ref()?, size, scale),
            Self::Classes => panel::of_classes(sample.semantics.as_ref()?, size, space),
            Self::Confidence => panel::of_confidence(sample.confidence.as_ref()?.values(), size),
        })
    }
}

/// The columns of a sheet and the size of its panels, in pixels.
pub(super) struct Layout {
    pub(super) fields: Vec<Column>,
    pub(super) panel: Size,
}

impl Layout {
    pub(super) fn new(rows: &[Row]) -> Self {
        let samples = || rows.iter().filter_map(Row::as_sample);
        let any = |column: &Column| samples().any(|s| column.is_in(s));
        let mut fields: Vec<Column> = Column::ALL.into_iter().filter(any).collect();
        if fields.is_empty() {
            fields = vec![Column::Image, Column::Depth];
        }
        let grid = samples().map(|s| s.image.size()).find(|s| s.n_pixels() > 0).unwrap_or(Size::new(3, 4));
        let aspect = (grid.width as f64 / grid.height as f64).clamp(0.2, 8.0);
        let side = |v: f64| v.sqrt().round() as usize;
        Self { fields, panel: Size::new(side(PANEL_AREA / aspect), side(PANEL_AREA * aspect)) }
    }

    pub(super) fn panel_width(&self) -> f32 {
        self.panel.width as f32
    }

    pub(super) fn panel_height(&self) -> f32 {
        self.panel.height as f32
    }

    pub(super) fn panel_x(&self, i: usize) -> f32 {
        MARGIN + i as f32 * (self.panel_width() + GAP)
    }

    pub(super) fn has_legend(&self) -> bool {
        self.fields.contains(&Column::Classes)
    }

    pub(super) fn width(&self) -> f32 {
        let legend = if self.has_legend() { LEGEND_WIDTH } else { -GAP };
        (self.panel_x(self.fields.len()) + legend + MARGIN).max(820.0)
    }

    pub(super) fn header_height(&self) -> f32 {
        MARGIN + 92.0
    }

    pub(super) fn row_height(&self, row: &Row) -> f32 {
        let panel = if row.as_sample().is_some() { self.panel_height() } else { QUARANTINED_HEIGHT };
        CAPTION + panel + ROW_GAP
    }

    pub(super) fn rows_height(&self, rows: &[Row]) -> f32 {
        rows.iter().map(|r| self.row_height(r)).sum::<f32>() + MARGIN - ROW_GAP
    }

    /// Class names that have room beside a row.
    pub(super) fn legend_lines(&self) -> usize {
        (self.panel_height() / LEGEND_LINE) as usize
    }
}
