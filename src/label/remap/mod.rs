mod known;

use std::path::Path;

use ndarray::{Array2, ArrayView2};

use super::LabelSpace;
use super::table::{self, TableError};
use crate::sample::{Element, IGNORE, Semantics, push_run, runs};
use crate::wide::wide;

/// Carries the class ids of a source into a [`LabelSpace`]; ids without a class there become 255, *ignore*.
///
/// An id that the table does not list is an error, never a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remap {
    name: String,
    space: LabelSpace,
    /// Index = source id; [`UNLISTED`] where the table has none.
    targets: Vec<u16>,
}

const UNLISTED: u16 = u16::MAX;

/// Ids that are looked at together.
const BLOCK: usize = 4096;

/// A source holds a class id that its table does not list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "class id {id} is not in the table {table}: expected one of {expected}; is this another label space, or an index base of 0 instead of 1?"
)]
pub struct UnknownId {
    /// The id that was found.
    pub id: u32,
    /// Name of the table.
    pub table: String,
    /// The ids the table lists, in words.
    pub expected: String,
}

/// There is no table between two label spaces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no table from {from} to {to}; give one of your own (two columns: source id, id or name in {to})")]
pub struct NoTable {
    /// The space of the source.
    pub from: &'static str,
    /// The space asked for.
    pub to: LabelSpace,
}

impl Remap {
    /// From ids that are already those of `space`: they stay, and so does 255. In the NYU spaces 0 becomes 255.
    #[must_use]
    pub fn identity(space: LabelSpace) -> Self {
        let mut remap = Self::of_list(space.name(), space, &vec![IGNORE; usize::from(space.first_id())]);
        for id in (0..IGNORE).filter(|&id| space.contains(id)) {
            remap.list(id.into(), id);
        }
        remap.with_ignore()
    }

    /// From a table of the user's own: a CSV file of two columns, the source id (0..65534) and the id or the name of a
    /// class of `space`, 255 or an empty cell standing for ignore. A first line that has no number in its first
    /// column is taken for a header; lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// When the file cannot be read, or names the line that is wrong: not two columns, not an id, a source id twice,
    /// no such class.
    pub fn from_csv(path: impl AsRef<Path>, space: LabelSpace) -> Result<Self, TableError> {
        table::read(path.as_ref(), |name, text| Self::parse(name, text, space))
    }

    /// As [`from_csv`](Self::from_csv), from the text of a table called `name`.
    ///
    /// # Errors
    /// As there.
    pub fn parse(name: &str, text: &str, space: LabelSpace) -> Result<Self, TableError> {
        let mut remap = Self::of_list(name, space, &[]);
        for line in table::lines(name, text) {
            let line = line?;
            let wrong = |reason: String| line.wrong(reason);
            let [from, to] = line.cells("two columns, source id and class")?;
            let Ok(id) = from.parse::<u32>() else {
                if line.is_first {
                    continue;
                }
                return Err(wrong(format!("expected a source id, found `{from}`")));
            };
            let id = usize::try_from(id).ok().filter(|&id| id < usize::from(u16::MAX));
            let id = id.ok_or_else(|| wrong(format!("source ids go from 0 to 65534, found {from}")))?;
            if remap.targets.get(id).is_some_and(|&t| t != UNLISTED) {
                return Err(wrong(format!("source id {id} stands here for the second time")));
            }
            remap.list(id, target(to, space).ok_or_else(|| wrong(no_class(to, space)))?);
        }
        if remap.targets.is_empty() {
            return Err(TableError::Table { table: name.to_owned(), reason: "it lists no class".to_owned() });
        }
        Ok(remap)
    }

    fn of_list(name: &str, space: LabelSpace, targets: &[u8]) -> Self {
        Self { name: name.to_owned(), space, targets: targets.iter().map(|&t| t.into()).collect() }
    }

    fn list(&mut self, from: usize, to: u8) {
        if self.targets.len() <= from {
            self.targets.resize(from + 1, UNLISTED);
        }
        self.targets[from] = to.into();
    }

    fn with_ignore(mut self) -> Self {
        self.list(IGNORE.into(), IGNORE);
        self
    }

    /// What the table is, for the options of a set: its name, and a hash that tells it from another of the same name.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let target = |id: u16| self.targets.get(usize::from(id)).and_then(|&t| u8::try_from(t).ok());
        let targets: Vec<u8> = (0..=u16::MAX)
            .flat_map(|id| target(id).map_or([0, 1], |target| [target, 0])) // 1: not listed
            .collect();
        let hash = xxhash_rust::xxh3::xxh3_64(&targets);
        serde_json::json!({ "table": self.name, "space": self.space.name(), "xxh3": format!("{hash:016x}") })
    }

    /// The space of the ids that come out.
    #[must_use]
    pub const fn space(&self) -> LabelSpace {
        self.space
    }

    /// Name of the table.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where one id goes.
    ///
    /// # Errors
    /// [`UnknownId`] when the table does not list it.
    pub fn id(&self, id: u32) -> Result<u8, UnknownId> {
        let target = usize::try_from(id).ok().and_then(|i| self.targets.get(i)).copied();
        target.and_then(|t| u8::try_from(t).ok()).ok_or_else(|| self.unknown(id))
    }

    /// Where ids go, in order.
    ///
    /// # Errors
    /// [`UnknownId`] with the first id that the table does not list.
    pub fn apply(&self, ids: impl IntoIterator<Item = u32>) -> Result<Vec<u8>, UnknownId> {
        ids.into_iter().map(|id| self.id(id)).collect()
    }

    /// As [`apply_plane`](Self::apply_plane), for ids that nobody needs any longer: when all of them stay, so does their plane.
    ///
    /// # Errors
    /// As there.
    pub fn apply_bytes(&self, ids: Array2<u8>) -> Result<Semantics, UnknownId> {
        match ids.as_slice() {
            Some(slice) if self.keeps(slice) => Ok(Semantics::new(ids)),
            _ => self.apply_plane(ids.view()),
        }
    }

    /// Where a plane of ids `[H, W]` goes.
    ///
    /// # Errors
    /// [`UnknownId`] with the first id, row by row, that the table does not list.
    pub fn apply_plane<T: Element + Into<u32>>(&self, ids: ArrayView2<'_, T>) -> Result<Semantics, UnknownId> {
        let rows = ids.as_standard_layout();
        let ids = rows.as_slice().unwrap_or_default();
        let mut classes = Vec::with_capacity(ids.len());
        for run in runs([ids]) {
            push_run(&mut classes, run.len(), self.id(ids[run.start].into())?);
        }
        // Every pixel has its class, so the shape fits.
        let plane = Array2::from_shape_vec(rows.raw_dim(), classes);
        Ok(Semantics::new(plane.unwrap_or_else(|_| Array2::from_elem(rows.raw_dim(), IGNORE))))
    }

    /// Whether this can say, without looking at the ids one by one, that all of them stay as they are.
    fn keeps(&self, ids: &[u8]) -> bool {
        let stays = |id: usize| self.targets.get(id).is_some_and(|&class| usize::from(class) == id);
        let n_kept = (0..IGNORE).take_while(|&id| stays(id.into())).count() as u8;
        let is_kept = |id: u8| id < n_kept || id == IGNORE;
        stays(IGNORE.into())
            && ids.chunks(BLOCK).all(|block| {
                wide(
                    #[inline(always)]
                    || block.iter().fold(true, |all, &id| all & is_kept(id)),
                )
            })
    }

    fn unknown(&self, id: u32) -> UnknownId {
        UnknownId { id, table: format!("{} -> {}", self.name, self.space), expected: self.listed() }
    }

    /// The source ids that are listed, with where they go.
    fn listed_ids(&self) -> impl Iterator<Item = (usize, u8)> + '_ {
        let listed = self.targets.iter().enumerate();
        listed.filter_map(|(id, &target)| u8::try_from(target).ok().map(|target| (id, target)))
    }

    /// `0..40, 255`
    fn listed(&self) -> String {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for (id, _) in self.listed_ids() {
            match ranges.last_mut() {
                Some((_, end)) if *end + 1 == id => *end = id,
                _ => ranges.push((id, id)),
            }
        }
        let more = if ranges.len() > 8 { ", ..." } else { "" };
        let range =
            |&(start, end): &(usize, usize)| if start == end { start.to_string() } else { format!("{start}..{end}") };
        ranges.iter().take(8).map(range).collect::<Vec<_>>().join(", ") + more
    }
}

/// The class that a cell of the user's table means.
pub(super) fn target(cell: &str, space: LabelSpace) -> Option<u8> {
    match cell.parse::<i64>() {
        Ok(id) => u8::try_from(id).ok().filter(|&id| id == IGNORE || space.contains(id)),
        Err(_) if cell.is_empty() || cell == "ignore" => Some(IGNORE),
        Err(_) => space.id_of(cell),
    }
}

fn no_class(cell: &str, space: LabelSpace) -> String {
    let first = space.first_id();
    let last = usize::from(first) + space.n_classes() - 1;
    format!("`{cell}` is no class of {space}: expected {first}..{last}, a class name, or 255 for ignore")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    const ADE: LabelSpace = LabelSpace::Ade20k150;

    #[test]
    fn unlabelled_becomes_ignore() {
        for space in [ADE, LabelSpace::Nyu40, LabelSpace::Nyu13] {
            assert_eq!(Remap::nyu894_to(space).unwrap().id(0), Ok(IGNORE));
            assert_eq!(Remap::nyu40_to(space).unwrap().id(0), Ok(IGNORE));
        }
        assert_eq!(Remap::nyu13_to(ADE).unwrap().id(0), Ok(IGNORE));
        assert_eq!(Remap::cityscapes_to(ADE).unwrap().id(0), Ok(IGNORE));
    }

    #[test]
    fn an_identity_keeps_classes_and_ignore_only() {
        let ade = Remap::identity(ADE);
        assert_eq!(ade.apply([0, 149, 255]), Ok(vec![0, 149, 255]));
        assert_eq!(ade.id(150).unwrap_err().id, 150);
        let nyu = Remap::identity(LabelSpace::Nyu13);
        assert_eq!(nyu.apply([0, 1, 13, 255]), Ok(vec![255, 1, 13, 255]));
        assert!(nyu.id(14).is_err());
    }

    #[test]
    fn official_annotations_are_one_based() {
        assert_eq!(Remap::ade20k_official().apply([0, 1, 150, 255]), Ok(vec![255, 0, 149, 255]));
        assert!(Remap::ade20k_official().id(151).is_err());
    }

    #[test]
    fn cityscapes_in_its_three_forms() {
        assert_eq!(Remap::cityscapes_to(ADE).unwrap().apply([7, 26, 15, 255]), Ok(vec![6, 20, 255, 255]));
        assert_eq!(Remap::cityscapes_extended_to(ADE).unwrap().id(15), Ok(61));
        assert_eq!(Remap::cityscapes_train_ids_to(ADE).unwrap().apply([0, 18, 16, 255]), Ok(vec![6, 127, 255, 255]));
        assert!(Remap::cityscapes_train_ids_to(ADE).unwrap().id(19).is_err());
        assert!(Remap::cityscapes_to(LabelSpace::Nyu40).is_err());
    }

    #[test]
    fn instances_carry_their_class() {
        let cityscapes = Remap::cityscapes_instances_to(ADE).unwrap();
        assert_eq!(cityscapes.apply([7, 26_000, 26_013, 33_001, 4, 0]), Ok(vec![6, 20, 20, 127, 255, 255]));
        assert!(cityscapes.id(34_000).is_err() && cityscapes.id(500).is_err());
        let kitti = Remap::kitti_instances_to(ADE).unwrap();
        assert_eq!(kitti.apply([7 * 256, 26 * 256 + 13, 255 * 256]), Ok(vec![6, 20, 255]));
        assert!(kitti.id(34 * 256).is_err());
    }

    #[test]
    fn spaces_lead_to_each_other_where_there_is_a_table() {
        let between = |from, to| Remap::between(from, to).map(|r| r.space());
        assert_eq!(between(ADE, LabelSpace::Cityscapes19), Ok(LabelSpace::Cityscapes19));
        assert_eq!(Remap::between(ADE, LabelSpace::Cityscapes19).unwrap().apply([6, 7]), Ok(vec![0, 255]));
        assert_eq!(Remap::between(LabelSpace::Cityscapes19, ADE).unwrap().apply([0, 13]), Ok(vec![6, 20]));
        assert!(between(LabelSpace::Nyu40, LabelSpace::Cityscapes19).is_err());
        assert_eq!(Remap::cityscapes_to(LabelSpace::Cityscapes19).unwrap().apply([7, 9]), Ok(vec![0, 255]));
        assert_eq!(Remap::ade20k_full().apply([2978, 533, 2985, 1]), Ok(vec![0, 35, 35, 255]));
    }

    #[test]
    fn planes_are_carried_whole_or_not_at_all() {
        let remap = Remap::nyu40_to(ADE).unwrap();
        let ids = array![[1_u16, 5, 0], [23, 40, 255]];
        assert_eq!(remap.apply_plane(ids.view()).unwrap().values(), array![[0, 19, 255], [67, 255, 255]]);
        let error = remap.apply_plane(array![[1_u16, 300], [77, 1]].t()).unwrap_err();
        assert_eq!(error.id, 77, "the first in row order of the plane");
        assert!(error.to_string().contains("nyu40 -> ade20k150: expected one of 0..40, 255"), "{error}");
        assert!(remap.apply_plane(array![[u16::MAX]].view()).is_err());
    }

    #[test]
    fn planes_of_classes_stay() {
        let remap = Remap::identity(ADE);
        let ids = Array2::from_shape_fn((70, 90), |(y, x)| [0, 1, 149, 255][(y + x / 3) % 4]);
        assert_eq!(remap.apply_plane(ids.t()).unwrap().values(), ids.t());
        assert_eq!(remap.apply_bytes(ids.clone()).unwrap().values(), ids);
        assert_eq!(remap.apply_bytes(ids.clone().reversed_axes()).unwrap().values(), ids.t());
        let mut wide = ids.mapv(u16::from);
        assert_eq!(remap.apply_plane(wide.view()).unwrap().values(), ids);
        for unknown in [150_u16, 254, 256, 511] {
            wide[[69, 89]] = unknown;
            assert_eq!(remap.apply_plane(wide.view()).unwrap_err().id, u32::from(unknown));
        }
        let mut bytes = ids.clone();
        for unknown in [150, 254] {
            bytes[[69, 89]] = unknown;
            assert_eq!(remap.apply_bytes(bytes.clone()).unwrap_err().id, u32::from(unknown));
        }
        let nyu = Remap::identity(LabelSpace::Nyu40);
        assert_eq!(nyu.apply_bytes(array![[0, 40, 255]]).unwrap().values(), array![[255, 40, 255]]);
        let without_ignore = Remap::parse("t", "0,0\n1,1\n", ADE).unwrap();
        assert_eq!(without_ignore.apply_bytes(array![[0, 255]]).unwrap_err().id, 255);
    }

    #[test]
    fn raw_ids_go_beyond_a_byte() {
        let remap = Remap::nyu894_to(LabelSpace::Nyu40).unwrap();
        assert_eq!(remap.id(894), Ok(40));
        assert!(remap.id(255).unwrap() != IGNORE, "a raw class, not ignore");
        assert!(remap.id(895).is_err());
    }

    #[test]
    fn tables_of_the_user() {
        let with_header = Remap::parse("t", "id,ade20k\n0,255\n7,19\n", ADE).unwrap();
        let without = Remap::parse("t", "\u{feff}# mine\n0,\r\n7, Chair\r\n", ADE).unwrap();
        assert_eq!(with_header.targets, without.targets);
        assert_eq!(with_header.apply([7, 0]), Ok(vec![19, 255]));
        assert!(with_header.id(1).is_err(), "not listed");
        let error = |text: &str| Remap::parse("t", text, ADE).unwrap_err().to_string();
        assert!(error("0,1\n0,2\n").contains("line 2: source id 0 stands here for the second time"));
        assert!(error("0,1\n1,150\n").contains("`150` is no class of ade20k150: expected 0..149"));
        assert!(error("0,1\n1,-1\n").contains("line 2"));
        assert!(error("0,1\n1,2,3\n").contains("expected two columns"));
        assert!(error("id,class\nx,2\n").contains("expected a source id, found `x`"));
        assert!(error("70000,2\n").contains("65534"));
        assert!(error("").contains("lists no class"));
    }

    #[test]
    fn a_missing_or_endless_table_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.csv");
        assert!(matches!(Remap::from_csv(&path, ADE), Err(TableError::Io { .. })));
        std::fs::write(&path, "0,3\n").unwrap();
        assert_eq!(Remap::from_csv(&path, ADE).unwrap().id(0), Ok(3));
        std::fs::write(&path, vec![b'\n'; 5 << 20]).unwrap();
        assert!(Remap::from_csv(&path, ADE).unwrap_err().to_string().contains("found more"));
    }
}
