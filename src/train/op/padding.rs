//! Where the windows of a convolution or pool lie.

/// Zero padding on all four sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// The same number of rows and columns on every side.
    Symmetric(usize),
    /// TensorFlow's SAME: the result has ceil(n / stride) rows; an odd total puts the larger half at the bottom and right.
    Same,
}

/// The windows of a `kernel x kernel` convolution or pool over a plane of given size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Windows {
    /// Rows and columns of a window.
    pub kernel: usize,
    /// Distance of neighbouring windows.
    pub stride: usize,
    /// Size of the plane: rows, columns.
    pub input: (usize, usize),
    /// Padding above and to the left.
    pub before: (usize, usize),
    /// Size of the result: rows, columns.
    pub output: (usize, usize),
}

impl Windows {
    /// The windows over a plane of `input` rows and columns.
    pub(super) fn new(kernel: usize, stride: usize, padding: Padding, input: (usize, usize)) -> Self {
        assert!(kernel > 0 && stride > 0, "kernel {kernel} and stride {stride} must be at least 1");
        let one = |n: usize| match padding {
            Padding::Symmetric(p) => {
                assert!(n + 2 * p >= kernel, "a {kernel} kernel does not fit {n} rows or columns padded by {p}");
                (p, (n + 2 * p - kernel) / stride + 1)
            }
            Padding::Same => {
                let out = n.div_ceil(stride);
                let total = ((out.max(1) - 1) * stride + kernel).saturating_sub(n);
                (total / 2, out)
            }
        };
        let ((top, rows), (left, columns)) = (one(input.0), one(input.1));
        Self { kernel, stride, input, before: (top, left), output: (rows, columns) }
    }

    /// Number of cells of the result.
    pub(super) fn cells(&self) -> usize {
        self.output.0 * self.output.1
    }

    /// The input row under tap `tap` of output row `row`, or `None` in the padding.
    pub(super) fn row(&self, row: usize, tap: usize) -> Option<usize> {
        (row * self.stride + tap).checked_sub(self.before.0).filter(|r| *r < self.input.0)
    }

    /// The input column under tap `tap` of output column `column`, or `None` in the padding.
    pub(super) fn column(&self, column: usize, tap: usize) -> Option<usize> {
        (column * self.stride + tap).checked_sub(self.before.1).filter(|c| *c < self.input.1)
    }

    /// The output columns `from..to` whose tap `tap` lies on a real input column, and the input column of the first.
    pub(super) fn real_columns(&self, tap: usize) -> (usize, usize, usize) {
        let (n, s, p) = (self.input.1, self.stride, self.before.1);
        let from = p.saturating_sub(tap).div_ceil(s).min(self.output.1);
        let to = (n + p).saturating_sub(tap).div_ceil(s).clamp(from, self.output.1);
        (from, to, (from * s + tap).saturating_sub(p))
    }

    /// Whether the windows are single cells in order, so that the plane is its own unfolding.
    pub(super) fn pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.before == (0, 0) && self.input == self.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_follows_tensorflow() {
        // maxvit.md 3.4: 3x3 stride 2 on an even size pads 0 before, 1 after; on an odd size 1 and 1.
        let even = Windows::new(3, 2, Padding::Same, (8, 8));
        assert_eq!((even.before, even.output), ((0, 0), (4, 4)));
        let odd = Windows::new(3, 2, Padding::Same, (9, 7));
        assert_eq!((odd.before, odd.output), ((1, 1), (5, 4)));
        let unit = Windows::new(3, 1, Padding::Same, (5, 1));
        assert_eq!((unit.before, unit.output), ((1, 1), (5, 1)));
    }

    #[test]
    fn real_columns_are_those_with_an_input_column() {
        for (kernel, stride, padding, n) in [
            (3, 1, Padding::Symmetric(1), 1),
            (3, 2, Padding::Same, 8),
            (3, 2, Padding::Same, 7),
            (5, 3, Padding::Symmetric(2), 11),
            (2, 2, Padding::Symmetric(0), 6),
            (7, 1, Padding::Symmetric(3), 2),
        ] {
            let windows = Windows::new(kernel, stride, padding, (n, n));
            for tap in 0..kernel {
                let real: Vec<usize> = (0..windows.output.1).filter(|x| windows.column(*x, tap).is_some()).collect();
                let (from, to, first) = windows.real_columns(tap);
                assert_eq!(real, (from..to).collect::<Vec<_>>(), "{windows:?} tap {tap}");
                if from < to {
                    assert_eq!(windows.column(from, tap), Some(first));
                }
            }
        }
    }
}
