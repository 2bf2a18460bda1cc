//! Several arrays in one file: NumPy's npz, a ZIP archive of npy members, stored or deflated.
//!
//! Source: PKWARE, *.ZIP File Format Specification* (APPNOTE 6.3); NumPy, `numpy.savez`. Encrypted members and archives
//! of more than 4 GiB are refused.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::{MAX_FILE_BYTES, PictureError, npy};

const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
/// A comment at the end of an archive has at most this many bytes.
const MAX_COMMENT: usize = u16::MAX as usize;
/// Real files hold a handful.
const MAX_MEMBERS: usize = 1024;

/// An npz file in memory.
#[derive(Clone, Debug)]
pub struct Npz<'a> {
    members: Vec<Member<'a>>,
}

#[derive(Clone, Debug)]
struct Member<'a> {
    /// Without `.npy`.
    key: String,
    deflated: bool,
    checksum: u32,
    n_bytes: u64,
    data: &'a [u8],
}

impl<'a> Npz<'a> {
    /// Reads the table of contents.
    ///
    /// # Errors
    /// A damaged archive, or a member that is encrypted or compressed in a way NumPy does not use.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PictureError> {
        let end = find_end(bytes).ok_or_else(|| damaged("the table of contents is missing: the file is cut short"))?;
        let n = usize::from(u16_at(bytes, end + 10)?);
        let mut at = u32_at(bytes, end + 16)? as usize;
        if n > MAX_MEMBERS {
            return Err(damaged(format!("{n} members")));
        }
        let mut members = Vec::new();
        for _ in 0..n {
            let (member, next) = read_entry(bytes, at)?;
            members.extend(member);
            at = next;
        }
        Ok(Self { members })
    }

    /// Names of the arrays, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|m| m.key.as_str())
    }

    /// The npy file of the array `key`; without a key, of the only one that is a map `[H, W]` (or `[1, H, W]`).
    ///
    /// # Errors
    /// No such array, none or several that are maps, damaged data.
    pub fn map(&self, key: Option<&str>) -> Result<Vec<u8>, PictureError> {
        let keys = || self.keys().collect::<Vec<_>>().join(", ");
        if let Some(key) = key {
            let member = self.members.iter().find(|m| m.key == key);
            let missing = || PictureError::unexpected(format!("an array called {key}"), format!("only {}", keys()));
            return member.ok_or_else(missing)?.read();
        }
        let mut maps = Vec::new();
        for member in &self.members {
            if npy::is_map(member.reader())? {
                maps.push(member);
            }
        }
        match maps[..] {
            [map] => map.read(),
            [] => Err(PictureError::unexpected("a map of two axes (height, width)", format!("only {}", keys()))),
            _ => Err(PictureError::unexpected("one map; name it by its key", format!("the keys {}", keys()))),
        }
    }
}

impl Member<'_> {
    fn reader(&self) -> Box<dyn Read + '_> {
        if self.deflated { Box::new(DeflateDecoder::new(self.data)) } else { Box::new(self.data) }
    }

    fn read(&self) -> Result<Vec<u8>, PictureError> {
        if self.n_bytes > MAX_FILE_BYTES {
            return Err(damaged(format!("{}: {} bytes are more than any map has", self.key, self.n_bytes)));
        }
        let mut bytes = Vec::new();
        let whole = self.reader().take(self.n_bytes + 1).read_to_end(&mut bytes);
        whole.map_err(|e| damaged(format!("{}: {e}", self.key)))?;
        if bytes.len() as u64 != self.n_bytes {
            return Err(damaged(format!("{}: expected {} bytes, found {}", self.key, self.n_bytes, bytes.len())));
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        if crc.sum() != self.checksum {
            let (expected, found) = (self.checksum, crc.sum());
            return Err(damaged(format!("{}: checksum: expected {expected:08x}, found {found:08x}", self.key)));
        }
        Ok(bytes)
    }
}

/// Where the end record begins; a comment may follow it.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(MAX_COMMENT);
    (first..=last).rev().find(|&at| bytes[at..].starts_with(&END))
}

/// One line of the table of contents, and where the next begins. Members that are no npy are left out.
fn read_entry(bytes: &[u8], at: usize) -> Result<(Option<Member<'_>>, usize), PictureError> {
    if !bytes.get(at..).is_some_and(|rest| rest.starts_with(&ENTRY)) {
        return Err(damaged("the table of contents is cut short"));
    }
    let (flags, method) = (u16_at(bytes, at + 8)?, u16_at(bytes, at + 10)?);
    let (checksum, packed, n_bytes) = (u32_at(bytes, at + 16)?, u32_at(bytes, at + 20)?, u32_at(bytes, at + 24)?);
    let name_bytes = usize::from(u16_at(bytes, at + 28)?);
    let others = usize::from(u16_at(bytes, at + 30)?) + usize::from(u16_at(bytes, at + 32)?);
    let local = u32_at(bytes, at + 42)?;
    let start = at + ENTRY_BYTES;
    let name = bytes.get(start..start + name_bytes).ok_or_else(|| damaged("a name is cut short"))?;
    let name = String::from_utf8_lossy(name);
    let next = start + name_bytes + others;
    let Some(key) = name.strip_suffix(".npy") else { return Ok((None, next)) };
    if flags & 1 != 0 || !matches!(method, 0 | 8) {
        let found = format!("{key}, which is encrypted or compressed by method {method}");
        return Err(PictureError::unexpected("members that are stored or deflated", found));
    }
    if [packed, n_bytes, local].contains(&u32::MAX) {
        return Err(PictureError::unexpected("an archive of less than 4 GiB", format!("{key} in a larger one")));
    }
    let data = local_data(bytes, local as usize, packed as usize)
        .ok_or_else(|| damaged(format!("{key}: its data are cut short")))?;
    let member = Member { key: key.to_owned(), deflated: method == 8, checksum, n_bytes: n_bytes.into(), data };
    Ok((Some(member), next))
}

/// The data follow a header that repeats the name and may have other extra fields than the table of contents.
fn local_data(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    let header = bytes.get(at..)?;
    if !header.starts_with(&LOCAL) {
        return None;
    }
    let skip = usize::from(u16_at(header, 26).ok()?) + usize::from(u16_at(header, 28).ok()?);
    let start = LOCAL_BYTES + skip;
    header.get(start..start.checked_add(len)?)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, PictureError> {
    let word = bytes.get(at..).and_then(|b| b.first_chunk()).ok_or_else(|| damaged("the file ends inside a header"))?;
    Ok(u16::from_le_bytes(*word))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, PictureError> {
    let word = bytes.get(at..).and_then(|b| b.first_chunk()).ok_or_else(|| damaged("the file ends inside a header"))?;
    Ok(u32::from_le_bytes(*word))
}

fn damaged(reason: impl std::fmt::Display) -> PictureError {
    PictureError::damaged("npz", reason)
}
