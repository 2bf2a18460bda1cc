//! The tables of the program.

use super::{NoTable, Remap};
use crate::label::{LabelSpace, ade20k, cityscapes, nyu};
use crate::sample::IGNORE;

impl Remap {
    /// From the raw ids of the labelled `.mat` of NYU Depth v2: 0 = unlabelled, 1..894.
    ///
    /// # Errors
    /// When there is no table into `space`.
    pub fn nyu894_to(space: LabelSpace) -> Result<Self, NoTable> {
        let targets = match space {
            LabelSpace::Ade20k150 => &nyu::NYU894.ade20k,
            LabelSpace::Nyu40 => &nyu::NYU894.nyu40,
            LabelSpace::Nyu13 => &nyu::NYU894.nyu13,
            LabelSpace::Cityscapes19 => return Err(NoTable { from: "nyu894", to: space }),
        };
        Ok(Self::of_list("nyu894", space, targets))
    }

    /// From NYU40 ids: 0 or 255 = unlabelled, 1..40.
    ///
    /// # Errors
    /// When there is no table into `space`.
    pub fn nyu40_to(space: LabelSpace) -> Result<Self, NoTable> {
        match space {
            LabelSpace::Ade20k150 => Ok(Self::of_list("nyu40", space, &nyu::NYU40.ade20k).with_ignore()),
            LabelSpace::Nyu13 => Ok(Self::of_list("nyu40", space, &nyu::NYU40.nyu13).with_ignore()),
            LabelSpace::Nyu40 => Ok(Self::identity(space)),
            LabelSpace::Cityscapes19 => Err(NoTable { from: "nyu40", to: space }),
        }
    }

    /// From NYU13 ids: 0 or 255 = unlabelled, 1..13.
    ///
    /// # Errors
    /// When there is no table into `space`.
    pub fn nyu13_to(space: LabelSpace) -> Result<Self, NoTable> {
        match space {
            LabelSpace::Ade20k150 => Ok(Self::of_list("nyu13", space, &nyu::NYU13.ade20k).with_ignore()),
            LabelSpace::Nyu13 => Ok(Self::identity(space)),
            LabelSpace::Nyu40 | LabelSpace::Cityscapes19 => Err(NoTable { from: "nyu13", to: space }),
        }
    }

    /// From Cityscapes ids (0..33, as in `labelIds` and in the semantic benchmark of KITTI), the 19 evaluated classes
    /// only; 255 (`license plate` as a byte) is ignored.
    ///
    /// # Errors
    /// When there is no table into `space`.
    pub fn cityscapes_to(space: LabelSpace) -> Result<Self, NoTable> {
        Self::cityscapes("cityscapes", space, |c| c.ade20k, |c| c.id..c.id + 1)
    }

    /// As [`cityscapes_to`](Self::cityscapes_to), with some classes that are not evaluated: bridge, parking, caravan, ...
    ///
    /// # Errors
    /// When there is no table into `space`.
    pub fn cityscapes_extended_to(space: LabelSpace) -> Result<Self, NoTable> {
        Self::cityscapes("cityscapes (extended)", space, |c| c.ade20k_extended, |c| c.id..c.id + 1)
    }

    /// From Cityscapes train ids: 0..18, 255 = ignore, as in `labelTrainIds`.
    ///
    /// # Errors
    /// When there is no table into `space`.
    pub fn cityscapes_train_ids_to(space: LabelSpace) -> Result<Self, NoTable> {
        let train_id = |c: &cityscapes::Class| if c.train_id == IGNORE { 0..0 } else { c.train_id..c.train_id + 1 };
        Self::cityscapes("cityscapes train ids", space, |c| c.ade20k, train_id)
    }

    /// From the `instanceIds` of Cityscapes: `id * 1000 + k` for things, else the id.
    ///
    /// # Errors
    /// When there is no table into `space`.
    pub fn cityscapes_instances_to(space: LabelSpace) -> Result<Self, NoTable> {
        let classes = Self::cityscapes_to(space)?;
        let listed = classes.listed_ids().filter(|&(id, _)| id < cityscapes::N_IDS);
        let mut remap = Self { name: "cityscapes instances".to_owned(), ..classes.clone() };
        for (id, target) in listed.filter(|&(id, _)| id > 0) {
            (0..1000).for_each(|k| remap.list(id * 1000 + k, target));
        }
        Ok(remap)
    }

    /// From the `instance` maps of the semantic benchmark of KITTI: `id * 256 + k`.
    ///
    /// # Errors
    /// When there is no table into `space`.
    pub fn kitti_instances_to(space: LabelSpace) -> Result<Self, NoTable> {
        let classes = Self::cityscapes_to(space)?;
        let mut remap = Self::of_list("kitti instances", space, &[]);
        for (id, target) in classes.listed_ids() {
            (0..256).filter(|k| id * 256 + k < usize::from(u16::MAX)).for_each(|k| remap.list(id * 256 + k, target));
        }
        Ok(remap)
    }

    /// `target` is where a class goes in ADE20K, `ids` the numbers it has in the source.
    fn cityscapes<I: Iterator<Item = u8>>(
        name: &'static str,
        space: LabelSpace,
        target: impl Fn(&cityscapes::Class) -> u8,
        ids: impl Fn(&cityscapes::Class) -> I,
    ) -> Result<Self, NoTable> {
        let target = |c: &cityscapes::Class| match space {
            LabelSpace::Ade20k150 => Ok(target(c)),
            LabelSpace::Cityscapes19 => Ok(c.train_id),
            LabelSpace::Nyu40 | LabelSpace::Nyu13 => Err(NoTable { from: name, to: space }),
        };
        let mut remap = Self::of_list(name, space, &[]);
        for class in cityscapes::classes().iter().filter(|c| c.id != IGNORE) {
            let target = target(class)?;
            ids(class).for_each(|id| remap.list(id.into(), target));
        }
        Ok(remap.with_ignore())
    }

    /// From ADE20K ids 0..149 (255 = ignore), many to one where `space` is coarser: for scoring against its labels.
    ///
    /// # Errors
    /// When there is no table into `space`.
    pub fn ade20k_to(space: LabelSpace) -> Result<Self, NoTable> {
        let nyu40 = &nyu::NYU40_OF_ADE20K;
        let nyu13 = || nyu40.iter().map(|&id| nyu::NYU40.nyu13.get(usize::from(id)).copied().unwrap_or(IGNORE));
        Ok(match space {
            LabelSpace::Ade20k150 => Self::identity(space),
            LabelSpace::Nyu40 => Self::of_list("ade20k150", space, nyu40).with_ignore(),
            LabelSpace::Nyu13 => Self::of_list("ade20k150", space, &nyu13().collect::<Vec<_>>()).with_ignore(),
            LabelSpace::Cityscapes19 => {
                Self::of_list("ade20k150", space, cityscapes::train_ids_of_ade20k()).with_ignore()
            }
        })
    }

    /// From the official annotation PNGs of ADE20K: 1..150 = class, 0 and 255 (padding) = ignore.
    #[must_use]
    pub fn ade20k_official() -> Self {
        let mut remap = Self::of_list("ade20k150 (1-based)", LabelSpace::Ade20k150, &[IGNORE]);
        for class in ade20k::classes() {
            remap.list(usize::from(class.id) + 1, class.id);
        }
        remap.with_ignore()
    }

    /// From the class numbers of the full ADE20K, as its colours hold them; those that are none of the 150 are ignored.
    #[must_use]
    pub fn ade20k_full() -> Self {
        let ignored = vec![IGNORE; usize::from(ade20k::N_FULL)];
        let mut remap = Self::of_list("ade20k full", LabelSpace::Ade20k150, &ignored);
        for &(full, id) in ade20k::of_full() {
            remap.list(full.into(), id);
        }
        remap
    }

    /// From the ids of one space to those of another, as far as there is a table.
    ///
    /// # Errors
    /// When there is none.
    pub fn between(from: LabelSpace, to: LabelSpace) -> Result<Self, NoTable> {
        match from {
            _ if from == to => Ok(Self::identity(to)),
            LabelSpace::Ade20k150 => Self::ade20k_to(to),
            LabelSpace::Nyu40 => Self::nyu40_to(to),
            LabelSpace::Nyu13 => Self::nyu13_to(to),
            LabelSpace::Cityscapes19 => Self::cityscapes_train_ids_to(to),
        }
    }
}
