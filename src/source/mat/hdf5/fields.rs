//! Little-endian fields taken from a block, one after the other.

use super::{Error, Result};

/// The address that stands for "nowhere".
const UNDEFINED: u64 = u64::MAX;

/// A block that is being taken apart. Every step says no when the block has ended.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    part: &'static str,
    at: u64,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// `at` is the place of the block in the file, for messages.
    pub(super) fn new(part: &'static str, at: u64, block: &'a [u8]) -> Self {
        Self { part, at, rest: block }
    }

    pub(super) fn bytes(&mut self, n_bytes: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(n_bytes) else {
            return Err(self.damaged(format!("ends {} bytes too early", n_bytes - self.rest.len())));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N)?;
        bytes.try_into().map_err(|_| self.damaged("ends too early"))
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// An address, `None` when it is the undefined one.
    pub(super) fn address(&mut self) -> Result<Option<u64>> {
        Ok(Some(self.u64()?).filter(|&address| address != UNDEFINED))
    }

    pub(super) fn skip(&mut self, n_bytes: usize) -> Result<()> {
        self.bytes(n_bytes).map(drop)
    }

    /// Takes `expected`, or says which signature was found instead.
    pub(super) fn signature(&mut self, expected: &[u8; 4]) -> Result<()> {
        let found = self.bytes(4)?;
        if found == expected {
            return Ok(());
        }
        let reason = format!("expected `{}`, found `{}`", expected.escape_ascii(), found.escape_ascii());
        Err(self.damaged(reason))
    }

    /// Place of the block in the file.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// What has not been taken yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn damaged(&self, reason: impl std::fmt::Display) -> Error {
        Error::damaged(self.part, self.at, reason)
    }
}
