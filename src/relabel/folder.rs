use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::file::write_folder;
use crate::label::Remap;
use crate::run::in_order;
use crate::sample::Fault;
use crate::shard::export::label_png;
use crate::source::folder::Pattern;
use crate::source::label_map::{self, Container};
use crate::source::{SourceError, picture, walk};

/// What became of a folder of label files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RemappedFolder {
    /// Maps written.
    pub n_maps: usize,
    /// Files that are no label maps, by their extension or the pattern, and were left out.
    pub n_others: usize,
    /// Maps that could not be carried over, and were left out.
    pub faults: Vec<Fault>,
}

/// Why a folder of label files could not be carried over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemapFolderError {
    /// The input cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

const MAPS: [&str; 7] = ["png", "npy", "npz", "pgm", "raw", "bin", "u8"];

/// Carries every label map below `from` (of them, those that `pattern` matches) into another space and writes it as an 8-bit PNG of
/// the same name below `to`. The folder `to` appears when all are written. Maps that are bad are left out and told.
///
/// # Errors
/// `to` is there already, `from` holds no maps, two of them would become one file, or the system refuses: then nothing
/// is left behind.
pub fn remap_folder(
    from: &Path,
    to: &Path,
    pattern: Option<&Pattern>,
    container: &Container,
    remap: &Remap,
    threads: Option<usize>,
) -> Result<RemappedFolder, RemapFolderError> {
    let usage = |text: String| Err(SourceError::Usage(text).into());
    if to.symlink_metadata().is_ok() {
        return usage(format!("{}: is there already; name another folder, or delete it first", to.display()));
    }
    let files = walk::files(from)?;
    let target = |file: &str| {
        let (stem, extension) = file.rsplit_once('.')?;
        MAPS.contains(&extension.to_ascii_lowercase().as_str()).then(|| format!("{stem}.png"))
    };
    let counts = |file: &&String| pattern.is_none_or(|pattern| pattern.key(file).is_some());
    let maps: Vec<(&str, String)> =
        files.iter().filter(counts).filter_map(|f| Some((f.as_str(), target(f)?))).collect();
    if maps.is_empty() {
        let of_pattern = pattern.map(|pattern| format!(" that {pattern} matches")).unwrap_or_default();
        return usage(format!("{}: no label maps below it{of_pattern} ({})", from.display(), MAPS.join(", ")));
    }
    let mut targets: Vec<&String> = maps.iter().map(|(_, target)| target).collect();
    targets.sort_unstable();
    if let Some(twice) = targets.windows(2).find(|pair| pair[0] == pair[1]) {
        return usage(format!("{}: two maps would become {:?}; take one away", from.display(), twice[0]));
    }
    let io = |source| RemapFolderError::Io { path: to.to_owned(), source };
    let done = write_folder(to, io, |partial| write_all(from, partial, &maps, container, remap, threads))?;
    Ok(RemappedFolder { n_others: files.len() - maps.len(), ..done })
}

fn write_all(
    from: &Path,
    to: &Path,
    maps: &[(&str, String)],
    container: &Container,
    remap: &Remap,
    threads: Option<usize>,
) -> Result<RemappedFolder, RemapFolderError> {
    let convert = |i: usize| -> Result<Vec<u8>, Fault> {
        let file = maps[i].0;
        let bytes = picture::read_bytes(&from.join(file));
        let map = bytes.and_then(|b| label_map::decode(&b, container)).map_err(|e| e.fault(file, "labels"))?;
        let labels = map.classes(remap).map_err(|e| Fault::new(file, "labels", e))?;
        Ok(label_png(&labels))
    };
    let mut done = RemappedFolder::default();
    let rows: Vec<usize> = (0..maps.len()).collect();
    in_order(threads, &rows, convert, |i, result| {
        match result {
            Err(fault) => done.faults.push(fault),
            Ok(png) => {
                let path = to.join(&maps[i].1);
                let folder = path.parent().unwrap_or(to);
                let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, png));
                written.map_err(|source| RemapFolderError::Io { path, source })?;
                done.n_maps += 1;
            }
        }
        Ok::<(), RemapFolderError>(())
    })?;
    fs::create_dir_all(to).map_err(|source| RemapFolderError::Io { path: to.to_owned(), source })?;
    Ok(done)
}
