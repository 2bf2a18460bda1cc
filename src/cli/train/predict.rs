use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::network::{NetworkArgs, Trained};
use crate::cli::exit::{Exit, Usage, message};
use crate::cli::fraction::step;
use crate::cli::output::Output;
use crate::cli::picture::png;
use crate::file::write_atomically;
use crate::label::LabelSpace;
use crate::sample::{Depth, Intrinsics, Sample, Size};
use crate::shard::export::{depth_npy, depth_png, indexed_png};
use crate::train::device::on_device;
use crate::train::model::Dss;
use crate::train::op::Backend;
use crate::train::predict::{Features, Input, InputSize, predict_input, predict_watched};
use crate::view::{ColorMap, Row, SheetOptions, point_cloud, sheet};

/// Says depth and classes of pictures. A picture of any size is resized to the network's input (or see --size), and what the network
/// says is resized back. An npy array [N, 3, H, W] of floats is taken as it is: normalised.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "sdtrain predict [OPTIONS] RUN FILE...\n       sdtrain predict [OPTIONS] --weights FILE [--model NAME] FILE..."
)]
pub(super) struct Args {
    /// The folder of a run, then pictures (PNG, JPEG) or npy arrays
    #[arg(required = true, value_name = "RUN|FILE")]
    paths: Vec<PathBuf>,
    /// A safetensors file of weights, in place of a run
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Folder of the results; files in it are replaced
    #[arg(long, short, value_name = "FOLDER", default_value = "predictions")]
    out: PathBuf,
    /// What to write, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KINDS", default_value = "npy,classes,sheet")]
    to: Vec<Kind>,
    /// Metres of one step of the depth PNG, e.g. 1/256 [default: 1/1000, or 1/256 if the network sees farther than 65 m]
    #[arg(long, value_name = "METRES", value_parser = step)]
    depth_step: Option<f64>,
    /// Horizontal field of view of the camera in degrees, for the point cloud [default: 63, a Kinect's]
    #[arg(long, value_name = "DEGREES", conflicts_with = "fx")]
    fov: Option<f64>,
    /// Focal length in pixels of the picture, for the point cloud
    #[arg(long, value_name = "PIXELS")]
    fx: Option<f64>,
    /// Vertical focal length [default: that of --fx]
    #[arg(long, value_name = "PIXELS", requires = "fx")]
    fy: Option<f64>,
    /// Column of the principal point [default: the middle]
    #[arg(long, value_name = "PIXELS")]
    cx: Option<f64>,
    /// Row of the principal point [default: the middle]
    #[arg(long, value_name = "PIXELS")]
    cy: Option<f64>,
    /// Write every intermediate map of the network to a safetensors file besides
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// depth/NAME.npy: float32 metres
    Npy,
    /// depth-png/NAME.png: 16 bits, --depth-step
    Png,
    /// classes/NAME.png: ids of ADE20K-150 in its colours
    Classes,
    /// cloud/NAME.ply: coloured points in metres
    Ply,
    /// sheet.png: pictures beside their depths and classes
    Sheet,
}

/// Rows of one sheet.
const SHEET_ROWS: usize = 12;
/// Sheets need no more pixels of a picture than this.
const SHEET_SIDE: usize = 1024;
/// Horizontal field of view of a Kinect, degrees.
const FIELD_OF_VIEW: f64 = 63.0;

/// What a network says of one picture, at the picture's size.
struct Said {
    name: String,
    sample: Sample,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        on_device!(self.network.device, |device| self.run_on(device, output))
    }

    fn run_on<D: Backend<f32>>(&self, device: D, output: &Output) -> Result<Exit> {
        let (run, files) = self.run_and_files()?;
        let names = names(files)?;
        self.check()?;
        let Trained { network, size, semantics, .. } = self.network.load(device, run)?;
        if !semantics && self.to.contains(&Kind::Classes) {
            output.say("the network has learned depth alone: no classes are written");
        }
        let step = self.step(&network)?;
        let mut features = self.features.as_ref().map(|_| Features::default());
        let (mut results, mut rows, mut sheets, mut failed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let inputs: BTreeSet<PathBuf> = files.iter().filter_map(|file| file.canonicalize().ok()).collect();
        let mut taken = BTreeSet::new();
        let mut fail = |file: &Path, reason: String| {
            output.say(format_args!("{}: {reason}", file.display()));
            failed.push(json!({ "file": file, "reason": reason }));
        };
        for (file, name) in files.iter().zip(&names) {
            let said = match self.say_all(&network, size, file, name, features.as_mut()) {
                Ok(said) => said,
                Err(error) => {
                    fail(file, message(&error));
                    continue;
                }
            };
            for mut said in said {
                if !semantics {
                    said.sample.semantics = None;
                }
                if !taken.insert(said.name.clone()) {
                    fail(
                        file,
                        format!("another input has become `{}` already; predict it into another folder", said.name),
                    );
                    continue;
                }
                results.push(self.write(&said, file, &inputs, step)?);
                if self.to.contains(&Kind::Sheet) {
                    rows.push(Row::prediction(said.name, for_sheet(said.sample)));
                    if rows.len() == SHEET_ROWS {
                        sheets.push(self.write_sheet(&mut rows, sheets.len(), run)?);
                    }
                }
            }
        }
        if results.is_empty() {
            return Err(anyhow!("none of the {} files could be read", files.len()));
        }
        if !rows.is_empty() {
            sheets.push(self.write_sheet(&mut rows, sheets.len(), run)?);
        }
        if let (Some(path), Some(features)) = (&self.features, features) {
            put(path, &features.into_safetensors(network.config())?)?;
        }
        let mut text = vec![format!("{} pictures: {}", results.len(), self.out.display())];
        text.extend(sheets.iter().map(|sheet| sheet.display().to_string()));
        if self.to.contains(&Kind::Png) {
            text.push(format!("depth-png: metres = value / {}", 1.0 / step));
        }
        if self.to.contains(&Kind::Ply) && self.fx.is_none() && self.fov.is_none() {
            text.push(format!(
                "cloud: the camera is taken to see {FIELD_OF_VIEW} degrees across; --fov or --fx say otherwise"
            ));
        }
        let value = json!({
            "model": network.config().model,
            "size": size.to_json(network.config()),
            "depth_step_m": self.to.contains(&Kind::Png).then_some(step),
            "pictures": results,
            "sheets": sheets,
            "features": self.features,
            "failed": failed,
        });
        output.result(text.join("\n"), &value)?;
        Ok(if failed.is_empty() { Exit::Done } else { Exit::Findings })
    }

    fn run_and_files(&self) -> Result<(&Path, &[PathBuf])> {
        let (run, files) = match (&self.weights, self.paths.split_first()) {
            (Some(weights), _) => (weights.as_path(), self.paths.as_slice()),
            (None, Some((run, files))) => (run.as_path(), files),
            (None, None) => (Path::new(""), &[][..]),
        };
        if files.is_empty() {
            let usage = "name the pictures after the run: sdtrain predict runs/last picture.jpg";
            return Err(Usage(usage.to_owned()).into());
        }
        if let Some(folder) = files.iter().find(|file| file.is_dir()) {
            return Err(
                Usage(format!("{0} is a folder; name its pictures, such as {0}/*.jpg", folder.display())).into()
            );
        }
        Ok((run, files))
    }

    fn check(&self) -> Result<()> {
        let positive = [("--fx", self.fx), ("--fy", self.fy)];
        if let Some((option, value)) = positive.into_iter().find(|(_, v)| v.is_some_and(|v| !(1e-3..=1e9).contains(&v)))
        {
            return Err(
                Usage(format!("{option} must be from 0.001 to 1000000000, not {}", value.unwrap_or_default())).into()
            );
        }
        if let Some(step) = self.depth_step.filter(|step| !(1e-9..=1e3).contains(step)) {
            return Err(Usage(format!("--depth-step must be from 0.000000001 to 1000 m, not {step}")).into());
        }
        let others = [("--cx", self.cx), ("--cy", self.cy)];
        if let Some((option, value)) = others.into_iter().find(|(_, v)| v.is_some_and(|v| !v.is_finite())) {
            return Err(Usage(format!("{option} must be a finite number, not {}", value.unwrap_or_default())).into());
        }
        if let Some(fov) = self.fov.filter(|fov| !(*fov > 0.01 && *fov < 180.0)) {
            return Err(Usage(format!("--fov must be between 0.01 and 180 degrees, not {fov}")).into());
        }
        Ok(())
    }

    /// Metres of one step of the depth PNG; the network's largest depth must fit.
    fn step<D: Backend<f32>>(&self, network: &Dss<f32, D>) -> Result<f64> {
        let d_max = network.config().d_max;
        let step = self.depth_step.unwrap_or(if d_max <= 65.0 { 1e-3 } else { 1.0 / 256.0 });
        if self.to.contains(&Kind::Png) && d_max / step > 65535.0 {
            return Err(Usage(format!(
                "{d_max} m in steps of {step} m do not fit 16 bits; --depth-step must be {:.6} at least",
                d_max / 65535.0
            ))
            .into());
        }
        Ok(step)
    }

    /// What the network says of the pictures of a file.
    fn say_all<D: Backend<f32>>(
        &self,
        network: &Dss<f32, D>,
        size: InputSize,
        file: &Path,
        name: &str,
        mut features: Option<&mut Features>,
    ) -> Result<Vec<Said>> {
        let inputs = Input::read(file, size, network.config())?;
        let count = inputs.len();
        let say = |(i, input): (usize, Input)| {
            let prediction = match &mut features {
                Some(features) => predict_watched(network, &input, features)?,
                None => predict_input(network, &input),
            };
            let size = input.image.size();
            let depth = prediction.depth_at(size);
            let semantics = Some(prediction.classes_at(size));
            let name = if count == 1 { name.to_owned() } else { format!("{name}-{i}") };
            Ok(Said { name, sample: Sample { semantics, ..Sample::new(input.image, depth) } })
        };
        inputs.into_iter().enumerate().map(say).collect()
    }

    /// Writes the files of one picture; says which.
    fn write(&self, said: &Said, source: &Path, inputs: &BTreeSet<PathBuf>, step: f64) -> Result<Value> {
        let Said { name, sample } = said;
        let mut written: BTreeMap<&str, PathBuf> = BTreeMap::new();
        let mut save = |kind: &'static str, ending: &str, bytes: &[u8]| {
            let path = self.out.join(kind).join(format!("{name}.{ending}"));
            if path.canonicalize().is_ok_and(|path| inputs.contains(&path)) {
                return Err(Usage(format!("{} is an input; give another --out", path.display())).into());
            }
            written.insert(kind, path.clone());
            put(&path, bytes)
        };
        for kind in &self.to {
            match kind {
                Kind::Npy => save("depth", "npy", &depth_npy(&sample.depth))?,
                Kind::Png => {
                    let bytes = depth_png(&sample.depth, step);
                    save("depth-png", "png", &bytes.map_err(|m| anyhow!("{m} m do not fit 16 bits"))?)?;
                }
                Kind::Classes => {
                    if let Some(labels) = &sample.semantics {
                        save("classes", "png", &indexed_png(labels, LabelSpace::Ade20k150))?;
                    }
                }
                Kind::Ply => {
                    let camera = self.camera(sample.image.size());
                    save("cloud", "ply", &point_cloud(&sample.image, &sample.depth, camera))?;
                }
                Kind::Sheet => {}
            }
        }
        let (near, far) = range(&sample.depth);
        let size = sample.image.size();
        Ok(json!({
            "source": source, "name": name, "height": size.height, "width": size.width, "min_m": near, "max_m": far, "files": written,
        }))
    }

    /// The camera of a picture.
    fn camera(&self, size: Size) -> Intrinsics {
        let (width, height) = (size.width as f64, size.height as f64);
        let of_view = |degrees: f64| 0.5 * width / (0.5 * degrees.to_radians()).tan();
        let fx = self.fx.unwrap_or_else(|| of_view(self.fov.unwrap_or(FIELD_OF_VIEW)));
        Intrinsics {
            fx,
            fy: self.fy.unwrap_or(fx),
            cx: self.cx.unwrap_or(0.5 * (width - 1.0)),
            cy: self.cy.unwrap_or(0.5 * (height - 1.0)),
        }
    }

    fn write_sheet(&self, rows: &mut Vec<Row>, number: usize, run: &Path) -> Result<PathBuf> {
        let name = if number == 0 { "sheet.png".to_owned() } else { format!("sheet-{}.png", number + 1) };
        let path = self.out.join(name);
        let rows = std::mem::take(rows);
        let options = SheetOptions {
            title: "Predicted depth and classes".into(),
            subtitle: run.display().to_string(),
            space: LabelSpace::Ade20k150,
            map: ColorMap::Turbo,
            range_m: None,
        };
        put(&path, &png(&sheet(&rows, &options))?)?;
        Ok(path)
    }
}

/// The names the results of files get: those of the files without ending, below the folder that holds them all.
fn names(files: &[PathBuf]) -> Result<Vec<String>> {
    let parts = |file: &Path| -> Vec<String> {
        let normal = |part: Component<'_>| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        };
        file.with_extension("").components().filter_map(normal).collect()
    };
    let all: Vec<Vec<String>> = files.iter().map(|file| parts(file)).collect();
    let shared = |depth: &usize| {
        let first = all.first().and_then(|parts| parts.get(*depth));
        all.iter().all(|parts| parts.len() > depth + 1 && parts.get(*depth) == first)
    };
    let common = (0..).take_while(shared).count();
    let names: Vec<String> =
        all.iter().map(|parts| parts.iter().skip(common).cloned().collect::<Vec<_>>().join("/")).collect();
    let mut taken: BTreeMap<&str, &PathBuf> = BTreeMap::new();
    for (file, name) in files.iter().zip(&names) {
        if let Some(other) = taken.insert(name, file) {
            let (other, file) = (other.display(), file.display());
            return Err(
                Usage(format!("{other} and {file} would both become `{name}`; predict them into two folders")).into()
            );
        }
    }
    Ok(names)
}

/// Small enough for a sheet.
fn for_sheet(sample: Sample) -> Sample {
    let size = sample.image.size();
    let longest = size.height.max(size.width);
    if longest <= SHEET_SIDE {
        return sample;
    }
    let side = |n: usize| (n * SHEET_SIDE / longest).max(1);
    sample.resize(Size::new(side(size.height), side(size.width)))
}

/// The least and the largest depth.
fn range(depth: &Depth) -> (f32, f32) {
    depth.metres().iter().fold((f32::INFINITY, 0.0f32), |(near, far), &m| (near.min(m), far.max(m)))
}

/// Writes a file and the folders above it.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    write_atomically(path, bytes).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_the_folders_that_tell_files_apart() {
        let of = |files: &[&str]| names(&files.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(of(&["/data/a.b/photo.jpg"]).unwrap(), ["photo"]);
        assert_eq!(of(&["set/x/1.png", "set/y/1.png"]).unwrap(), ["x/1", "y/1"]);
        assert_eq!(of(&["set/x/1.png", "set/x/2.png"]).unwrap(), ["1", "2"]);
        assert_eq!(of(&["../1.png", "b/1.png"]).unwrap(), ["1", "b/1"], "nothing leaves the folder of the results");
        let twice = of(&["x/1.png", "x/1.jpg"]).unwrap_err().to_string();
        assert!(twice.contains("would both become `1`"), "{twice}");
    }
}
