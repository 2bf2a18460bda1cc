//! MATLAB stores planes column by column; here is where columns become rows. This is the hot loop of the conversion.

/// Columns moved together: a row then takes a run of elements at a time, while its cache line stays near.
const STRIP: usize = 8;

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
    pub(super) fn write<T>(
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
        while x + STRIP <= x_end {
            let mut strip = [[].as_slice(); STRIP];
            for (i, slot) in strip.iter_mut().enumerate() {
                *slot = column(x + i)?;
            }
            write_strip(rows, kept.width, x - kept.left, strip, convert);
            x += STRIP;
        }
        for x in x..x_end {
            write_strip(rows, kept.width, x - kept.left, [column(x)?], convert);
        }
        Some(())
    }
}

/// Writes `N` neighbouring columns of equal length.
#[inline]
fn write_strip<T, const N: usize, const BYTES: usize>(
    rows: &mut [T],
    width: usize,
    x: usize,
    strip: [&[[u8; BYTES]]; N],
    convert: impl Fn([u8; BYTES]) -> T,
) {
    let n_rows = rows.len() / width;
    // Equal lengths that the compiler can see: no check is left inside the loop.
    let strip = strip.map(|column| column.get(..n_rows).unwrap_or_default());
    if strip.iter().any(|column| column.len() != n_rows) {
        return;
    }
    for (y, row) in rows.chunks_exact_mut(width).enumerate() {
        if let Some(place) = row.get_mut(x..).and_then(<[T]>::first_chunk_mut::<N>) {
            *place = std::array::from_fn(|i| convert(strip[i][y]));
        }
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
        let (width, height) = (21, 13);
        for kept in [
            Kept { top: 0, left: 0, height, width },
            Kept { top: 2, left: 3, height: 9, width: 15 },
            Kept { top: 12, left: 20, height: 1, width: 1 },
        ] {
            let mut plane = vec![u16::MAX; kept.height * kept.width];
            for x in [(0, 9), (9, 12)] {
                for y in [(0, 5), (5, 8)] {
                    let data = stored(x, y, 10); // the columns of a chunk at the edge are longer than the plane
                    let columns = Columns { data: &data, stride: 10, x, y };
                    columns.write(&mut plane, kept, u16::from_le_bytes).unwrap();
                }
            }
            let rows = (kept.top..kept.top + kept.height)
                .flat_map(|y| (kept.left..kept.left + kept.width).map(move |x| (x, y)));
            assert_eq!(plane, rows.map(|(x, y)| element(x, y)).collect::<Vec<_>>(), "{kept:?}");
        }
    }
}
