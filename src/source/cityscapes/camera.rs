use std::path::Path;

use serde::Deserialize;

use crate::file::read_bounded;
use crate::sample::Intrinsics;

/// Real files have less than a kilobyte.
const MAX_BYTES: u64 = 1 << 16;

/// The stereo camera of one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Camera {
    pub(super) baseline_m: f64,
    pub(super) intrinsics: Intrinsics,
}

#[derive(Deserialize)]
struct File {
    extrinsic: Extrinsic,
    intrinsic: Intrinsic,
}

#[derive(Deserialize)]
struct Extrinsic {
    baseline: f64,
}

#[derive(Deserialize)]
struct Intrinsic {
    fx: f64,
    fy: f64,
    u0: f64,
    v0: f64,
}

impl Camera {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = read_bounded(path, MAX_BYTES).map_err(|e| e.to_string())?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let File { extrinsic, intrinsic } = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let Intrinsic { fx, fy, u0: cx, v0: cy } = intrinsic;
        let positive = [("baseline", extrinsic.baseline), ("fx", fx), ("fy", fy)];
        if let Some((name, value)) = positive.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return Err(format!("{name}: expected a number above 0, found {value}"));
        }
        if !(cx.is_finite() && cy.is_finite()) {
            return Err(format!("expected a principal point, found {cx}, {cy}"));
        }
        Ok(Self { baseline_m: extrinsic.baseline, intrinsics: Intrinsics { fx, fy, cx, cy } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_has_its_numbers_and_may_say_more() {
        let text = br#"{"extrinsic": {"baseline": 0.209313, "pitch": 0.038, "x": 1.7},
            "intrinsic": {"fx": 2262.52, "fy": 2265.3017905988554, "u0": 1096.98, "v0": 513.137}}"#;
        let camera = Camera::parse(text).unwrap();
        assert_eq!((camera.baseline_m, camera.intrinsics.cx), (0.209_313, 1096.98));
        for (from, to) in [("0.209313", "0"), ("2262.52", "-1"), ("\"u0\"", "\"u\""), ("513.137", "\"x\"")] {
            let text = String::from_utf8_lossy(text).replace(from, to);
            assert!(Camera::parse(text.as_bytes()).is_err(), "{to}");
        }
    }
}
