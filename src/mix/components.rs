use crate::sample::Size;

/// Which pixels touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbours {
    /// Left, right, above, below.
    Four,
    /// The diagonal ones as well.
    Eight,
}

/// Pixels of one row that lie side by side and have the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) row: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Which component it belongs to.
    pub(super) part: usize,
}

/// The connected regions of equal value, numbered in the order of their first pixels, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Components {
    pub(super) runs: Vec<Run>,
    /// Pixels of each component.
    pub(super) areas: Vec<usize>,
}

impl Components {
    /// Union-find over the runs of each row.
    pub(super) fn of<T: Copy + PartialEq>(values: &[T], size: Size, neighbours: Neighbours) -> Self {
        let reach = usize::from(neighbours == Neighbours::Eight);
        let mut runs: Vec<Run> = Vec::new();
        let mut parents: Vec<usize> = Vec::new();
        let mut above = 0..0;
        for (row, line) in values.chunks_exact(size.width.max(1)).enumerate() {
            let first = runs.len();
            let mut candidate = above.start;
            let mut start = 0;
            for run in line.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                let n = runs.len();
                runs.push(Run { row, start, end, part: n });
                parents.push(n);
                // Runs above are ordered: those that end before this one begins are of no use to the next one either.
                while candidate < above.end && runs[candidate].end + reach <= start {
                    candidate += 1;
                }
                let mut touching = candidate;
                while touching < above.end && runs[touching].start < end + reach {
                    let other = &runs[touching];
                    if values[other.row * size.width + other.start] == run[0] {
                        unite(&mut parents, touching, n);
                    }
                    touching += 1;
                }
                start = end;
            }
            above = first..runs.len();
        }
        let mut areas = Vec::new();
        let mut numbers = vec![usize::MAX; runs.len()];
        for (n, run) in runs.iter_mut().enumerate() {
            let root = find(&mut parents, n);
            if numbers[root] == usize::MAX {
                numbers[root] = areas.len();
                areas.push(0);
            }
            let part = numbers[root];
            run.part = part;
            areas[part] += run.end - run.start;
        }
        Self { runs, areas }
    }

    /// The number of the component of every pixel.
    pub(super) fn of_pixels(&self, size: Size) -> Vec<u32> {
        let mut parts = vec![0; size.n_pixels()];
        for run in &self.runs {
            let start = run.row * size.width;
            parts[start + run.start..start + run.end].fill(u32::try_from(run.part).unwrap_or(u32::MAX));
        }
        parts
    }
}

/// The root of the tree of `n`; every second link is shortened on the way.
fn find(parents: &mut [usize], mut n: usize) -> usize {
    while parents[n] != n {
        parents[n] = parents[parents[n]];
        n = parents[n];
    }
    n
}

/// The smaller root wins, so that components keep the order of their first runs.
fn unite(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(parents, a), find(parents, b));
    parents[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Flood fill, for comparison.
    fn flooded(values: &[u8], size: Size, neighbours: Neighbours) -> Vec<u32> {
        let mut parts = vec![u32::MAX; values.len()];
        let mut n = 0;
        for seed in 0..values.len() {
            if parts[seed] != u32::MAX {
                continue;
            }
            let mut open = vec![seed];
            parts[seed] = n;
            while let Some(at) = open.pop() {
                let (y, x) = ((at / size.width) as isize, (at % size.width) as isize);
                for (dy, dx) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx))) {
                    let diagonal = dy != 0 && dx != 0;
                    let (y, x) = (y + dy, x + dx);
                    let inside = y >= 0 && x >= 0 && (y as usize) < size.height && (x as usize) < size.width;
                    if !inside || (diagonal && neighbours == Neighbours::Four) {
                        continue;
                    }
                    let to = y as usize * size.width + x as usize;
                    if parts[to] == u32::MAX && values[to] == values[at] {
                        parts[to] = n;
                        open.push(to);
                    }
                }
            }
            n += 1;
        }
        parts
    }

    proptest! {
        #[test]
        fn runs_find_what_flooding_finds(
            height in 1..9usize, width in 1..12usize, values in prop::collection::vec(0..3u8, 108),
        ) {
            let size = Size::new(height, width);
            let values = &values[..size.n_pixels()];
            for neighbours in [Neighbours::Four, Neighbours::Eight] {
                let found = Components::of(values, size, neighbours);
                let parts = found.of_pixels(size);
                prop_assert_eq!(&parts, &flooded(values, size, neighbours));
                for (part, &area) in found.areas.iter().enumerate() {
                    prop_assert_eq!(area, parts.iter().filter(|&&p| p as usize == part).count());
                }
            }
        }
    }
}
