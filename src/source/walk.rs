//! The files below a folder.

use std::io;
use std::path::Path;

use walkdir::WalkDir;

use super::SourceError;

/// Every file below `root`, relative to it, with `/` between parts, in byte order. Links are followed.
///
/// # Errors
/// `root` is no folder, a folder cannot be listed, links form a loop, or a name is not UTF-8.
pub fn files(root: &Path) -> Result<Vec<String>, SourceError> {
    check_folder(root)?;
    let mut files = Vec::new();
    for entry in WalkDir::new(root).follow_links(true) {
        let entry = entry.map_err(|error| walk_error(root, error))?;
        if entry.file_type().is_dir() {
            continue;
        }
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
        let parts = parts.ok_or_else(|| SourceError::format(entry.path(), "name", "is not UTF-8; rename it"))?;
        files.push(parts.join("/"));
    }
    files.sort_unstable();
    Ok(files)
}

/// Makes sure that a folder is there.
///
/// # Errors
/// Nothing is there, or a file.
pub fn check_folder(root: &Path) -> Result<(), SourceError> {
    let refuse = |kind, reason: &str| Err(SourceError::io(root, io::Error::new(kind, reason)));
    match root.metadata() {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => refuse(io::ErrorKind::NotADirectory, "expected a folder, found a file"),
        Err(e) if e.kind() == io::ErrorKind::NotFound => refuse(e.kind(), "there is no such folder"),
        Err(e) => Err(SourceError::io(root, e)),
    }
}

fn walk_error(root: &Path, error: walkdir::Error) -> SourceError {
    let path = error.path().unwrap_or(root).to_path_buf();
    if let Some(ancestor) = error.loop_ancestor() {
        let ancestor = ancestor.strip_prefix(root).unwrap_or(ancestor).display();
        let reason = format!(
            "leads back to the folder {ancestor:?}, which holds it; remove the link",
            ancestor = ancestor.to_string()
        );
        return SourceError::format(path, "symbolic link", reason);
    }
    let reason = error.to_string();
    SourceError::io(path, error.into_io_error().unwrap_or_else(|| io::Error::other(reason)))
}

/// A path of a list as a path relative to the root: leading `/` are dropped, as lists with rooted paths mean the root
/// of the data set; `None` when a part is `..` or nothing is left.
#[must_use]
pub fn relative(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    (!parts.is_empty() && !parts.contains(&"..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_and_relative() {
        let root = tempfile::tempdir().unwrap();
        for file in ["b/2", "b/10", "a"] {
            std::fs::create_dir_all(root.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(root.path().join(file), "").unwrap();
        }
        assert_eq!(files(root.path()).unwrap(), ["a", "b/10", "b/2"]);
        assert!(files(&root.path().join("none")).unwrap_err().to_string().ends_with("none: there is no such folder"));
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_is_named() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("a")).unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("a/up")).unwrap();
        let error = files(root.path()).unwrap_err().to_string();
        assert!(error.contains("a/up: symbolic link: leads back to the folder"), "{error}");
    }

    #[test]
    fn paths_of_lists_stay_below_the_root() {
        assert_eq!(relative("/kitchen_0028b/rgb_00000.jpg").unwrap(), "kitchen_0028b/rgb_00000.jpg");
        assert_eq!(relative("./a//b"), Some("a/b".to_owned()));
        assert_eq!(relative("a/../../b"), None);
        assert_eq!(relative("/"), None);
    }
}
