use std::collections::BTreeMap;

use super::{CAMERA, DEPTH, IMAGE, LabelKind, Options, SEMANTICS};
use crate::source::{SourceError, walk};

/// The files of one frame, relative to the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) image: Option<String>,
    pub(super) labels: Option<String>,
    pub(super) disparity: Option<String>,
    pub(super) camera: Option<String>,
}

impl Files {
    /// By the field that is read from them.
    pub(super) fn named(self, has_depth: bool, has_labels: bool) -> BTreeMap<String, String> {
        let files = [
            (IMAGE, self.image),
            (SEMANTICS, self.labels.filter(|_| has_labels)),
            (DEPTH, self.disparity.filter(|_| has_depth)),
            (CAMERA, self.camera),
        ];
        files.into_iter().filter_map(|(name, file)| Some((name.to_owned(), file?))).collect()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) files: Files,
    pub(super) split: Option<String>,
}

/// Names of the folders that part the data set.
const SPLITS: [&str; 4] = ["train", "val", "test", "train_extra"];

/// Where the name of a file goes.
type Place = fn(&mut Files) -> &mut Option<String>;

/// Every frame of which there is a file that counts, by its name `CITY_SEQUENCE_FRAME`.
pub(super) fn find(options: &Options) -> Result<BTreeMap<String, Frame>, SourceError> {
    let annotation = if options.coarse { "gtCoarse" } else { "gtFine" };
    let kind = match options.labels {
        LabelKind::LabelIds => "labelIds",
        LabelKind::TrainIds => "labelTrainIds",
        LabelKind::InstanceIds => "instanceIds",
    };
    let labels = format!("_{annotation}_{kind}.png");
    let mut frames: BTreeMap<String, Frame> = BTreeMap::new();
    for file in walk::files(&options.root)? {
        let (folders, name) = file.rsplit_once('/').unwrap_or(("", &file));
        let split = folders.split('/').find(|part| SPLITS.contains(part)).map(str::to_owned);
        if options.split.is_some() && split != options.split {
            continue;
        }
        let of = |end: &str| name.strip_suffix(end).filter(|id| !id.is_empty());
        let kinds: [(&[&str], Place); 4] = [
            (&["_leftImg8bit.png", "_leftImg8bit.jpg"], |f| &mut f.image),
            (&[&labels], |f| &mut f.labels),
            (&["_disparity.png"], |f| &mut f.disparity),
            (&["_camera.json"], |f| &mut f.camera),
        ];
        let found = kinds.iter().find_map(|(ends, place)| Some((ends.iter().find_map(|end| of(end))?, place)));
        let Some((id, place)) = found else { continue };
        let frame = frames.entry(id.to_owned()).or_default();
        frame.split = frame.split.take().or(split);
        if let Some(other) = place(&mut frame.files).replace(file.clone()) {
            return Err(SourceError::Usage(format!(
                "{}: {other:?} and {file:?} are both of the frame {id:?}; take one away, or name one of the folders",
                options.root.display()
            )));
        }
    }
    Ok(frames)
}
