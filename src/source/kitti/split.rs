//! Lists of frames: those of BTS (also AdaBins, GLPDepth) and those of monodepth2, told apart by themselves.

use std::path::Path;

use super::file::{self, FileError, Malformed, excerpt};
use super::frame::{Camera, Drive, Frame, is_date};

/// No list is larger; the longest official one has 2 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// Which of the two kinds a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `DATE/DRIVE/image_02/data/0000000005.png DRIVE/proj_depth/groundtruth/image_02/0000000005.png 721.5377`
    Bts,
    /// `DATE/DRIVE 5 l`
    Monodepth2,
}

/// A parsed list.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Its kind, that of the first line.
    pub form: Form,
    /// Its frames in the order of the lines.
    pub frames: Vec<Listed>,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The frame it names.
    pub frame: Frame,
    /// It says itself that the frame has no annotated depth (`None`).
    pub without_depth: bool,
}

/// Parses a list.
///
/// Paths may begin with `/` or another root: only their last parts, which are the same everywhere, are read. Frame
/// numbers may be padded or not, the last line may lack its newline. The focal length of BTS lists is checked and not
/// used, as the calibration says more.
///
/// # Errors
/// A line that is not of the kind of the first, or names no frame of a colour camera; an empty list.
pub fn parse(bytes: &[u8]) -> Result<List, Malformed> {
    let lines = file::lines(bytes)?;
    let Some((_, first)) = lines.first() else {
        return Err(Malformed::new("lines", "expected frames, found an empty list"));
    };
    // Only BTS lists begin with the path of a file.
    let is_file = first.split_whitespace().next().is_some_and(|path| last_part(path).contains('.'));
    let form = if is_file { Form::Bts } else { Form::Monodepth2 };
    let parse_line = match form {
        Form::Bts => bts,
        Form::Monodepth2 => monodepth2,
    };
    let frames = lines
        .into_iter()
        .map(|(number, line)| parse_line(line).map_err(|reason| Malformed::line(number, reason)))
        .collect::<Result<_, _>>()?;
    Ok(List { form, frames })
}

impl List {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, FileError> {
        file::read(path, MAX_BYTES, parse)
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn fields(line: &str) -> Option<[&str; 3]> {
    let mut words = line.split_whitespace();
    let fields = [words.next()?, words.next()?, words.next()?];
    words.next().is_none().then_some(fields)
}

fn bts(line: &str) -> Result<Listed, String> {
    let [image, depth, focal] =
        fields(line).ok_or_else(|| format!("expected `image depth focal`, found {}", excerpt(line)))?;
    if !focal.parse::<f64>().is_ok_and(|f| f.is_finite() && f > 0.0) {
        return Err(format!("expected a focal length in pixels, found {}", excerpt(focal)));
    }
    let frame = image_frame(image).ok_or_else(|| {
        format!("expected an image DATE/DRIVE/image_02/data/NUMBER.png (or image_03), found {}", excerpt(image))
    })?;
    let without_depth = depth == "None";
    if !without_depth {
        let found = depth_frame(depth).ok_or_else(|| {
            format!(
                "expected a depth DRIVE/proj_depth/groundtruth/image_02/NUMBER.png or None, found {}",
                excerpt(depth)
            )
        })?;
        if found != frame {
            return Err(format!("the image is {frame}, the depth {found}"));
        }
    }
    Ok(Listed { frame, without_depth })
}

/// `[ROOT/]DATE/DRIVE/image_0c/data/NUMBER.EXT`
fn image_frame(path: &str) -> Option<Frame> {
    let mut parts = path.rsplit('/');
    let (file, data, camera, drive, date) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (data == "data" && is_date(date)).then_some(())?;
    frame(drive, camera, file).filter(|frame| frame.drive.date() == date)
}

/// `[ROOT/]DRIVE/proj_depth/(groundtruth|velodyne_raw)/image_0c/NUMBER.png`
fn depth_frame(path: &str) -> Option<Frame> {
    let mut parts = path.rsplit('/');
    let (file, camera, kind, proj, drive) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (proj == "proj_depth" && (kind == "groundtruth" || kind == "velodyne_raw")).then_some(())?;
    frame(drive, camera, file)
}

fn frame(drive: &str, camera: &str, file: &str) -> Option<Frame> {
    let (stem, _extension) = file.rsplit_once('.')?;
    Some(Frame { drive: Drive::parse(drive)?, camera: Camera::of_folder(camera)?, number: Frame::parse_number(stem)? })
}

fn monodepth2(line: &str) -> Result<Listed, String> {
    let [folder, number, side] =
        fields(line).ok_or_else(|| format!("expected `DATE/DRIVE frame side`, found {}", excerpt(line)))?;
    let camera = match side {
        "l" => Camera::Left,
        "r" => Camera::Right,
        _ => return Err(format!("expected the side l or r, found {}", excerpt(side))),
    };
    let number = Frame::parse_number(number)
        .ok_or_else(|| format!("expected a frame number of at most ten digits, found {}", excerpt(number)))?;
    let drive = folder
        .rsplit_once('/')
        .and_then(|(date, drive)| Drive::parse(drive).filter(|drive| last_part(date) == drive.date()))
        .ok_or_else(|| format!("expected DATE/DRIVE, found {}", excerpt(folder)))?;
    Ok(Listed { frame: Frame { drive, camera, number }, without_depth: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png";
    const DEPTH: &str = "2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png";
    const KEY: &str = "2011_09_26_drive_0002_sync/image_02/0000000069";

    #[test]
    fn a_bts_list_may_lack_depth_newline_and_root() {
        let list = parse(format!("/{IMAGE} None 721.5377\r\n{IMAGE} /{DEPTH} 721.5377").as_bytes()).unwrap();
        assert_eq!(list.form, Form::Bts);
        assert!(list.frames[0].without_depth && !list.frames[1].without_depth);
        assert!(list.frames.iter().all(|l| l.frame.to_string() == KEY));
    }

    #[test]
    fn a_monodepth2_list_may_pad() {
        let list =
            parse(b"2011_09_26/2011_09_26_drive_0002_sync 69 l\n2011_09_26/2011_09_26_drive_0002_sync 0000000069 r\n");
        let list = list.unwrap();
        assert_eq!(list.form, Form::Monodepth2);
        assert_eq!(list.frames[0].frame.to_string(), KEY);
        assert_eq!(list.frames[1].frame.to_string(), KEY.replace("image_02", "image_03"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let reason = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        let good = "2011_09_26/2011_09_26_drive_0002_sync 69 l\n";
        assert_eq!(reason(" \n\n"), "lines: expected frames, found an empty list");
        assert!(
            reason(&format!("{good}{IMAGE}")).starts_with("line 2: expected `DATE/DRIVE frame side`, found \"2011")
        );
        assert!(
            reason(&format!("{good}{}", good.replace('l', "x")))
                .starts_with("line 2: expected the side l or r, found \"x\"")
        );
        assert!(reason(&good.replace("69", "sixty")).contains("frame number of at most ten digits, found \"sixty\""));
        assert!(reason(&good.replace("09_26/", "09_28/")).contains("expected DATE/DRIVE"));
        assert!(reason(&good.replace("2011_09_26/", "../")).contains("expected DATE/DRIVE"));
        assert!(reason(IMAGE).starts_with("line 1: expected `image depth focal`"));
        assert!(reason(&format!("{IMAGE} {DEPTH} -1")).contains("focal length"));
        assert!(reason(&format!("{IMAGE} {} 7", DEPTH.replace("0069", "0070"))).contains("the depth 2011"));
        assert!(reason(&format!("{} None 7", IMAGE.replace("image_02", "image_00"))).contains("or image_03"));
        assert!(reason(&format!("{IMAGE} none 7")).contains("or None, found \"none\""));
        assert!(reason("rgb/a.jpg depth/a.png 518.8579").starts_with("line 1: expected an image DATE/DRIVE"));
    }
}
