use std::path::Path;

use classical_ssm::system_file::{
    AnySystem, DescribedSystem, LARGEST, NAMED_SYSTEMS, SystemArguments, SystemFileError,
};
use math_foundations::linear_systems::held_input_step;
use math_foundations::stability::spectral_radius;
use math_foundations::state_representations::{
    DcMotor, Equilibrium, Matrices, Pendulum, dc_motor, linearized_pendulum, mass_spring_damper,
    rlc,
};
use nalgebra::{DMatrix, dmatrix};

fn named(name: &str) -> DescribedSystem {
    DescribedSystem::named(name, &[]).unwrap()
}

fn close(found: &DMatrix<f64>, expected: &DMatrix<f64>) {
    // Expressions round their own way.
    let error = (found - expected).norm();
    assert!(error <= 1e-14 * (1.0 + expected.norm()), "expected {expected}, found {found}");
}

#[test]
fn every_named_system_is_a_file_of_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("systems");
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut names: Vec<String> =
        NAMED_SYSTEMS.iter().map(|(name, _)| format!("{name}.toml")).collect();
    names.sort();
    assert_eq!(files, names);
    for described in DescribedSystem::all_named().unwrap() {
        assert!(!described.about.is_empty(), "{} has no words", described.name);
        let file = folder.join(format!("{}.toml", described.name));
        assert_eq!(DescribedSystem::from_file(&file, &[]).unwrap(), described);
    }
}

#[test]
fn named_systems_are_those_of_chapter_1() {
    let spring = mass_spring_damper(1.0, 0.4, 1.0).unwrap();
    assert_eq!(named("damped-spring").system, AnySystem::new(spring, None).unwrap());

    let circuit = rlc(100.0, 0.1, 1e-6).unwrap();
    close(&named("rlc").system.matrices().a, &circuit.a);
    close(&named("rlc").system.matrices().c, &circuit.c);

    let upright = linearized_pendulum(&Pendulum::default(), Equilibrium::Upright).unwrap();
    assert_eq!(named("upright-pendulum").system, AnySystem::new(upright, None).unwrap());

    // The motor of chapter 1 is asked for its speed, ours for its angle: one integral more.
    let speed = dc_motor(&DcMotor::default()).unwrap();
    let motor = named("dc-motor");
    close(&motor.system.matrices().a.view((1, 1), (2, 2)).into_owned(), &speed.a);
    close(&motor.system.matrices().b.rows(1, 2).into_owned(), &speed.b);
    assert_eq!(motor.system.matrices().a.row(0), dmatrix![0.0, 1.0, 0.0].row(0));
}

#[test]
fn sampled_spring_is_the_damped_spring_with_its_input_held() {
    let Matrices { a, b, .. } = named("damped-spring").system.matrices().clone();
    let (a_bar, b_bar) = held_input_step(&a, &b, 0.5).unwrap();
    let sampled = named("sampled-spring");
    assert_eq!(sampled.system.delta(), Some(0.5));
    close(&sampled.system.matrices().a, &a_bar);
    close(&sampled.system.matrices().b, &b_bar);
    assert!(spectral_radius(&a_bar).unwrap() < 1.0);
}

#[test]
fn hippo_legs_is_its_formula() {
    let hippo = named("hippo-legs");
    let odd = |n: usize| (2.0 * n as f64 + 1.0).sqrt();
    let a = DMatrix::from_fn(4, 4, |n, k| match n.cmp(&k) {
        std::cmp::Ordering::Greater => -odd(n) * odd(k),
        std::cmp::Ordering::Equal => -(n as f64 + 1.0),
        std::cmp::Ordering::Less => 0.0,
    });
    close(&hippo.system.matrices().a, &a);
    close(&hippo.system.matrices().b, &DMatrix::from_fn(4, 1, |n, _| odd(n)));
}

#[test]
fn four_tanks_have_the_time_constants_of_the_paper() {
    // Johansson (2000), table 2: T = 62, 90, 23, 30 seconds, rounded there.
    let tanks = named("four-tanks");
    let a = &tanks.system.matrices().a;
    for (i, expected) in [62.0, 90.0, 23.0, 30.0].into_iter().enumerate() {
        let found = -1.0 / a[(i, i)];
        assert!((found - expected).abs() < 1.0, "T_{} = {found}, not {expected}", i + 1);
    }
    assert_eq!((tanks.system.inputs(), tanks.system.outputs()), (2, 2));
}

#[test]
fn a_setting_changes_what_is_computed_from_it() {
    let settings = [("level_1".to_owned(), 4.0 * 12.4)];
    let (low, high) = (named("four-tanks"), DescribedSystem::named("four-tanks", &settings));
    let (low, high) = (low.system.matrices().a[(0, 0)], high.unwrap().system.matrices().a[(0, 0)]);
    assert!((low / high - 2.0).abs() < 1e-14, "{low} {high}");
}

#[test]
fn one_system_may_be_written_in_several_ways() {
    let read = |text: &str| DescribedSystem::from_toml("my", text, &[]).unwrap().system;
    let rows = read("a = [[0, 1], [-2, -3]]\nb = [[0], [1]]\nc = [[1, 0]]\nd = [[0]]");
    let plain = read("a = [[0, 1], [-2, \"-6 / 2\"]]\nb = [0, 1]\nc = [1, 0]");
    assert_eq!(rows, plain);
    let scalar = read("a = -1\nb = 1\nc = 2\nd = 0.5\ndelta = 0x10");
    assert_eq!((scalar.d_state(), scalar.delta()), (1, Some(16.0)));
}

#[test]
fn mistakes_in_a_file_are_named_with_their_line() {
    let bad = |text: &str, sentence: &str| {
        let error = DescribedSystem::from_toml("my", text, &[]).unwrap_err().to_string();
        assert!(error.starts_with(sentence), "{text}\nexpected: {sentence}\nfound:    {error}");
    };
    bad("", "line 1: expected `a`: how the state moves by itself");
    bad("a = [[1]]\n\nb = [1", "line 3: this is not TOML");
    bad(
        "a = 1\nb = 1\nc = 1\ndelat = 1",
        "line 4: `delat` means nothing here, did you mean `delta`?",
    );
    bad("a = 1\na = 2", "line 2: this is not TOML: duplicate key");
    bad(
        "a = [[1, 2], [3]]\nb = [0, 1]\nc = [1, 0]",
        "line 1: expected every row of A to have 2 entries like the first, found 1 in row 2",
    );
    bad(
        "a = [[1, 2, 3], [4, 5, 6]]\nb = [0, 1]\nc = [1, 0]",
        "line 1: expected A to be square, found 2 x 3",
    );
    bad(
        "a = [[0, 1], [2, 3]]\nb = [0, 1]\nc = [1, 0, 0]",
        "line 3: expected C to be 1 x 2, found 1 x 3",
    );
    bad("a = 1\nb = 1\nc = 1\nd = [[1, 2]]", "line 4: expected D to be 1 x 1, found 1 x 2");
    bad("a = 1\nb = 1\nc = 1\ndelta = 0", "line 4: expected Δ to be finite and positive, found 0");
    bad(
        "a = 1\nb = 1\nc = 1\ndelta = \"long\"",
        "line 4: in `delta` = \"long\": nothing is called `long`",
    );
    bad(
        "a = [1, 2]\nb = 1\nc = 1",
        "line 1: expected `a` to be a list of rows, as in [[0, 1], [-1, 0]], found [1, 2]",
    );
    bad(
        "a = []\nb = []\nc = []",
        "line 1: expected A to have at least one row and one column, found 0 x 0",
    );
    bad(
        "a = [[]]\nb = 1\nc = 1",
        "line 1: expected A to have at least one row and one column, found 1 x 0",
    );
    bad("a = [[0, 1], 3]\nb = 1\nc = 1", "line 1: expected a[1] to be a list of numbers, found 3");
    bad(
        "a = [[nan]]\nb = 1\nc = 1",
        "line 1: expected a[0][0] to be a finite number, or an expression in quotes, found nan",
    );
    bad("a = \"1 / 0\"\nb = 1\nc = 1", "line 1: expected `a` to be finite, found 1 / 0");
    bad("a = true\nb = 1\nc = 1", "line 1: expected `a` to be a finite number");
    bad("a = 99999999999999999999\nb = 1\nc = 1", "line 1: expected `a` to be a finite number");
    bad(
        "a = \"k\"\nb = 1\nc = 1\n[parameters]\nk = \"m\"\nm = 1",
        "line 5: in parameter `k` = \"m\": nothing is called `m`",
    );
    bad(
        "a = 1\nb = 1\nc = 1\n[parameters]\n\"a b\" = 1",
        "line 5: expected a parameter to be called by a letter",
    );
    bad(
        "a = 1\nb = 1\nc = 1\nparameters = 3",
        "line 4: expected `parameters` to be a table, found 3",
    );
    bad("about = 3\na = 1\nb = 1\nc = 1", "line 1: expected `about` to be text in quotes, found 3");

    let row = vec!["0"; LARGEST + 1].join(", ");
    let wide = format!("a = [[{row}]]\nb = 1\nc = 1");
    bad(&wide, "line 1: expected A to have at most 256 columns, found 257");
    let tall = format!("a = [[{}]]\nb = 1\nc = 1", vec!["0"; LARGEST + 1].join("], ["));
    bad(&tall, "line 1: expected A to have at most 256 rows, found 257");
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let error = |name: &str, setting: (&str, f64)| {
        DescribedSystem::named(name, &[(setting.0.to_owned(), setting.1)]).unwrap_err().to_string()
    };
    assert_eq!(
        error("damped-spring", ("dampening", 1.0)),
        "damped-spring has no parameter `dampening`, did you mean `damping`?; \
         it has mass, damping, stiffness",
    );
    assert_eq!(error("hippo-legs", ("n", 8.0)), "hippo-legs has no parameter `n`; it has none");
    assert_eq!(
        error("rlc", ("resistance", f64::NAN)),
        "expected resistance to be finite, found NaN"
    );
    assert_eq!(
        error("damped-spring", ("mass", 0.0)),
        "line 8: expected a[1][0] to be finite, found -stiffness / mass",
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let nowhere = DescribedSystem::from_file(Path::new("nowhere/at-all.toml"), &[]);
    assert!(matches!(nowhere, Err(SystemFileError::Unreadable { .. })), "{nowhere:?}");
    let folder = DescribedSystem::from_file(Path::new(env!("CARGO_MANIFEST_DIR")), &[]);
    assert!(matches!(folder, Err(SystemFileError::Unreadable { .. })), "{folder:?}");
}

#[test]
fn no_arguments_mean_no_system() {
    let error = SystemArguments::default().read(None).unwrap_err().to_string();
    assert!(
        error.starts_with("expected the name of a system, --file, or --a, --b and --c"),
        "{error}"
    );
    assert_eq!(SystemArguments::default().list().unwrap(), None);
}
