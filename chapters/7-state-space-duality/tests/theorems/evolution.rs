//! What is claimed on the page `evolution`: nine algorithms, one recurrence.

use ml_links::testing::apart;
use nalgebra::{Complex, DVector};
use s4::diagonal::{dss_kernel, vandermonde_kernel};
use state_space_duality::evolution::{Model, Setting, checked, signal, walk};

fn small() -> Setting {
    Setting { d_state: 16, ..Setting::default() }
}

#[test]
fn eq_7_5_nine_algorithms_take_the_same_steps() {
    let (u, setting) = (signal(400), small());
    for model in Model::ALL {
        let by_its_own = model.run(&u, &setting).unwrap();
        let step_by_step = walk(&u, model.rule(&u, &setting).unwrap());
        let off = apart(&by_its_own, &step_by_step);
        assert!(off < 1e-9, "{}: {off}", model.name());
    }
}

/// The oracle is not one of them: another C is heard.
#[test]
fn a_wrong_step_is_noticed() {
    let (u, setting) = (signal(400), small());
    for model in Model::ALL {
        let rule = model.rule(&u, &setting).unwrap();
        let louder = |k: usize| {
            let step = rule(k);
            state_space_duality::evolution::Step { c: step.c * Complex::from(1.01), ..step }
        };
        let off = apart(&model.run(&u, &setting).unwrap(), &walk(&u, louder));
        assert!(off > 1e-3, "{}", model.name());
    }
}

#[test]
fn each_is_the_one_before_with_its_own_idea_switched_off() {
    let (u, setting) = (signal(400), small());
    assert_eq!(Model::Hippo.ancestor(&u, &setting).unwrap(), None);
    for model in &Model::ALL[1..] {
        let kin = model.ancestor(&u, &setting).unwrap().unwrap();
        let older = Model::ALL.iter().position(|one| *one == kin.of);
        assert!(older < Model::ALL.iter().position(|one| one == model), "{}", model.name());
        match model {
            // It left something out.
            Model::S4d => assert!((1e-3..0.5).contains(&kin.apart), "{}", kin.apart),
            _ => assert!(kin.apart < 1e-9, "{}: {}", model.name(), kin.apart),
        }
    }
}

/// A loud sample has all frequencies, and the fast ones are what a diagonal without its low rank gets wrong.
#[test]
fn s4d_is_nearly_s4_for_waves_and_not_for_blows() {
    let (u, setting) = (signal(400), Setting::default());
    let quiet: Vec<f64> = u.iter().map(|u| if *u > 2.0 { 0.0 } else { *u }).collect();
    let off = |u: &[f64]| Model::S4d.ancestor(u, &setting).unwrap().unwrap().apart;
    assert!(off(&u) > 0.3, "{}", off(&u));
    // The waves begin at once, which is a blow too; they end softly.
    let ramp = |k: usize| (k as f64 / 100.0).min(1.0);
    let waves: Vec<f64> = (0..400).map(|k| ramp(k) * (0.03 * k as f64).sin()).collect();
    assert!(off(&waves) < 0.1, "{}", off(&waves));
    assert!(off(&quiet) < off(&u));
}

#[test]
fn dss_is_s4d_divided_by_what_its_powers_add_up_to() {
    let z = DVector::from_vec(vec![Complex::new(-0.01, 0.3), Complex::new(-0.02, 0.05)]);
    let heard = DVector::from_vec(vec![Complex::new(0.4, -1.0), Complex::new(2.0, 0.3)]);
    let (length, delta) = (100, 0.1);
    let lambda = z.map(|z| z / delta);
    let sums = z.map(|z| (0..length).map(|k| (z * k as f64).exp()).sum::<Complex<f64>>());
    let c = heard.component_mul(&lambda).component_mul(&sums);
    let dss = dss_kernel(&c, &lambda, delta, length).unwrap();
    let s4d = vandermonde_kernel(&heard, &z, length).unwrap();
    assert!(apart(&dss, &s4d) < 1e-12);
}

#[test]
fn the_memories_echo_the_waves() {
    let (u, setting) = (signal(400), Setting::default());
    for model in [Model::Hippo, Model::Lssl, Model::S4, Model::S4d, Model::S5] {
        let y = model.run(&u, &setting).unwrap();
        // 250 to 339: nothing loud is heard or was said 40 to 60 steps ago.
        for k in (280..290).chain(305..330) {
            let off = (y[k] - u[k - setting.age]).abs();
            assert!(off < 0.35, "{} at {k}: {} and {}", model.name(), y[k], u[k - setting.age]);
        }
    }
}

#[test]
fn a_gate_is_silent_until_it_is_asked() {
    let (u, setting) = (signal(400), Setting::default());
    let y = Model::H3.run(&u, &setting).unwrap();
    for k in 0..400 {
        assert_eq!(y[k].abs() > 1e-3, u[k] > 2.0, "at {k}");
    }
}

#[test]
fn mamba_holds_what_was_loud_and_mamba_3_counts_it() {
    let (u, setting) = (signal(400), Setting::default());
    let held = Model::Mamba.run(&u, &setting).unwrap();
    let counted = Model::Mamba3.run(&u, &setting).unwrap();
    let (mut last, mut odd) = (0.0, 0.0);
    for k in 0..400 {
        if u[k] > 2.0 {
            (last, odd) = (u[k], 1.0 - odd);
        }
        assert!((held[k] - last).abs() < 1e-3, "at {k}");
        // Half of a step belongs to its end, and the other half comes with the next.
        if u[k] < 2.0 {
            assert!((counted[k] - odd).abs() < 1e-3, "at {k}");
        }
    }
    assert_eq!(odd, 1.0);
}

#[test]
fn settings_that_no_memory_has_are_refused() {
    let refused = |setting: Setting| checked(&setting).unwrap_err().to_string();
    assert_eq!(
        refused(Setting { d_state: 5, ..small() }),
        "expected N to be even and at least 2, found 5"
    );
    assert!(checked(&Setting { delta: 0.0, ..small() }).is_err());
    let u = signal(10);
    for model in &Model::ALL[..6] {
        assert!(model.run(&u, &Setting { d_state: 0, ..small() }).is_err(), "{}", model.name());
    }
}
