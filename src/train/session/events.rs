//! Event files for TensorBoard: records with masked CRC-32C around protocol buffers of scalars.
//!
//! The format is small and fixed (tensorflow `record_writer.cc`, `event.proto`, `summary.proto`), the crates that write it bring a
//! code generator along.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::files::EVENTS;
use super::{Validation, io_error};
use crate::train::fault::TrainError;
use crate::train::report::StepReport;

/// The event file of one start of a run.
#[derive(Debug)]
pub(super) struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// Begins the file of a run that has finished `step` steps. TensorBoard then forgets what earlier files say of later steps.
    pub(super) fn begin(folder: &Path, step: u64) -> Result<Self, TrainError> {
        let path = folder.join(EVENTS.name(step));
        let file = File::create(&path).map_err(io_error(&path))?;
        let mut events = Self { path, file };
        let mut version = Vec::new();
        bytes(&mut version, 3, b"brain.Event:2");
        events.write(0, &version)?;
        let mut start = Vec::new();
        bytes(&mut start, 7, &[0x08, 1]);
        events.write(step, &start)?;
        Ok(events)
    }

    pub(super) fn step(&mut self, report: &StepReport) -> Result<(), TrainError> {
        let scalars = [
            ("loss/depth", report.depth),
            ("loss/semantics", report.semantics),
            ("loss/total", Some(report.total)),
            ("gradient/norm", Some(report.grad_norm)),
            ("learning_rate/factor", Some(report.lr_factor)),
        ];
        self.scalars(report.step + 1, &scalars)
    }

    pub(super) fn validation(&mut self, validation: &Validation) -> Result<(), TrainError> {
        let scalars = [
            ("validation/abs_rel", validation.abs_rel),
            ("validation/rms", validation.rms),
            ("validation/d1", validation.d1),
            ("validation/miou", validation.miou),
        ];
        self.scalars(validation.step, &scalars)
    }

    fn scalars(&mut self, step: u64, scalars: &[(&str, Option<f64>)]) -> Result<(), TrainError> {
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            let Some(value) = value else { continue };
            let mut entry = Vec::new();
            bytes(&mut entry, 1, tag.as_bytes());
            entry.push(0x15);
            entry.extend((*value as f32).to_le_bytes());
            bytes(&mut summary, 1, &entry);
        }
        let mut event = Vec::new();
        bytes(&mut event, 5, &summary);
        self.write(step, &event)
    }

    /// Writes an event: time and step, then `content`.
    fn write(&mut self, step: u64, content: &[u8]) -> Result<(), TrainError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut event = vec![0x09];
        event.extend(now.to_le_bytes());
        event.push(0x10);
        varint(&mut event, step);
        event.extend(content);
        self.file.write_all(&record(&event)).map_err(io_error(&self.path))
    }
}

/// Length and content, each followed by its check sum.
fn record(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend(content);
    record.extend(masked(content).to_le_bytes());
    record
}

fn masked(content: &[u8]) -> u32 {
    crc32c::crc32c(content).rotate_right(15).wrapping_add(0xA282_EAD8)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field of bytes, numbered below 16.
fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_length_and_content_with_masked_check_sums() {
        // The check value of CRC-32C, by its definition; the mask is that of record_writer.h.
        assert_eq!(masked(b"123456789"), 0xE306_9283u32.rotate_right(15).wrapping_add(0xA282_EAD8));
        let record = record(b"hello");
        assert_eq!((record.len(), &record[..8], &record[12..17]), (21, &[5, 0, 0, 0, 0, 0, 0, 0][..], &b"hello"[..]));
        let mut out = Vec::new();
        varint(&mut out, 300);
        assert_eq!(out, [0xAC, 0x02]);
    }
}
