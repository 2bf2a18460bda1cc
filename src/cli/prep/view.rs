use std::path::PathBuf;

use anyhow::{Context, Result};
use image::RgbImage;
use serde_json::json;

use super::explain::row_of;
use super::mix::{ParameterArgs, input, is_full_nyu};
use super::picture::{MapName, PICTURE, check_ending, named, png, title};
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::cli::sets::complete_sets;
use crate::file::write_atomically;
use crate::label::LabelSpace;
use crate::mix::{Method, Mixed, Options};
use crate::shard::{Set, SetSource};
use crate::view::{ColorMap, SheetOptions, mix_sheet, of_set, sheet};

/// Draws a contact sheet: image, depth in colours with a scale in metres, and classes with their names, one row a
/// sample.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A set, or a folder that holds sets
    #[arg(default_value = "shards")]
    set: PathBuf,
    /// The picture (for several sets the name of each is added)
    #[arg(long, short, value_name = "FILE", default_value = "sheet.png")]
    out: PathBuf,
    /// Rows to show
    #[arg(long, short = 'n', value_name = "K", default_value = "6", value_parser = clap::value_parser!(u16).range(1..=200))]
    count: u16,
    /// Show the samples with these keys instead
    #[arg(long, value_name = "KEY", value_delimiter = ',', conflicts_with_all = ["count", "seed"])]
    keys: Vec<String>,
    /// Draw the rows at random; without it they are spread evenly over the set
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Colours of depth
    #[arg(long, value_enum, default_value = "turbo", value_name = "MAP")]
    colors: MapName,
    /// Depths at the ends of the colour scale, in metres [default: the percentiles 1 and 99 of what is shown]
    #[arg(long, value_name = "NEAR,FAR", value_parser = range)]
    range: Option<(f64, f64)>,
    /// Show what these methods of `sdprep mix` would make of the samples, with partners drawn by --seed: parents, mask,
    /// result. No set is written
    #[arg(long, short, value_name = "NAME", value_delimiter = ',')]
    method: Vec<Method>,
    #[command(flatten)]
    parameters: ParameterArgs,
}

fn range(text: &str) -> Result<(f64, f64), String> {
    let ends = text.split_once(',').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    ends.filter(|&(near, far): &(f64, f64)| near >= 0.0 && near < far && far.is_finite())
        .ok_or_else(|| format!("expected two depths in metres, the nearer first, such as 0.5,10; found {text:?}"))
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        check_ending("--out", &self.out, PICTURE)?;
        let paths = complete_sets(&self.set, output)?;
        let (mut text, mut values) = (String::new(), Vec::new());
        for path in &paths {
            let set = Set::open(path)?;
            let rows = self.rows(&set)?;
            let picture = if self.method.is_empty() {
                draw(&set, &rows, self.colors.into(), self.range)?
            } else {
                self.draw_mixes(&set, &rows)?
            };
            let file = named(&self.out, path, &self.set, paths.len());
            write_atomically(&file, &png(&picture)?).with_context(|| file.display().to_string())?;
            text += &format!("{}\n", file.display());
            values.push(json!({"set": path, "picture": file, "rows": rows,
                "width": picture.width(), "height": picture.height()}));
        }
        output.result(text, &values)?;
        Ok(Exit::Done)
    }

    /// A picture of what `sdprep mix` would make of some rows.
    fn draw_mixes(&self, set: &Set, rows: &[usize]) -> Result<RgbImage> {
        let methods = &self.method;
        let parameters = self.parameters.parameters(&[&set.spec().dataset], is_full_nyu(set), methods, false)?;
        let source = SetSource::new(set);
        let mut shown = Vec::new();
        for &method in methods {
            let usual = Options::new(method, parameters.clone());
            let options = Options { seed: self.seed.unwrap_or(0), probability: Some(1.0), ..usual };
            let mixed = Mixed::new(vec![input(&source, set.root())], None, options)?;
            for (i, recipe) in mixed.recipes().iter().enumerate().filter(|(_, r)| rows.contains(&r.sample.row)) {
                shown.push(row_of(mixed.settle(i)?, &recipe.key())?);
            }
        }
        let subtitle = format!("{} mixes, seed {}", shown.len(), self.seed.unwrap_or(0));
        let options = SheetOptions { map: self.colors.into(), range_m: self.range, ..mix_options(set, &subtitle) };
        Ok(mix_sheet(&shown, &options))
    }

    fn rows(&self, set: &Set) -> Result<Vec<usize>> {
        let count = usize::from(self.count);
        if self.keys.is_empty() {
            return Ok(match self.seed {
                Some(seed) => of_set::random(set.records(), count, seed),
                None => of_set::spread(set.records().len(), count),
            });
        }
        let find = |key: &String| {
            let found = set.records().iter().find(|r| r.entry.key == *key).map(|r| r.row);
            let first = set.records().first().map(|r| r.entry.key.as_str()).unwrap_or_default();
            let root = set.root().display();
            found
                .ok_or_else(|| Usage(format!("{root}: no sample has the key {key:?}; keys look like {first:?}")).into())
        };
        self.keys.iter().map(find).collect()
    }
}

/// The contact sheet of some rows.
pub(super) fn draw(set: &Set, rows: &[usize], map: ColorMap, range_m: Option<(f64, f64)>) -> Result<RgbImage> {
    let spec = set.spec();
    let labels = spec.label_space.map_or_else(|| "no labels".to_owned(), |s| s.to_string());
    let n_quarantined = set.records().len() - set.rows().count();
    let mut subtitle = vec![format!("{} of {} samples", rows.len(), spec.n_samples)];
    subtitle.push(format!("{} x {} pixels", spec.size.width, spec.size.height));
    subtitle.push(labels);
    if n_quarantined > 0 {
        subtitle.push(format!("{n_quarantined} quarantined"));
    }
    let options = SheetOptions {
        title: title(set),
        subtitle: subtitle.join("  \u{b7}  "),
        space: spec.label_space.unwrap_or(LabelSpace::Ade20k150),
        map,
        range_m,
    };
    Ok(sheet(&of_set::sheet_rows(set, rows)?, &options))
}

/// How a picture of mixes of a set looks.
pub(super) fn mix_options(set: &Set, subtitle: &str) -> SheetOptions {
    let space = set.spec().label_space.unwrap_or(LabelSpace::Ade20k150);
    SheetOptions { title: title(set), subtitle: subtitle.to_owned(), space, ..SheetOptions::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_two_depths() {
        assert_eq!(range("0.5, 10"), Ok((0.5, 10.0)));
        for wrong in ["", "1", "5,1", "-1,2", "1,inf", "nan,2", "1,2,3"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
