use std::str::FromStr;

use super::{LabelTable, Pairing};
use crate::sample::Intrinsics;
use crate::source::depth_code::{DepthCode, Encoding};
use crate::source::nyu;

/// A known data set, whose values stand in for options that are not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// TUM RGB-D benchmark: 5000 steps a metre, files paired by time. The camera differs by sequence.
    Tum,
    /// Microsoft 7-Scenes: millimetres, 0 and 65535 missing. Colour and depth are not registered.
    SevenScenes,
    /// Redwood: millimetres.
    Redwood,
    /// SUN RGB-D: millimetres with rotated bits. The camera differs by folder.
    SunRgbd,
    /// A mirrored export of NYU Depth v2: 8-bit depth rounded down to steps of 1/25.5 m, NYU40 minus one with
    /// unlabelled pixels merged into 39.
    NyuMirrored,
}

/// The values a [`Preset`] gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// Name of the data set.
    pub dataset: &'static str,
    /// Pattern of the pictures.
    pub images: &'static str,
    /// Pattern of the depth maps.
    pub depths: &'static str,
    /// Pattern of the label maps and the table of their ids.
    pub labels: Option<(&'static str, LabelTable)>,
    /// Which files belong together.
    pub pairing: Pairing,
    /// Depth numbers to metres.
    pub depth: DepthCode,
    /// The files are mirrored left-right.
    pub mirror: bool,
    /// The camera, where all pictures share one.
    pub intrinsics: Option<Intrinsics>,
}

impl Preset {
    /// Every preset there is.
    pub const ALL: [Self; 5] = [Self::Tum, Self::SevenScenes, Self::Redwood, Self::SunRgbd, Self::NyuMirrored];

    /// As in `--preset`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tum => "tum",
            Self::SevenScenes => "7scenes",
            Self::Redwood => "redwood",
            Self::SunRgbd => "sunrgbd",
            Self::NyuMirrored => "nyuv2-mirrored",
        }
    }

    /// The values.
    #[must_use]
    pub fn defaults(self) -> Defaults {
        let plain = Defaults {
            dataset: self.name(),
            images: "color/*.{jpg,png}",
            depths: "depth/*.png",
            labels: None,
            pairing: Pairing::Name,
            depth: DepthCode::u16_steps(1000.0),
            mirror: false,
            intrinsics: None,
        };
        match self {
            Self::Tum => Defaults {
                images: "rgb/*.png",
                pairing: Pairing::Time { max_s: 0.02 },
                depth: DepthCode::u16_steps(5000.0),
                ..plain
            },
            Self::SevenScenes => Defaults {
                images: "**/*.color.{jpg,png}",
                depths: "**/*.depth.png",
                depth: DepthCode { invalid: vec![0.0, 65535.0], ..plain.depth },
                intrinsics: Some(Intrinsics { fx: 585.0, fy: 585.0, cx: 320.0, cy: 240.0 }),
                ..plain
            },
            Self::Redwood => {
                Defaults { intrinsics: Some(Intrinsics { fx: 525.0, fy: 525.0, cx: 319.5, cy: 239.5 }), ..plain }
            }
            // Each picture has a folder of its own, in which the names may differ.
            Self::SunRgbd => Defaults {
                images: "**/image/{*}.jpg",
                depths: "**/depth/{*}.png",
                depth: DepthCode { encoding: Encoding::SunRgbd, ..plain.depth },
                ..plain
            },
            Self::NyuMirrored => Defaults {
                images: "images/*.jpg",
                depths: "depths/*.png",
                labels: Some(("labels40/*.png", LabelTable::Nyu40MergedVoid)),
                // The export rounded down, so the middle of a step is the best guess; its zero is a depth as well.
                depth: DepthCode {
                    scale: 1.0 / 25.5,
                    offset: 0.5 / 25.5,
                    invalid: Vec::new(),
                    bits: Some(8),
                    ..DepthCode::metres()
                },
                mirror: true,
                intrinsics: Some(nyu::RGB_CAMERA),
                ..plain
            },
        }
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
        Self::ALL
            .into_iter()
            .find(|p| p.name() == text)
            .ok_or_else(|| format!("expected one of {}, found {text:?}", names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::folder::Pattern;

    #[test]
    fn every_preset_has_sound_patterns() {
        for preset in Preset::ALL {
            let defaults = preset.defaults();
            assert_eq!(preset.name().parse(), Ok(preset));
            let labels = defaults.labels.map(|(pattern, _)| pattern);
            for pattern in [defaults.images, defaults.depths].into_iter().chain(labels) {
                assert!(pattern.parse::<Pattern>().is_ok_and(|p| p.has_wildcard()), "{pattern}");
            }
        }
    }
}
