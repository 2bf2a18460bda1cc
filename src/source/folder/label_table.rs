use std::path::Path;

use crate::label::{ColorTable, LabelSpace, NoTable, Remap};
use crate::sample::IGNORE;
use crate::source::SourceError;
use crate::source::label_map::ColorCode;

/// The label ids of a data set, by name. Zero based lists have no *unlabelled*; 255 is ignored everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelTable {
    /// ADE20K-150, 0..149.
    Ade20k,
    /// ADE20K-150 as its annotations have it: 0 = other, 1..150.
    Ade20kOfficial,
    /// NYU Depth v2, raw: 0 = unlabelled, 1..894.
    Nyu894,
    /// NYU40: 0 = unlabelled, 1..40.
    Nyu40,
    /// NYU40 minus one: 0..39, 255 = unlabelled.
    Nyu40ZeroBased,
    /// NYU40 minus one where unlabelled pixels were saved as 39, which is therefore ignored.
    Nyu40MergedVoid,
    /// NYU13: 0 = unlabelled, 1..13.
    Nyu13,
    /// SUN RGB-D: 0 = unlabelled, 1..37.
    SunRgbd37,
    /// SUN RGB-D minus one: 0..36, 255 = unlabelled.
    SunRgbd37ZeroBased,
    /// Cityscapes and KITTI, `labelIds`: 0..33.
    Cityscapes,
    /// The same with some classes that are not evaluated: bridge, parking, ...
    CityscapesExtended,
    /// Cityscapes, `labelTrainIds`: 0..18.
    CityscapesTrainIds,
    /// Cityscapes, `instanceIds`: id * 1000 + k for things.
    CityscapesInstances,
    /// The `instance` maps of KITTI: id * 256 + k.
    KittiInstances,
    /// The full ADE20K, whose RGB maps hold red / 10 * 256 + green.
    Ade20kFull,
}

impl LabelTable {
    /// Every table there is.
    pub const ALL: [Self; 15] = [
        Self::Ade20k,
        Self::Ade20kOfficial,
        Self::Nyu894,
        Self::Nyu40,
        Self::Nyu40ZeroBased,
        Self::Nyu40MergedVoid,
        Self::Nyu13,
        Self::SunRgbd37,
        Self::SunRgbd37ZeroBased,
        Self::Cityscapes,
        Self::CityscapesExtended,
        Self::CityscapesTrainIds,
        Self::CityscapesInstances,
        Self::KittiInstances,
        Self::Ade20kFull,
    ];

    /// As in `--labels-table`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ade20k => "ade20k",
            Self::Ade20kOfficial => "ade20k-official",
            Self::Nyu894 => "nyu894",
            Self::Nyu40 => "nyu40",
            Self::Nyu40ZeroBased => "nyu40-0based",
            Self::Nyu40MergedVoid => "nyu40-0based-merged",
            Self::Nyu13 => "nyu13",
            Self::SunRgbd37 => "sunrgbd37",
            Self::SunRgbd37ZeroBased => "sunrgbd37-0based",
            Self::Cityscapes => "cityscapes",
            Self::CityscapesExtended => "cityscapes-extended",
            Self::CityscapesTrainIds => "cityscapes-trainids",
            Self::CityscapesInstances => "cityscapes-instances",
            Self::KittiInstances => "kitti-instances",
            Self::Ade20kFull => "ade20k-full",
        }
    }

    /// The table into `space`.
    ///
    /// # Errors
    /// When there is none.
    pub fn remap(self, space: LabelSpace) -> Result<Remap, SourceError> {
        let no_table = |error: NoTable| SourceError::Usage(error.to_string());
        let nyu40 = || Remap::nyu40_to(space).map_err(no_table);
        match self {
            Self::Ade20k => Remap::ade20k_to(space).map_err(no_table),
            Self::Ade20kOfficial if space == LabelSpace::Ade20k150 => Ok(Remap::ade20k_official()),
            Self::Ade20kOfficial => list(self, space, 0..=150, |id| match id.checked_sub(1) {
                Some(id) => Remap::ade20k_to(space).ok()?.id(id).ok(),
                None => Some(IGNORE),
            }),
            Self::Nyu894 => Remap::nyu894_to(space).map_err(no_table),
            Self::Nyu40 => nyu40(),
            Self::Nyu40ZeroBased => nyu40().and_then(|t| list(self, space, 0..=39, |id| t.id(id + 1).ok())),
            Self::Nyu40MergedVoid => nyu40()
                .and_then(|t| list(self, space, 0..=39, |id| if id == 39 { Some(IGNORE) } else { t.id(id + 1).ok() })),
            Self::Nyu13 => Remap::nyu13_to(space).map_err(no_table),
            // The classes of SUN RGB-D are the first 37 of NYU40, in the same order.
            Self::SunRgbd37 => nyu40().and_then(|t| list(self, space, 0..=37, |id| t.id(id).ok())),
            Self::SunRgbd37ZeroBased => nyu40().and_then(|t| list(self, space, 0..=36, |id| t.id(id + 1).ok())),
            Self::Cityscapes => Remap::cityscapes_to(space).map_err(no_table),
            Self::CityscapesExtended => Remap::cityscapes_extended_to(space).map_err(no_table),
            Self::CityscapesTrainIds => Remap::cityscapes_train_ids_to(space).map_err(no_table),
            Self::CityscapesInstances => Remap::cityscapes_instances_to(space).map_err(no_table),
            Self::KittiInstances => Remap::kitti_instances_to(space).map_err(no_table),
            Self::Ade20kFull if space == LabelSpace::Ade20k150 => Ok(Remap::ade20k_full()),
            Self::Ade20kFull => Err(no_table(NoTable { from: "ade20k full", to: space })),
        }
    }

    /// What the colours of RGB maps mean to the table called `text`: the published colours of its classes.
    #[must_use]
    pub fn color_code(text: &str) -> ColorCode {
        match Self::named(text) {
            Some(Self::Ade20k) => ColorCode::Ade20k,
            Some(Self::Ade20kFull) => ColorCode::Ade20kFull,
            Some(Self::Ade20kOfficial) => ColorCode::Published(ColorTable::ade20k_official()),
            Some(Self::Cityscapes | Self::CityscapesExtended) => ColorCode::Published(ColorTable::cityscapes()),
            Some(Self::CityscapesTrainIds) => ColorCode::Published(ColorTable::cityscapes_train_ids()),
            _ => ColorCode::Unknown,
        }
    }

    fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == text)
    }

    /// The table called `text`, or the CSV file of that path.
    ///
    /// # Errors
    /// No such table or file, or a file that is none; the known names are listed.
    pub fn named_or_csv(text: &str, space: LabelSpace) -> Result<Remap, SourceError> {
        if let Some(table) = Self::named(text) {
            return table.remap(space);
        }
        if !Path::new(text).exists() {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            let names = names.join(", ");
            return Err(SourceError::Usage(format!(
                "{text}: no such file, and no table of this name; the tables are {names}"
            )));
        }
        Remap::from_csv(text, space).map_err(|error| SourceError::Usage(error.to_string()))
    }
}

/// A table from a rule, with 255 = ignore.
fn list(
    table: LabelTable,
    space: LabelSpace,
    ids: std::ops::RangeInclusive<u32>,
    target: impl Fn(u32) -> Option<u8>,
) -> Result<Remap, SourceError> {
    let lines = ids.chain([255]).map(|id| format!("{id},{}\n", target(id).unwrap_or(IGNORE)));
    Remap::parse(table.name(), &lines.collect::<String>(), space).map_err(|error| SourceError::Usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::nyu;

    const ADE: LabelSpace = LabelSpace::Ade20k150;

    /// Rows of the format notes: NYU40 1 wall -> 0, 5 chair -> 19, 37 bag -> 115, 40 otherprop -> none.
    #[test]
    fn bases_shift() {
        let ids = |table: LabelTable, ids: &[u32]| table.remap(ADE).unwrap().apply(ids.iter().copied());
        assert_eq!(ids(LabelTable::Nyu40, &[0, 1, 5, 37, 255]), Ok(vec![255, 0, 19, 115, 255]));
        assert_eq!(ids(LabelTable::Nyu40ZeroBased, &[0, 4, 36, 39, 255]), Ok(vec![0, 19, 115, 255, 255]));
        assert_eq!(ids(LabelTable::SunRgbd37, &[0, 1, 37, 255]), Ok(vec![255, 0, 115, 255]));
        assert_eq!(ids(LabelTable::SunRgbd37ZeroBased, &[0, 36, 255]), Ok(vec![0, 115, 255]));
        assert!(ids(LabelTable::SunRgbd37ZeroBased, &[37]).is_err());
        assert_eq!(ids(LabelTable::Ade20kOfficial, &[0, 1, 150, 255]), Ok(vec![255, 0, 149, 255]));
    }

    #[test]
    fn the_ambiguous_class_is_ignored_in_its_own_space_too() {
        let merged = LabelTable::Nyu40MergedVoid.remap(LabelSpace::Nyu40).unwrap();
        assert_eq!(merged.apply([0, 38, 39]), Ok(vec![1, 39, 255]));
        let plain = LabelTable::Nyu40ZeroBased.remap(LabelSpace::Nyu40).unwrap();
        assert_eq!(plain.id(39), Ok(40));
    }

    #[test]
    fn the_classes_of_sunrgbd_are_those_of_nyu() {
        let names = nyu::names_40();
        assert_eq!((names[0].as_str(), names[36].as_str()), ("wall", "bag"));
    }

    #[test]
    fn names_and_files() {
        let error = LabelTable::named_or_csv("nyu41", ADE).unwrap_err().to_string();
        assert!(error.contains("the tables are ade20k, ade20k-official, nyu894"), "{error}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "id,target\n3,chair\n4,255\n").unwrap();
        let own = LabelTable::named_or_csv(file.path().to_str().unwrap(), ADE).unwrap();
        assert_eq!(own.apply([3, 4]), Ok(vec![19, 255]));
        for table in LabelTable::ALL {
            assert!(LabelTable::named_or_csv(table.name(), ADE).is_ok(), "{}", table.name());
        }
    }

    #[test]
    fn colours_are_classes_where_they_were_published() {
        assert_eq!(LabelTable::color_code("ade20k"), ColorCode::Ade20k);
        for table in ["ade20k-official", "cityscapes", "cityscapes-extended", "cityscapes-trainids"] {
            assert!(matches!(LabelTable::color_code(table), ColorCode::Published(_)), "{table}");
        }
        for other in ["nyu40", "kitti-instances", "table.csv"] {
            assert_eq!(LabelTable::color_code(other), ColorCode::Unknown, "{other}");
        }
        let mut png = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(2, 2).write_to(&mut png, image::ImageFormat::Png).unwrap();
        let container = crate::source::label_map::Container { color: ColorCode::Unknown, ..Default::default() };
        let error = crate::source::label_map::decode(png.get_ref(), &container).unwrap_err();
        assert!(error.to_string().contains("--colors FILE.csv"), "{error}");
    }
}
