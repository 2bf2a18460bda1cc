//! The page of an evaluation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cli::picture::{INDEX, png};
use crate::file::write_atomically;
use crate::label::LabelSpace;
use crate::sample::Sample;
use crate::train::evaluate::Seen;
use crate::view::{Page, Row, Section, SheetOptions, sheet};

/// A sample as two rows: its truth, and what the network says.
pub(super) fn rows(seen: &Seen) -> [Row; 2] {
    let size = seen.truth.image.size();
    let [of_truth, semantics] = seen.classes.clone().map_or([None, None], |classes| classes.map(Some));
    let said = Sample { semantics, ..Sample::new(seen.truth.image.clone(), seen.prediction.depth_at(size)) };
    let note = match &seen.picture.metrics {
        Some(d) => format!("predicted  \u{b7}  abs_rel {:.3}  rms {:.3} m  d1 {:.3}", d.abs_rel, d.rms, d.d1),
        None => "predicted".to_owned(),
    };
    let shown = Sample { semantics: of_truth, raw_depth: None, confidence: None, ..seen.truth.clone() };
    [Row::sample(seen.index, seen.key, shown), Row { note, ..Row::prediction(seen.key, said) }]
}

/// Writes the page, its picture and the numbers; says where the page is.
pub(super) fn write(
    folder: &Path,
    run: &Path,
    value: &Value,
    text: &str,
    rows: Vec<Row>,
    space: Option<LabelSpace>,
) -> Result<PathBuf> {
    let put = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
        let path = folder.join(name);
        write_atomically(&path, bytes).with_context(|| path.display().to_string())?;
        Ok(path)
    };
    let options = SheetOptions {
        title: "Truth and prediction".into(),
        subtitle: run.display().to_string(),
        space: space.unwrap_or(LabelSpace::Ade20k150),
        ..SheetOptions::default()
    };
    put("sheet.png", &png(&sheet(&rows, &options))?)?;
    put("eval.json", serde_json::to_string_pretty(value)?.as_bytes())?;
    let keys = ["abs_rel", "sq_rel", "rms", "rms_log", "log10", "silog", "d1", "d2", "d3"];
    let line = |name: String, average: &Value| {
        let numbers = keys.iter().map(|key| number(&average["average"][*key]));
        [name, average["pictures"].to_string()].into_iter().chain(numbers).collect::<Vec<_>>()
    };
    let ranges = value["ranges"].as_object().into_iter().flatten();
    let lines: Vec<Vec<String>> = std::iter::once(line("all".to_owned(), &value["full"]))
        .chain(ranges.map(|(limit, average)| line(format!("to {limit} m"), average)))
        .collect();
    let header = [&["depths", "pictures"], &keys[..]].concat();
    let mut sections = vec![Section::new("Depth").table(&header, &lines)];
    if let Some(space) = space {
        let keys = ["miou", "miou_all_union", "pixel_accuracy", "frequency_weighted_iou", "classes", "pixels"];
        let line: Vec<String> = keys.iter().map(|key| number(&value["semantics"][*key])).collect();
        sections
            .push(Section::new("Semantics").text(&format!("Scored in the classes of {space}.")).table(&keys, &[line]));
    }
    let caption = "One scale for all depths; the row below each truth is what the network says.";
    sections.push(Section::new("Pictures").picture("sheet.png", caption));
    sections.push(Section::new("As printed").listing(text));
    let name = value["model"].as_str().unwrap_or_default();
    let lead = format!("{name}, {}, measured by sdtrain {}.", run.display(), env!("CARGO_PKG_VERSION"));
    put(INDEX, Page { title: "Evaluation".into(), lead, sections }.to_html().as_bytes())
}

fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => format!("{number:.4}"),
        _ if value.is_null() => "-".to_owned(),
        _ => value.to_string(),
    }
}
