use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::options::Options;
use super::recipe::{Drawn, Recipe};

/// The version of the file.
const VERSION: u32 = 1;

/// Name and data of one of the mixed sets, as stored: no path of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetName {
    /// Name of its folder.
    pub name: String,
    /// Hash of its data.
    pub fingerprint: String,
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.fingerprint)
    }
}

/// Everything that decides a mixed set: a file of one line of JSON a sample, after one about all.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The options it was drawn with.
    pub options: Options,
    /// The sets it was drawn for.
    pub sets: Vec<SetName>,
    /// The set whose depth the masks were made from, where there was one.
    pub predicted: Option<SetName>,
    /// One a sample, in row order.
    pub recipes: Vec<Recipe>,
    /// Hash of the lines, when they are not as they were drawn.
    pub edited: Option<String>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    semdepth_plan: u32,
    options: Options,
    sets: Vec<SetName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    predicted: Option<SetName>,
    digest: String,
}

impl Plan {
    /// The file.
    ///
    /// # Errors
    /// When a number cannot be written as JSON.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut lines = Vec::new();
        for recipe in &self.recipes {
            serde_json::to_writer(&mut lines, recipe)?;
            lines.push(b'\n');
        }
        let (options, sets, predicted) = (self.options.clone(), self.sets.clone(), self.predicted.clone());
        let head = Head { semdepth_plan: VERSION, options, sets, predicted, digest: digest(&lines) };
        let mut bytes = serde_json::to_vec(&head)?;
        bytes.push(b'\n');
        bytes.append(&mut lines);
        Ok(bytes)
    }

    /// Reads a file. Lines may have been edited, added or taken away.
    ///
    /// # Errors
    /// In words, with the line.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let end = bytes.iter().position(|&b| b == b'\n').map_or(bytes.len(), |i| i + 1);
        let (head, lines) = bytes.split_at(end);
        let no_plan = |e| format!("line 1: {e}; this is no plan of `sdprep mix`");
        let head: Head = serde_json::from_slice(head).map_err(no_plan)?;
        if head.semdepth_plan != VERSION {
            return Err(format!("line 1: semdepth_plan: expected {VERSION}, found {}", head.semdepth_plan));
        }
        head.options.check().map_err(|e| format!("line 1: options: {e}"))?;
        let mut recipes = Vec::new();
        for (i, line) in lines.split(|&b| b == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            let recipe: Recipe = serde_json::from_slice(line).map_err(|e| format!("line {}: {e}", i + 2))?;
            check(&recipe).map_err(|e| format!("line {}: {e}", i + 2))?;
            recipes.push(recipe);
        }
        let digest = digest(lines);
        let edited = (digest != head.digest).then_some(digest);
        let Head { options, sets, predicted, .. } = head;
        Ok(Self { options, sets, predicted, recipes, edited })
    }
}

fn digest(lines: &[u8]) -> String {
    format!("xxh3-128:{:032x}", xxh3_128(lines))
}

fn check(recipe: &Recipe) -> Result<(), String> {
    let method = recipe.method;
    if recipe.partner.is_none() && method.needs_partner() && recipe.unmixed.is_none() {
        return Err(format!("partner: {method} needs one, found none"));
    }
    if recipe.swapped && recipe.partner.is_none() && recipe.unmixed.is_none() {
        return Err("swapped: there is no partner to exchange roles with".into());
    }
    if recipe.unmixed.is_some() && (recipe.drawn.is_some() || recipe.share.is_some()) {
        return Err(
            "unmixed: a sample that stays as it is has neither `drawn` nor `share`; take them out, or `unmixed`".into(),
        );
    }
    if recipe.partner.as_ref() == Some(&recipe.sample) {
        return Err("partner: a sample cannot be mixed with itself".into());
    }
    if let Some(Drawn::AffineMix(drawn)) = &recipe.drawn
        && let Some(object) = drawn.objects.iter().find(|o| !(0.01..=100.0).contains(&o.scale))
    {
        return Err(format!("scale: expected a number from 0.01 to 100, found {}", object.scale));
    }
    Ok(())
}
