use super::compose::{Misfit, compose};
use super::mask::Mask;
use crate::sample::{Sample, Selection};

/// What is done to B: a mask, and where the pixels inside it come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    mask: Mask,
    origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
enum Origin {
    /// The partner.
    A,
    /// A sample made from B itself.
    Layer(Box<Sample>),
    /// Grey in the image alone, one value a pixel.
    Grey(Vec<u8>),
}

impl Edit {
    /// A inside the mask.
    #[must_use]
    pub const fn select(mask: Mask) -> Self {
        Self { mask, origin: Origin::A }
    }

    /// Another sample inside the mask.
    #[must_use]
    pub fn layer(mask: Mask, layer: Sample) -> Self {
        Self { mask, origin: Origin::Layer(Box::new(layer)) }
    }

    /// Grey inside the mask, in the image alone.
    #[must_use]
    pub const fn grey(mask: Mask, grey: Vec<u8>) -> Self {
        Self { mask, origin: Origin::Grey(grey) }
    }

    /// The pixels that are not B's.
    #[must_use]
    pub const fn mask(&self) -> &Mask {
        &self.mask
    }

    /// The mixed sample; methods without a partner do not look at `a`.
    ///
    /// # Errors
    /// The sizes differ.
    pub fn apply(self, a: Option<Sample>, mut b: Sample) -> Result<Sample, Misfit> {
        match self.origin {
            Origin::A => match a {
                Some(a) => compose(&self.mask, a, b),
                None => Ok(b),
            },
            Origin::Layer(layer) => compose(&self.mask, *layer, b),
            Origin::Grey(grey) => {
                let size = b.image.size();
                if self.mask.size() != size {
                    return Err(Misfit { a: self.mask.size(), b: size });
                }
                b.image.take_grey(&Selection::of(self.mask.cells(), true), &grey);
                Ok(b)
            }
        }
    }
}
