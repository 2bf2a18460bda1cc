//! Everything that decides a run, in layers: what is usual, what a file says, what is asked for besides.

mod layer;

use serde_json::{Value, json};

use self::layer::{differing, flattened, joined, object, overlay, shortened};

pub use self::layer::{Layer, NETWORK, put};
use super::augment::{Augmentation, Crop};
use super::data::Data;
use super::model::{Config, ConfigError};
use super::settings::Settings;
use crate::mix::Domain;
use crate::sample::Size;

/// A run: its network and its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The network.
    pub network: Config,
    /// The rest.
    pub settings: Settings,
}

/// What the sets show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Rooms or roads.
    pub domain: Domain,
    /// Whether there are labels.
    pub labelled: bool,
    /// The least height and width of the pictures.
    pub least: Size,
}

impl Shown {
    /// By these sets.
    pub fn of(data: &Data) -> Self {
        Self { domain: data.domain(), labelled: data.labelled(), least: data.least_size() }
    }

    /// Whether windows of the usual size can be taken out of roads.
    fn has_road_windows(self) -> bool {
        let (rows, columns) = ROAD_WINDOW;
        self.domain == Domain::Road && self.least.height >= rows && self.least.width >= columns
    }
}

/// What the data and the machine say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// The network that `auto` stands for.
    pub model: &'static str,
    /// What the sets show.
    pub shown: Shown,
    /// Whether the first weights are drawn, not given: learning rates are then five times those of dss.md section 9.
    pub from_scratch: bool,
}

/// A plan that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// No TOML.
    #[error("{0}")]
    Toml(String),
    /// A key nobody knows.
    #[error("`{key}` is unknown; `sdtrain --print-config` lists every key")]
    Unknown {
        /// The key, with the tables it is in.
        key: String,
    },
    /// A value that cannot be.
    #[error("{0}")]
    Value(String),
    /// A network that cannot be.
    #[error(transparent)]
    Network(#[from] ConfigError),
}

impl Plan {
    /// The usual run, with the values of the layers in place of its own; later layers win.
    ///
    /// # Errors
    ///
    /// Keys that are unknown, values that cannot be; both by name.
    pub fn new(usual: Usual, layers: &[Layer]) -> Result<Self, PlanError> {
        let (asked, mut network) = joined(layers)?;
        network.entry("model").or_insert_with(|| json!(usual.model));
        let name = network.get("model").and_then(Value::as_str).unwrap_or_default();
        let mut base = Config::named(name)?;
        let size: Option<(usize, usize)> = match network.get("input.size") {
            Some(size) => {
                Some(serde_json::from_value(size.clone()).map_err(|e| PlanError::Value(format!("`input.size`: {e}")))?)
            }
            None => None,
        };
        let mut augmentation = Augmentation::usual(usual.shown.domain);
        let has_crop = asked.get("augmentation").is_some_and(|all| all.get("crop").is_some());
        // dss-nano usually sees less than such a window.
        let is_large = base.input_size.0 >= ROAD_WINDOW.0;
        let takes_windows = size.map_or(is_large, |size| size == ROAD_WINDOW) && !has_crop;
        if takes_windows && usual.shown.has_road_windows() {
            augmentation.crop = Crop::Pixels(ROAD_WINDOW.0, ROAD_WINDOW.1);
            base = base.for_size(ROAD_WINDOW);
        } else if let Some(size) = size {
            base = base.for_size(size);
        }
        // Features are exchanged on the decoder's finest map, whatever its stride.
        let stride = network.get("decoder.out_stride").and_then(Value::as_u64);
        base.lgcat_scales = stride.map_or(base.lgcat_scales, |stride| vec![stride as usize]);
        base.d_max = match network.get("d_max") {
            Some(d_max) => d_max.as_f64().unwrap_or(base.d_max),
            None if usual.shown.domain == Domain::Road => 80.0,
            None => base.d_max,
        };
        // Indoors 2.7 m of 10, on the road 15 m of 80 (dss.md 6.6).
        let road = base.d_max > ROOMS_M;
        base.depth_start = Some(if road { 0.1875 } else { 0.27 } * base.d_max);
        base.d_lo = if road { 1.0 } else { 0.1 };

        let steps = asked.get("steps").and_then(Value::as_u64).unwrap_or(Settings::default().steps);
        let mut settings = Settings {
            steps,
            warmup: (steps / 20).min(500),
            augmentation,
            semantics: usual.shown.labelled,
            ..Settings::default()
        };
        if usual.from_scratch {
            settings.optimiser.lr *= FROM_SCRATCH;
            settings.optimiser.lr_encoder *= FROM_SCRATCH;
        }
        let mut plan = Self { network: base, settings }.with(&asked, network)?;
        plan.settings.semantics &= usual.shown.labelled;
        Ok(plan)
    }

    /// What a run that begins from weights of this network takes over from it, unless later layers say otherwise: its model, its size
    /// and whatever does not follow from those. Depths of rooms are no start for roads, nor the other way round: they stay usual.
    ///
    /// # Errors
    ///
    /// A network that this version cannot make.
    pub fn of_weights(usual: Usual, network: &Config) -> Result<Layer, PlanError> {
        let mut taken = Layer::new();
        put(&mut taken, "model", json!(network.model));
        put(&mut taken, "input.size", json!(network.input_size));
        let follows = object(&Self::new(usual, &[in_network(taken.clone())])?.network);
        let other_depths = (network.d_max > ROOMS_M) != (usual.shown.domain == Domain::Road);
        for (key, value) in object(network) {
            if follows.get(&key) != Some(&value) && !(other_depths && OF_DEPTH.contains(&key.as_str())) {
                put(&mut taken, &key, value);
            }
        }
        Ok(in_network(taken))
    }

    /// This run, with the values of the layers in place of its own.
    ///
    /// # Errors
    ///
    /// As [`Plan::new`].
    pub fn over(&self, layers: &[Layer]) -> Result<Self, PlanError> {
        let (asked, network) = joined(layers)?;
        self.clone().with(&asked, network)
    }

    fn with(self, asked: &Layer, network: Layer) -> Result<Self, PlanError> {
        let mut all = object(&self.network);
        overlay(&mut all, &network, NETWORK)?;
        let network = Config::from_json(&Value::Object(all).to_string())?;
        let mut all = object(&self.settings);
        overlay(&mut all, asked, "")?;
        let settings: Settings =
            serde_path_to_error::deserialize(Value::Object(all)).map_err(|e| PlanError::Value(e.to_string()))?;
        settings.check().map_err(PlanError::Value)?;
        Ok(Self { network, settings })
    }

    /// Reads a layer.
    ///
    /// # Errors
    ///
    /// No TOML; a number that is infinite or none.
    pub fn read(text: &str) -> Result<Layer, PlanError> {
        let layer = toml::from_str(text).map_err(|e| PlanError::Toml(e.to_string().trim_end().to_owned()))?;
        // JSON holds neither `nan` nor `inf`, which TOML has, and TOML has no null.
        let is_none = |value: &Value| value.is_null() || value.as_array().is_some_and(|all| all.contains(&Value::Null));
        match flattened(&layer).into_iter().find(|(_, value)| is_none(value)) {
            Some((key, _)) => Err(PlanError::Value(format!("`{key}`: expected a finite number"))),
            None => Ok(layer),
        }
    }

    /// As a file that [`Plan::read`] takes: every value there is.
    pub fn to_toml(&self) -> String {
        let mut all = object(&self.settings);
        let mut network = Layer::new();
        for (key, value) in object(&self.network) {
            put(&mut network, &key, value);
        }
        all.insert(NETWORK.into(), Value::Object(network));
        let (values, tables): (Layer, Layer) = all.into_iter().partition(|(_, value)| !value.is_object());
        let ordered = values.into_iter().chain(tables).collect();
        toml::to_string(&shortened(Value::Object(ordered))).unwrap_or_default()
    }

    /// As [`to_toml`](Self::to_toml), with what no layer says in comments: as a layer, the text leaves open what may follow from
    /// something else, as the warmup does from the steps and the network from its name.
    ///
    /// # Errors
    ///
    /// Layers that are none.
    pub fn to_toml_beside(&self, layers: &[Layer]) -> Result<String, PlanError> {
        let (mut asked, network) = joined(layers)?;
        asked.insert(NETWORK.into(), Value::Object(network));
        let said = flattened(&asked);
        let mut table = String::new();
        let line = |line: &str| {
            if let Some(name) = line.strip_prefix('[') {
                table = format!("{}.", name.trim_end_matches(']'));
            }
            match line.split_once(" = ") {
                Some((key, _)) if !said.contains_key(&format!("{table}{key}")) => format!("# {line}\n"),
                _ => format!("{line}\n"),
            }
        };
        Ok(self.to_toml().lines().map(line).collect())
    }

    /// What of this run another has otherwise, if it matters for the result: key, this one's value, the other's.
    pub fn difference(&self, other: &Self) -> Option<(String, Value, Value)> {
        let ours = [object(&self.network), object(&self.settings)];
        let theirs = [object(&other.network), object(&other.settings)];
        ours.into_iter().zip(theirs).find_map(|(ours, theirs)| differing("", &ours, &theirs))
    }
}

/// Rows and columns of the windows that roads are learned from (dss.md 3.1).
const ROAD_WINDOW: (usize, usize) = (352, 608);

/// Rooms are no deeper, in metres.
const ROOMS_M: f64 = 20.0;

/// What of a network follows from how deep its scenes are.
const OF_DEPTH: [&str; 3] = ["d_max", "loss.d_lo", "head.depth.start"];

fn in_network(network: Layer) -> Layer {
    Layer::from_iter([(NETWORK.to_owned(), Value::Object(network))])
}

/// From first weights that are drawn, the learning rates of dss.md section 9 are too small.
pub const FROM_SCRATCH: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMS: Shown = Shown { domain: Domain::Indoor, labelled: true, least: Size::new(480, 640) };
    const ROADS: Shown = Shown { domain: Domain::Road, ..ROOMS };
    const USUAL: Usual = Usual { model: "dss-nano", shown: ROOMS, from_scratch: true };

    fn plan(layers: &[&str]) -> Result<Plan, PlanError> {
        let layers: Result<Vec<Layer>, _> = layers.iter().map(|text| Plan::read(text)).collect();
        Plan::new(USUAL, &layers?)
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_plan() {
        for text in [
            "",
            "steps = 70\nmix = {nearfarmix = 0.5}\n[network]\nd_max = 80\ninput.size = [64, 96]\nlgcat.scales = [4, 8]",
        ] {
            let first = plan(&[text]).unwrap();
            let printed = first.to_toml();
            assert_eq!(plan(&[&printed]).unwrap(), first, "{printed}");
            assert!(printed.contains("[network.loss]") && printed.contains("[augmentation]"), "{printed}");
            let beside = first.to_toml_beside(&[Plan::read(text).unwrap()]).unwrap();
            assert_eq!(plan(&[&beside]).unwrap(), first, "{beside}");
            assert_eq!(beside.replace("# ", ""), printed, "nothing is left out");
        }
        assert!(plan(&[""]).unwrap().to_toml().contains("d_lo = 0.1\n"), "{}", plan(&[""]).unwrap().to_toml());
    }

    #[test]
    fn what_was_not_asked_for_still_follows_from_the_rest() {
        let asked = "flip = 0.25\n[network]\nd_max = 8.0";
        let beside = plan(&[asked]).unwrap().to_toml_beside(&[Plan::read(asked).unwrap()]).unwrap();
        let said: Vec<&str> = beside.lines().filter(|line| !line.starts_with(['#', '[']) && !line.is_empty()).collect();
        assert_eq!(said, ["flip = 0.25", "d_max = 8.0"]);
        let over = "steps = 200\n[network]\nmodel = \"dss-tiny\"";
        assert_eq!(plan(&[&beside, over]).unwrap(), plan(&[asked, over]).unwrap());
    }

    #[test]
    fn learning_rates_rise_over_a_twentieth_of_the_steps_but_no_more_than_500() {
        for (steps, expected) in [(200, 10), (9_980, 499), (10_000, 500), (10_020, 500), (90_000, 500)] {
            assert_eq!(plan(&[&format!("steps = {steps}")]).unwrap().settings.warmup, expected, "{steps}");
        }
        assert_eq!(plan(&["steps = 90000\nwarmup = 700"]).unwrap().settings.warmup, 700);
    }

    #[test]
    fn later_layers_win_and_the_rest_follows() {
        let made = plan(&["steps = 200\n[optimiser]\nlr = 0.5\nclip = 2", "optimiser.lr = 0.25"]).unwrap();
        let settings = &made.settings;
        assert_eq!((settings.steps, settings.warmup), (200, 10));
        assert_eq!((settings.optimiser.lr, settings.optimiser.clip), (0.25, 2.0));
        assert_eq!(settings.optimiser.lr_encoder, 2e-4);
        let both =
            plan(&["[network]\ninput.size = [96, 128]\nlgcat.n_s = 2", "network.input.size = [64, 64]"]).unwrap();
        assert_eq!(
            (both.network.input_size, both.network.encoder_window, both.network.lgcat_n_s),
            ((64, 64), (2, 2), 2)
        );
        let fine = plan(&["[network.decoder]\nout_stride = 2"]).unwrap().network;
        assert_eq!((fine.out_stride, fine.lgcat_scales), (2, vec![2]));
        let mixes = plan(&["[mix]\nnearfarmix = 0.5", "[mix]\ncutmix = 0.25"]).unwrap().settings.mix;
        assert_eq!(mixes.into_iter().collect::<Vec<_>>(), [(crate::mix::Method::CutMix, 0.25)]);
        let road = Plan::new(Usual { shown: Shown { labelled: false, ..ROADS }, ..USUAL }, &[]).unwrap();
        assert_eq!((road.network.d_max, road.network.d_lo, road.network.depth_start), (80.0, 1.0, Some(15.0)));
        assert_eq!((road.settings.semantics, road.settings.augmentation.rotation), (false, 1.0));
    }

    #[test]
    fn a_run_takes_the_network_of_its_first_weights_over() {
        let text = "[network]\nmodel = \"dss-tiny\"\nd_max = 15\ninput.size = [96, 128]\ninput.mean = [0.4, 0.5, 0.6]\nlgcat.n_s = 1";
        let first = plan(&[text]).unwrap().network;
        let begun = |usual: Usual, over: &str| {
            let layers = [Plan::of_weights(usual, &first).unwrap(), Plan::read(over).unwrap()];
            Plan::new(usual, &layers).unwrap().network
        };
        for over in ["", "network.model = \"auto\""] {
            assert_eq!(begun(USUAL, over), first);
        }
        let larger = begun(USUAL, "network.input.size = [192, 256]");
        assert_eq!((larger.encoder_window, larger.d_max, larger.input_mean), ((6, 8), 15.0, [0.4, 0.5, 0.6]));
        let road = begun(Usual { shown: ROADS, ..USUAL }, "");
        assert_eq!((road.d_max, road.d_lo, road.depth_start, road.lgcat_n_s), (80.0, 1.0, Some(15.0), 1));
    }

    #[test]
    fn roads_are_learned_from_windows_where_they_are_large_enough() {
        let made = |height, width, layers: &[&str]| {
            let layers: Vec<Layer> = layers.iter().map(|text| Plan::read(text).unwrap()).collect();
            let usual = Usual { model: "dss-tiny", shown: Shown { least: Size::new(height, width), ..ROADS }, ..USUAL };
            let Plan { network, settings } = Plan::new(usual, &layers).unwrap();
            (network.input_size, network.encoder_window, settings.augmentation.crop)
        };
        let (windows, whole) = (Crop::Pixels(352, 608), Crop::Share(1.0));
        assert_eq!(made(352, 1216, &[""]), ((352, 608), (11, 19), windows));
        assert_eq!(made(192, 640, &[""]), ((480, 640), (15, 20), whole));
        assert_eq!(made(352, 1216, &["network.input.size = [352, 1216]"]), ((352, 1216), (11, 38), whole));
        assert_eq!(made(352, 1216, &["network.input.size = [352, 608]"]).2, windows);
        assert_eq!(made(352, 1216, &["augmentation.crop = 1.0"]), ((480, 640), (15, 20), whole));
        assert_eq!(made(352, 1216, &["network.model = \"dss-nano\""]), ((96, 128), (3, 4), whole));
        assert_eq!(plan(&["network.model = \"dss-tiny\""]).unwrap().settings.augmentation.crop, whole);
    }

    #[test]
    fn what_nobody_knows_is_named() {
        let told = |text| plan(&[text]).unwrap_err().to_string();
        assert!(told("stepz = 3").contains("`stepz` is unknown"));
        assert!(told("[optimiser]\nlrr = 3").contains("`optimiser.lrr` is unknown"));
        assert!(told("[network.lgcat]\nheds = 3").contains("`network.lgcat.heds` is unknown"));
        assert!(told("[mix]\nblur = 0.5").contains("blur"));
        assert!(told("steps = \"many\"").contains("steps: invalid type: string \"many\""));
        assert!(told("[augmentation]\ncrop = \"x\"").contains("augmentation.crop: "));
        assert!(told("network = 3").contains("expected a table"));
        assert!(told("[network]\nexchange = \"magic\"").contains("lg_cat"));
        assert!(told("[augmentation]\ncrop = 0").contains("augmentation.crop"));
        let told = |text: &str| Plan::read(text).unwrap_err().to_string();
        assert_eq!(told("[optimiser]\nlr = nan"), "`optimiser.lr`: expected a finite number");
        assert_eq!(told("[augmentation]\ngamma = [0.9, inf]"), "`augmentation.gamma`: expected a finite number");
        assert!(told("steps = ").contains("TOML"), "{}", told("steps = "));
    }

    #[test]
    fn only_what_decides_the_result_makes_runs_differ() {
        let first = plan(&[""]).unwrap();
        let layer = |text| [Plan::read(text).unwrap()];
        assert_eq!(first.difference(&first.over(&layer("checkpoint_every = 7\nstrict = true")).unwrap()), None);
        let other = first.over(&layer("augmentation.rotation = 7")).unwrap();
        assert_eq!(first.difference(&other), Some(("augmentation.rotation".into(), json!(2.5), json!(7.0))));
        let other = first.over(&layer("network.model = \"auto\"\nnetwork.lgcat.n_s = 3")).unwrap();
        assert_eq!(first.difference(&other).unwrap().0, "lgcat.n_s");
    }
}
