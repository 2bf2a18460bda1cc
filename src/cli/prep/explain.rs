use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::mix::{input, is_mix, set_named};
use super::picture::{PICTURE, check_ending, png};
use super::view::mix_options;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Output;
use crate::file::write_atomically;
use crate::mix::{Drawn, Input, Method, Mixed, Options, Plan, Recipe, SetName, Settled};
use crate::shard::{Encoder, Record, Set, SetSource};
use crate::view::{MixRow, mix_sheet};

/// Say how a mixed sample was made; draw it with its parents.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A set made by `sdprep mix`
    set: PathBuf,
    /// Key of the sample
    key: String,
    /// Also mix it again, compare, and draw both parents, the mask, the result, its depth and classes
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A set it was mixed from [default: found by name and data beside SET and below shards/]
    #[arg(long, value_name = "SET")]
    parent: Vec<PathBuf>,
}

impl Args {
    pub(super) fn run(&self, output: &Output) -> Result<Exit> {
        self.out.iter().try_for_each(|out| check_ending("--out", out, PICTURE))?;
        let set = Set::open(&self.set)?;
        let record = self.find(&set)?;
        let recipe = recipe_of(record)
            .ok_or_else(|| Usage(format!("{}: {:?} was not made by `sdprep mix`", self.set.display(), self.key)))?;
        let names: Vec<SetName> = option(&set, "sets")?;
        let mut text = format!("{} (row {})\n{}", self.key, record.row, told(&recipe, &names));
        let mut value = json!({"key": self.key, "row": record.row, "recipe": recipe, "sets": names});
        let mut exit = Exit::Done;
        if let Some(out) = &self.out {
            let same = self.draw(&set, record, &recipe, &names, out)?;
            let verdict = if same { "the same as stored" } else { "NOT what is stored: another version made it?" };
            write!(text, "\nmixed again: {verdict}\n{}", out.display())?;
            value["picture"] = json!(out);
            value["same"] = json!(same);
            exit = if same { Exit::Done } else { Exit::Findings };
        }
        output.result(text, &value)?;
        Ok(exit)
    }

    fn find<'s>(&self, set: &'s Set) -> Result<&'s Record> {
        let found = set.records().iter().find(|r| r.entry.key == self.key);
        let first = set.records().first().map(|r| r.entry.key.as_str()).unwrap_or_default();
        let root = set.root().display();
        found.ok_or_else(|| {
            Usage(format!("{root}: no sample has the key {:?}; keys look like {first:?}", self.key)).into()
        })
    }

    /// Makes the sample once more and draws all of it. Whether it is what is stored.
    fn draw(&self, set: &Set, record: &Record, recipe: &Recipe, names: &[SetName], out: &Path) -> Result<bool> {
        let parents: Vec<Set> =
            names.iter().map(|name| set_named(name, &self.parent, &self.set)).collect::<Result<_>>()?;
        let sources: Vec<SetSource<'_>> = parents.iter().map(SetSource::new).collect();
        let mut inputs: Vec<Input<'_>> = sources.iter().map(|source| input(source, source.set().root())).collect();
        inputs.iter_mut().zip(names).for_each(|(input, name)| input.name.clone_from(name));
        let options: Options = option(set, "mix")?;
        let has_predicted = set.spec().options.contains_key("predicted");
        let name: Option<SetName> = has_predicted.then(|| option(set, "predicted")).transpose()?;
        let predicted = name.as_ref().map(|name| set_named(name, &self.parent, &self.set)).transpose()?;
        let predicted = predicted.as_ref().map(SetSource::new);
        let predicted = predicted.as_ref().zip(name.as_ref()).map(|(source, name)| {
            let found = input(source, source.set().root());
            Input { name: name.clone(), ..found }
        });
        let recipes = vec![recipe.clone()];
        let plan = Plan { options, sets: names.to_vec(), predicted: name.clone(), recipes, edited: None };
        let mixed = Mixed::replay(inputs, predicted.as_ref(), plan)?;
        let row = row_of(mixed.settle(0)?, &self.key)?;
        let same = Encoder::new(set.arrays())?.encode(&row.result)?.hashes == record.hashes;
        let picture = mix_sheet(&[row], &mix_options(set, &names_of(names)));
        write_atomically(out, &png(&picture)?).with_context(|| out.display().to_string())?;
        Ok(same)
    }
}

fn names_of(names: &[SetName]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.name.as_str()).collect();
    format!("mixed from {}", names.join(", "))
}

/// A row of a picture of mixes.
pub(super) fn row_of(settled: Settled, key: &str) -> Result<MixRow> {
    let note = note(&settled.recipe);
    let mask = settled.edit.as_ref().map(|edit| edit.mask().clone());
    let (a, b) = (settled.a.clone(), settled.b.clone());
    Ok(MixRow { key: key.to_owned(), note, a, b, mask, result: settled.into_sample()? })
}

/// How a sample of a mixed set was made.
pub(super) fn recipe_of(record: &Record) -> Option<Recipe> {
    let provenance = record.entry.provenance.as_ref()?.get("mix")?;
    Recipe::deserialize(provenance).ok()
}

fn option<T: serde::de::DeserializeOwned>(set: &Set, name: &str) -> Result<T> {
    if !is_mix(set.spec()) {
        return Err(Usage(format!("{}: this set was not made by `sdprep mix`", set.root().display())).into());
    }
    let value = set.spec().options.get(name).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).with_context(|| format!("{}: zarr.json: options: {name}", set.root().display()))
}

/// Everything about a recipe, over several lines.
fn told(recipe: &Recipe, names: &[SetName]) -> String {
    let place = |parent: &crate::mix::Parent| {
        let set = names.get(parent.set).map_or("?", |name| name.name.as_str());
        format!("{} (row {} of {set})", parent.key, parent.row)
    };
    let (a, b) = recipe.roles();
    let mut text = format!("{}: {}\n", recipe.method, describe(recipe.method));
    if let Some(a) = a {
        text += &format!("  A, pasted      {}\n", place(a));
    }
    text += &format!("  B, background  {}\n", place(b));
    text + "  " + &note(recipe)
}

const fn describe(method: Method) -> &'static str {
    match method {
        Method::NearFarMix => "the near part of A over B",
        Method::CutDepth => "a rectangle of the depth over the image",
        Method::VCutDepth => "a stripe of the depth over the image",
        Method::CutMix => "a rectangle of B in A",
        Method::ClassMix => "half of A's classes over B",
        Method::DepthMix => "whichever of A and B is nearer",
        Method::AffineMix => "objects of the sample itself at other depths",
    }
}

/// What was drawn, in one line.
pub(super) fn note(recipe: &Recipe) -> String {
    if let Some(reason) = recipe.unmixed {
        return format!("{}, stored as it is: {reason}", recipe.method);
    }
    let mut parts = vec![recipe.method.to_string()];
    match &recipe.drawn {
        Some(Drawn::NearFarMix(drawn)) => {
            parts.push(format!("threshold {:.2} m", drawn.threshold));
            parts.extend(drawn.u.map(|u| format!("u {u:.3}")));
        }
        Some(Drawn::CutDepth(rect) | Drawn::VCutDepth(rect)) => parts.push(rectangle(rect)),
        Some(Drawn::CutMix(drawn)) => parts.push(format!("B in {}", rectangle(&drawn.rect))),
        Some(Drawn::ClassMix(drawn)) => parts.push(format!("classes {:?}", drawn.classes)),
        Some(Drawn::DepthMix {}) | None => {}
        Some(Drawn::AffineMix(drawn)) => {
            let objects = drawn.objects.iter();
            parts.extend(
                objects.map(|o| format!("class {} at ({}, {}) depth x {:.2}", o.class, o.column, o.row, o.scale)),
            );
        }
    }
    parts.extend(recipe.share.map(|share| format!("{:.1} % pasted", 100.0 * share)));
    parts.join("  \u{b7}  ")
}

fn rectangle(rect: &crate::mix::Rect) -> String {
    let crate::mix::Rect { left, top, width, height } = rect;
    format!("{width} x {height} pixels at ({left}, {top})")
}
