//! Layers of settings: tables that are put over each other.

use serde_json::{Map, Value, json};

use super::PlanError;
use crate::train::settings::Settings;

/// Values by key; tables hold tables.
pub type Layer = Map<String, Value>;

/// The table of the network.
pub const NETWORK: &str = "network";

/// Puts a value under a key with dots, making the tables on the way.
pub fn put(layer: &mut Layer, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            layer.insert(key.to_owned(), value);
        }
        Some((table, rest)) => {
            let inner = layer.entry(table).or_insert_with(|| Value::Object(Layer::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

pub(super) fn object(value: &impl serde::Serialize) -> Layer {
    match serde_json::to_value(value) {
        Ok(Value::Object(all)) => all,
        _ => Layer::new(),
    }
}

/// The layers as one, and what they say of the network under its keys with dots. A model called `auto` is none.
pub(super) fn joined(layers: &[Layer]) -> Result<(Layer, Layer), PlanError> {
    let is_said = |(key, value): &(String, Value)| key != "model" || value != "auto";
    let (mut asked, mut network) = (Layer::new(), Layer::new());
    for layer in layers {
        let mut layer = layer.clone();
        match layer.remove(NETWORK) {
            None => {}
            Some(Value::Object(of_network)) => network.extend(flattened(&of_network).into_iter().filter(is_said)),
            Some(_) => return Err(PlanError::Value(format!("`{NETWORK}`: expected a table"))),
        }
        merge(&mut asked, layer);
    }
    Ok((asked, network))
}

/// What tables hold, under keys with dots.
pub(super) fn flattened(table: &Layer) -> Layer {
    fn flatten(path: &str, table: &Layer, out: &mut Layer) {
        for (key, value) in table {
            match value {
                Value::Object(inner) => flatten(&below(path, key), inner, out),
                value => {
                    out.insert(below(path, key), value.clone());
                }
            }
        }
    }
    let mut out = Layer::new();
    flatten("", table, &mut out);
    out
}

/// The key of what stands under `key` in the table called `path`.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

pub(super) fn merge(base: &mut Layer, over: Layer) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(inner)), Value::Object(over)) if key != MIX => merge(inner, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// The table whose keys are methods: named again it is replaced as a whole.
const MIX: &str = "mix";

/// Puts values over others; none may be new.
pub(super) fn overlay(base: &mut Layer, over: &Layer, path: &str) -> Result<(), PlanError> {
    for (key, value) in over {
        let full = below(path, key);
        match (base.get_mut(key), value) {
            (None, _) => return Err(PlanError::Unknown { key: full }),
            (Some(Value::Object(inner)), Value::Object(over)) if key != MIX => overlay(inner, over, &full)?,
            (Some(own), value) => *own = value.clone(),
        }
    }
    Ok(())
}

pub(super) fn differing(path: &str, ours: &Layer, theirs: &Layer) -> Option<(String, Value, Value)> {
    theirs.iter().find_map(|(key, theirs)| {
        let full = below(path, key);
        let ours = ours.get(key).unwrap_or(&Value::Null);
        match (ours, theirs) {
            _ if Settings::ASIDE.contains(&full.as_str()) => None,
            (Value::Object(ours), Value::Object(theirs)) if key != MIX => differing(&full, ours, theirs),
            (ours, theirs) => (ours != theirs).then(|| (full, ours.clone(), theirs.clone())),
        }
    })
}

/// Without what is absent, and with the few digits that an f32 is known by.
pub(super) fn shortened(value: Value) -> Value {
    match value {
        Value::Object(all) => all.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, shortened(v))).collect(),
        Value::Array(all) => all.into_iter().map(shortened).collect(),
        Value::Number(n) if n.is_f64() => {
            let n = n.as_f64().unwrap_or_default();
            let single = n as f32;
            let short = if f64::from(single) == n { single.to_string().parse().unwrap_or(n) } else { n };
            json!(short)
        }
        other => other,
    }
}
