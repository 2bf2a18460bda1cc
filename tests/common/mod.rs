//! What several integration tests share.
#![allow(dead_code, unreachable_pub, clippy::panic, clippy::unwrap_used)]

pub mod made;
pub mod mutation;
pub mod process;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of real sample files, from `SEMDEPTH_REAL_DATA`. Without the variable a test that needs them returns
/// early; with it, whatever is missing is a failure.
pub fn real_data() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("SEMDEPTH_REAL_DATA").map(PathBuf::from) else {
        eprintln!("SEMDEPTH_REAL_DATA is not set: the real sample files are not read");
        return None;
    };
    assert!(root.is_dir(), "SEMDEPTH_REAL_DATA is no folder: {}", root.display());
    Some(root)
}

/// Every file below a folder with its bytes.
pub fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(root).into_iter().map(|e| e.unwrap()).filter(|e| e.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    files.map(|e| (name(e.path()), std::fs::read(e.path()).unwrap())).collect()
}

/// The folder of golden values of the networks, from `SEMDEPTH_GOLDEN`, in the same way.
pub fn golden() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("SEMDEPTH_GOLDEN").map(PathBuf::from) else {
        eprintln!("SEMDEPTH_GOLDEN is not set: nothing is compared with the golden values");
        return None;
    };
    assert!(root.is_dir(), "SEMDEPTH_GOLDEN is no folder: {}", root.display());
    Some(root)
}
