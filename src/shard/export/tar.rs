//! A ustar archive whose headers hold nothing of the machine or the moment: owner 0, time 0.
//!
//! Source: POSIX.1-2017, pax, "ustar Interchange Format".

use std::io::{self, Write};

const BLOCK: usize = 512;
/// Sizes are written with eleven octal digits.
const MAX_FILE: u64 = 1 << 33;

pub(super) struct Archive<W: Write> {
    out: W,
    n_bytes: u64,
}

impl<W: Write> Archive<W> {
    pub(super) const fn new(out: W) -> Self {
        Self { out, n_bytes: 0 }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// `InvalidFilename` when the format cannot express the name; those of the writer.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() as u64 >= MAX_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a file in a tar archive has less than 8 GiB"));
        }
        self.write(&header(name, bytes.len() as u64)?)?;
        self.write(bytes)?;
        self.write(&[0; BLOCK][..bytes.len().next_multiple_of(BLOCK) - bytes.len()])
    }

    /// Ends the archive; returns its length in bytes.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.write(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.n_bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.n_bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

fn header(name: &str, n_bytes: u64) -> io::Result<[u8; BLOCK]> {
    let (prefix, name) = split(name).ok_or_else(|| {
        let reason = format!("the name {name:?} is too long for a tar archive: expected at most 100 bytes after the last \"/\" and 155 before it");
        io::Error::new(io::ErrorKind::InvalidFilename, reason)
    })?;
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{n_bytes:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(345, prefix.as_bytes());
    let checksum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    block[148..156].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());
    Ok(block)
}

/// Prefix and name: at most 155 and 100 bytes.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    path.match_indices('/')
        .map(|(i, _)| (&path[..i], &path[i + 1..]))
        .find(|(prefix, name)| prefix.len() <= 155 && name.len() <= 100 && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_blocks() {
        let mut bytes = Vec::new();
        let mut archive = Archive::new(&mut bytes);
        archive.add("a/b.json", b"{}").unwrap();
        assert_eq!(archive.finish().unwrap(), 512 * 4);
        assert_eq!(&bytes[..9], b"a/b.json\0");
        assert_eq!(&bytes[124..136], b"00000000002\0");
        assert_eq!(&bytes[512..515], b"{}\0");
        let sum: u32 =
            bytes[..512].iter().enumerate().map(|(i, &b)| if (148..156).contains(&i) { 32 } else { b.into() }).sum();
        assert_eq!(&bytes[148..154], format!("{sum:06o}").as_bytes());
    }

    #[test]
    fn long_names_are_split_or_refused() {
        let deep = format!("{}/{}", "d".repeat(120), "f".repeat(90));
        assert_eq!(split(&deep).map(|(p, n)| (p.len(), n.len())), Some((120, 90)));
        assert_eq!(split(&"x".repeat(101)), None);
        let error = Archive::new(Vec::new()).add(&"x".repeat(101), b"").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidFilename);
    }
}
