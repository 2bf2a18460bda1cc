use std::path::Path;

use crate::source::{SourceError, walk};

/// The forms in which the data set is passed around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The labelled `.mat` file.
    Mat,
    /// `<scene>/rgb_00045.jpg` + `sync_depth_00045.png`, of BTS, AdaBins and GLPDepth.
    Bts,
    /// `nyu2_train`, `nyu2_test` of DenseDepth.
    DenseDepth,
    /// Raw `.ppm` + `.pgm` of the toolbox.
    Toolbox,
    /// `.h5` files of fast-depth.
    H5,
}

impl Layout {
    /// Tells the layout of a file or folder by its names.
    ///
    /// # Errors
    /// A folder that cannot be walked, or none of the layouts.
    pub fn detect(path: &Path) -> Result<Self, SourceError> {
        if path.is_file() {
            return Ok(Self::Mat);
        }
        let files = walk::files(path)?;
        files.iter().find_map(|file| Self::of_file(file)).ok_or_else(|| {
            SourceError::Usage(format!(
                "{}: no layout of NYU Depth v2 that is known (sync_depth_*.png, nyu2_train, *.pgm, *.h5) among {} files; \
                 describe it with `sdprep convert folder`",
                path.display(),
                files.len()
            ))
        })
    }

    /// The layout of a folder that holds such a file.
    fn of_file(file: &str) -> Option<Self> {
        let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
        if folders.split('/').any(|part| matches!(part, "nyu2_train" | "nyu2_test")) {
            return Some(Self::DenseDepth);
        }
        match name.rsplit_once('.')? {
            (stem, "png") if stem.starts_with("sync_depth_") => Some(Self::Bts),
            (_, "pgm") => Some(Self::Toolbox),
            (_, "h5") => Some(Self::H5),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_layout() {
        for (file, layout) in [
            ("bathroom/sync_depth_00045.png", Layout::Bts),
            ("data/nyu2_train/a_0001_out/1.png", Layout::DenseDepth),
            ("cafe_0001a/d-1.5-2.pgm", Layout::Toolbox),
            ("val/official/00001.h5", Layout::H5),
        ] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            assert_eq!(Layout::detect(root.path()).unwrap(), layout);
            assert_eq!(Layout::detect(&path).unwrap(), Layout::Mat);
        }
        let root = tempfile::tempdir().unwrap();
        assert!(Layout::detect(root.path()).unwrap_err().to_string().contains("sdprep convert folder"));
    }
}
