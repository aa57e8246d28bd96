//! What the page *Simulate* claims.

use math_foundations::expression::nearest_name;
use math_foundations::linear_systems::propagate;
use math_foundations::simulate::{Method, STEP_LIMIT, SimulateError, Simulation, System, simulate};
use math_foundations::system_file::NAMED_SYSTEMS;
use nalgebra::{DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn named(name: &str) -> System {
    System::named(name).expect("a named system")
}

fn follow(system: &System, tolerance: f64) -> Simulation {
    simulate(system, Method::DormandPrince { tolerance }, 2001).expect("a simulation")
}

fn spread(values: impl Iterator<Item = f64>) -> f64 {
    let (least, most) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    most - least
}

// --- the law -------------------------------------------------------------------------------

#[test]
fn named_systems_move_as_their_textbooks_say() {
    type Law = fn(f64, &DVector<f64>) -> DVector<f64>;
    let laws: [(&str, Law); 6] = [
        ("damped-spring", |_, x| dvector![x[1], -x[0] - 0.4 * x[1]]),
        ("pendulum", |_, x| dvector![x[1], -x[0].sin()]),
        ("van-der-pol", |_, x| dvector![x[1], (1.0 - x[0] * x[0]) * x[1] - x[0]]),
        ("lotka-volterra", |_, x| dvector![x[0] * (0.7 - 1.3 * x[1]), x[1] * (x[0] - 1.0)]),
        ("lorenz", |_, x| {
            dvector![
                10.0 * (x[1] - x[0]),
                x[0] * (28.0 - x[2]) - x[1],
                x[0] * x[1] - 8.0 / 3.0 * x[2]
            ]
        }),
        ("duffing", |t, x| {
            dvector![x[1], x[0] - x[0].powi(3) - 0.3 * x[1] + 0.5 * (1.2 * t).cos()]
        }),
    ];
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for (name, law) in laws {
        let system = named(name);
        let motion = system.motion().unwrap();
        for _ in 0..50 {
            let t = random.random_range(0.0..10.0);
            let x = DVector::from_fn(system.states.len(), |_, _| random.random_range(-2.0..2.0));
            let (found, expected) = (motion.derivative(t, &x, true), law(t, &x));
            assert!((&found - &expected).amax() < 1e-13, "{name} at {x}: {found} for {expected}");
        }
    }
}

#[test]
fn the_list_is_complete_and_every_system_runs() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/systems")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut known: Vec<&str> = NAMED_SYSTEMS.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(names, known);
    for system in System::all_named().unwrap() {
        assert!(!system.about.is_empty(), "{}", system.name);
        let run = follow(&system, 1e-6);
        assert_eq!(run.trajectory.times.last(), Some(&system.duration));
        assert_eq!(run.trajectory.times.len(), run.watched.len());
    }
}

#[test]
fn eq_1_7_the_rate_of_a_watched_quantity_needs_no_solution() {
    // Left: follow the system for a moment in both directions and divide. Right: ∇V · f.
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for name in ["damped-spring", "pendulum", "lotka-volterra"] {
        let mut system = named(name);
        if name == "pendulum" {
            system.set("friction", 0.3).unwrap();
        }
        for _ in 0..20 {
            let x = DVector::from_fn(2, |_, _| random.random_range(0.3..2.0));
            let h = 1e-4;
            let v = |x: &DVector<f64>| system.watch(0.0, x)[0];

            let slope = system.motion().unwrap().derivative(0.0, &x, true);
            let gradient = DVector::from_fn(2, |i, _| {
                let mut beside = [x.clone(), x.clone()];
                beside[0][i] -= h;
                beside[1][i] += h;
                (v(&beside[1]) - v(&beside[0])) / (2.0 * h)
            });
            let right = gradient.dot(&slope);

            let mut moment = system.clone();
            moment.duration = 2.0 * h;
            moment.initial = &x - &slope * h;
            let path = simulate(&moment, Method::RungeKutta { step: h }, 2).unwrap();
            let left = (path.watched[2][0] - path.watched[0][0]) / (2.0 * h);
            // Both differences err by h² times a third derivative of order one.
            assert!((left - right).abs() < 1e-6, "{name} at {x}: {left} and {right}");
        }
    }
}

// --- physics --------------------------------------------------------------------------------

#[test]
fn a_pendulum_without_friction_keeps_its_energy() {
    let mut pendulum = named("pendulum");
    pendulum.duration = 200.0;
    for tolerance in [1e-4, 1e-6, 1e-8, 1e-10] {
        let run = follow(&pendulum, tolerance);
        let drift = spread(run.watched.iter().map(|values| values[0]));
        println!(
            "tolerance {tolerance:e}: the energy drifts by {:.1} tolerances",
            drift / tolerance
        );
        assert!(drift < 150.0 * tolerance, "at {tolerance:e} the energy drifts by {drift:e}");
    }
    // With friction it only falls.
    pendulum.set("friction", 0.1).unwrap();
    let run = follow(&pendulum, 1e-9);
    let energies: Vec<f64> = run.watched.iter().map(|values| values[0]).collect();
    assert!(energies.windows(2).all(|pair| pair[1] < pair[0] + 1e-8));
    assert!((energies[2000] + 1.0).abs() < 1e-6, "it should hang still");
}

#[test]
fn hares_and_foxes_keep_their_balance() {
    let mut system = named("lotka-volterra");
    system.duration = 200.0;
    for (tolerance, method) in [
        (1e-6, Method::DormandPrince { tolerance: 1e-6 }),
        (1e-9, Method::DormandPrince { tolerance: 1e-9 }),
        (1e-7, Method::RungeKutta { step: 0.01 }),
    ] {
        let run = simulate(&system, method, 2001).unwrap();
        let drift = spread(run.watched.iter().map(|values| values[0]));
        println!("{method}: the balance drifts by {drift:e}");
        assert!(drift < 100.0 * tolerance, "{method}: the balance drifts by {drift:e}");
    }
}

#[test]
fn van_der_pol_settles_on_a_cycle_of_amplitude_two() {
    // Known to many digits for mu = 1: amplitude 2.00862, period 6.66329.
    let mut system = named("van-der-pol");
    system.duration = 100.0;
    for (mu, start) in [(0.1, [0.01, 0.0]), (1.0, [0.1, 0.0]), (1.0, [4.0, 4.0]), (5.0, [0.1, 0.0])]
    {
        system.set("mu", mu).unwrap();
        // At mu = 0.1 the spiral outwards takes some 2 / mu · ln(2 / 0.01) units of time.
        system.duration = 100.0 + 20.0 / mu;
        system.start_from(start.to_vec()).unwrap();
        let run = simulate(&system, Method::DormandPrince { tolerance: 1e-9 }, 40_001).unwrap();
        let late = &run.trajectory.states[30_000..];
        let amplitude = late.iter().map(|x| x[0].abs()).fold(0.0, f64::max);
        assert!((2.0 - 1e-3..2.03).contains(&amplitude), "mu = {mu}: amplitude {amplitude}");
        if mu == 1.0 {
            assert!((amplitude - 2.00862).abs() < 1e-4, "amplitude {amplitude}");
            let mut rising = Vec::new();
            for k in 30_000..40_000 {
                let (before, after) =
                    (run.trajectory.states[k][0], run.trajectory.states[k + 1][0]);
                if before < 0.0 && after >= 0.0 {
                    let (t, next) = (run.trajectory.times[k], run.trajectory.times[k + 1]);
                    rising.push(t + (next - t) * before / (before - after));
                }
            }
            let period = (rising[2] - rising[0]) / 2.0;
            assert!((period - 6.663_286_9).abs() < 1e-5, "period {period}");
        }
    }
}

#[test]
fn neighbours_on_the_lorenz_attractor_part_at_the_known_rate() {
    // Benettin's method: follow two neighbours for one unit of time, note how far they have
    // parted, bring them together again. The mean rate is the largest Lyapunov exponent, 0.9056.
    let apart = 1e-7;
    let mut one = named("lorenz");
    one.duration = 1.0;
    let step = |system: &System| {
        let run = simulate(system, Method::RungeKutta { step: 0.005 }, 2).unwrap();
        run.trajectory.last().unwrap().clone()
    };
    for _ in 0..20 {
        one.initial = step(&one);
    }
    let mut other = one.clone();
    other.initial[0] += apart;
    let rounds = 400;
    let mut sum = 0.0;
    for _ in 0..rounds {
        let (x, y) = (step(&one), step(&other));
        let difference = &y - &x;
        sum += (difference.norm() / apart).ln();
        other.initial = &x + difference.normalize() * apart;
        one.initial = x;
    }
    let rate = sum / f64::from(rounds);
    println!("Lorenz: neighbours part at the rate {rate:.3}");
    assert!((rate - 0.9056).abs() < 0.05, "rate {rate}");
}

#[test]
fn a_billionth_decides_the_weather_of_the_next_month() {
    // The same start but for 1e-9: close for a while, then as far apart as any two states.
    let system = named("lorenz");
    let mut other = system.clone();
    other.initial[2] += 1e-9;
    let (one, other) = (follow(&system, 1e-12), follow(&other, 1e-12));
    let distance: Vec<f64> = (0..=2000)
        .map(|k| (&one.trajectory.states[k] - &other.trajectory.states[k]).norm())
        .collect();
    let at = |t: f64| distance[(t * 50.0) as usize];
    assert!(at(10.0) < 1e-4, "{:e}", at(10.0));
    assert!(distance[1500..].iter().any(|d| *d > 20.0));
    // Nor does a tighter tolerance reach far: the two answers part in the same way.
    let coarse = follow(&system, 1e-6);
    let error = |k: usize| (&one.trajectory.states[k] - &coarse.trajectory.states[k]).norm();
    assert!(error(250) < 1e-2, "{:e}", error(250));
    assert!((1000..=2000).any(|k| error(k) > 20.0));
}

#[test]
fn the_damped_spring_is_its_exponential() {
    let spring = named("damped-spring");
    let a = dmatrix![0.0, 1.0; -1.0, -0.4];
    let exact = simulate(&spring, Method::Exact, 101).unwrap();
    let adaptive = simulate(&spring, Method::DormandPrince { tolerance: 1e-10 }, 101).unwrap();
    let fixed = simulate(&spring, Method::RungeKutta { step: 0.15 / 16.0 }, 101).unwrap();
    for (k, t) in exact.trajectory.times.iter().enumerate() {
        let x = propagate(&a, &spring.initial, *t).unwrap();
        assert!((&exact.trajectory.states[k] - &x).amax() < 1e-15);
        assert!((&adaptive.trajectory.states[k] - &x).amax() < 1e-9, "t = {t}");
        assert!((&fixed.trajectory.states[16 * k] - &x).amax() < 1e-9, "t = {t}");
    }
    assert_eq!(exact.evaluations, 0);
}

#[test]
fn lorenz_agrees_with_forty_digits() {
    let path = format!("{}/../../tests/fixtures/integrators.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let fixture: serde_json::Value = serde_json::from_str(&text).unwrap();
    let problems = fixture["problems"].as_array().unwrap();
    let lorenz = problems.iter().find(|p| p["name"] == "lorenz").unwrap();
    let mut system = named("lorenz");
    for (t, state) in
        lorenz["times"].as_array().unwrap().iter().zip(lorenz["states"].as_array().unwrap())
    {
        system.duration = t.as_f64().unwrap();
        let run = follow(&system, 1e-11);
        for (i, expected) in state.as_array().unwrap().iter().enumerate() {
            let found = run.trajectory.last().unwrap()[i];
            let expected = expected.as_f64().unwrap();
            assert!((found - expected).abs() < 1e-7, "t = {t}, {i}: {found} for {expected}");
        }
    }
}

// --- inputs ---------------------------------------------------------------------------------

fn pushed(input: &str) -> System {
    let text = format!(
        "states = [\"q\", \"v\"]\ninitial = [1, 0]\nduration = 10\n\
         a = [[0, 1], [-1, -0.4]]\nb = [0, 1]\n[input]\n{input}\n"
    );
    System::from_toml("pushed", &text).expect("a system")
}

const INPUTS: [&str; 6] = [
    "kind = \"step\"\nheight = 2",
    "kind = \"step\"\nheight = -1\nstart = 3.7",
    "kind = \"impulse\"\narea = 1.5",
    "kind = \"impulse\"\narea = -2\nstart = \"pi\"",
    "kind = \"sine\"\namplitude = 2\nfrequency = 3",
    "kind = \"sine\"\nfrequency = \"sqrt(2)\"\nstart = 2.345",
];

#[test]
fn three_methods_agree_on_every_input() {
    for input in INPUTS {
        let system = pushed(input);
        let exact = simulate(&system, Method::Exact, 11).unwrap();
        let adaptive = simulate(&system, Method::DormandPrince { tolerance: 1e-10 }, 11).unwrap();
        let fixed = simulate(&system, Method::RungeKutta { step: 0.01 }, 11).unwrap();
        assert_eq!(exact.trajectory.times, adaptive.trajectory.times, "{input}");
        for (k, x) in exact.trajectory.states.iter().enumerate() {
            let t = exact.trajectory.times[k];
            let off = (&adaptive.trajectory.states[k] - x).amax();
            assert!(off < 2e-9, "{input}, t = {t}: {off:e}");
        }
        let off = (fixed.trajectory.last().unwrap() - exact.trajectory.last().unwrap()).amax();
        assert!(off < 1e-9, "{input}: Runge-Kutta is {off:e} off");
    }
}

#[test]
fn a_start_between_two_steps_costs_no_order() {
    // Stepping across the jump of the input, Runge and Kutta's method falls to order one.
    let system = pushed("kind = \"step\"\nstart = 3.1416");
    let exact = simulate(&system, Method::Exact, 2).unwrap();
    let error = |step: f64| {
        let run = simulate(&system, Method::RungeKutta { step }, 2).unwrap();
        (run.trajectory.last().unwrap() - exact.trajectory.last().unwrap()).amax()
    };
    let order = (error(0.1) / error(0.05)).log2();
    assert!((order - 4.0).abs() < 0.15, "observed order {order}");
}

#[test]
fn an_impulse_is_a_jump_and_an_input_that_never_starts_is_none() {
    let run = simulate(&pushed(INPUTS[3]), Method::Exact, 3).unwrap();
    let times = &run.trajectory.times;
    let jump = times.iter().position(|t| *t == std::f64::consts::PI).unwrap();
    assert_eq!(times[jump + 1], times[jump]);
    let moved = &run.trajectory.states[jump + 1] - &run.trajectory.states[jump];
    assert!((moved - dvector![0.0, -2.0]).amax() < 1e-15);

    let free = simulate(&named("damped-spring"), Method::Exact, 11).unwrap();
    let mut late = pushed("kind = \"step\"\nstart = 1000");
    late.duration = 15.0;
    let late = simulate(&late, Method::Exact, 11).unwrap();
    assert_eq!(late.trajectory, free.trajectory);
}

#[test]
fn parameters_and_starts_can_be_changed() {
    let mut spring = named("damped-spring");
    spring.set("stiffness", 4.0).unwrap();
    spring.set("damping", 0.0).unwrap();
    spring.start_from(vec![0.0, 2.0]).unwrap();
    spring.duration = 3.0;
    let run = simulate(&spring, Method::Exact, 4).unwrap();
    for (t, x) in run.trajectory.times.iter().zip(&run.trajectory.states) {
        assert!((x[0] - (2.0 * t).sin()).abs() < 1e-14);
    }
}

// --- what is refused -------------------------------------------------------------------------

/// What `System::from_toml` says about a file; `@` stands for the good lines around the bad one.
fn refusal(text: &str) -> String {
    let good = "states = [\"x\", \"v\"]\ninitial = [1, 0]\nequations = [\"v\", \"-x\"]";
    System::from_toml("my", &text.replace('@', good)).expect_err(text).to_string()
}

#[test]
fn a_mistake_in_a_file_is_named_with_its_line() {
    let cases = [
        ("", "line 1: expected `states`: the names of the states, as in [\"x\", \"v\"]"),
        ("@\nduration = -3", "line 4: expected `duration` to be positive, found -3"),
        ("@\nduration = 0", "line 4: expected `duration` to be positive, found 0"),
        (
            "@\nduration = nan",
            "line 4: expected `duration` to be a finite number, or an expression in quotes, found nan",
        ),
        ("@\nduration = \"1 / 0\"", "line 4: expected `duration` to be finite, found \"1 / 0\""),
        (
            "@\nduration = true",
            "line 4: expected `duration` to be a finite number, or an expression in quotes, found true",
        ),
        (
            "@\ndurations = 3",
            "line 4: `durations` means nothing here, did you mean `duration`?; known are about, states, initial, duration, equations, a, b, parameters, input, plot, watch",
        ),
        ("@\nabout = 3", "line 4: expected `about` to be text in quotes, found 3"),
        ("states = \"x\"", "line 1: expected `states` to be a list, found \"x\""),
        ("states = []", "line 1: expected `states` to be a list of at least one name, found []"),
        ("states = [\"x\",\n  2]", "line 2: expected a state to be text in quotes, found 2"),
        ("states = [\"x\", \"x\"]", "line 1: expected a state to be a name of its own, found `x`"),
        (
            "states = [\"t\"]",
            "line 1: expected a state to be another name than t, the time, found `t`",
        ),
        (
            "states = [\"2x\"]",
            "line 1: expected a state to be a letter, then letters, digits and _, found `2x`",
        ),
        (
            "states = [\"mu\"]\nparameters = { mu = 1 }",
            "line 1: expected a state to be a name of its own, found `mu`",
        ),
        (
            "states = [\"x\"]\n\n",
            "line 1: expected `initial`: where each state starts, as in [1, 0]",
        ),
        (
            "states = [\"x\"]\ninitial = [1, 2]",
            "line 2: expected `initial` to have one number for each of x, found 2",
        ),
        (
            "states = [\"x\"]\ninitial = [inf]",
            "line 2: expected initial[0] to be a finite number, or an expression in quotes, found inf",
        ),
        (
            "states = [\"x\"]\ninitial = [\"y\"]",
            "line 2: in initial[0] = \"y\": nothing is called `y` (column 1); there are e, pi",
        ),
        (
            "states = [\"x\"]\ninitial = [1]",
            "line 2: expected `equations`: one expression for the derivative of each state, or the matrix `a`",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\nequations = [\"-x\", \"x\"]",
            "line 3: expected `equations` to have one expression for each of x, found 2",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\nequations = [\"-X\"]",
            "line 3: in equations[0] = \"-X\": nothing is called `X` (column 2), did you mean `x`?; there are t, x, e, pi",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\nequations = [\"-x",
            "line 3: this is not TOML: unclosed array, expected `]`",
        ),
        ("@\na = [[0, 1], [1, 0]]", "line 4: expected either `equations` or `a`, found both"),
        (
            "@\nb = [0, 1]",
            "line 4: `b` belongs to the matrix `a`, found it beside `equations`: write the input into them",
        ),
        (
            "@\ninput = { kind = \"step\" }",
            "line 4: [input] belongs to `a` and `b`, found it beside `equations`: write it into them, with the time t",
        ),
        ("states = [\"x\"]\ninitial = [1]\na = [1]", "line 3: expected a[0] to be a list, found 1"),
        (
            "states = [\"x\"]\ninitial = [1]\na = [[1, 2]]",
            "line 3: expected a[0] to have one entry for each of x, found 2",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\na = [[1], [2]]",
            "line 3: expected `a` to have one row for each of x, found 2",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\na = [[\"x\"]]",
            "line 3: in a[0][0] = \"x\": nothing is called `x` (column 1); there are e, pi",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\na = [[1]]\nb = [1]",
            "line 4: `b` needs an [input] to act on",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\na = [[1]]\n[input]\nkind = \"step\"",
            "line 4: [input] needs `b`, how it acts on each state",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\na = [[1]]\nb = [[1, 2]]\ninput = {}",
            "line 4: expected b[0] to be one number, for one input, found [1, 2]",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\na = [[1]]\nb = [1]\n[input]\nheight = 1",
            "line 5: expected `kind`: the input is a \"step\", an \"impulse\" or a \"sine\"",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\na = [[1]]\nb = [1]\n[input]\nkind = \"ramp\"",
            "line 6: expected `kind` to be \"step\", \"impulse\" or \"sine\", found \"ramp\"",
        ),
        (
            "states = [\"x\"]\ninitial = [1]\na = [[1]]\nb = [1]\n[input]\nkind = \"step\"\narea = 1",
            "line 7: `area` means nothing in a step; known are kind, height, start",
        ),
        (
            "@\n[plot]\nhorizontal = \"q\"",
            "line 5: expected horizontal to be the name of a state, found \"q\"",
        ),
        (
            "@\n[plot]\nx = \"x\"",
            "line 5: `x` means nothing in [plot]; known are horizontal, vertical",
        ),
        (
            "@\n[watch]\nenergy = \"x^2 + w\"",
            "line 5: in energy = \"x^2 + w\": nothing is called `w` (column 7); there are t, x, v, e, pi",
        ),
        (
            "@\n[watch]\nx = \"x^2\"",
            "line 5: expected a watched quantity to be a name of its own, found `x`",
        ),
        (
            "@\n[parameters]\nmu = [1]",
            "line 5: expected parameter `mu` to be a finite number, or an expression in quotes, found [1]",
        ),
        ("@\nparameters = 1", "line 4: expected `parameters` to be a table, found 1"),
        ("@\n@", "line 4: this is not TOML: duplicate key"),
    ];
    for (text, sentence) in cases {
        assert_eq!(refusal(text), sentence, "for\n{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = System::from_toml("any", &text);
    }

    #[test]
    fn no_mutilated_file_makes_the_reader_panic(
        which in 0..NAMED_SYSTEMS.len(), from in 0.0..1.0_f64, length in 0_usize..30,
        instead in "[\\[\\]{}()=,.\"\\n#a-z0-9 *^+-]{0,6}",
    ) {
        let characters: Vec<char> = NAMED_SYSTEMS[which].1.chars().collect();
        let start = (from * characters.len() as f64) as usize;
        let end = (start + length).min(characters.len());
        let mut text: String = characters[..start].iter().collect();
        text += &instead;
        text.extend(&characters[end..]);
        if let Ok(mut system) = System::from_toml("cut", &text) {
            system.duration = system.duration.min(1.0);
            let _ = simulate(&system, Method::RungeKutta { step: 0.1 }, 5);
        }
    }
}

fn stopped(system: &System, method: Method) -> String {
    simulate(system, method, 11).expect_err("nothing stopped it").to_string()
}

#[test]
fn what_stops_a_simulation_is_said_in_the_words_of_the_file() {
    let adaptive = Method::DormandPrince { tolerance: 1e-6 };
    let one = |equation: &str| {
        let text =
            format!("states = [\"x\"]\ninitial = [1]\nduration = 5\nequations = [\"{equation}\"]");
        System::from_toml("my", &text).unwrap()
    };
    let blow_up = stopped(&one("x^2"), adaptive);
    assert!(
        blow_up.starts_with("my: the step shrank to ") && blow_up.contains("at t = 1.0000"),
        "{blow_up}"
    );
    assert_eq!(
        stopped(&one("x^2"), Method::RungeKutta { step: 0.25 }),
        "at t = 1.5 the derivative of x, x^2, is inf"
    );
    let domain = stopped(&one("-sqrt(x - 0.5)  "), Method::RungeKutta { step: 0.1 });
    assert!(domain.contains("the derivative of x, -sqrt(x - 0.5), is NaN"), "{domain}");
    assert_eq!(stopped(&one("ln(t)"), adaptive), "at t = 0 the derivative of x, ln(t), is -inf");
    let stiff = stopped(&one("-1e6 * (x - cos(t))"), adaptive);
    assert!(stiff.contains("the problem is stiff"), "{stiff}");
    assert_eq!(
        stopped(&one("-x"), Method::Exact),
        "the exact method needs matrices a and b, and my is given by equations: use dormand-prince or rk4"
    );
    assert_eq!(
        stopped(&one("-x"), Method::RungeKutta { step: 1e-7 }),
        "5e7 steps of 0.0000001 over 5 are more than the 1e6 that are kept"
    );
    assert_eq!(
        stopped(&one("-x"), Method::RungeKutta { step: 0.0 }),
        "expected the step to be finite and positive, found 0"
    );
    assert_eq!(
        stopped(&one("-x"), Method::DormandPrince { tolerance: f64::NAN }),
        "expected the relative tolerance to be finite and positive, found NaN"
    );

    let mut spring = named("damped-spring");
    spring.set("mass", 0.0).unwrap();
    assert_eq!(
        stopped(&spring, Method::Exact),
        "a[1][0] = -stiffness / mass is -inf, with mass = 0, damping = 0.4, stiffness = 1"
    );
    spring.set("mass", 1.0).unwrap();
    spring.set("damping", -2000.0).unwrap();
    assert!(stopped(&spring, Method::Exact).contains("found an overflow"));
    spring.duration = f64::INFINITY;
    assert_eq!(
        stopped(&spring, Method::Exact),
        "expected the duration to be finite and positive, found inf"
    );
}

#[test]
fn what_cannot_be_set_is_refused() {
    let mut system = named("van-der-pol");
    let says = |result: Result<(), SimulateError>, sentence: &str| {
        assert_eq!(result.unwrap_err().to_string(), sentence);
    };
    says(system.set("lambda", 1.0), "van-der-pol has no parameter `lambda`; it has mu");
    says(system.set("m", 1.0), "van-der-pol has no parameter `m`; it has mu");
    says(system.set("nu", 1.0), "van-der-pol has no parameter `nu`, did you mean `mu`?; it has mu");
    says(system.set("mu", f64::NAN), "expected a parameter to be finite, found NaN");
    says(system.start_from(vec![1.0]), "expected one number in x0 for each of x, v, found 1");
    says(
        system.start_from(vec![1.0, f64::INFINITY]),
        "expected every entry of x0 to be finite, found inf at row 1, column 0",
    );
    for samples in [0, 1, STEP_LIMIT + 1] {
        let error = simulate(&system, Method::RungeKutta { step: 0.1 }, samples).unwrap_err();
        let sentence =
            format!("expected the number of samples to be from 2 to 1000000, found {samples}");
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn a_name_is_suggested_when_it_is_near() {
    let names = || NAMED_SYSTEMS.iter().map(|(name, _)| *name);
    assert_eq!(nearest_name("Lorenz", names()), Some("lorenz"));
    assert_eq!(nearest_name("vanderpol", names()), Some("van-der-pol"));
    assert_eq!(nearest_name("pendelum", names()), Some("pendulum"));
    assert_eq!(nearest_name("rocket", names()), None);
}
