//! What the page `controllability` claims.

use classical_ssm::controllability::{
    BalancedTruncation, Carts, ControllabilityError, balanced_truncation, controllability_gramian,
    controllability_matrix, h2_norm, hankel_singular_values, is_controllable, is_observable,
    minimal_realization, minimum_energy_input, observability_gramian, observability_matrix,
    popov_belevitch_hautus, rank,
};
use classical_ssm::state_space::{Continuous, Discrete, StateSpace, TimeDomain};
use math_foundations::eigendecomposition::{eigenvalues, hermitian_eigendecomposition};
use math_foundations::linear_systems::held_input_step;
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::stability::{spectral_abscissa, spectral_radius};
use math_foundations::state_representations::Matrices;
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use workbench::testing::{assert_close, fixture, matrix};

use crate::common::random_matrix;

/// A random flow whose slowest mode dies away like e^{-0.3 t}.
fn random_flow(n: usize, m: usize, p: usize, rng: &mut ChaCha8Rng) -> StateSpace<Continuous> {
    let g = random_matrix(n, n, rng);
    let shift = spectral_abscissa(&g).unwrap() + 0.3;
    let a = g - DMatrix::from_diagonal_element(n, n, shift);
    let (b, c) = (random_matrix(n, m, rng), random_matrix(p, n, rng));
    StateSpace::continuous(a, b, c, random_matrix(p, m, rng)).unwrap()
}

/// Random steps whose slowest mode dies away like 0.9^k.
fn random_steps(n: usize, m: usize, p: usize, rng: &mut ChaCha8Rng) -> StateSpace<Discrete> {
    let g = random_matrix(n, n, rng);
    let a = &g * (0.9 / spectral_radius(&g).unwrap());
    let (b, c) = (random_matrix(n, m, rng), random_matrix(p, n, rng));
    StateSpace::discrete(a, b, c, random_matrix(p, m, rng), 0.1).unwrap()
}

/// The carts, sampled: their input is held for `delta` seconds.
fn sampled(carts: &Carts, delta: f64) -> StateSpace<Discrete> {
    let flow = carts.system().unwrap();
    let (a, b) = held_input_step(flow.a(), flow.b(), delta).unwrap();
    StateSpace::discrete(a, b, flow.c().clone(), flow.d().clone(), delta).unwrap()
}

fn gain<T: TimeDomain>(sys: &StateSpace<T>, omega: f64) -> DMatrix<Complex<f64>> {
    sys.resolvent_form().transfer(sys.time().wave(omega)).unwrap()
}

/// The largest difference of two transfer functions on a sweep.
fn distance<T: TimeDomain>(one: &StateSpace<T>, other: &StateSpace<T>, omegas: &[f64]) -> f64 {
    let apart = |omega: &f64| (gain(one, *omega) - gain(other, *omega)).singular_values().max();
    omegas.iter().map(apart).fold(0.0, f64::max)
}

/// From 0.001 to 1000 rad/s for a flow, twice around a half circle for steps.
fn sweep<T: TimeDomain>(sys: &StateSpace<T>) -> Vec<f64> {
    if sys.time().wave(0.0) == Complex::ZERO {
        (0..=120).map(|i| 10.0_f64.powf(f64::from(i) / 20.0 - 3.0)).collect()
    } else {
        // Δ = 0.1, so that 10 π is Nyquist's frequency.
        (0..=120).map(|i| 10.0 * std::f64::consts::PI * f64::from(i) / 120.0).collect()
    }
}

// The fixtures -------------------------------------------------------------------------------

type Rows = Vec<Vec<f64>>;

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
    hankel_exact: Vec<Exact>,
}

#[derive(Deserialize)]
struct Exact {
    carts: usize,
    hankel: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    time: String,
    a: Rows,
    b: Rows,
    c: Rows,
    d: Rows,
    gram_c: Rows,
    gram_o: Rows,
    hankel: Vec<f64>,
    h2norm: Option<f64>,
    rank_ctrb: usize,
    rank_obsv: usize,
    omegas: Vec<f64>,
    truncations: Vec<Truncated>,
}

#[derive(Deserialize)]
struct Truncated {
    order: usize,
    error: Vec<f64>,
    gain: Vec<f64>,
    poles_re: Vec<f64>,
    bound: f64,
}

fn gramians() -> Fixture {
    serde_json::from_str(&fixture("gramians.json")).unwrap()
}

fn check_against_scipy<T: TimeDomain>(case: &Case, sys: &StateSpace<T>) {
    let name = &case.name;
    assert_close(name, &controllability_gramian(sys).unwrap(), &matrix(&case.gram_c), 1e-11);
    assert_close(name, &observability_gramian(sys).unwrap(), &matrix(&case.gram_o), 1e-11);
    let sigma = hankel_singular_values(sys).unwrap();
    for (found, expected) in sigma.iter().zip(&case.hankel) {
        // SciPy's squares: it is right to √ε of the largest.
        assert!((found - expected).abs() < 1e-7 * sigma[0], "{name}: {found} {expected}");
    }
    match case.h2norm {
        Some(expected) => {
            let found = h2_norm(sys).unwrap();
            assert!((found - expected).abs() < 1e-10 * expected, "{name}: {found} {expected}");
        }
        None => assert_eq!(h2_norm(sys).unwrap(), f64::INFINITY, "{name}"),
    }
    let n = sys.d_state();
    if n < 20 {
        assert_eq!(rank(&controllability_matrix(sys)).unwrap(), case.rank_ctrb, "{name}");
        assert_eq!(rank(&observability_matrix(sys)).unwrap(), case.rank_obsv, "{name}");
        assert_eq!(is_controllable(sys).unwrap(), case.rank_ctrb == n, "{name}");
        assert_eq!(is_observable(sys).unwrap(), case.rank_obsv == n, "{name}");
    }
    for theirs in &case.truncations {
        let ours = balanced_truncation(sys, theirs.order).unwrap();
        assert!((ours.error_bound - theirs.bound).abs() < 1e-6 * sigma[0], "{name}");
        // The fixtures give the frequencies of steps in radians a step.
        for (k, &omega) in case.omegas.iter().enumerate() {
            let omega = if case.time == "flow" { omega } else { omega / 0.1 };
            let error = (gain(sys, omega) - gain(&ours.system, omega)).singular_values().max();
            let size = gain(&ours.system, omega).singular_values().max();
            let tolerance = 1e-7 * theirs.gain.iter().copied().fold(0.0, f64::max);
            assert!((error - theirs.error[k]).abs() < tolerance, "{name}: {error} at {omega}");
            assert!((size - theirs.gain[k]).abs() < tolerance, "{name}: {size} at {omega}");
        }
        let mut poles: Vec<f64> =
            eigenvalues(ours.system.a()).unwrap().iter().map(|pole| pole.re).collect();
        poles.sort_by(f64::total_cmp);
        for (found, expected) in poles.iter().zip(&theirs.poles_re) {
            assert!((found - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{name}: {poles:?}");
        }
    }
}

#[test]
fn gramians_and_truncations_are_scipys() {
    for case in gramians().cases {
        let [a, b, c, d] = [&case.a, &case.b, &case.c, &case.d].map(|rows| matrix(rows));
        if case.time == "flow" {
            check_against_scipy(&case, &StateSpace::continuous(a, b, c, d).unwrap());
        } else {
            check_against_scipy(&case, &StateSpace::discrete(a, b, c, d, 0.1).unwrap());
        }
    }
}

#[derive(Deserialize)]
struct Control {
    mass_spring_k40_b5_m1: Classic,
    legs4: Classic,
    random_mimo3: Classic,
}

#[derive(Deserialize)]
struct Classic {
    ctrb: Rows,
    obsv: Rows,
    rank_ctrb: usize,
    rank_obsv: usize,
    gram_c: Rows,
    gram_o: Rows,
    hankel_sv: Vec<f64>,
    h2norm: f64,
}

#[test]
fn matrices_gramians_and_norms_are_python_controls() {
    let all: Control = serde_json::from_str(&fixture("control.json")).unwrap();
    // The file holds no A. Where there are two inputs, A (B, AB) = (AB, A²B) has it.
    let ctrb = matrix(&all.random_mimo3.ctrb);
    let before = ctrb.columns(0, 4).into_owned().pseudo_inverse(1e-12).unwrap();
    let mimo = ctrb.columns(2, 4) * before;
    let spring = dmatrix![0.0, 1.0; -40.0, -5.0];
    let legs = DMatrix::from_fn(4, 4, |i, k| match i.cmp(&k) {
        std::cmp::Ordering::Greater => -(((2 * i + 1) * (2 * k + 1)) as f64).sqrt(),
        std::cmp::Ordering::Equal => -(i as f64 + 1.0),
        std::cmp::Ordering::Less => 0.0,
    });
    for (case, a, m, p) in [
        (all.mass_spring_k40_b5_m1, spring, 1, 1),
        (all.legs4, legs, 1, 1),
        (all.random_mimo3, mimo, 2, 2),
    ] {
        let (n, ctrb, obsv) = (a.nrows(), matrix(&case.ctrb), matrix(&case.obsv));
        let (b, c) = (ctrb.columns(0, m).into_owned(), obsv.rows(0, p).into_owned());
        let sys = StateSpace::continuous(a, b, c, DMatrix::zeros(p, m)).unwrap();
        assert_close("ctrb", &controllability_matrix(&sys), &ctrb, 1e-9);
        assert_close("obsv", &observability_matrix(&sys), &obsv, 1e-9);
        assert_eq!(rank(&ctrb).unwrap(), case.rank_ctrb);
        assert_eq!(rank(&obsv).unwrap(), case.rank_obsv);
        assert!(is_controllable(&sys).unwrap() && is_observable(&sys).unwrap());
        let close = 1e-9;
        assert_close("W_c", &controllability_gramian(&sys).unwrap(), &matrix(&case.gram_c), close);
        assert_close("W_o", &observability_gramian(&sys).unwrap(), &matrix(&case.gram_o), close);
        let expected = DMatrix::from_column_slice(n, 1, &case.hankel_sv);
        let sigma = hankel_singular_values(&sys).unwrap();
        assert_close("σ", &DMatrix::from_column_slice(n, 1, sigma.as_slice()), &expected, 1e-8);
        assert!((h2_norm(&sys).unwrap() - case.h2norm).abs() < 1e-9 * case.h2norm);
    }
}

// Yes or no ----------------------------------------------------------------------------------

#[test]
fn a_push_in_the_middle_leaves_the_swing_of_the_outer_two_alone() {
    let carts = Carts { pushed: 1, ..Carts::row(3) }.system().unwrap();
    assert_eq!(rank(&controllability_matrix(&carts)).unwrap(), 4);
    assert!(!is_controllable(&carts).unwrap());
    assert!(is_observable(&carts).unwrap());
    // q'' + 2 q' + 200 q = 0 for the difference of the outer two.
    let expected = Complex::new(-1.0, 199.0_f64.sqrt());
    let modes = popov_belevitch_hautus(&carts).unwrap();
    for mode in &modes {
        let out_of_reach =
            (mode.lambda - expected).norm().min((mode.lambda.conj() - expected).norm()) < 1e-10;
        assert_eq!(mode.is_reachable(), !out_of_reach, "{mode:?}");
        assert!(mode.is_visible());
        if out_of_reach {
            // The quantity that goes its own way: the middle cart has no part in it, the others opposite ones.
            let w = &mode.quantity;
            for half in [0, 3] {
                assert!(w[half + 1].norm() < 1e-12, "{w}");
                assert!((w[half] + w[half + 2]).norm() < 1e-12, "{w}");
            }
            let left = w.adjoint() * carts.a().map(Complex::from) - w.adjoint() * mode.lambda;
            assert!(left.norm() < 1e-10, "{left}");
        }
    }
}

#[test]
fn the_rank_test_depends_on_the_unit_of_time_and_the_staircase_does_not() {
    // Ten carts pushed at the end: every mode moves the first cart, so all are reachable.
    for (stiffness, damping, rank_says) in [(1.0, 0.1, 20), (100.0, 1.0, 9), (1e4, 10.0, 5)] {
        let carts = Carts { stiffness, damping, ..Carts::row(10) }.system().unwrap();
        let found = rank(&controllability_matrix(&carts)).unwrap();
        assert_eq!(found, rank_says, "stiffness {stiffness}");
        assert!(is_controllable(&carts).unwrap() && is_observable(&carts).unwrap());
        for mode in popov_belevitch_hautus(&carts).unwrap() {
            assert!(mode.reach > 1e-7 && mode.sight > 1e-7, "{mode:?}");
        }
    }
    // Columns of length one put it off to twice as many states.
    for (count, rank_says) in [(10, 20), (16, 32), (20, 38)] {
        let carts = Carts::row(count).system().unwrap();
        let mut columns = controllability_matrix(&carts);
        for mut column in columns.column_iter_mut() {
            column.normalize_mut();
        }
        assert_eq!(rank(&columns).unwrap(), rank_says, "{count} carts");
        assert!(is_controllable(&carts).unwrap());
    }
}

#[test]
fn units_of_inputs_and_outputs_change_no_verdict() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for unit in [1e-250, 1e-20, 1.0, 1e20, 1e250] {
        let carts = Carts::row(4).system().unwrap();
        let Matrices { a, b, c, d } = carts.matrices().clone();
        let told = carts.with_matrices(Matrices { b: b * unit, c: c * unit, a, d }).unwrap();
        assert!(is_controllable(&told).unwrap() && is_observable(&told).unwrap(), "{unit}");
        let middle = Carts { pushed: 1, watched: 1, ..Carts::row(3) }.system().unwrap();
        let Matrices { a, b, c, d } = middle.matrices().clone();
        let told = middle.with_matrices(Matrices { b: b * unit, c: c * unit, a, d }).unwrap();
        assert!(!is_controllable(&told).unwrap() && !is_observable(&told).unwrap(), "{unit}");
    }
    let sys = random_steps(5, 2, 1, &mut rng);
    assert!(is_controllable(&sys).unwrap());
}

#[test]
fn an_input_that_does_nothing_reaches_nothing() {
    let still = StateSpace::continuous(dmatrix![-1.0], dmatrix![0.0], dmatrix![1.0], dmatrix![2.0])
        .unwrap();
    assert!(!is_controllable(&still).unwrap());
    assert_eq!(minimal_realization(&still, 1e-12), Err(ControllabilityError::NoState));
    assert_eq!(hankel_singular_values(&still).unwrap()[0], 0.0);
    // With A = 0 there is no norm to measure by.
    let integrators = StateSpace::continuous(
        DMatrix::zeros(2, 2),
        dmatrix![1.0; 1.0],
        dmatrix![1.0, 0.0],
        dmatrix![0.0],
    )
    .unwrap();
    assert!(!is_controllable(&integrators).unwrap());
    let one = StateSpace::continuous(dmatrix![0.0], dmatrix![1e-3], dmatrix![1.0], dmatrix![0.0])
        .unwrap();
    assert!(is_controllable(&one).unwrap());
}

#[test]
fn hautus_sees_through_defective_eigenvalues() {
    // Two springs without dampers that do not touch, and the force on one of them; then twice the same
    // eigenvalue in one Jordan block, reached from its end.
    let jordan = dmatrix![-1.0, 1.0, 0.0; 0.0, -1.0, 1.0; 0.0, 0.0, -1.0];
    let turned = {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        random_matrix(3, 3, &mut rng).qr().q()
    };
    for (b, reachable) in [(dmatrix![0.0; 0.0; 1.0], true), (dmatrix![1.0; 1.0; 0.0], false)] {
        let a = &turned * &jordan * turned.transpose();
        let sys =
            StateSpace::continuous(a, &turned * b, dmatrix![1.0, 0.0, 0.0], dmatrix![0.0]).unwrap();
        let modes = popov_belevitch_hautus(&sys).unwrap();
        assert_eq!(modes.iter().all(|mode| mode.is_reachable()), reachable, "{modes:?}");
        assert_eq!(is_controllable(&sys).unwrap(), reachable);
    }
}

// The price ----------------------------------------------------------------------------------

#[test]
fn eq_2_5_the_gramian_is_the_integral_and_prices_every_state() {
    // The Lyapunov solution on the left, Simpson's rule on the right.
    let carts = Carts::row(2).system().unwrap();
    let w = controllability_gramian(&carts).unwrap();
    let (until, pieces) = (24.0, 24_000);
    let delta = until / f64::from(pieces);
    let step = matrix_exponential(&(carts.a() * delta)).unwrap();
    let (mut moved, mut integral) = (carts.b().clone(), DMatrix::zeros(4, 4));
    for k in 0..=pieces {
        let weight = if k == 0 || k == pieces {
            1.0
        } else if k % 2 == 1 {
            4.0
        } else {
            2.0
        };
        integral += &moved * moved.transpose() * (weight * delta / 3.0);
        moved = &step * moved;
    }
    assert_close("∫", &integral, &w, 1e-9);

    // The price of a state on the left, the energy of the best input found on the right: held for
    // shorter and shorter steps, over ever longer times, it comes down to the price.
    let target = dvector![0.01, -0.01, 0.0, 0.0];
    let price = target.dot(&w.clone().lu().solve(&target).unwrap());
    let mut last = f64::INFINITY;
    for (delta, steps, excess) in
        [(0.1, 20, 0.5), (0.05, 120, 0.1), (0.01, 600, 5e-3), (0.005, 1600, 1.5e-3)]
    {
        let steps_of_carts = sampled(&Carts::row(2), delta);
        let u = minimum_energy_input(&steps_of_carts, &target, steps).unwrap();
        let energy = u.norm_squared() * delta;
        assert!(energy < last && energy > price * (1.0 - 1e-9), "{energy} {price} {last}");
        assert!(energy / price - 1.0 < excess, "Δ = {delta}: {energy} for a price of {price}");
        last = energy;
    }
}

#[test]
fn the_price_of_steps_comes_down_to_the_inverse_gramian() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let sys = random_steps(5, 2, 1, &mut rng);
    let target = random_matrix(5, 1, &mut rng).column(0).into_owned();
    let w = controllability_gramian(&sys).unwrap();
    let price = target.dot(&w.lu().solve(&target).unwrap());
    let energy = |steps| minimum_energy_input(&sys, &target, steps).unwrap().norm_squared();
    assert!(energy(5) > energy(10) && energy(10) > energy(50));
    assert!((energy(400) - price).abs() < 1e-9 * price, "{} {price}", energy(400));
}

#[test]
fn the_best_input_arrives_and_every_other_costs_more() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let sys = random_steps(4, 2, 1, &mut rng);
    let target = random_matrix(4, 1, &mut rng).column(0).into_owned();
    let steps = 9;
    let u = minimum_energy_input(&sys, &target, steps).unwrap();
    let arrive = |u: &DMatrix<f64>| {
        u.column_iter().fold(DVector::zeros(4), |x, u_k| sys.a() * x + sys.b() * u_k)
    };
    assert!((arrive(&u) - &target).norm() < 1e-12);
    // Any other input that arrives: a random one, and from where it leads the best way to the rest.
    for _ in 0..20 {
        let detour = random_matrix(2, steps, &mut rng);
        let rest = &target - arrive(&detour);
        let other = &detour + minimum_energy_input(&sys, &rest, steps).unwrap();
        assert!((arrive(&other) - &target).norm() < 1e-12);
        assert!(other.norm_squared() > u.norm_squared());
    }
}

#[test]
fn shares_are_told_in_per_cent() {
    let told = |share| ControllabilityError::OutOfReach { steps: 3, share }.to_string();
    for (share, words) in [(1.0, "100 %"), (0.081, "8 %"), (0.0007, "0.07 %"), (3e-7, "0.00003 %")]
    {
        assert!(told(share).contains(&format!("which {words} stay")), "{}", told(share));
    }
}

#[test]
fn what_is_out_of_reach_is_refused_with_its_share() {
    let middle = sampled(&Carts { pushed: 1, ..Carts::row(3) }, 0.1);
    let apart = dvector![1.0, 0.0, -1.0, 0.0, 0.0, 0.0];
    let error = minimum_energy_input(&middle, &apart, 60).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a state that 60 steps of input can reach, found one of which 100 % stay out of reach"
    );
    assert!(minimum_energy_input(&middle, &dvector![1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 60).is_ok());
    // Six numbers need six inputs.
    let end = sampled(&Carts::row(3), 0.1);
    assert!(matches!(
        minimum_energy_input(&end, &apart, 5),
        Err(ControllabilityError::OutOfReach { steps: 5, .. })
    ));
    assert!(minimum_energy_input(&end, &apart, 6).is_ok());
    // An unstable system has a price list too, as long as the time is finite.
    let grows =
        StateSpace::discrete(dmatrix![2.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)
            .unwrap();
    let u = minimum_energy_input(&grows, &dvector![1.0], 3).unwrap();
    assert!((u.norm_squared() - 1.0 / 21.0).abs() < 1e-15); // 1 / (1 + 4 + 16)
    assert!(minimum_energy_input(&grows, &dvector![1.0], 0).is_err());
    assert!(minimum_energy_input(&grows, &dvector![1.0, 1.0], 3).is_err());
}

#[test]
fn the_energy_that_a_state_leaves_behind_is_its_share_of_the_observability_gramian() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let sys = random_steps(6, 1, 2, &mut rng);
    let x = random_matrix(6, 1, &mut rng);
    let mut now = x.clone();
    let mut energy = 0.0;
    for _ in 0..800 {
        energy += (sys.c() * &now).norm_squared();
        now = sys.a() * now;
    }
    let w = observability_gramian(&sys).unwrap();
    let predicted = x.dot(&(w * &x));
    assert!((energy - predicted).abs() < 1e-12 * energy, "{energy} {predicted}");
}

#[test]
fn what_does_not_die_away_has_no_gramian() {
    let b = dmatrix![0.0; 1.0];
    let c = dmatrix![1.0, 0.0];
    let undamped =
        StateSpace::continuous(dmatrix![0.0, 1.0; -1.0, 0.0], b.clone(), c.clone(), dmatrix![0.0])
            .unwrap();
    let upright =
        StateSpace::continuous(dmatrix![0.0, 1.0; 1.0, 0.0], b, c, dmatrix![0.0]).unwrap();
    let sum = StateSpace::discrete(dmatrix![1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0], 1.0)
        .unwrap();
    let words = |error: ControllabilityError| error.to_string();
    for (error, eigenvalue) in [
        (controllability_gramian(&undamped).map(|_| ()), "0.0000 + 1.0000i"),
        (observability_gramian(&upright).map(|_| ()), "1.0000"),
        (hankel_singular_values(&sum).map(|_| ()), "1.0000"),
        (balanced_truncation(&upright, 1).map(|_| ()), "1.0000"),
        (h2_norm(&sum).map(|_| ()), "1.0000"),
    ] {
        assert_eq!(
            words(error.unwrap_err()),
            format!(
                "expected every mode to die away, found the eigenvalue {eigenvalue}: \
                 a Gramian sums up a response that has to end"
            )
        );
    }
    assert!(is_controllable(&upright).unwrap(), "reach asks for no stability");
}

#[test]
fn h2_norm_is_the_energy_of_the_impulse_response() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let sys = random_steps(5, 2, 3, &mut rng);
    let mut energy = (sys.d() + sys.c() * sys.b()).norm_squared();
    let mut moved = sys.a() * sys.b();
    for _ in 0..800 {
        energy += (sys.c() * &moved).norm_squared();
        moved = sys.a() * moved;
    }
    assert!((h2_norm(&sys).unwrap() - energy.sqrt()).abs() < 1e-12 * energy.sqrt());
    // And the other Gramian gives the same.
    let Matrices { a, b, c, d } = sys.resolvent_form();
    let other =
        sys.with_matrices(Matrices { c: c.clone(), d: d.clone(), a, b: b.clone() }).unwrap();
    let w = observability_gramian(&other).unwrap();
    let by_outputs = ((b.transpose() * w * b).trace() + d.norm_squared()).sqrt();
    assert!((h2_norm(&sys).unwrap() - by_outputs).abs() < 1e-12 * by_outputs);
}

// What may be left out -----------------------------------------------------------------------

#[test]
fn hankel_singular_values_keep_the_digits_that_squares_lose() {
    for exact in gramians().hankel_exact {
        let carts = Carts::row(exact.carts).system().unwrap();
        let sigma = hankel_singular_values(&carts).unwrap();
        for (found, expected) in sigma.iter().zip(&exact.hankel) {
            assert!(
                (found - expected).abs() < 1e-15 * sigma[0] + 1e-9 * expected,
                "{found} {expected}"
            );
        }
    }
    // The mode out of reach: rounding here, the square root of it by the product of the Gramians.
    let middle = Carts { pushed: 1, ..Carts::row(3) }.system().unwrap();
    let sigma = hankel_singular_values(&middle).unwrap();
    assert!(sigma[4] < 1e-14 * sigma[0] && sigma[5] < 1e-14 * sigma[0], "{sigma}");
}

#[test]
fn coordinates_change_neither_hankel_singular_values_nor_norms() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let sys = random_flow(6, 2, 2, &mut rng);
    let sys =
        sys.with_matrices(Matrices { d: DMatrix::zeros(2, 2), ..sys.matrices().clone() }).unwrap();
    let t = random_matrix(6, 6, &mut rng) + DMatrix::identity(6, 6) * 3.0;
    let told = sys.with_matrices(sys.matrices().change_coordinates(&t).unwrap()).unwrap();
    let (one, other) =
        (hankel_singular_values(&sys).unwrap(), hankel_singular_values(&told).unwrap());
    assert!((&one - &other).norm() < 1e-12 * one[0], "{one}{other}");
    assert!(
        (h2_norm(&sys).unwrap() - h2_norm(&told).unwrap()).abs() < 1e-12 * h2_norm(&sys).unwrap()
    );
}

#[test]
fn balanced_coordinates_have_one_diagonal_gramian() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let sys = random_flow(6, 2, 1, &mut rng);
    let BalancedTruncation { system, hankel, error_bound } = balanced_truncation(&sys, 6).unwrap();
    assert_eq!(error_bound, 0.0);
    let diagonal = DMatrix::from_diagonal(&hankel);
    assert_close("W_c", &controllability_gramian(&system).unwrap(), &diagonal, 1e-11);
    assert_close("W_o", &observability_gramian(&system).unwrap(), &diagonal, 1e-11);
    assert!(distance(&sys, &system, &sweep(&sys)) < 1e-11 * hankel[0]);
}

#[test]
fn a_minimal_realization_keeps_the_transfer_function() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    // Three states that are reached and seen, two that are reached only, two seen only, one neither;
    // the last two kinds unstable.
    for tolerance in [1e-13, 1e-9, 1e-6] {
        let mut a = DMatrix::zeros(8, 8);
        a.view_mut((0, 0), (3, 3)).copy_from(random_flow(3, 1, 1, &mut rng).a());
        a.view_mut((3, 0), (2, 5)).copy_from(&random_matrix(2, 5, &mut rng));
        a.view_mut((0, 5), (3, 2)).copy_from(&random_matrix(3, 2, &mut rng));
        a.view_mut((3, 5), (2, 2)).copy_from(&random_matrix(2, 2, &mut rng));
        a.view_mut((5, 5), (2, 2)).copy_from(&dmatrix![1.0, 2.0; -2.0, 1.0]);
        a[(7, 7)] = 5.0;
        let mut b = random_matrix(8, 2, &mut rng);
        b.rows_mut(5, 3).fill(0.0);
        let mut c = random_matrix(2, 8, &mut rng);
        c.columns_mut(3, 2).fill(0.0);
        c.column_mut(7).fill(0.0);
        let turn = random_matrix(8, 8, &mut rng).qr().q();
        let d = random_matrix(2, 2, &mut rng);
        let sys = StateSpace::continuous(
            &turn * a * turn.transpose(),
            &turn * b,
            c * turn.transpose(),
            d,
        )
        .unwrap();
        let small = minimal_realization(&sys, tolerance).unwrap();
        assert_eq!(small.d_state(), 3, "tolerance {tolerance}");
        assert!(distance(&sys, &small, &sweep(&sys)) < 1e-10);
        assert!(is_controllable(&small).unwrap() && is_observable(&small).unwrap());
    }
}

#[test]
fn a_coupling_below_the_tolerance_is_cut_and_one_above_is_kept() {
    let weak = |coupling: f64| {
        let a = dmatrix![-1.0, 0.0; coupling, -2.0];
        StateSpace::continuous(a, dmatrix![1.0; 0.0], dmatrix![1.0, 1.0], dmatrix![0.0]).unwrap()
    };
    for (coupling, tolerance, states) in
        [(1e-7, 1e-6, 1), (1e-5, 1e-6, 2), (1e-13, 1e-12, 1), (1e-11, 1e-12, 2)]
    {
        let small = minimal_realization(&weak(coupling), tolerance).unwrap();
        assert_eq!(small.d_state(), states, "{coupling:e} at {tolerance:e}");
    }
}

#[test]
fn steps_keep_a_state_for_what_only_the_first_output_shows() {
    // y_k = 2 u_k told with a state that forgets at once: minimal for D = 0, and D = 2 needs none of it.
    let echo =
        StateSpace::discrete(dmatrix![0.0], dmatrix![1.0], dmatrix![2.0], dmatrix![0.0], 1.0)
            .unwrap();
    assert_eq!(minimal_realization(&echo, 1e-12).unwrap(), echo);
    assert!((gain(&echo, 1.3)[(0, 0)] - Complex::from(2.0)).norm() < 1e-15);
}

#[test]
fn an_order_that_there_is_not_is_refused() {
    let middle = Carts { pushed: 1, ..Carts::row(3) }.system().unwrap();
    for order in [0, 5, 9] {
        assert_eq!(
            balanced_truncation(&middle, order).unwrap_err(),
            ControllabilityError::Order { order, most: 4 }
        );
    }
    let kept = balanced_truncation(&middle, 4).unwrap().system;
    assert!(distance(&middle, &kept, &sweep(&middle)) < 1e-14);
    assert_eq!(
        balanced_truncation(&middle, 5).unwrap_err().to_string(),
        "expected an order from 1 to 4, the states that pass anything on, found 5"
    );
}

fn bound_holds<T: TimeDomain>(sys: &StateSpace<T>, orders: &[usize]) {
    for &order in orders {
        let reduced = match balanced_truncation(sys, order) {
            Err(ControllabilityError::Order { most, .. }) if most < order => continue,
            reduced => reduced.unwrap(),
        };
        let error = distance(sys, &reduced.system, &sweep(sys));
        let rounding = 1e-12 * reduced.hankel[0];
        assert!(
            error <= reduced.error_bound + rounding,
            "{order}: {error} {}",
            reduced.error_bound
        );
        // No model of this order can be nearer than the first value left out.
        if order < sys.d_state() {
            let spectrum = eigenvalues(reduced.system.a()).unwrap();
            assert!(spectrum.iter().all(|lambda| sys.time().dies_away(*lambda)), "{spectrum}");
        }
    }
}

#[test]
fn the_bound_is_met_with_equality_where_the_signs_alternate_not() {
    // A row of RC filters, G(s) = Σ 1/(s + a_i): at s = 0 each part left out errs by 2 σ in full.
    let a = -DMatrix::from_diagonal(&dvector![1.0, 3.0, 10.0]);
    let sys =
        StateSpace::continuous(a, dmatrix![1.0; 1.0; 1.0], dmatrix![1.0, 1.0, 1.0], dmatrix![0.0])
            .unwrap();
    for order in [1, 2] {
        let reduced = balanced_truncation(&sys, order).unwrap();
        let error = (gain(&sys, 0.0) - gain(&reduced.system, 0.0))[(0, 0)].norm();
        assert!((error - reduced.error_bound).abs() < 1e-12, "{error} {}", reduced.error_bound);
    }
}

/// A random pair in coordinates turned at random: the last `cut` of its states are not reached.
fn cut_off(n: usize, cut: usize, rng: &mut ChaCha8Rng) -> (DMatrix<f64>, DMatrix<f64>) {
    let turn = random_matrix(n, n, rng).qr().q();
    let (mut a, mut b) = (random_matrix(n, n, rng), random_matrix(n, 2, rng));
    a.view_mut((n - cut, 0), (cut, n - cut)).fill(0.0);
    b.rows_mut(n - cut, cut).fill(0.0);
    (&turn * a * turn.transpose(), &turn * b)
}

proptest! {
    #[test]
    fn what_no_input_reaches_is_cut_off(n in 1usize..=64, cut in 0usize..=4, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let cut = cut.min(n - 1);
        let (a, b) = cut_off(n, cut, &mut rng);
        let c = random_matrix(1, n, &mut rng);
        let sys = StateSpace::continuous(a, b, c, DMatrix::zeros(1, 2)).unwrap();
        prop_assert_eq!(is_controllable(&sys).unwrap(), cut == 0);
        prop_assert_eq!(minimal_realization(&sys, 1e-13).unwrap().d_state(), n - cut);
    }
}

/// One step of this pair is so short that the rounding behind it is longer than rounding is elsewhere.
#[test]
fn rounding_behind_a_short_step_is_not_taken_for_a_state() {
    let mut rng = ChaCha8Rng::seed_from_u64(307);
    let (a, b) = cut_off(14, 4, &mut rng);
    let c = DMatrix::zeros(1, 14);
    assert!(
        !is_controllable(&StateSpace::continuous(a, b, c, DMatrix::zeros(1, 2)).unwrap()).unwrap()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn error_bound_holds_for_random_flows(n in 2usize..=64, seed in 0u64..1_000) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        bound_holds(&random_flow(n, 1 + n % 2, 1 + n % 3, &mut rng), &[1, n / 2, n - 1]);
    }

    #[test]
    fn error_bound_holds_for_random_steps(n in 2usize..=64, seed in 0u64..1_000) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        bound_holds(&random_steps(n, 1 + n % 2, 1 + n % 3, &mut rng), &[1, n / 2, n - 1]);
    }

    #[test]
    fn hankel_values_are_the_roots_of_the_product_of_gramians(n in 1usize..=64, seed in 0u64..1_000) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let sys = random_flow(n, 2, 2, &mut rng);
        let sigma = hankel_singular_values(&sys).unwrap();
        let (w_c, w_o) = (controllability_gramian(&sys).unwrap(), observability_gramian(&sys).unwrap());
        let product = eigenvalues(&(&w_c * &w_o)).unwrap();
        // The eigenvalues of a product are known to the rounding of its factors.
        let allowed = 1e-12 * w_c.norm() * w_o.norm();
        for (found, square) in sigma.iter().zip(&product) {
            prop_assert!((found * found - square.re).abs() < allowed, "{} {}", found, square);
        }
    }

    #[test]
    fn controllability_is_observability_of_the_dual(n in 1usize..=20, cut in 0usize..=4, seed in 0u64..1_000) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let cut = cut.min(n - 1);
        let (a, b) = cut_off(n, cut, &mut rng);
        let c = random_matrix(1, n, &mut rng);
        let sys = StateSpace::continuous(a.clone(), b.clone(), c.clone(), DMatrix::zeros(1, 2)).unwrap();
        let dual =
            StateSpace::continuous(a.transpose(), c.transpose(), b.transpose(), DMatrix::zeros(2, 1)).unwrap();
        prop_assert_eq!(is_controllable(&sys).unwrap(), cut == 0);
        prop_assert_eq!(is_observable(&dual).unwrap(), cut == 0);
        prop_assert_eq!(&observability_matrix(&dual), &controllability_matrix(&sys).transpose());
        let modes = popov_belevitch_hautus(&sys).unwrap();
        let dual_modes = popov_belevitch_hautus(&dual).unwrap();
        let missed = |modes: &[classical_ssm::controllability::HautusMode]| {
            modes.iter().filter(|mode| !mode.is_reachable()).count()
        };
        prop_assert_eq!(missed(&modes), cut);
        prop_assert_eq!(dual_modes.iter().filter(|mode| !mode.is_visible()).count(), cut);
        prop_assert_eq!(minimal_realization(&sys, 1e-11).unwrap().d_state(), n - cut);
    }
}

#[test]
fn everything_holds_at_sixty_four_states() {
    let mut rng = ChaCha8Rng::seed_from_u64(64);
    let flow = random_flow(64, 2, 2, &mut rng);
    let w = controllability_gramian(&flow).unwrap();
    assert!(hermitian_eigendecomposition(&w).unwrap().lambda.min() > -1e-14 * w.norm());
    assert!(is_controllable(&flow).unwrap() && is_observable(&flow).unwrap());
    bound_holds(&flow, &[4, 20]);
    let steps = random_steps(64, 1, 1, &mut rng);
    bound_holds(&steps, &[4, 20]);
    let carts = Carts::row(32).system().unwrap();
    assert!(is_controllable(&carts).unwrap());
    bound_holds(&carts, &[10, 30]);
    let middle = Carts { pushed: 15, ..Carts::row(31) }.system().unwrap();
    assert_eq!(minimal_realization(&middle, 1e-12).unwrap().d_state(), 32);
}
