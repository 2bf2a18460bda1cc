//! ClassMix: half of A's classes over B (arXiv 2007.07936).

use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::mask::Mask;
use super::recipe::Unmixed;
use crate::sample::{IGNORE, Semantics};

/// The pixels of half of A's classes over B. Pixels without a class are never pasted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassMix {
    /// Least and greatest share of A in the result; other draws are repeated.
    pub share: (f64, f64),
    /// How often a draw is repeated before the sample is left unmixed.
    pub redraws: u32,
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// The classes that are pasted, ascending.
    pub classes: Vec<u8>,
    /// How often classes were drawn until the share was good.
    pub tries: u32,
}

impl ClassMix {
    /// Draws `floor(n / 2)` of A's n classes.
    ///
    /// # Errors
    /// No labels, fewer than two classes, or no draw gave a share within bounds.
    pub fn draw(&self, a: Option<&Semantics>, draws: &mut Draws) -> Result<(Drawn, Mask), Unmixed> {
        let labels = a.ok_or(Unmixed::NoLabels)?;
        let there = classes(labels);
        if there.len() < 2 {
            return Err(Unmixed::TooFewClasses);
        }
        for tries in 1..=self.redraws.saturating_add(1) {
            let drawn = Drawn { classes: draws.subset(&there, there.len() / 2), tries };
            let mask = Self::mask(&drawn, labels);
            if (self.share.0..=self.share.1).contains(&mask.share()) {
                return Ok((drawn, mask));
            }
        }
        Err(Unmixed::Share)
    }

    /// The pixels of the drawn classes.
    #[must_use]
    pub fn mask(drawn: &Drawn, a: &Semantics) -> Mask {
        let mut chosen = [false; 256];
        drawn.classes.iter().filter(|&&class| class != IGNORE).for_each(|&class| chosen[usize::from(class)] = true);
        Mask::new(a.size(), a.values().iter().map(|&label| chosen[usize::from(label)]).collect())
    }
}

/// The classes of a label map, ascending, without *ignore*.
pub(super) fn classes(labels: &Semantics) -> Vec<u8> {
    let mut there = [false; 256];
    labels.values().iter().for_each(|&label| there[usize::from(label)] = true);
    (0..IGNORE).filter(|&class| there[usize::from(class)]).collect()
}
