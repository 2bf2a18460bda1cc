use crate::sample::{Size, Window};

/// A map that was not made for the picture of its sample.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a map of the sample, {grid}{}, or a smaller one of the same shape; found {found}", whole(.crop))]
pub struct Misfit {
    /// Size of the map.
    pub found: Size,
    /// Size of the sample.
    pub grid: Size,
    /// What the sample is of its source picture.
    pub crop: Option<Window>,
}

fn whole(crop: &Option<Window>) -> String {
    crop.map_or_else(String::new, |w| {
        format!(", or of its whole source picture, of which rows from {} and columns from {} are stored", w.top, w.left)
    })
}

/// How a map comes to lie on its sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// It is a map of the sample.
    Same,
    /// It is a map of the whole source picture; this part of it is stored.
    Window(Window),
    /// It is a smaller map of the sample, to be enlarged by nearest neighbour with half-pixel centres.
    Enlarge,
}

/// Decides how a map of size `map` comes to lie on a sample of size `grid`, which is `crop` of its source picture.
///
/// # Errors
/// The map belongs to another picture.
pub fn place(map: Size, grid: Size, crop: Option<Window>) -> Result<Placement, Misfit> {
    if map == grid {
        return Ok(Placement::Same);
    }
    if let Some(window) = crop.filter(|w| is_whole(map, *w)) {
        return Ok(Placement::Window(window));
    }
    let is_smaller = map.height <= grid.height && map.width <= grid.width;
    // Sizes are rounded when a network shrinks: one pixel more or less of the map is the same shape.
    let (a, b) = (map.height * grid.width, map.width * grid.height);
    let is_same_shape = a.abs_diff(b) <= grid.height.max(grid.width);
    // Of a part, a smaller map of the whole picture may have the shape as well; one of the part has a stride.
    if is_smaller && is_same_shape && (crop.is_none() || has_stride(map, grid)) {
        return Ok(Placement::Enlarge);
    }
    Err(Misfit { found: map, grid, crop })
}

/// Whether `map` is `grid` at one whole stride, rounded either way.
fn has_stride(map: Size, grid: Size) -> bool {
    let side = |len: usize, of: usize, stride: usize| len == of / stride || len == of.div_ceil(stride);
    (2..=grid.height.max(grid.width)).any(|s| side(map.height, grid.height, s) && side(map.width, grid.width, s))
}

/// Whether `map` can be the picture that `window` was cut from: where the window lies inside, it reaches beyond it, and no further
/// below and on the right than above and on the left, because windows lie at the bottom, in the middle (or, NYU's, nearer to the right
/// bottom corner); where the window pads, it is what padding above and on both sides leaves.
fn is_whole(map: Size, window: Window) -> bool {
    let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let covers = |len: usize, start: i64, window: usize| {
        let beyond = signed(len) - start.saturating_add(signed(window));
        (0..=start.saturating_add(1)).contains(&beyond)
    };
    let rows = match window.top {
        top @ 0.. => covers(map.height, top, window.height),
        top => signed(map.height) == signed(window.height).saturating_add(top),
    };
    let columns = match window.left {
        left @ 0.. => covers(map.width, left, window.width),
        // Half of the difference, rounded down, is added on the left.
        left => {
            let rest = i128::from(signed(map.width)) - i128::from(signed(window.width)) - 2 * i128::from(left);
            (0..=1).contains(&rest)
        }
    };
    rows && columns
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Size = Size::new(480, 640);

    #[test]
    fn smaller_maps_of_the_same_shape_are_enlarged() {
        assert_eq!(place(GRID, GRID, None), Ok(Placement::Same));
        assert_eq!(place(Size::new(120, 160), GRID, None), Ok(Placement::Enlarge));
        // Stride 4 of 375 x 1242 is 93.75 x 310.5.
        let kitti = Size::new(375, 1242);
        for map in [Size::new(94, 311), Size::new(93, 310), Size::new(94, 310)] {
            assert_eq!(place(map, kitti, None), Ok(Placement::Enlarge), "{map}");
        }
        for map in [Size::new(120, 120), Size::new(640, 480), Size::new(960, 1280)] {
            assert!(place(map, GRID, None).is_err(), "{map}");
        }
    }

    #[test]
    fn maps_of_the_whole_picture_are_cut_like_it() {
        let crop = Window { top: 23, left: 13, height: 352, width: 1216 };
        let grid = crop.size();
        assert_eq!(place(Size::new(375, 1242), grid, Some(crop)), Ok(Placement::Window(crop)));
        assert!(place(Size::new(375, 1242), grid, None).is_err());
        assert!(place(Size::new(370, 1224), grid, Some(crop)).is_err(), "too small for the window");
        let padded = Window { top: -5, left: -9, height: 375, width: 1242 };
        assert_eq!(place(Size::new(370, 1224), padded.size(), Some(padded)), Ok(Placement::Window(padded)));
        assert!(place(Size::new(369, 1200), padded.size(), Some(padded)).is_err());
    }

    #[test]
    fn maps_of_other_pictures_do_not_pass_for_that_of_a_part() {
        let nyu = Window { top: 45, left: 41, height: 427, width: 561 };
        let of = |map| place(map, nyu.size(), Some(nyu));
        assert_eq!(of(GRID), Ok(Placement::Window(nyu)));
        assert!(of(Size::new(960, 1280)).is_err(), "twice the picture covers the window as well");
        assert!(of(Size::new(120, 160)).is_err(), "a quarter of the whole picture has nearly the shape of the part");
        assert_eq!(of(Size::new(107, 141)), Ok(Placement::Enlarge));
        assert_eq!(of(Size::new(213, 280)), Ok(Placement::Enlarge));
    }

    #[test]
    fn the_message_tells_both_sizes() {
        let error = place(Size::new(10, 10), GRID, None).unwrap_err().to_string();
        assert!(error.contains("480x640") && error.contains("10x10"), "{error}");
    }
}
