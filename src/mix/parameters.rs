use serde::{Deserialize, Serialize};

use super::affinemix::AffineMix;
use super::classmix::ClassMix;
use super::cutdepth::{CutDepth, DepthPaint, Encoding, Missing};
use super::cutmix::{CutMix, CutMixKind};
use super::depthmix::{DepthMix, DepthTest};
use super::draws::Draws;
use super::edit::Edit;
use super::mask::Rect;
use super::method::Method;
use super::movable;
use super::nearfarmix::{NearFarMix, Threshold};
use super::recipe::{Drawn, Unmixed};
use super::side::{MaskSource, Side};
use super::vcutdepth::VCutDepth;

/// What kind of place a data set shows; it decides some defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// Rooms, dense depth up to 10 m (NYU).
    Indoor,
    /// Roads, sparse depth up to 80 m (KITTI).
    Road,
}

impl Domain {
    /// Roads when the name of the data set says so, rooms otherwise.
    #[must_use]
    pub fn of(dataset: &str) -> Self {
        let dataset = dataset.to_ascii_lowercase();
        let is_road = ["kitti", "road", "cityscapes", "drive"].iter().any(|word| dataset.contains(word));
        if is_road { Self::Road } else { Self::Indoor }
    }
}

/// The parameters of every method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// NearFarMix.
    pub nearfarmix: NearFarMix,
    /// CutDepth.
    pub cutdepth: CutDepth,
    /// Vertical CutDepth.
    pub vcutdepth: VCutDepth,
    /// CutMix.
    pub cutmix: CutMix,
    /// ClassMix.
    pub classmix: ClassMix,
    /// DepthMix.
    pub depthmix: DepthMix,
    /// AffineMix.
    pub affinemix: AffineMix,
}

impl Parameters {
    /// The defaults.
    #[must_use]
    pub fn of(domain: Domain) -> Self {
        let road = domain == Domain::Road;
        let paint = DepthPaint {
            encoding: Encoding::Scaled,
            max_m: if road { 80.0 } else { 10.0 },
            missing: if road { Missing::KeepRgb } else { Missing::Zero },
        };
        Self {
            nearfarmix: NearFarMix {
                threshold: Threshold::Quantile(0.25, 0.75),
                mask_source: if road { MaskSource::Filled } else { MaskSource::Auto },
                share: (0.05, 0.95),
                redraws: 5,
            },
            cutdepth: CutDepth { extent: 0.75, paint },
            vcutdepth: VCutDepth { extent: 0.75, paint },
            cutmix: CutMix { kind: CutMixKind::Half },
            classmix: ClassMix { share: (0.02, 0.98), redraws: 5 },
            depthmix: DepthMix { test: DepthTest::Disparity { eps: 0.03, tau: 0.0 }, mask_source: MaskSource::Auto },
            affinemix: AffineMix {
                movable: movable::ade20k(),
                centre: None,
                area: (0.002, 0.2),
                max_objects: 3,
                scale: (0.6, 1.6),
                dull: (0.9, 1.1),
                eps_m: if road { 1.0 } else { 0.1 },
            },
        }
    }

    /// # Errors
    /// In words: which parameter is out of range, what was expected and what was found.
    pub fn check(&self) -> Result<(), String> {
        self.nearfarmix.threshold.check()?;
        for (name, (low, high), limit) in [
            ("share of nearfarmix", self.nearfarmix.share, 1.0),
            ("share of classmix", self.classmix.share, 1.0),
            ("object area of affinemix", self.affinemix.area, 1.0),
            ("scale of affinemix", self.affinemix.scale, 100.0),
        ] {
            if !(0.0 <= low && low <= high && high <= limit) {
                return Err(format!(
                    "{name}: expected two numbers from 0 to {limit}, the lower first; found {low},{high}"
                ));
            }
        }
        let eps = match self.depthmix.test {
            DepthTest::Disparity { eps, .. } => eps,
            DepthTest::Metric { eps_m } => eps_m,
        };
        for (name, value, limit) in [
            ("extent of cutdepth", self.cutdepth.extent, 1.0),
            ("extent of vcutdepth", self.vcutdepth.extent, 1.0),
            ("eps of depthmix", eps, 1000.0),
            ("eps of affinemix", self.affinemix.eps_m, 1000.0),
        ] {
            if !(0.0..=limit).contains(&value) {
                return Err(format!("{name}: expected a number from 0 to {limit}, found {value}"));
            }
        }
        let ((low, high), (from, to)) = (self.affinemix.scale, self.affinemix.dull);
        if low <= 0.0 || (from <= low && high <= to) {
            return Err(format!(
                "scale of affinemix: {low},{high} without {from},{to} leaves nothing above 0 to draw from"
            ));
        }
        if !(self.cutdepth.paint.max_m > 0.0 && self.cutdepth.paint.max_m.is_finite()) {
            return Err(format!(
                "white depth of cutdepth: expected metres above 0, found {}",
                self.cutdepth.paint.max_m
            ));
        }
        Ok(())
    }

    /// Draws a mix of A and B. Methods without a partner look at B alone; pass it twice.
    ///
    /// # Errors
    /// Why these samples are not mixed.
    pub fn draw(&self, method: Method, a: Side<'_>, b: Side<'_>, draws: &mut Draws) -> Result<(Drawn, Edit), Unmixed> {
        let size = b.sample.image.size();
        Ok(match method {
            Method::NearFarMix => {
                let (drawn, mask) = self.nearfarmix.draw(a, draws)?;
                (Drawn::NearFarMix(drawn), Edit::select(mask))
            }
            Method::ClassMix => {
                let (drawn, mask) = self.classmix.draw(a.sample.semantics.as_ref(), draws)?;
                (Drawn::ClassMix(drawn), Edit::select(mask))
            }
            Method::AffineMix => {
                let (drawn, edit) = self.affinemix.draw(b, draws)?;
                (Drawn::AffineMix(drawn), edit)
            }
            Method::CutDepth => self.with_edit(Drawn::CutDepth(self.cutdepth.draw(size, draws)), a, b)?,
            Method::VCutDepth => self.with_edit(Drawn::VCutDepth(self.vcutdepth.draw(size, draws)), a, b)?,
            Method::CutMix => self.with_edit(Drawn::CutMix(self.cutmix.draw(size, draws)), a, b)?,
            Method::DepthMix => self.with_edit(Drawn::DepthMix {}, a, b)?,
        })
    }

    fn with_edit(&self, drawn: Drawn, a: Side<'_>, b: Side<'_>) -> Result<(Drawn, Edit), Unmixed> {
        let edit = self.edit(&drawn, a, b)?;
        Ok((drawn, edit))
    }

    /// What was drawn, done again.
    ///
    /// # Errors
    /// The samples are not those for which it was drawn.
    pub fn edit(&self, drawn: &Drawn, a: Side<'_>, b: Side<'_>) -> Result<Edit, Unmixed> {
        let paint = |paint: DepthPaint, rect: &Rect| paint.edit(*rect, b);
        Ok(match drawn {
            Drawn::NearFarMix(drawn) => Edit::select(self.nearfarmix.mask(drawn, a)?),
            Drawn::CutDepth(rect) => paint(self.cutdepth.paint, rect)?,
            Drawn::VCutDepth(rect) => paint(self.vcutdepth.paint, rect)?,
            Drawn::CutMix(drawn) => Edit::select(CutMix::mask(drawn, b.sample.image.size())),
            Drawn::ClassMix(drawn) => {
                Edit::select(ClassMix::mask(drawn, a.sample.semantics.as_ref().ok_or(Unmixed::NoLabels)?))
            }
            Drawn::DepthMix {} => Edit::select(self.depthmix.mask(a, b)?),
            Drawn::AffineMix(drawn) => self.affinemix.edit(drawn, b)?,
        })
    }
}
