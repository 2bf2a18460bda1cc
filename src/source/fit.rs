//! One set has one grid: how pictures of different sizes come to lie on it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::picture::MAX_PIXELS;
use crate::sample::{Size, Window};

/// What to do with pictures of different sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Mixed sizes are an error.
    #[default]
    Reject,
    /// Pictures stay whole; rows are added above and columns on both sides, up to the largest height and width.
    /// Added pixels are black and missing. The bottom stays in place, because that is where depth is.
    Pad,
    /// A window of this size, bottom aligned and horizontally centred: `top = H - height`, `left = (W - width) / 2`.
    /// With 352x1216 it is the crop of the KITTI depth benchmark. A smaller picture cannot be cropped.
    Crop(Size),
}

/// The crop of the KITTI depth benchmark (`kb_crop` of BTS).
pub const KITTI_BENCHMARK: Size = Size::new(352, 1216);

/// Pictures that do not fit. The text says what to type instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// Different sizes under [`Fit::Reject`].
    #[error(
        "{} different sizes, from {smallest} to {largest}; choose how they become one with `--fit pad` or `--fit crop:HEIGHTxWIDTH`",
        n_sizes
    )]
    Mixed {
        /// How many there are.
        n_sizes: usize,
        /// The first in order of height, then width.
        smallest: Size,
        /// The last.
        largest: Size,
    },
    /// A picture smaller than the crop.
    #[error("{size} is smaller than the crop of {crop}; `--fit pad` keeps such pictures")]
    TooSmall {
        /// The picture.
        size: Size,
        /// The crop.
        crop: Size,
    },
    /// More than a picture may have.
    #[error("a grid of {grid} has more than {} megapixels; choose a smaller part with `--fit crop:HEIGHTxWIDTH`", MAX_PIXELS / 1_000_000)]
    TooLarge {
        /// The grid.
        grid: Size,
    },
    /// No pictures at all.
    #[error("no picture has a size")]
    None,
}

impl Fit {
    /// The grid of the set, from the sizes of all pictures.
    ///
    /// # Errors
    /// No sizes, or mixed ones under [`Fit::Reject`]. Pictures too small for a crop are told by [`window`](Self::window),
    /// because they concern one sample each.
    pub fn grid(self, sizes: impl IntoIterator<Item = Size>) -> Result<Size, FitError> {
        let sizes: BTreeSet<Size> = sizes.into_iter().collect();
        let (Some(&smallest), Some(&largest)) = (sizes.first(), sizes.last()) else { return Err(FitError::None) };
        let grid = match self {
            Self::Crop(size) => Ok(size),
            Self::Reject if smallest != largest => Err(FitError::Mixed { n_sizes: sizes.len(), smallest, largest }),
            Self::Reject => Ok(smallest),
            Self::Pad => Ok(Size::new(largest.height, sizes.iter().map(|s| s.width).max().unwrap_or(largest.width))),
        }?;
        match grid.height.checked_mul(grid.width) {
            Some(n) if n <= MAX_PIXELS => Ok(grid),
            _ => Err(FitError::TooLarge { grid }),
        }
    }

    /// The part of a picture of `size` that lies on `grid`.
    ///
    /// # Errors
    /// [`FitError::TooSmall`] when `size` does not cover the crop, [`FitError::Mixed`] when it is not the one size.
    pub fn window(self, size: Size, grid: Size) -> Result<Window, FitError> {
        match self {
            Self::Reject if size != grid => {
                Err(FitError::Mixed { n_sizes: 2, smallest: size.min(grid), largest: size.max(grid) })
            }
            Self::Crop(crop) if size.height < crop.height || size.width < crop.width => {
                Err(FitError::TooSmall { size, crop })
            }
            _ => Ok(Window {
                top: difference(size.height, grid.height),
                left: difference(size.width, grid.width).div_euclid(2),
                height: grid.height,
                width: grid.width,
            }),
        }
    }
}

fn difference(a: usize, b: usize) -> i64 {
    let distance = i64::try_from(a.abs_diff(b)).unwrap_or(i64::MAX);
    if a < b { -distance } else { distance }
}

/// `reject`, `pad`, `crop:HxW` or `kb-crop`.
impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reject => f.write_str("reject"),
            Self::Pad => f.write_str("pad"),
            Self::Crop(size) => write!(f, "crop:{}x{}", size.height, size.width),
        }
    }
}

/// The inverse of the display; `kb-crop` is `crop:352x1216`.
impl FromStr for Fit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let crop = |size: &str| size.parse().ok().map(Self::Crop);
        match text {
            "reject" => Ok(Self::Reject),
            "pad" => Ok(Self::Pad),
            "kb-crop" => Ok(Self::Crop(KITTI_BENCHMARK)),
            _ => text.strip_prefix("crop:").and_then(crop).ok_or_else(|| {
                format!("expected reject, pad, kb-crop or crop:HEIGHTxWIDTH such as crop:480x640, found {text:?}")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Size = Size::new(375, 1242);
    const B: Size = Size::new(376, 1241);

    #[test]
    fn a_grid_that_would_take_all_memory_is_refused() {
        let thin = [Size::new(60_000, 2), Size::new(2, 60_000)];
        let error = Fit::Pad.grid(thin).unwrap_err();
        assert!(error.to_string().contains("60000x60000"), "{error}");
        assert_eq!(Fit::Pad.grid([A, B]), Ok(Size::new(376, 1242)));
    }

    #[test]
    fn one_size_needs_no_decision() {
        assert_eq!(Fit::Reject.grid([A, A]), Ok(A));
        assert_eq!(Fit::Reject.window(A, A), Ok(Window::whole(A)));
        assert!(matches!(Fit::Reject.grid([A, B]), Err(FitError::Mixed { n_sizes: 2, .. })));
        assert_eq!(Fit::Pad.grid([]), Err(FitError::None));
    }

    #[test]
    fn padding_keeps_the_bottom_and_the_middle() {
        let grid = Fit::Pad.grid([A, B]).unwrap();
        assert_eq!(grid, Size::new(376, 1242));
        assert_eq!(Fit::Pad.window(A, grid), Ok(Window { top: -1, left: 0, height: 376, width: 1242 }));
        assert_eq!(Fit::Pad.window(B, grid), Ok(Window { top: 0, left: -1, height: 376, width: 1242 }));
    }

    #[test]
    fn the_crop_of_the_benchmark_is_that_of_bts() {
        let fit: Fit = "kb-crop".parse().unwrap();
        let window = |size| fit.window(size, KITTI_BENCHMARK).unwrap();
        assert_eq!((window(A).top, window(A).left), (23, 13));
        assert_eq!((window(B).top, window(B).left), (24, 12));
        assert!(matches!(fit.window(Size::new(300, 1300), KITTI_BENCHMARK), Err(FitError::TooSmall { .. })));
    }

    #[test]
    fn text_and_back_is_the_identity() {
        for text in ["reject", "pad", "crop:480x640"] {
            assert_eq!(text.parse::<Fit>().unwrap().to_string(), text);
        }
        assert_eq!("crop:480x640".parse(), Ok(Fit::Crop(Size::new(480, 640))));
        for wrong in ["", "crop", "crop:0x4", "crop:640", "stretch"] {
            assert!(wrong.parse::<Fit>().is_err(), "{wrong}");
        }
    }
}
