//! Every choice of dss.md section 13 changes what it should, and nothing else.

mod first_values;

use std::collections::BTreeMap;

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, OwnedTape, PutTape, TensorFromVec};
use dfdx::tensor_ops::Backward;

use super::{Config, DepthLoss, Dss, ExchangeKind, PosBias, Target};
use crate::train::nn::{Mode, Pass};
use crate::train::op::{self, Map};

type Network = Dss<f64, Cpu>;

const SIZE: (usize, usize) = (64, 96);

fn nano() -> Config {
    Config::named("dss-nano").unwrap().for_size(SIZE)
}

fn network(config: Config) -> Network {
    Dss::new(Cpu::default(), config, 1).unwrap()
}

fn input() -> Map<f64, Cpu> {
    let (h, w) = SIZE;
    let values = (0..3 * h * w).map(|i| ((i * 7919) % 1009) as f64 / 504.5 - 1.0);
    Cpu::default().tensor_from_vec(values.collect(), (1, 3, h, w))
}

/// Everything that is noted on the way, in evaluation.
fn run(network: &Network) -> BTreeMap<String, Map<f64, Cpu>> {
    let mut pass = Pass::evaluation().watching();
    network.forward(&mut pass, &input());
    pass.watched().iter().cloned().collect()
}

/// The names of what is noted differently, in order of the alphabet.
fn changed(config: Config) -> Vec<String> {
    let (usual, found) = (run(&network(nano())), run(&network(config)));
    assert!(usual.keys().eq(found.keys()));
    let differs = |name: &String| usual[name].as_vec() != found[name].as_vec();
    usual.keys().filter(|name| differs(name)).cloned().collect()
}

/// Copies values by name, as `named` has it.
fn copy(from: &Network, to: &Network, named: impl Fn(&str) -> String) {
    let from = from.store().by_name();
    for entry in to.store().entries() {
        let values = from[named(&entry.name).as_str()].values();
        entry.update(|own| own.copy_from_slice(&values));
    }
}

/// Losses (depth, semantics), and the gradient of every parameter by name.
fn learn(network: &Network) -> ([f64; 2], BTreeMap<String, Vec<f64>>) {
    let ([depth, semantics, _], gradients) = learn_whole(network);
    ([depth, semantics], gradients)
}

/// The same with the total loss as the third.
fn learn_whole(network: &Network) -> ([f64; 3], BTreeMap<String, Vec<f64>>) {
    let mut pass: Pass<f64, Cpu, OwnedTape<f64, Cpu>> = Pass::new(Mode::Training, 0, 0);
    let outputs = network.forward(&mut pass, &input());
    let (h, w) = SIZE;
    let depth: Vec<f32> = (0..h * w).map(|i| 1.0 + (i % 50) as f32 / 10.0).collect();
    let labels: Vec<u8> = (0..h * w).map(|i| (i % 20) as u8).collect();
    let target = Target { depth: Some(&depth), labels: Some(&labels) };
    let losses = network.losses(&mut pass, &outputs, target).unwrap();
    let values = [losses.depth.unwrap(), losses.semantics.unwrap(), losses.total.clone()].map(|loss| loss.as_vec()[0]);
    let gradients = losses.total.put_tape(std::mem::take(&mut pass.tape)).backward();
    let of = |entry: &crate::train::nn::Entry<f64, Cpu>| (entry.name.clone(), gradients.get(&entry.tensor()).as_vec());
    (values, network.store().parameters().map(of).collect())
}

fn close(a: &[f64], b: &[f64]) -> bool {
    let size = b.iter().fold(1e-4_f64, |m, v| m.max(v.abs()));
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-9 * size)
}

#[test]
fn each_eps_is_that_of_its_norms() {
    let after_exchange = ["depth_quarter", "f_d_out", "f_s_out", "logits_quarter"].map(String::from);
    assert_eq!(changed(Config { lgcat_norm_eps: 1e-2, ..nano() }), after_exchange);
    let found = changed(Config { norm_eps: 1e-2, ..nano() });
    assert!(found.iter().any(|name| name == "d4") && found.iter().any(|name| name == "f_d"), "{found:?}");
    assert!(!found.iter().any(|name| name.starts_with('e') || name.starts_with("stages")), "{found:?}");
    let found = changed(Config { encoder_norm_eps: 1e-2, ..nano() });
    assert!(found.iter().any(|name| name == "e0"), "{found:?}");
    let found = changed(Config { encoder_layer_norm_eps: 1e-2, ..nano() });
    assert!(!found.iter().any(|name| name == "e0" || name == "stages.0.blocks.0.conv"), "{found:?}");
    assert!(found.iter().any(|name| name == "stages.0.blocks.0.attn_block"), "{found:?}");
    assert_eq!(changed(nano()), Vec::<String>::new());
}

/// dss.md 6.2: B is an addend of the logits; without it the table is no parameter, and the result that of a table of zeros.
#[test]
fn attention_without_position_bias_has_no_table() {
    let (usual, without) = (network(nano()), network(Config { lgcat_pos_bias: PosBias::None, ..nano() }));
    let lost = usual.store().parameter_count() - without.store().parameter_count();
    assert_eq!(lost, 4 * 4 * 13 * 13, "two layers in either direction, four heads");
    assert!(without.store().entries().iter().all(|e| !(e.name.starts_with("exchange") && e.name.contains("rel_pos"))));
    for entry in usual.store().entries().iter().filter(|e| e.name.starts_with("exchange") && e.name.contains("rel_pos"))
    {
        entry.update(|table| table.fill(0.0));
    }
    let (usual, without) = (run(&usual), run(&without));
    assert!(usual.iter().all(|(name, map)| map.as_vec() == without[name].as_vec()));
    assert!(!changed(Config { lgcat_pos_bias: PosBias::None, ..nano() }).is_empty());
}

/// dss.md 6.3: the same weights in both directions; their gradient is the sum of those of two directions of equal weights.
#[test]
fn shared_weights_learn_from_both_directions() {
    let shared = network(Config { lgcat_shared_weights: true, ..nano() });
    let apart = network(nano());
    let name =
        |name: &str| name.replace("exchange.dgt.", "exchange.shared.").replace("exchange.sgt.", "exchange.shared.");
    copy(&shared, &apart, name);
    let count = |network: &Network, prefix: &str| {
        network.store().parameters().filter(|e| e.name.starts_with(prefix)).map(|e| e.len()).sum::<usize>()
    };
    assert_eq!(count(&shared, "exchange."), 136_336 / 2, "parameters.md section 3");
    assert_eq!(count(&apart, "exchange.dgt."), count(&shared, "exchange.shared."));
    let (losses, of_both) = learn(&apart);
    let (shared_losses, found) = learn(&shared);
    assert!(close(&losses, &shared_losses));
    for (key, gradient) in &found {
        let at = |direction: &str| &of_both[&key.replace("exchange.shared.", direction)];
        let expected: Vec<f64> = if key.starts_with("exchange.") {
            at("exchange.dgt.").iter().zip(at("exchange.sgt.")).map(|(a, b)| a + b).collect()
        } else {
            of_both[key].clone()
        };
        // Keys' biases shift all logits of a query alike: their gradient is nothing but rounding.
        assert!(key.ends_with(".k.bias") || close(gradient, &expected), "{key}");
    }
}

/// dss.md 6.4: every scale has its own necks and exchange; the refined maps are enlarged and summed.
#[test]
fn coarser_scales_are_enlarged_and_added() {
    for exchange in [ExchangeKind::LgCat, ExchangeKind::None] {
        let usual = network(Config { exchange, ..nano() });
        let more = network(Config { exchange, lgcat_scales: vec![4, 8, 16], ..nano() });
        let names = |network: &Network| -> Vec<String> {
            let entries = network.store().entries().iter().filter(|e| !e.name.starts_with("scale."));
            entries.map(|e| e.name.clone()).collect()
        };
        assert_eq!(names(&usual), names(&more), "the finest scale has the names it has alone");
        let own = |prefix: &str| {
            more.store().parameters().filter(|e| e.name.starts_with(prefix)).map(|e| e.len()).sum::<usize>()
        };
        let at_stride_4 = own("neck.") + own("exchange.");
        assert_eq!((own("scale.8."), own("scale.16.")), (at_stride_4, at_stride_4));
        // First values are functions of names, so the finest scale finds the same in both networks.
        let (alone, found) = (run(&usual), run(&more));
        assert_eq!(alone["f_d"].as_vec(), found["f_d"].as_vec());
        assert_eq!(*found["f_d.8"].shape(), (1, 32, 8, 12));
        assert_eq!(*found["f_s.16"].shape(), (1, 32, 4, 6));
        for task in ["f_d", "f_s"] {
            let fine = alone[&format!("{task}_out")].as_vec();
            let [a, b] = [8, 16].map(|stride| {
                let coarse = &found[&format!("{task}_out.{stride}")];
                op::resize2d(&mut dfdx::tensor::NoneTape, coarse, nano().resize(), (16, 24)).as_vec()
            });
            let sum: Vec<f64> = (0..fine.len()).map(|i| fine[i] + a[i] + b[i]).collect();
            assert!(close(&found[&format!("{task}_out")].as_vec(), &sum), "{task}");
        }
        let (_, gradients) = learn(&more);
        let silent = gradients.iter().filter(|(name, g)| {
            name.starts_with("scale.") && !name.ends_with(".k.bias") && g.iter().all(|g| *g == 0.0)
        });
        assert_eq!(silent.count(), 0, "every scale learns");
    }
}

#[test]
fn kind_and_eps_of_the_depth_loss_count() {
    let ([depth, semantics], _) = learn(&network(nano()));
    let of = |config: Config| learn(&network(config)).0;
    let [larger, same] = of(Config { loss_eps: 0.5, ..nano() });
    // Under the root: 100 (0.5 - 1e-6) more of the squared loss.
    assert!(((larger * larger - depth * depth) / 100.0 - (0.5 - 1e-6)).abs() < 1e-9 && same == semantics);
    let [adabins, same] = of(Config { depth_loss: DepthLoss::Adabins, ..nano() });
    // n / (n - 1) of the variance, which is the squared loss with focus 1.
    let [spread, _] = of(Config { loss_focus: 1.0, ..nano() });
    let n = (SIZE.0 * SIZE.1) as f64;
    let expected = depth * depth + (spread * spread - 1e-4) / (n - 1.0);
    assert!((adabins * adabins - expected).abs() < 1e-9 * expected && same == semantics, "{adabins} {expected}");
    assert!(adabins > depth);
}

/// dss.md 8.3: depth + lambda semantics.
#[test]
fn semantics_counts_as_much_as_the_configuration_says() {
    let ([depth, semantics, total], usual) = learn_whole(&network(nano()));
    assert!((total - (depth + semantics)).abs() < 1e-12 * total);
    let ([same_depth, same_semantics, total], found) = learn_whole(&network(Config { lambda_sem: 0.3, ..nano() }));
    assert_eq!((same_depth, same_semantics), (depth, semantics));
    assert!((total - (depth + 0.3 * semantics)).abs() < 1e-12 * total, "{total}");
    for (name, factor) in [("head.semantics.out.weight", 0.3), ("head.depth.out.weight", 1.0)] {
        let expected: Vec<f64> = usual[name].iter().map(|g| factor * g).collect();
        assert!(close(&found[name], &expected), "{name}");
    }
}

/// dss.md 6.2: what comes of attention and of the feed-forward network is dropped, never the stream itself.
#[test]
fn every_branch_of_the_exchange_is_dropped_by_chance() {
    let (_, gradients) = learn(&network(Config { lgcat_drop_path: 1.0 - 1e-9, ..nano() }));
    let silent = |part: &str| {
        let mut all = gradients.iter().filter(|(name, _)| name.starts_with("exchange.") && name.contains(part));
        all.all(|(_, gradient)| gradient.iter().all(|g| *g == 0.0))
    };
    assert!(silent(".layers.") && !silent(".fused."));
}
