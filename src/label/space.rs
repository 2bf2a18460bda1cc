use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ade20k, cityscapes, nyu};
use crate::sample::IGNORE;

/// A set of at most 255 classes whose ids a prepared set can hold; 255 always means *ignore*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LabelSpace {
    /// The 150 classes of SceneParse150, zero based, in their official order.
    #[serde(rename = "ade20k150")]
    Ade20k150,
    /// The 40 classes of Gupta et al., ids 1..40.
    #[serde(rename = "nyu40")]
    Nyu40,
    /// The 13 classes of Couprie et al., ids 1..13.
    #[serde(rename = "nyu13")]
    Nyu13,
    /// The 19 evaluated classes of Cityscapes by train id, zero based.
    #[serde(rename = "cityscapes19")]
    Cityscapes19,
}

impl LabelSpace {
    /// Every space there is.
    pub const ALL: [Self; 4] = [Self::Ade20k150, Self::Nyu40, Self::Nyu13, Self::Cityscapes19];

    /// The name stored in a set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ade20k150 => "ade20k150",
            Self::Nyu40 => "nyu40",
            Self::Nyu13 => "nyu13",
            Self::Cityscapes19 => "cityscapes19",
        }
    }

    /// The class names in the order of their ids; the first belongs to [`first_id`](Self::first_id).
    #[must_use]
    pub fn names(self) -> &'static [String] {
        match self {
            Self::Ade20k150 => ade20k::names(),
            Self::Nyu40 => nyu::names_40(),
            Self::Nyu13 => nyu::names_13(),
            Self::Cityscapes19 => cityscapes::train_names(),
        }
    }

    /// How many classes there are, *ignore* not counted.
    #[must_use]
    pub const fn n_classes(self) -> usize {
        match self {
            Self::Ade20k150 => ade20k::N_CLASSES,
            Self::Nyu40 => nyu::N_CLASSES_40,
            Self::Nyu13 => nyu::N_CLASSES_13,
            Self::Cityscapes19 => cityscapes::N_TRAIN_IDS,
        }
    }

    /// The id of the first class: 1 in the NYU spaces, 0 in the others.
    #[must_use]
    pub const fn first_id(self) -> u8 {
        match self {
            Self::Ade20k150 | Self::Cityscapes19 => 0,
            Self::Nyu40 | Self::Nyu13 => 1,
        }
    }

    /// Whether `id` is a class of this space (255, *ignore*, is none).
    #[must_use]
    pub fn contains(self, id: u8) -> bool {
        self.class_name(id).is_some()
    }

    /// The name of class `id`; `None` for ignore and for ids outside the space.
    #[must_use]
    pub fn class_name(self, id: u8) -> Option<&'static str> {
        let index = usize::from(id.checked_sub(self.first_id())?);
        self.names().get(index).map(String::as_str)
    }

    /// The id of the class called `name`. In ADE20K an alias will do (`couch` for `sofa`), and case is ignored.
    #[must_use]
    pub fn id_of(self, name: &str) -> Option<u8> {
        let wanted = name.trim().to_lowercase();
        if self == Self::Ade20k150 {
            return ade20k::id_of(&wanted);
        }
        let index = self.names().iter().position(|n| *n == wanted)?;
        u8::try_from(index).ok()?.checked_add(self.first_id())
    }

    /// The display colour of class `id`, red, green, blue: the palettes of ADE20K and Cityscapes, and for the NYU spaces the
    /// colour map of Pascal VOC, whose neighbouring ids differ most. Ignore is black.
    #[must_use]
    pub fn color(self, id: u8) -> [u8; 3] {
        match self {
            _ if id == IGNORE => [0, 0, 0],
            Self::Ade20k150 => ade20k::palette()[usize::from(id)],
            Self::Nyu40 | Self::Nyu13 => voc_color(id),
            Self::Cityscapes19 => {
                let class = cityscapes::classes().iter().find(|c| c.train_id == id);
                class.map_or([127; 3], |c| c.color)
            }
        }
    }
}

/// The bits of the id are dealt to red, green and blue in turn, the lowest becoming the highest bit of a channel.
///
/// Source: `VOClabelcolormap` of the Pascal VOC development kit.
fn voc_color(id: u8) -> [u8; 3] {
    let bit = |at: u8| u8::from((u32::from(id) >> at) & 1 == 1);
    [0, 1, 2].map(|channel| (0..3).fold(0, |value, round| value | (bit(3 * round + channel) << (7 - round))))
}

impl fmt::Display for LabelSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no label space has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no label space `{0}`; the known ones are ade20k150 (or ade20k), nyu40, nyu13 and cityscapes19 (or cityscapes)"
)]
pub struct UnknownSpace(pub String);

impl FromStr for LabelSpace {
    type Err = UnknownSpace;

    fn from_str(name: &str) -> Result<Self, UnknownSpace> {
        match name {
            "ade20k" => Ok(Self::Ade20k150),
            "cityscapes" => Ok(Self::Cityscapes19),
            _ => Self::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| UnknownSpace(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_space_names_and_colours_all_its_classes() {
        for space in LabelSpace::ALL {
            assert_eq!(space.names().len(), space.n_classes(), "{space}");
            assert_eq!(space.name().parse(), Ok(space));
            assert!(!space.contains(IGNORE));
            assert_eq!(space.color(IGNORE), [0, 0, 0]);
            for id in 0..=254 {
                assert_eq!(space.class_name(id).map(|n| space.id_of(n)), space.contains(id).then_some(Some(id)));
                assert!(!space.contains(id) || space.color(id) != [0, 0, 0], "{space} {id}");
            }
        }
        assert_eq!("ade20k".parse(), Ok(LabelSpace::Ade20k150));
        assert_eq!(LabelSpace::Cityscapes19.id_of("bicycle"), Some(18));
        assert!("ade".parse::<LabelSpace>().is_err());
    }

    #[test]
    fn nyu_ids_start_at_one() {
        assert_eq!(LabelSpace::Nyu40.class_name(0), None);
        assert_eq!(LabelSpace::Nyu40.class_name(1), Some("wall"));
        assert_eq!(LabelSpace::Nyu40.class_name(40), Some("otherprop"));
        assert_eq!(LabelSpace::Nyu40.class_name(41), None);
        assert_eq!(LabelSpace::Nyu13.id_of("Window"), Some(13));
    }

    /// The first colours of the development kit's own list.
    #[test]
    fn voc_colours() {
        let first = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128], [0, 128, 128]];
        assert_eq!(std::array::from_fn::<_, 7, _>(|id| voc_color(id as u8)), first);
        assert_eq!([voc_color(8), voc_color(20), voc_color(40)], [[64, 0, 0], [0, 64, 128], [64, 0, 64]]);
    }
}
