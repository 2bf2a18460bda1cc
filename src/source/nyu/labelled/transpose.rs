//! MATLAB stores planes column by column; here is where columns become rows. This is the hot loop of the conversion.

/// Side of the tiles that are turned at once: a row then takes a run of elements at a time.
const TILE: usize = 8;
/// Columns that are worked on together, down the whole plane: a multiple of [`TILE`] that fills whole cache lines, which
/// are then written once and not fetched again for the next tile.
const STRIP: usize = 64;

/// A square of elements, line after line.
type Tile<T> = [[T; TILE]; TILE];

/// An element of a plane.
///
/// Plain loops over arrays of constant length: closures over whole arrays (`map`, `from_fn`) stay calls here, and take
/// three times as long.
pub(super) trait Element: Copy + Default {
    /// Turns columns into rows.
    #[inline(always)]
    fn transpose(tile: &Tile<Self>) -> Tile<Self> {
        let mut turned = [[Self::default(); TILE]; TILE];
        for (x, column) in tile.iter().enumerate() {
            for (row, &element) in turned.iter_mut().zip(column) {
                row[x] = element;
            }
        }
        turned
    }
}

impl Element for f32 {}
#[cfg(test)]
impl Element for u16 {}

impl Element for u8 {
    /// Exchanges the off-diagonal quarters of the tile, then of each quarter, then of each of theirs, eight bytes at a
    /// time.
    #[inline(always)]
    fn transpose(tile: &Tile<Self>) -> Tile<Self> {
        let mut lines = [0; TILE];
        for (line, &column) in lines.iter_mut().zip(tile) {
            *line = u64::from_le_bytes(column);
        }
        exchange::<4>(&mut lines, 0x0000_0000_FFFF_FFFF);
        exchange::<2>(&mut lines, 0x0000_FFFF_0000_FFFF);
        exchange::<1>(&mut lines, 0x00FF_00FF_00FF_00FF);
        let mut turned = [[0; TILE]; TILE];
        for (row, line) in turned.iter_mut().zip(lines) {
            *row = line.to_le_bytes();
        }
        turned
    }
}

/// Exchanges the off-diagonal squares of every square of `2 SIDE` bytes; `mask` covers the left half of each.
#[inline(always)]
fn exchange<const SIDE: usize>(lines: &mut [u64; TILE], mask: u64) {
    for square in lines.chunks_exact_mut(2 * SIDE) {
        let (upper, lower) = square.split_at_mut(SIDE);
        for (upper, lower) in upper.iter_mut().zip(lower) {
            let differing = (*upper >> (8 * SIDE) ^ *lower) & mask;
            *upper ^= differing << (8 * SIDE);
            *lower ^= differing;
        }
    }
}

/// A rectangle of a plane that is stored column by column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<'a, const BYTES: usize> {
    /// Elements as stored; column `i` begins at `i * stride`.
    pub(super) data: &'a [[u8; BYTES]],
    /// Elements from one column to the next.
    pub(super) stride: usize,
    /// The first column, and the number of columns, in the coordinates of the plane.
    pub(super) x: (usize, usize),
    /// The first row, and the number of rows.
    pub(super) y: (usize, usize),
}

/// The part of a plane that is kept, and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl<const BYTES: usize> Columns<'_, BYTES> {
    /// Writes the part of the rectangle that is kept into `plane`, row by row. `None` when the data is too short, which
    /// the caller has ruled out.
    pub(super) fn write<T: Element>(
        &self,
        plane: &mut [T],
        kept: Kept,
        convert: impl Fn([u8; BYTES]) -> T + Copy,
    ) -> Option<()> {
        let (x_start, x_end) = overlap(self.x, (kept.left, kept.width));
        let (y_start, y_end) = overlap(self.y, (kept.top, kept.height));
        if y_start >= y_end || x_start >= x_end {
            return Some(());
        }
        let rows = plane.get_mut((y_start - kept.top) * kept.width..(y_end - kept.top) * kept.width)?;
        for strip in (x_start..x_end).step_by(STRIP) {
            for (n, block) in rows.chunks_mut(TILE * kept.width).enumerate() {
                for x in (strip..x_end.min(strip + STRIP)).step_by(TILE) {
                    let start = (x - self.x.0) * self.stride + (y_start - self.y.0 + n * TILE);
                    let to = (x - kept.left, TILE.min(x_end - x));
                    self.write_tile(start, block, kept.width, to, convert)?;
                }
            }
        }
        Some(())
    }

    /// Writes the columns that begin at element `start` into a block of rows, `n_columns` of them from `x`.
    #[inline]
    fn write_tile<T: Element>(
        &self,
        start: usize,
        block: &mut [T],
        width: usize,
        (x, n_columns): (usize, usize),
        convert: impl Fn([u8; BYTES]) -> T + Copy,
    ) -> Option<()> {
        let n_rows = block.len() / width;
        if (n_columns, n_rows) != (TILE, TILE) {
            for column in 0..n_columns {
                let elements = self.data.get(start + column * self.stride..)?.get(..n_rows)?;
                for (row, &element) in block.chunks_exact_mut(width).zip(elements) {
                    *row.get_mut(x + column)? = convert(element);
                }
            }
            return Some(());
        }
        let mut tile = [[T::default(); TILE]; TILE];
        for (column, line) in tile.iter_mut().enumerate() {
            let elements = self.data.get(start + column * self.stride..)?.first_chunk::<TILE>()?;
            for (place, &element) in line.iter_mut().zip(elements) {
                *place = convert(element);
            }
        }
        for (row, line) in block.chunks_exact_mut(width).zip(T::transpose(&tile)) {
            *row.get_mut(x..)?.first_chunk_mut()? = line;
        }
        Some(())
    }
}

/// First and end of what two ranges, given as first and length, share.
fn overlap(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    (a.0.max(b.0), (a.0 + a.1).min(b.0 + b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Element (x, y) of the plane the tests read.
    const fn element(x: usize, y: usize) -> u16 {
        (x * 100 + y) as u16
    }

    fn stored(x: (usize, usize), y: (usize, usize), stride: usize) -> Vec<[u8; 2]> {
        let columns = (x.0..x.0 + x.1).flat_map(|x| (0..stride).map(move |row| (x, y.0 + row)));
        columns.map(|(x, y)| element(x, y).to_le_bytes()).collect()
    }

    #[test]
    fn pieces_make_the_kept_part_of_the_plane() {
        let (width, height) = (85, 33);
        for kept in [
            Kept { top: 0, left: 0, height, width },
            Kept { top: 2, left: 3, height: 29, width: 15 },
            Kept { top: 32, left: 20, height: 1, width: 1 },
        ] {
            let mut plane = vec![u16::MAX; kept.height * kept.width];
            for x in [(0, 9), (9, 76)] {
                for y in [(0, 13), (13, 20)] {
                    let data = stored(x, y, 22); // the columns of a chunk at the edge are longer than the plane
                    let columns = Columns { data: &data, stride: 22, x, y };
                    columns.write(&mut plane, kept, u16::from_le_bytes).unwrap();
                }
            }
            let rows = (kept.top..kept.top + kept.height)
                .flat_map(|y| (kept.left..kept.left + kept.width).map(move |x| (x, y)));
            assert_eq!(plane, rows.map(|(x, y)| element(x, y)).collect::<Vec<_>>(), "{kept:?}");
        }
    }

    #[test]
    fn tiles_of_bytes_are_turned() {
        let tile: Tile<u8> = std::array::from_fn(|x| std::array::from_fn(|y| (x * 31 + y * 7) as u8));
        let turned = <u8 as Element>::transpose(&tile);
        assert!((0..TILE).all(|y| (0..TILE).all(|x| turned[y][x] == tile[x][y])), "{turned:?}");
    }
}
