//! NumPy's `.npy`, version 1.0, C order, little endian.
//!
//! Source: NEP 1, "A Simple File Format for NumPy Arrays".

/// An array of u8.
pub(super) fn bytes(values: &[u8], shape: &[usize]) -> Vec<u8> {
    let mut file = header("|u1", shape);
    file.extend_from_slice(values);
    file
}

/// An array of f32.
pub(super) fn floats(values: impl Iterator<Item = f32>, shape: &[usize]) -> Vec<u8> {
    let mut file = header("<f4", shape);
    file.extend(values.flat_map(f32::to_le_bytes));
    file
}

/// A vector of f64.
pub(super) fn doubles(values: &[f64]) -> Vec<u8> {
    let mut file = header("<f8", &[values.len()]);
    file.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    file
}

fn header(dtype: &str, shape: &[usize]) -> Vec<u8> {
    let shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let dict = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    // Magic, version and length take 10 bytes; the data begin at a multiple of 64.
    let padded = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((padded as u16).to_le_bytes());
    file.extend(format!("{dict:<width$}\n", width = padded - 1).bytes());
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `io.BytesIO` after `numpy.save(f, numpy.arange(6, dtype='u1').reshape(2, 3))`, NumPy 2.
    #[test]
    fn the_header_is_numpys() {
        let file = bytes(&[0, 1, 2, 3, 4, 5], &[2, 3]);
        assert_eq!(&file[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert!(file[10..].starts_with(b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3,), }"));
        assert_eq!((file.len(), file[127], &file[128..]), (134, b'\n', [0, 1, 2, 3, 4, 5].as_slice()));
        assert_eq!(doubles(&[1.0]).len(), 136);
    }
}
