//! What holds of the modules whatever their weights (exchange_modules.md section 10). Their values: the golden ones.

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, NoneTape, OwnedTape, PutTape, TensorFromVec};
use dfdx::tensor_ops::{Backward, SumTo};

use super::super::Affinity;
use super::*;
use crate::train::nn::{Mode, Store, Stream};
use crate::train::op;

const KINDS: [ExchangeKind; 8] = [
    ExchangeKind::None,
    ExchangeKind::LgCat,
    ExchangeKind::SwMap,
    ExchangeKind::Sig,
    ExchangeKind::AgMmd,
    ExchangeKind::Ccam,
    ExchangeKind::Cma,
    ExchangeKind::Lsu,
];

fn config(exchange: ExchangeKind, channels: usize) -> Config {
    Config { exchange, channels, lgcat_drop_path: 0.0, ..Config::named("dss-tiny").unwrap() }
}

fn built(config: &Config) -> (Store<f64, Cpu>, Exchange<f64, Cpu>) {
    let mut store = Store::new(Cpu::default(), 3);
    let module = Exchange::new(store.builder().at("exchange"), config);
    (store, module)
}

/// A map of odd size.
fn map(name: &str, channels: usize) -> Map<f64, Cpu> {
    let shape = (2, channels, 5, 9);
    let mut stream = Stream::new(name, 1);
    let values = (0..2 * channels * 45).map(|_| 2.0 * stream.uniform() - 1.0);
    Cpu::default().tensor_from_vec(values.collect(), shape)
}

fn run(module: &Exchange<f64, Cpu>, a: &Map<f64, Cpu>, b: &Map<f64, Cpu>) -> (Vec<f64>, Vec<f64>) {
    let mut pass: Pass<f64, Cpu, NoneTape> = Pass::evaluation();
    let (d, s) = module.forward(&mut pass, a, b);
    assert_eq!((d.shape(), s.shape()), (a.shape(), b.shape()), "shapes stay");
    (d.as_vec(), s.as_vec())
}

/// parameters.md section 4.
#[test]
fn parameters_are_as_many_as_stated() {
    let expected = [0, 2_906_912, 36_961, 443_136, 589_824, 598_304, 1_481_728, 4];
    for (kind, expected) in KINDS.into_iter().zip(expected) {
        let config = Config { lgcat_n_s: 2, ..config(kind, 128) };
        assert_eq!(built(&config).0.parameter_count(), expected, "{kind:?}");
    }
    let one_way = Config { sig_one_way: true, ..config(ExchangeKind::Sig, 128) };
    assert_eq!(built(&one_way).0.parameter_count(), 443_136 / 2);
    let softmax = Config { ccam_affinity: Affinity::Softmax, ..config(ExchangeKind::Ccam, 128) };
    assert_eq!(built(&softmax).0.parameter_count(), 4 * 9 * 128 * 128);
}

#[test]
fn some_modules_are_the_identity_at_first() {
    let (d, s) = (map("d", 8), map("s", 8));
    for kind in KINDS {
        let (_, module) = built(&config(kind, 8));
        let (found_d, found_s) = run(&module, &d, &s);
        let same = (found_d == d.as_vec(), found_s == s.as_vec());
        let expected = match kind {
            ExchangeKind::None | ExchangeKind::Sig | ExchangeKind::Lsu => (true, true),
            ExchangeKind::SwMap => (false, true),
            _ => (false, false),
        };
        assert_eq!(same, expected, "{kind:?}");
    }
    // The gate begins half open.
    let (_, module) = built(&config(ExchangeKind::SwMap, 8));
    let expected: Vec<f64> = d.as_vec().iter().map(|d| 1.5 * d).collect();
    assert_eq!(run(&module, &d, &s).0, expected);
}

/// Values that no module begins with, the same for both tasks.
fn fill(store: &Store<f64, Cpu>) {
    for entry in store.entries() {
        let name = entry.name.replace("semantics", "depth").replace("sgt", "dgt");
        let name = name.replace("gamma_s", "phi_d").replace("gamma_d", "phi_s");
        let mut stream = Stream::new(&name, 5);
        let variance = name.ends_with("running_var");
        entry.update(|values| values.fill_with(|| if variance { 1.0 } else { 0.6 * stream.uniform() - 0.3 }));
    }
}

#[test]
fn with_equal_weights_for_both_tasks_exchanged_features_give_exchanged_results() {
    let (d, s) = (map("d", 8), map("s", 8));
    for kind in KINDS {
        let (store, module) = built(&config(kind, 8));
        fill(&store);
        let ((of_d, of_s), (other_s, other_d)) = (run(&module, &d, &s), run(&module, &s, &d));
        assert_eq!(of_d == other_d && of_s == other_s, kind != ExchangeKind::SwMap, "{kind:?}");
    }
}

#[test]
fn where_semantics_is_not_to_be_refined_it_stays() {
    let (d, s) = (map("d", 8), map("s", 8));
    for config in [config(ExchangeKind::SwMap, 8), Config { sig_one_way: true, ..config(ExchangeKind::Sig, 8) }] {
        let (store, module) = built(&config);
        fill(&store);
        let (found_d, found_s) = run(&module, &d, &s);
        assert!(found_d != d.as_vec() && found_s == s.as_vec(), "{:?}", config.exchange);
    }
}

#[test]
fn gradients_reach_both_inputs_and_every_parameter() {
    let (d, s) = (map("d", 8), map("s", 8));
    for kind in KINDS {
        let (store, module) = built(&config(kind, 8));
        fill(&store);
        let mut pass: Pass<f64, Cpu, OwnedTape<f64, Cpu>> = Pass::new(Mode::Evaluation, 0, 0);
        let (out_d, out_s) = module.forward(&mut pass, &d, &s);
        let sum = op::add(&mut pass.tape, &out_d, &out_s);
        let squares = op::multiply(&mut pass.tape, &sum, &sum);
        let mut found = squares.put_tape(std::mem::take(&mut pass.tape)).sum::<dfdx::shapes::Rank0, _>().backward();
        let moves = |x: &[f64]| x.iter().any(|g| *g != 0.0) && x.iter().all(|g| g.is_finite());
        assert!(moves(&op::gradient(&mut found, &d)) && moves(&op::gradient(&mut found, &s)), "{kind:?}");
        for entry in store.parameters() {
            assert!(moves(&op::gradient(&mut found, &entry.tensor())), "{kind:?}: {}", entry.name);
        }
    }
}
