use std::fmt;
use std::str::FromStr;

/// A share of the work: every n-th shard. Parts need not know of each other and may run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// 0-based.
    index: usize,
    count: usize,
}

/// A part that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a part such as 2/8, from 1/n to n/n, found {0:?}")]
pub struct PartError(String);

impl Part {
    /// All shards.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Part `index` (from 0) of `count`; `None` unless `index < count`.
    #[must_use]
    pub fn new(index: usize, count: usize) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Whether this part makes the shard.
    #[must_use]
    pub const fn has(self, shard: usize) -> bool {
        shard % self.count == self.index
    }
}

impl FromStr for Part {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let part = text.split_once('/').and_then(|(index, count)| {
            let (index, count) = (index.parse::<usize>().ok()?, count.parse().ok()?);
            Self::new(index.checked_sub(1)?, count)
        });
        part.ok_or_else(|| PartError(text.into()))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_shard_once() {
        let parts: Vec<Part> = ["1/3", "2/3", "3/3"].iter().map(|p| p.parse().unwrap()).collect();
        for shard in 0..20 {
            assert_eq!(parts.iter().filter(|p| p.has(shard)).count(), 1);
        }
        assert_eq!(parts[1].to_string(), "2/3");
    }

    #[test]
    fn parts_that_cannot_be_are_refused() {
        for text in ["0/3", "4/3", "1/0", "1", "a/b", "-1/3", ""] {
            assert!(text.parse::<Part>().is_err(), "{text}");
        }
    }
}
