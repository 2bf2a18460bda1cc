//! MATLAB stores planes column by column; here is where columns become rows. This is the hot loop of the conversion.

/// Side of the tiles that are turned at once: a row then takes a run of elements at a time.
const TILE: usize = 8;

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
        let n_rows = y_end.saturating_sub(y_start);
        let column = |x: usize| {
            let start = (x - self.x.0).checked_mul(self.stride)?.checked_add(y_start - self.y.0)?;
            self.data.get(start..start.checked_add(n_rows)?)
        };
        if n_rows == 0 || x_start >= x_end {
            return Some(());
        }
        let rows = plane.get_mut((y_start - kept.top) * kept.width..(y_end - kept.top) * kept.width)?;
        let mut x = x_start;
        while x + TILE <= x_end {
            let mut strip = [[].as_slice(); TILE];
            for (i, slot) in strip.iter_mut().enumerate() {
                *slot = column(x + i)?;
            }
            write_strip(rows, kept.width, x - kept.left, strip, convert);
            x += TILE;
        }
        for x in x..x_end {
            write_column(rows, kept.width, x - kept.left, column(x)?, convert);
        }
        Some(())
    }
}

/// Writes neighbouring columns of equal length, tile by tile.
#[inline]
fn write_strip<T: Element, const BYTES: usize>(
    rows: &mut [T],
    width: usize,
    x: usize,
    strip: [&[[u8; BYTES]]; TILE],
    convert: impl Fn([u8; BYTES]) -> T + Copy,
) {
    let tiles = strip.map(|column| column.as_chunks::<TILE>().0);
    let n_tiles = tiles.iter().map(|column| column.len()).min().unwrap_or(0);
    // Equal lengths that the compiler can see: no check is left inside the loop.
    let tiles = tiles.map(|column| column.get(..n_tiles).unwrap_or_default());
    let mut blocks = rows.chunks_exact_mut(TILE * width.max(1));
    for (n, block) in blocks.by_ref().take(n_tiles).enumerate() {
        let mut tile = [[T::default(); TILE]; TILE];
        for (line, column) in tile.iter_mut().zip(&tiles) {
            for (place, &element) in line.iter_mut().zip(&column[n]) {
                *place = convert(element);
            }
        }
        for (row, line) in block.chunks_exact_mut(width).zip(T::transpose(&tile)) {
            if let Some(place) = row.get_mut(x..).and_then(<[T]>::first_chunk_mut) {
                *place = line;
            }
        }
    }
    let rest = blocks.into_remainder();
    for (i, column) in strip.iter().enumerate() {
        write_column(rest, width, x + i, column.get(n_tiles * TILE..).unwrap_or_default(), convert);
    }
}

/// Writes a single column.
fn write_column<T, const BYTES: usize>(
    rows: &mut [T],
    width: usize,
    x: usize,
    column: &[[u8; BYTES]],
    convert: impl Fn([u8; BYTES]) -> T,
) {
    for (place, &element) in rows.iter_mut().skip(x).step_by(width.max(1)).zip(column) {
        *place = convert(element);
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
        let (width, height) = (21, 33);
        for kept in [
            Kept { top: 0, left: 0, height, width },
            Kept { top: 2, left: 3, height: 29, width: 15 },
            Kept { top: 32, left: 20, height: 1, width: 1 },
        ] {
            let mut plane = vec![u16::MAX; kept.height * kept.width];
            for x in [(0, 9), (9, 12)] {
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
