//! What several integration tests share.
#![allow(dead_code, unreachable_pub, clippy::panic)]

pub mod mutation;

use std::path::PathBuf;

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
