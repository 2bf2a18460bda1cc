use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// The rows (counted from zero) of the test split: about the share of the labelled NYU set, the first row included.
#[must_use]
pub fn is_test_row(row: usize) -> bool {
    const TEST: usize = 654;
    const ALL: usize = 1449;
    ((row + 1) * TEST).div_ceil(ALL) > (row * TEST).div_ceil(ALL)
}

/// A MAT v5 file with the double columns `trainNdxs` and `testNdxs`, counted from one, as `splits.mat` of NYU has them.
pub(super) fn splits_mat(count: usize) -> std::io::Result<Vec<u8>> {
    let (test, train): (Vec<usize>, Vec<usize>) = (0..count).partition(|&row| is_test_row(row));
    let mut file = header();
    for (name, rows) in [("trainNdxs", train), ("testNdxs", test)] {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&column(name, &rows))?;
        let packed = encoder.finish()?;
        file.extend(15_u32.to_le_bytes()); // miCOMPRESSED, which alone is not padded
        file.extend(len(packed.len()));
        file.extend(packed);
    }
    Ok(file)
}

fn header() -> Vec<u8> {
    let mut text = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Thu Jan  1 00:00:00 1970".to_vec();
    text.resize(116, b' ');
    text.resize(124, 0);
    text.extend([0x00, 0x01, b'I', b'M']);
    text
}

/// A double matrix of n rows and one column whose whole numbers are stored as u16 or u32, as MATLAB does.
fn column(name: &str, rows: &[usize]) -> Vec<u8> {
    const DOUBLE_CLASS: [u8; 8] = [6, 0, 0, 0, 0, 0, 0, 0];
    let dimensions = [len(rows.len()), len(1)].concat();
    let wide = rows.iter().any(|&row| row >= usize::from(u16::MAX));
    let numbers: Vec<u8> = rows
        .iter()
        .flat_map(|&row| {
            let bytes = len(row + 1);
            if wide { bytes.to_vec() } else { bytes[..2].to_vec() }
        })
        .collect();
    let body = [
        element(6, &DOUBLE_CLASS),
        element(5, &dimensions),
        element(1, name.as_bytes()),
        element(if wide { 6 } else { 4 }, &numbers),
    ]
    .concat();
    element(14, &body)
}

/// Type, length, bytes, and zeros up to a multiple of eight.
fn element(kind: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = [&kind.to_le_bytes()[..], &len(bytes.len()), bytes].concat();
    out.resize(out.len().next_multiple_of(8), 0);
    out
}

/// Sets have far fewer than 2^32 scenes.
fn len(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_test_rows_is_that_of_nyu() {
        assert!(is_test_row(0) && !is_test_row(1));
        assert_eq!((0..1449).filter(|&row| is_test_row(row)).count(), 654);
    }

    #[test]
    fn a_column_is_laid_out_as_documented() {
        // MAT-File Format, level 5: tag (14, 64), flags, dimensions 2 x 1, name, two u16.
        let bytes = column("testNdxs", &[0, 2]);
        assert_eq!(bytes[..8], [14, 0, 0, 0, 64, 0, 0, 0]);
        assert_eq!(bytes[8..24], [6, 0, 0, 0, 8, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[24..40], [5, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(bytes[48..56], *b"testNdxs");
        assert_eq!(bytes[56..], [4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0]);
    }
}
