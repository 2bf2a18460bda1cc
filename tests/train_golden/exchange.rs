//! The exchange modules alone (exchange_modules.md): results and gradients.

use dfdx::shapes::Rank0;
use dfdx::tensor::{OwnedTape, PutTape, SplitTape};
use dfdx::tensor_ops::{Backward, SumTo};
use semdepth::train::model::{Affinity, AgreementScale, Config, Exchange, ExchangeKind, FeatureExchange, Gate};
use semdepth::train::nn::{Mode, Pass, Store};
use semdepth::train::op::{self, Map};

use super::{FORWARD, Golden, Place, Report, common, numbers, place, vanishes};

/// How far gradients may be off.
const BACKWARD: f64 = 1e-3;

/// A module of 16 channels, the size of the golden values, made by `config` of what is usual.
fn config(of: impl FnOnce(Config) -> Config) -> Config {
    of(Config { channels: 16, lgcat_n_s: 2, lgcat_drop_path: 0.0, ..Config::named("dss-tiny").unwrap() })
}

/// Compares the module whose results are called `case` and whose parameters are those of `kind`, in both modes.
fn compare(golden: &Golden, report: &mut Report, (case, kind): (&str, &str), config: &Config) {
    for (mode, suffix) in [(Mode::Evaluation, "eval"), (Mode::Training, "train")] {
        let name = |what: &str| format!("{case}.{suffix}.{what}");
        // Modules without running statistics are the same in both modes and stored once.
        if !golden.0.contains_key(&name("out_d")) {
            assert_eq!(mode, Mode::Training, "{case} is not among the golden values");
            continue;
        }
        let mut store: Store<f32, Place> = Store::new(place(), 0);
        let module = Exchange::new(store.builder().at("exchange"), config);
        for entry in store.entries() {
            let values = golden.values(&format!("{kind}.param.{}", entry.name));
            assert_eq!(values.len(), entry.len(), "{}", entry.name);
            entry.update(|own| own.iter_mut().zip(values).for_each(|(own, v)| *own = *v as f32));
        }
        let (f_d, f_s): (Map<f32, Place>, Map<f32, Place>) = (golden.map("f_d"), golden.map("f_s"));
        let mut pass: Pass<f32, Place, OwnedTape<f32, Place>> = Pass::new(mode, 0, 0);
        let (out_d, out_s) = module.forward(&mut pass, &f_d, &f_s);
        report.compare(&name("out_d"), &numbers(&out_d), golden.values(&name("out_d")), FORWARD);
        report.compare(&name("out_s"), &numbers(&out_s), golden.values(&name("out_s")), FORWARD);
        // sum(out_d r_d) + sum(out_s r_s)
        let loss = {
            let (r_d, r_s): (Map<f32, Place>, Map<f32, Place>) = (golden.map("r_d"), golden.map("r_s"));
            let of_depth = (out_d.put_tape(std::mem::take(&mut pass.tape)) * r_d).sum::<Rank0, _>();
            let (of_depth, tape) = of_depth.split_tape();
            (out_s.put_tape(tape) * r_s).sum::<Rank0, _>() + of_depth
        };
        let mut found = loss.backward();
        for (input, key) in [(&f_d, name("grad_d")), (&f_s, name("grad_s"))] {
            let gradient: Vec<f64> = op::gradient(&mut found, input).into_iter().map(f64::from).collect();
            report.compare(&key, &gradient, golden.values(&key), BACKWARD);
        }
        for entry in store.parameters() {
            let key = name(&format!("grad_param.{}", entry.name.trim_start_matches("exchange.")));
            if golden.0.contains_key(&key) && !vanishes(&entry.name, mode == Mode::Training) {
                let gradient: Vec<f64> = op::gradient(&mut found, &entry.tensor()).into_iter().map(f64::from).collect();
                report.compare(&key, &gradient, golden.values(&key), BACKWARD);
            }
        }
    }
}

#[test]
fn lg_cat_alone_gives_the_golden_results_and_gradients() {
    let Some(root) = common::golden() else { return };
    let golden = Golden::read(&root.join("modules.safetensors"));
    let mut report = Report::default();
    compare(&golden, &mut report, ("lg_cat", "lg_cat"), &config(|usual| usual));
    report.close(8 + 150);
}

#[test]
fn the_other_modules_give_the_golden_results_and_gradients() {
    let Some(root) = common::golden() else { return };
    let golden = Golden::read(&root.join("modules.safetensors"));
    let mut report = Report::default();
    for (kind, exchange) in [
        ("sw_map", ExchangeKind::SwMap),
        ("sig", ExchangeKind::Sig),
        ("ag_mmd", ExchangeKind::AgMmd),
        ("ccam", ExchangeKind::Ccam),
        ("cma", ExchangeKind::Cma),
        ("lsu", ExchangeKind::Lsu),
    ] {
        compare(&golden, &mut report, (kind, kind), &config(|usual| Config { exchange, ..usual }));
    }
    let target = config(|usual| Config { exchange: ExchangeKind::AgMmd, ag_mmd_gate: Gate::Target, ..usual });
    compare(&golden, &mut report, ("ag_mmd_target", "ag_mmd"), &target);
    let softmax = config(|usual| Config { exchange: ExchangeKind::Ccam, ccam_affinity: Affinity::Softmax, ..usual });
    compare(&golden, &mut report, ("ccam_softmax", "ccam"), &softmax);
    let code = config(|usual| Config { exchange: ExchangeKind::Cma, cma_scale: AgreementScale::Code, ..usual });
    compare(&golden, &mut report, ("cma_code", "cma"), &code);
    report.close(119);
}
