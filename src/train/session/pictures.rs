use std::path::Path;

use image::{ImageFormat, RgbImage};

use super::files::{SHEET, SHEETS};
use super::{CURVES, History, io_error, validation_rules};
use crate::file;
use crate::sample::{Sample, Size};
use crate::train::data::Data;
use crate::train::fault::TrainError;
use crate::train::op::Backend;
use crate::train::predict::{Input, InputSize, predict_input};
use crate::train::trainer::Trainer;
use crate::view::of_set::spread;
use crate::view::{Row, SheetOptions, sheet as draw_sheet};

/// Draws `sheets/step-N.png`: samples spread over the sets, each as it is and as the network sees it.
pub(super) fn sheet<D: Backend<f32>>(
    folder: &Path,
    trainer: &Trainer<D>,
    data: &Data,
    count: usize,
) -> Result<(), TrainError> {
    let size = validation_rules(trainer.network().config(), trainer.settings())?.size;
    let mut rows = Vec::new();
    for index in spread(data.len(), count) {
        // A sample that cannot be read is told of where it is learned from.
        let Ok((sample, key)) = data.sample(index) else { continue };
        let predicted = predicted(trainer, &sample, size);
        let truth = Row { note: "the truth".into(), ..Row::sample(index, key.clone(), sample) };
        rows.extend([truth, Row { note: "the network".into(), ..Row::prediction(key, predicted) }]);
    }
    let options = SheetOptions {
        title: format!("{} after {} steps", trainer.network().config().model, trainer.step()),
        subtitle: format!("{} samples, the truth above what the network says", rows.len() / 2),
        range_m: Some((0.0, trainer.network().config().d_max)).filter(|_| rows.is_empty()),
        ..SheetOptions::default()
    };
    let sheets = folder.join(SHEETS);
    std::fs::create_dir_all(&sheets).map_err(io_error(&sheets))?;
    write(&sheets.join(SHEET.name(trainer.step())), &draw_sheet(&rows, &options))
}

/// The picture with the depth and the classes the network sees, at the size at which it sees them.
fn predicted<D: Backend<f32>>(trainer: &Trainer<D>, sample: &Sample, size: InputSize) -> Sample {
    let network = trainer.network();
    let prediction = predict_input(network, &Input::of(sample.image.clone(), size, network.config()));
    let size = Size::new(prediction.size.0, prediction.size.1);
    let mut shown = Sample::new(sample.image.resize_smooth(size), prediction.depth_at(size));
    shown.semantics = trainer.settings().semantics.then(|| prediction.classes_at(size));
    shown
}

/// Draws the chart of losses and metrics.
pub(super) fn curves(folder: &Path, history: &History<'_>) -> Result<(), TrainError> {
    let drawing = crate::view::curves(&history.panels(), history.steps as f64, "steps");
    write(&folder.join(CURVES), &drawing.to_rgb())
}

fn write(path: &Path, picture: &RgbImage) -> Result<(), TrainError> {
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).map_err(|e| io_error(path)(std::io::Error::other(e)))?;
    file::write_atomically(path, png.get_ref()).map_err(io_error(path))
}
