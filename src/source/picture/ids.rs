use ndarray::Array2;

/// Numbers of a label map `[H, W]`, as wide as their file stores them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids {
    /// 0..255.
    Narrow(Array2<u8>),
    /// 0..65535.
    Wide(Array2<u16>),
}

impl Ids {
    /// The numbers, all 16 bits wide.
    #[must_use]
    pub fn into_u16(self) -> Array2<u16> {
        match self {
            Self::Narrow(ids) => ids.mapv(u16::from),
            Self::Wide(ids) => ids,
        }
    }

    /// Number of pixels.
    #[must_use]
    pub fn n_pixels(&self) -> usize {
        match self {
            Self::Narrow(ids) => ids.len(),
            Self::Wide(ids) => ids.len(),
        }
    }

    /// Whether any pixel has this number.
    #[must_use]
    pub fn holds(&self, id: u8) -> bool {
        match self {
            Self::Narrow(ids) => holds(ids, id),
            Self::Wide(ids) => holds(ids, id.into()),
        }
    }

    /// How many pixels have this number.
    #[must_use]
    pub fn count(&self, id: u8) -> usize {
        match self {
            Self::Narrow(ids) => count(ids, id),
            Self::Wide(ids) => count(ids, id.into()),
        }
    }
}

fn holds<T: PartialEq>(ids: &Array2<T>, id: T) -> bool {
    match ids.as_slice_memory_order() {
        Some(ids) => ids.contains(&id), // whole blocks at once
        None => ids.iter().any(|i| *i == id),
    }
}

fn count<T: PartialEq>(ids: &Array2<T>, id: T) -> usize {
    // A row has fewer than 2^32 pixels; 32 bits are counted several at a time.
    ids.rows().into_iter().map(|row| row.iter().map(|i| u32::from(*i == id)).sum::<u32>() as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn both_widths_count_alike() {
        for ids in [Ids::Narrow(array![[7, 0], [7, 255]]), Ids::Wide(array![[7, 0], [7, 255]])] {
            assert_eq!((ids.n_pixels(), ids.count(7), ids.count(255), ids.count(1)), (4, 2, 1, 0));
            assert!(ids.holds(7) && ids.holds(255) && !ids.holds(1));
            assert_eq!(ids.into_u16(), array![[7, 0], [7, 255]]);
        }
        let wide = Ids::Wide(array![[300]]);
        assert!(wide.count(44) == 0 && !wide.holds(44), "300 is 44 in its lower byte");
    }
}
