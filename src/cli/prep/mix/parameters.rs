use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::cli::exit::Usage;
use crate::file::read_bounded;
use crate::label::LabelSpace;
use crate::mix::cutdepth::{Encoding, Missing};
use crate::mix::cutmix::CutMixKind;
use crate::mix::depthmix::DepthTest;
use crate::mix::nearfarmix::Threshold;
use crate::mix::{Domain, MaskSource, Method, Parameters, movable};

/// Largest table of movable classes.
const MAX_TABLE: u64 = 1 << 20;

/// Parameters of the methods; docs/mixes.md explains each.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Parameters of the methods")]
#[group(requires = "method")]
pub(in crate::cli::prep) struct ParameterArgs {
    /// Defaults for rooms or for roads [default: by the name of the data set]
    #[arg(long, value_enum, value_name = "KIND")]
    domain: Option<DomainName>,
    /// The label space the sets must have
    #[arg(long, default_value = "ade20k150", value_name = "SPACE")]
    label_space: LabelSpace,
    /// nearfarmix: how the threshold between near and far is drawn
    #[arg(long, value_enum, default_value = "quantile", value_name = "HOW")]
    threshold: ThresholdName,
    /// nearfarmix: what it is drawn from [default: quantile 0.25,0.75; metric 1.5,4 in rooms, 8,30 on roads; minmax
    /// 0.2,0.6]. For fixed: the metres
    #[arg(long, value_name = "LOW,HIGH", value_parser = pair_or_one)]
    threshold_range: Option<(f64, f64)>,
    /// nearfarmix: which depth makes the mask [default: auto in rooms and with --predicted, filled on roads]
    #[arg(long, value_enum, value_name = "SOURCE")]
    near_mask: Option<MaskName>,
    /// nearfarmix: least and greatest share of A; other draws are repeated
    #[arg(long, default_value = "0.05,0.95", value_name = "LOW,HIGH", value_parser = pair)]
    near_share: (f64, f64),
    /// nearfarmix: how often a draw is repeated
    #[arg(long, default_value = "5", value_name = "N")]
    near_redraws: u32,
    /// cutdepth, vcutdepth: greatest extent of the pasted depth, as a share of the picture
    #[arg(long, default_value = "0.75", value_name = "SHARE")]
    cut_extent: f64,
    /// cutdepth, vcutdepth: how depth becomes grey
    #[arg(long, value_enum, default_value = "scaled", value_name = "HOW")]
    cut_encoding: EncodingName,
    /// cutdepth, vcutdepth: the depth that is white, in metres [default: 10 in rooms, 80 on roads]
    #[arg(long, value_name = "METRES")]
    cut_max: Option<f64>,
    /// cutdepth, vcutdepth: what pixels without depth become [default: zero in rooms, keep-rgb on roads]
    #[arg(long, value_enum, value_name = "HOW")]
    cut_missing: Option<MissingName>,
    /// cutmix: which rectangles
    #[arg(long, value_enum, default_value = "half", value_name = "KIND")]
    cutmix_box: CutMixName,
    /// classmix: least and greatest share of A; other draws are repeated
    #[arg(long, default_value = "0.02,0.98", value_name = "LOW,HIGH", value_parser = pair)]
    class_share: (f64, f64),
    /// classmix: how often a draw is repeated
    #[arg(long, default_value = "5", value_name = "N")]
    class_redraws: u32,
    /// depthmix: what is compared
    #[arg(long, value_enum, default_value = "disparity", value_name = "WHAT")]
    depth_test: TestName,
    /// depthmix: how much farther A may be and still be shown [default: 0.03 of disparity; metric 0.1 m in rooms, 1 m
    /// on roads]
    #[arg(long, value_name = "EPS")]
    depth_eps: Option<f64>,
    /// depthmix: least disparity of A that is shown, 0..1
    #[arg(long, default_value = "0", value_name = "TAU")]
    depth_tau: f64,
    /// depthmix: which depths are compared
    #[arg(long, value_enum, default_value = "auto", value_name = "SOURCE")]
    depth_mask: DepthMaskName,
    /// affinemix: table of movable classes, a CSV with a column `id` [default: the list in docs/mixes.md]
    #[arg(long, value_name = "FILE")]
    movable: Option<PathBuf>,
    /// affinemix: principal point of samples without intrinsics [default: NYU's 325.58,253.74 for its full pictures, else
    /// the middle]
    #[arg(long, value_name = "CX,CY", value_parser = pair)]
    affine_centre: Option<(f64, f64)>,
    /// affinemix: least and greatest area of an object, as shares of the picture
    #[arg(long, default_value = "0.002,0.2", value_name = "LOW,HIGH", value_parser = pair)]
    affine_area: (f64, f64),
    /// affinemix: at most this many objects are copied
    #[arg(long, default_value = "3", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    affine_objects: u16,
    /// affinemix: what depth is multiplied by
    #[arg(long, default_value = "0.6,1.6", value_name = "LOW,HIGH", value_parser = pair)]
    affine_scale: (f64, f64),
    /// affinemix: factors that are not drawn
    #[arg(long, default_value = "0.9,1.1", value_name = "LOW,HIGH", value_parser = pair)]
    affine_dull: (f64, f64),
    /// affinemix: metres a copy may be farther than what is there and still be shown [default: 0.1 in rooms, 1 on roads]
    #[arg(long, value_name = "METRES")]
    affine_eps: Option<f64>,
}

/// `LOW,HIGH`
fn pair(text: &str) -> Result<(f64, f64), String> {
    let ends = text.split_once(',').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    ends.ok_or_else(|| format!("expected two numbers such as 0.25,0.75; found {text:?}"))
}

fn pair_or_one(text: &str) -> Result<(f64, f64), String> {
    text.trim().parse().map(|one| (one, one)).or_else(|_| pair(text))
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DomainName {
    /// Rooms
    Indoor,
    /// Roads
    Road,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ThresholdName {
    /// A quantile of A's depth: a share of A
    Quantile,
    /// Metres
    Metric,
    /// A share of the way from A's nearest to its farthest depth
    Minmax,
    /// Always the same metres
    Fixed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MaskName {
    /// strict where 95 % are measured, else predicted if given, else filled
    Auto,
    /// A densified copy of the depth
    Filled,
    /// The measurements; missing ones are not near
    Strict,
    /// The depths of --predicted
    Predicted,
    /// The printed formula: missing depth is near
    Literal,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DepthMaskName {
    /// Strict where 95 % of both are measured, else filled
    Auto,
    /// Densified copies
    Filled,
    /// The measurements
    Strict,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EncodingName {
    /// 255 * depth / --cut-max
    Scaled,
    /// Metres in a picture of 0..1, as PixelFormer
    Metres,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MissingName {
    /// Black
    Zero,
    /// They keep their colour
    KeepRgb,
    /// The densified depth
    Filled,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CutMixName {
    /// Half of the picture's area
    Half,
    /// Sides sqrt(1 - lambda) of the picture's, lambda uniform, clipped
    Beta,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TestName {
    /// Disparity, scaled to 0..1 in each picture
    Disparity,
    /// Metres
    Metric,
}

impl ParameterArgs {
    pub(super) const fn label_space(&self) -> LabelSpace {
        self.label_space
    }

    /// The parameters for a data set. `methods` are those that will be used.
    pub(in crate::cli::prep) fn parameters(
        &self,
        datasets: &[&str],
        is_full_nyu: bool,
        methods: &[Method],
        has_predicted: bool,
    ) -> Result<Parameters> {
        let domain = self.domain(datasets)?;
        let road = domain == Domain::Road;
        let mut all = Parameters::of(domain);
        let near = &mut all.nearfarmix;
        let drawn = |kind: fn(f64, f64) -> Threshold, usual| {
            let (low, high) = self.threshold_range.unwrap_or(usual);
            kind(low, high)
        };
        near.threshold = match self.threshold {
            ThresholdName::Quantile => drawn(Threshold::Quantile, (0.25, 0.75)),
            ThresholdName::Metric => drawn(Threshold::Metric, if road { (8.0, 30.0) } else { (1.5, 4.0) }),
            ThresholdName::Minmax => drawn(Threshold::MinMax, (0.2, 0.6)),
            ThresholdName::Fixed => {
                let (metres, _) = self
                    .threshold_range
                    .ok_or_else(|| Usage("--threshold fixed: say --threshold-range METRES".into()))?;
                Threshold::Fixed(metres)
            }
        };
        near.mask_source = match self.near_mask {
            // Who gives a prediction wants it used.
            None if has_predicted => MaskSource::Auto,
            None => near.mask_source,
            Some(MaskName::Predicted) if !has_predicted => {
                return Err(
                    Usage("--near-mask predicted needs a set with predicted depth: --predicted SET".into()).into()
                );
            }
            Some(MaskName::Auto) => MaskSource::Auto,
            Some(MaskName::Filled) => MaskSource::Filled,
            Some(MaskName::Strict) => MaskSource::Strict,
            Some(MaskName::Predicted) => MaskSource::Predicted,
            Some(MaskName::Literal) => MaskSource::Literal,
        };
        (near.share, near.redraws) = (self.near_share, self.near_redraws);
        let paint = &mut all.cutdepth.paint;
        paint.encoding = match self.cut_encoding {
            EncodingName::Scaled => Encoding::Scaled,
            EncodingName::Metres => Encoding::Metres,
        };
        paint.max_m = self.cut_max.unwrap_or(paint.max_m);
        paint.missing = match self.cut_missing {
            None => paint.missing,
            Some(MissingName::Zero) => Missing::Zero,
            Some(MissingName::KeepRgb) => Missing::KeepRgb,
            Some(MissingName::Filled) => Missing::Filled,
        };
        all.vcutdepth.paint = all.cutdepth.paint;
        (all.cutdepth.extent, all.vcutdepth.extent) = (self.cut_extent, self.cut_extent);
        all.cutmix.kind = match self.cutmix_box {
            CutMixName::Half => CutMixKind::Half,
            CutMixName::Beta => CutMixKind::Beta,
        };
        (all.classmix.share, all.classmix.redraws) = (self.class_share, self.class_redraws);
        all.depthmix.test = match self.depth_test {
            TestName::Disparity => DepthTest::Disparity { eps: self.depth_eps.unwrap_or(0.03), tau: self.depth_tau },
            TestName::Metric => DepthTest::Metric { eps_m: self.depth_eps.unwrap_or(if road { 1.0 } else { 0.1 }) },
        };
        all.depthmix.mask_source = match self.depth_mask {
            DepthMaskName::Auto => MaskSource::Auto,
            DepthMaskName::Filled => MaskSource::Filled,
            DepthMaskName::Strict => MaskSource::Strict,
        };
        let affine = &mut all.affinemix;
        affine.centre = self.affine_centre.or(is_full_nyu.then_some(NYU_CENTRE));
        (affine.area, affine.scale, affine.dull) = (self.affine_area, self.affine_scale, self.affine_dull);
        affine.max_objects = usize::from(self.affine_objects);
        affine.eps_m = self.affine_eps.unwrap_or(affine.eps_m);
        if let Some(path) = &self.movable {
            let bytes = read_bounded(path, MAX_TABLE).with_context(|| path.display().to_string())?;
            let ids = movable::read(&String::from_utf8_lossy(&bytes));
            affine.movable = ids.map_err(|reason| Usage(format!("{}: {reason}", path.display())))?;
        } else if methods.contains(&Method::AffineMix) && self.label_space != LabelSpace::Ade20k150 {
            return Err(Usage(format!(
                "affinemix: which classes of {} can be moved? say --movable FILE",
                self.label_space
            ))
            .into());
        }
        Ok(all)
    }

    fn domain(&self, datasets: &[&str]) -> Result<Domain> {
        match self.domain {
            Some(DomainName::Indoor) => return Ok(Domain::Indoor),
            Some(DomainName::Road) => return Ok(Domain::Road),
            None => {}
        }
        let domains: Vec<Domain> = datasets.iter().map(|name| Domain::of(name)).collect();
        match domains.as_slice() {
            [first, others @ ..] if others.iter().all(|d| d == first) => Ok(*first),
            [] => Ok(Domain::Indoor),
            _ => {
                Err(Usage(format!("{} are rooms and roads: mix them one by one, or say --domain", datasets.join(", ")))
                    .into())
            }
        }
    }
}

/// The principal point of the NYU camera in the full 480x640 pictures (idisc `dataloders/nyu.py`).
const NYU_CENTRE: (f64, f64) = (325.58, 253.74);

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// Stands for a command with these options.
    #[derive(Parser)]
    struct Alone {
        #[arg(long)]
        method: bool,
        #[command(flatten)]
        parameters: ParameterArgs,
    }

    #[test]
    fn what_is_not_asked_for_is_what_the_library_does() {
        let parameters = |dataset: &str, more: &[&str]| {
            let arguments = [&["sdprep", "--method"], more].concat();
            let Alone { parameters, .. } = Alone::parse_from(arguments);
            parameters.parameters(&[dataset], false, &[Method::AffineMix], false).unwrap()
        };
        assert_eq!(parameters("nyuv2", &[]), Parameters::of(Domain::Indoor));
        assert_eq!(parameters("kitti", &[]), Parameters::of(Domain::Road));
        assert_ne!(parameters("nyuv2", &["--near-redraws", "4"]), Parameters::of(Domain::Indoor));
    }
}
