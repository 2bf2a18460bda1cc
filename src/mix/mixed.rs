use std::collections::HashMap;

use serde_json::{Map, json};

use super::draws::{Draws, Purpose};
use super::edit::Edit;
use super::method::Method;
use super::options::Options;
use super::partner::Partners;
use super::plan::{Plan, SetName};
use super::recipe::{Parent, Recipe, Unmixed};
use super::side::Side;
use crate::sample::{Depth, Fault, IGNORE, Invalid, Sample};
use crate::source::{Entry, Fields, Header, Loaded, Source, SourceError};

/// One of the sets that are mixed.
#[derive(Clone)]
pub struct Input<'s> {
    /// What it is called in the result.
    pub name: SetName,
    /// Its samples.
    pub source: &'s dyn Source,
    /// The rows that can be used: those that are not quarantined.
    pub rows: Vec<usize>,
}

/// Mixed samples as a source: planned from the entries of the sets alone, made two by two when they are loaded.
pub struct Mixed<'s> {
    inputs: Vec<Input<'s>>,
    predicted: Option<Predicted<'s>>,
    options: Options,
    sky: Option<u8>,
    header: Header,
    recipes: Vec<Recipe>,
    entries: Vec<Entry>,
}

/// Depth of any model, found by the key of the sample.
struct Predicted<'s> {
    name: SetName,
    source: &'s dyn Source,
    rows: HashMap<&'s str, usize>,
}

impl<'s> Predicted<'s> {
    fn new(input: &Input<'s>) -> Self {
        let rows = input.source.entries().iter().enumerate().map(|(row, entry)| (entry.key.as_str(), row));
        Self { name: input.name.clone(), source: input.source, rows: rows.collect() }
    }
}

/// A mix that is decided: its recipe is complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// How it is made.
    pub recipe: Recipe,
    /// A; absent for methods without a partner and for samples that stay as they are.
    pub a: Option<Sample>,
    /// B, the background.
    pub b: Sample,
    /// What is done to B; absent for samples that stay as they are.
    pub edit: Option<Edit>,
}

impl Settled {
    /// The output sample.
    ///
    /// # Errors
    /// A and B have different sizes.
    pub fn into_sample(self) -> Result<Sample, super::Misfit> {
        match (self.edit, self.a) {
            (Some(edit), a) => edit.apply(a, self.b),
            // Rejected with the roles exchanged: the sample itself is A.
            (None, Some(a)) if self.recipe.swapped => Ok(a),
            (None, _) => Ok(self.b),
        }
    }
}

impl<'s> Mixed<'s> {
    /// Plans `copies` mixes of every sample. `predicted` has dense depth of any model for the masks: the `depth` of its samples
    /// with the same keys.
    ///
    /// # Errors
    /// Sets that cannot be mixed with each other or by these methods, options out of range.
    pub fn new(inputs: Vec<Input<'s>>, predicted: Option<&Input<'s>>, options: Options) -> Result<Self, SourceError> {
        options.check().map_err(SourceError::Usage)?;
        let recipes = draw_pairs(&inputs, &options)?;
        Self::with(inputs, predicted, options, recipes, None)
    }

    /// Does what a plan says.
    ///
    /// # Errors
    /// The plan is for other sets or other predicted depths, or the sets cannot be mixed.
    pub fn replay(inputs: Vec<Input<'s>>, predicted: Option<&Input<'s>>, plan: Plan) -> Result<Self, SourceError> {
        let names: Vec<SetName> = inputs.iter().map(|input| input.name.clone()).collect();
        if names != plan.sets {
            let list = |names: &[SetName]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let (expected, found) = (list(&plan.sets), list(&names));
            return Err(SourceError::Usage(format!("the plan is for the sets {expected}; found {found}")));
        }
        let found = predicted.map(|input| &input.name);
        if plan.predicted.as_ref() != found {
            let found = found.map_or("none".into(), ToString::to_string);
            return Err(SourceError::Usage(match &plan.predicted {
                None => {
                    format!("the plan was drawn without predicted depth; leave --predicted out, which names {found}")
                }
                Some(expected) => format!(
                    "the plan was drawn with the predicted depth of {expected}, found {found}; say which set that is: --predicted SET"
                ),
            }));
        }
        let usable: Vec<std::collections::HashSet<usize>> =
            inputs.iter().map(|input| input.rows.iter().copied().collect()).collect();
        for (i, recipe) in plan.recipes.iter().enumerate() {
            for parent in [Some(&recipe.sample), recipe.partner.as_ref()].into_iter().flatten() {
                let entry = inputs.get(parent.set).and_then(|input| input.source.entries().get(parent.row));
                let is_usable = usable.get(parent.set).is_some_and(|rows| rows.contains(&parent.row));
                if !is_usable || entry.is_none_or(|entry| entry.key != parent.key) {
                    let Parent { set, row, key } = parent;
                    return Err(SourceError::Usage(format!(
                        "line {} of the plan: set {set} has no usable row {row} with the key {key:?}",
                        i + 2
                    )));
                }
            }
        }
        Self::with(inputs, predicted, plan.options, plan.recipes, plan.edited)
    }

    fn with(
        inputs: Vec<Input<'s>>,
        predicted: Option<&Input<'s>>,
        options: Options,
        recipes: Vec<Recipe>,
        edited: Option<String>,
    ) -> Result<Self, SourceError> {
        let mut header = common_header(&inputs, &options)?;
        let names: Vec<&SetName> = inputs.iter().map(|input| &input.name).collect();
        let mut stored = Map::new();
        stored.insert("mix".into(), json!(options));
        stored.insert("sets".into(), json!(names));
        if let Some(hash) = edited {
            stored.insert("edited_plan".into(), json!(hash));
        }
        if let Some(predicted) = predicted {
            stored.insert("predicted".into(), json!(predicted.name));
        }
        header.options = stored;
        let entry = |recipe: &Recipe| {
            let of_sample = inputs.get(recipe.sample.set).and_then(|i| i.source.entries().get(recipe.sample.row));
            let of_sample = of_sample.cloned().unwrap_or_default();
            Entry {
                key: recipe.key(),
                source: std::collections::BTreeMap::new(),
                provenance: Some(json!({"mix": recipe.planned()})),
                ..of_sample
            }
        };
        let entries = recipes.iter().map(entry).collect();
        let sky = header.label_space.and_then(|space| space.id_of("sky")).filter(|&id| id != IGNORE);
        let predicted = predicted.map(Predicted::new);
        Ok(Self { inputs, predicted, options, sky, header, recipes, entries })
    }

    /// How each sample is made, as far as that is known before anything is decoded.
    #[must_use]
    pub fn recipes(&self) -> &[Recipe] {
        &self.recipes
    }

    /// What it was planned with.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The plan with these recipes, one a row.
    #[must_use]
    pub fn plan(&self, recipes: Vec<Recipe>) -> Plan {
        let sets = self.inputs.iter().map(|input| input.name.clone()).collect();
        let predicted = self.predicted.as_ref().map(|predicted| predicted.name.clone());
        Plan { options: self.options.clone(), sets, predicted, recipes, edited: None }
    }

    /// Loads the parents of a row and decides the mix.
    ///
    /// # Errors
    /// A parent that cannot be read.
    pub fn settle(&self, index: usize) -> Result<Settled, Fault> {
        let Some(recipe) = self.recipes.get(index) else {
            return Err(Fault::new("plan", "row", format!("row {index} of {}", self.recipes.len())));
        };
        let mut recipe = recipe.clone();
        if recipe.unmixed.is_some() {
            let b = self.load_parent(&recipe.sample)?;
            return Ok(Settled { recipe, a: None, b, edit: None });
        }
        let (of_a, of_b) = recipe.roles();
        let a = of_a.map(|a| self.load_parent(a)).transpose()?;
        let b = self.load_parent(of_b)?;
        let predicted = (
            of_a.map(|a| self.predicted_of(recipe.method, a)).transpose()?.flatten(),
            self.predicted_of(recipe.method, of_b)?,
        );
        let side_b = Side { sample: &b, predicted: predicted.1.as_ref(), sky: self.sky };
        let side_a = match &a {
            Some(a) => Side { sample: a, predicted: predicted.0.as_ref(), sky: self.sky },
            None => side_b,
        };
        let settled = match &recipe.drawn {
            Some(drawn) => self.options.parameters.edit(drawn, side_a, side_b).map(|edit| (drawn.clone(), edit)),
            None => {
                let purpose = if recipe.swapped { Purpose::Swapped } else { Purpose::Mix };
                let mut draws = self.draws(&recipe, purpose);
                self.options.parameters.draw(recipe.method, side_a, side_b, &mut draws)
            }
        };
        let edit = match settled {
            Ok((drawn, edit)) => {
                recipe.drawn = Some(drawn);
                recipe.share = Some(edit.mask().share());
                Some(edit)
            }
            Err(reason) => {
                (recipe.unmixed, recipe.drawn, recipe.share) = (Some(reason), None, None);
                None
            }
        };
        Ok(Settled { recipe, a, b, edit })
    }

    fn draws(&self, recipe: &Recipe, purpose: Purpose) -> Draws {
        Draws::new(self.options.seed, recipe.method.name(), &recipe.sample.key, recipe.copy, purpose)
    }

    fn load_parent(&self, parent: &Parent) -> Result<Sample, Fault> {
        let missing = || Fault::new(&parent.key, "sample", "there is no such set");
        let input = self.inputs.get(parent.set).ok_or_else(missing)?;
        let mut sample = input.source.load(parent.row)?.sample;
        let Fields { confidence, raw_depth, intrinsics } = self.header.fields;
        sample.semantics = sample.semantics.filter(|_| self.header.label_space.is_some());
        sample.confidence = sample.confidence.filter(|_| confidence);
        sample.raw_depth = sample.raw_depth.filter(|_| raw_depth);
        sample.intrinsics = sample.intrinsics.filter(|_| intrinsics);
        Ok(sample)
    }

    fn predicted_of(&self, method: Method, parent: &Parent) -> Result<Option<Depth>, Fault> {
        let Some(predicted) = self.predicted.as_ref().filter(|_| method.compares_depth()) else { return Ok(None) };
        let Some(&row) = predicted.rows.get(parent.key.as_str()) else {
            return Err(Fault::new(&parent.key, "predicted", "the set of predicted depths has no such sample"));
        };
        predicted.source.load(row).map(|loaded| Some(loaded.sample.depth))
    }
}

impl Source for Mixed<'_> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn load(&self, index: usize) -> Result<Loaded, Fault> {
        let settled = self.settle(index)?;
        let provenance = Some(json!({"mix": settled.recipe}));
        let key = settled.recipe.sample.key.clone();
        let sample = settled.into_sample().map_err(|e| Fault::new(key, "image", e))?;
        Ok(Loaded { sample, crop: None, invalid: Invalid::default(), provenance })
    }
}

/// What the sets have in common; optional fields that one lacks are left out.
fn common_header(inputs: &[Input<'_>], options: &Options) -> Result<Header, SourceError> {
    let usage = |text: String| Err(SourceError::Usage(text));
    let Some((first, others)) = inputs.split_first() else { return usage("there is no set to mix".into()) };
    let mut header = first.source.header().clone();
    for other in others {
        let (here, there) = (&first.name.name, &other.name.name);
        let found = other.source.header();
        for (what, a, b) in [
            ("size", header.size.to_string(), found.size.to_string()),
            ("label space", format!("{:?}", header.label_space), format!("{:?}", found.label_space)),
            ("split", header.split.clone(), found.split.clone()),
        ] {
            if a != b {
                return usage(format!(
                    "{here} and {there} cannot be mixed together: {what} {a} and {b}; name one of them, or convert them alike"
                ));
            }
        }
        if !header.dataset.split('+').any(|name| name == found.dataset) {
            header.dataset = format!("{}+{}", header.dataset, found.dataset);
        }
        let (all, these) = (&mut header.fields, found.fields);
        all.confidence &= these.confidence;
        all.raw_depth &= these.raw_depth;
        all.intrinsics &= these.intrinsics;
    }
    if header.label_space.is_none()
        && let Some(method) = options.any(Method::needs_labels)
    {
        return usage(format!(
            "{method} needs class ids, and {} has none; convert it with labels, or take another method",
            first.name.name
        ));
    }
    Ok(header)
}

/// One recipe an output sample: everything that can be drawn from the entries alone.
fn draw_pairs(inputs: &[Input<'_>], options: &Options) -> Result<Vec<Recipe>, SourceError> {
    let mut samples = Vec::new();
    for (set, input) in inputs.iter().enumerate() {
        let (dataset, entries) = (input.source.header().dataset.as_str(), input.source.entries());
        let rows = input.rows.iter().filter_map(|&row| Some((set, row, dataset, entries.get(row)?)));
        samples.extend(rows);
    }
    check_partners(&samples, options)?;
    let described: Vec<(&str, &Entry)> = samples.iter().map(|&(_, _, dataset, entry)| (dataset, entry)).collect();
    let partners = Partners::new(&described, options.partners);
    let parent = |&(set, row, _, entry): &(usize, usize, &str, &Entry)| Parent { set, row, key: entry.key.clone() };
    let mut recipes = Vec::new();
    for (i, sample) in samples.iter().enumerate() {
        let key = &sample.3.key;
        for copy in 0..options.copies {
            let Some(method) = options.method_of(key, copy) else { continue };
            let mut draws = Draws::new(options.seed, method.name(), key, copy, Purpose::Pair);
            let by_chance = draws.unit() >= options.probability.unwrap_or(method.usual_probability());
            let partner = if method.needs_partner() { partners.draw(i, &mut draws) } else { None };
            let unmixed = if by_chance {
                Some(Unmixed::Chance)
            } else {
                (method.needs_partner() && partner.is_none()).then_some(Unmixed::NoPartner)
            };
            let recipe = Recipe {
                method,
                copy,
                sample: parent(sample),
                partner: partner.and_then(|p| samples.get(p)).map(parent),
                swapped: false,
                unmixed,
                drawn: None,
                share: None,
            };
            let swapped = options.both_orders && method.needs_partner();
            recipes.push(recipe.clone());
            recipes.extend(swapped.then_some(Recipe { swapped: true, ..recipe }));
        }
    }
    Ok(recipes)
}

fn check_partners(samples: &[(usize, usize, &str, &Entry)], options: &Options) -> Result<(), SourceError> {
    let Some(method) = options.any(Method::needs_partner) else { return Ok(()) };
    let nobody = |has: fn(&Entry) -> bool| !samples.iter().any(|&(.., entry)| has(entry));
    let text = if samples.len() < 2 {
        format!("{method} needs two samples, found {}", samples.len())
    } else if options.partners.same_scene_type && nobody(|e| e.scene_type.is_some()) {
        "--same-scene-type: no sample has a scene type".into()
    } else if options.partners.other_scene && nobody(|e| e.scene.is_some()) {
        "--other-scene: no sample has a scene".into()
    } else {
        return Ok(());
    };
    Err(SourceError::Usage(text))
}
