//! File names from keys. A key comes from a file, so it may hold anything.

use std::fmt::Write;

/// The key as a relative path: `/` separates folders, signs that could trouble a file system are written `%XX`.
///
/// # Errors
/// In words, when a part of it is too long for a file name.
pub(super) fn nested_name(key: &str) -> Result<String, String> {
    let parts: Vec<String> = key.split('/').map(|part| encoded(part, true)).collect();
    match parts.iter().find(|p| p.len() > 200) {
        Some(part) => Err(format!("a part of the key takes {} bytes in a file name: expected at most 200", part.len())),
        None => Ok(parts.join("/")),
    }
}

/// The key as a WebDataset key, where the first dot would end it: dots are written `%2E`, slashes stay.
pub(super) fn flat_name(key: &str) -> String {
    key.split('/').map(|part| encoded(part, false)).collect::<Vec<_>>().join("/")
}

fn encoded(part: &str, dots: bool) -> String {
    let mut name = String::with_capacity(part.len());
    // `.`, `..` and hidden files; an empty part would make the path absolute or vanish.
    let leading_dot = part.starts_with('.');
    for (i, byte) in part.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'=' | b',' | b'@' | b' ');
        if plain || (byte == b'.' && dots && !(i == 0 && leading_dot)) {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    if name.is_empty() { "%00".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_inside_the_folder() {
        let name = |key| nested_name(key).unwrap();
        assert_eq!(name("bathroom/rgb_00045"), "bathroom/rgb_00045");
        assert_eq!(name("../../etc/passwd"), "%2E./%2E./etc/passwd");
        assert_eq!(name("/abs"), "%00/abs");
        assert_eq!(name("a\\b\0c:\u{e9}"), "a%5Cb%00c%3A%C3%A9");
        assert_eq!(name("0001.left"), "0001.left");
        assert_eq!(flat_name("0001.left/x.y"), "0001%2Eleft/x%2Ey");
        assert!(nested_name(&"x".repeat(300)).is_err());
    }

    #[test]
    fn different_keys_have_different_names() {
        let keys = ["a%2Eb", "a.b", "a%252Eb", "", "%00", "\0", "a/b", "a%2Fb"];
        let names: std::collections::BTreeSet<String> = keys.iter().map(|k| flat_name(k)).collect();
        // An empty key and one that is a zero byte are the only pair that meets; writing refuses the second.
        assert_eq!(names.len(), keys.len() - 1);
    }
}
