//! How frames of the raw recordings are named.

use std::fmt;

/// One of the two colour cameras. The rectified pair shares its rows; the grey cameras 00 and 01 are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Camera {
    /// `image_02`, `l`, `image_2`.
    Left,
    /// `image_03`, `r`, `image_3`.
    Right,
}

impl Camera {
    /// Folder of this camera in raw recordings and depth trees.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Left => "image_02",
            Self::Right => "image_03",
        }
    }

    /// The inverse of [`folder`](Self::folder).
    #[must_use]
    pub fn of_folder(name: &str) -> Option<Self> {
        [Self::Left, Self::Right].into_iter().find(|camera| camera.folder() == name)
    }
}

/// A recording, e.g. `2011_09_26_drive_0001_sync`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drive(String);

impl Drive {
    /// Checks that `name` is `YYYY_MM_DD_drive_NNNN_*`, so that it holds nothing that leads to another folder.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let number = name.get(DATE.len()..)?.strip_prefix("_drive_")?;
        let (digits, kind) = number.split_once('_')?;
        let ok = is_date(name.get(..DATE.len())?)
            && is_digits(digits, 4)
            && !kind.is_empty()
            && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        ok.then(|| Self(name.to_owned()))
    }

    /// The whole name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The day of the recording, e.g. `2011_09_26`.
    #[must_use]
    pub fn date(&self) -> &str {
        self.0.get(..DATE.len()).unwrap_or_default()
    }
}

const DATE: &str = "YYYY_MM_DD";

/// Whether this is the name of a folder that holds the drives of one day.
#[must_use]
pub fn is_date(name: &str) -> bool {
    name.len() == DATE.len()
        && name.bytes().zip(DATE.bytes()).all(|(b, shape)| if shape == b'_' { b == b'_' } else { b.is_ascii_digit() })
}

fn is_digits(text: &str, n: usize) -> bool {
    text.len() == n && text.bytes().all(|b| b.is_ascii_digit())
}

/// One picture of one camera. The order is that of the keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame {
    /// The recording.
    pub drive: Drive,
    /// The camera.
    pub camera: Camera,
    /// Number within the recording, from 0; at most ten digits.
    pub number: u64,
}

impl Frame {
    /// Name of its files without extension: ten digits.
    #[must_use]
    pub fn stem(&self) -> String {
        format!("{:010}", self.number)
    }

    /// Reads a frame number of one to ten digits, padded or not.
    #[must_use]
    pub fn parse_number(digits: &str) -> Option<u64> {
        let ok = (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if ok { digits.parse().ok() } else { None }
    }

    /// Reads the number of a file of the official trees: exactly ten digits.
    #[must_use]
    pub fn parse_stem(stem: &str) -> Option<u64> {
        if stem.len() == 10 { Self::parse_number(stem) } else { None }
    }
}

impl fmt::Display for Frame {
    /// The key of the sample, e.g. `2011_09_26_drive_0001_sync/image_02/0000000005`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{:010}", self.drive.name(), self.camera.folder(), self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_recordings_are_drives() {
        let drive = Drive::parse("2011_09_26_drive_0001_sync").unwrap();
        assert_eq!(drive.date(), "2011_09_26");
        for name in [
            "2011_09_26_drive_0001_",
            "2011_09_26_drive_01_sync",
            "2011_09_26",
            "",
            "..",
            "é011_09_26_drive_0001_s",
            "2011_09_26_drive_0001_/../x",
        ] {
            assert_eq!(Drive::parse(name), None, "{name}");
        }
    }

    #[test]
    fn numbers_may_be_padded() {
        assert_eq!(Frame::parse_number("473"), Some(473));
        assert_eq!(Frame::parse_number("0000000473"), Some(473));
        for digits in ["", "-1", "+1", "12345678901", "4 7"] {
            assert_eq!(Frame::parse_number(digits), None, "{digits}");
        }
        assert_eq!(Frame::parse_stem("473"), None);
    }
}
