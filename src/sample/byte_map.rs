use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::geometry::{self, Size, Window, standard};
use super::select::Selection;

/// The id of pixels that have no class.
pub const IGNORE: u8 = 255;

/// A field of one byte a pixel that is only ever moved, never blended.
macro_rules! byte_map {
    ($(#[$doc:meta])* $name:ident, missing = $missing:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(Array2<u8>);

        impl $name {
            /// Takes `[H, W]` values as they are.
            #[must_use]
            pub fn new(values: Array2<u8>) -> Self {
                Self(standard(values))
            }

            /// The same value everywhere.
            #[must_use]
            pub fn filled(size: Size, value: u8) -> Self {
                Self(Array2::from_elem((size.height, size.width), value))
            }

            /// The values.
            #[must_use]
            pub fn values(&self) -> ArrayView2<'_, u8> {
                self.0.view()
            }

            /// The values, to be written.
            pub fn values_mut(&mut self) -> ArrayViewMut2<'_, u8> {
                self.0.view_mut()
            }

            /// Takes the chosen pixels of `from`.
            pub(crate) fn take(&mut self, chosen: &Selection, from: &Self) {
                chosen.copy(self.0.as_slice_mut(), from.0.as_slice());
            }

            /// Height and width.
            #[must_use]
            pub fn size(&self) -> Size {
                let (height, width) = self.0.dim();
                Size::new(height, width)
            }

            /// The part the window covers; missing outside.
            #[must_use]
            pub fn window(&self, window: Window) -> Self {
                Self(window.cut(self.0.view(), $missing))
            }

            /// Mirrored left to right.
            #[must_use]
            pub fn mirror(self) -> Self {
                Self(geometry::mirror(self.0))
            }

            /// Nearest neighbour with half-pixel centres.
            #[must_use]
            pub fn resize_nearest(&self, size: Size) -> Self {
                Self(geometry::resize_nearest(self.0.view(), size))
            }
        }
    };
}

byte_map! {
    /// Class ids, `[H, W]`; 255 = ignore. Which classes they are is said by the label space of the set.
    Semantics, missing = IGNORE
}

byte_map! {
    /// Confidence of a pseudo label, `[H, W]`: 0..255 stands for 0..1; 0 where there is none.
    Confidence, missing = 0
}
