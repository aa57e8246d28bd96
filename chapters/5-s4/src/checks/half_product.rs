//! Exercise `half_product`, of the page `nplr`.

use nalgebra::{Complex, DMatrix, DVector};
use s4::nplr::PairedDplr;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/half_product.rs"]
mod blank;
#[path = "../../solutions/half_product.rs"]
mod solution;

type Numbers<'a> = &'a [Complex<f64>];
type Answer = fn(Numbers, Numbers, Numbers) -> Vec<Complex<f64>>;

pub fn exercise() -> Exercise {
    Exercise::new("half_product", Level::Core, "two lines", 10)
        .page("5-s4/nplr")
        .hints([
            "What single number does p* see of the whole x, and what does the half that you do not have add to it?",
            "What is a number plus its conjugate?",
        ])
        .notice(
            "What to notice: the low-rank part looks at the state through one real number. Half of the modes are enough \
             for a step, with 3N/2 multiplications instead of 3N.",
        )
        .sources(
            include_str!("../../exercises/half_product.rs"),
            include_str!("../../solutions/half_product.rs"),
        )
        .answers::<Answer>(
            check,
            blank::half_product,
            solution::half_product,
            vec![forgets_the_other_half, forgets_to_conjugate, keeps_it_complex],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for size in [1, 2, 5] {
        let numbers = |phase: f64| -> Vec<Complex<f64>> {
            let number = |n| Complex::from_polar(1.0 + 0.3 * n as f64, phase + 0.7 * n as f64);
            (0..size).map(number).collect()
        };
        let (lambda, p, x) = (numbers(2.0), numbers(0.3), numbers(-0.4));
        let modes = PairedDplr {
            lambda: DVector::from(lambda.clone()),
            p: DMatrix::from_column_slice(size, 1, &p),
            b: DVector::zeros(size),
            weight: DVector::from_element(size, 2.0),
        };
        let expected = modes.velocity(&DVector::from(x.clone()))?;
        let found = answer(&lambda, &p, &x);
        expect_close(format!("at {size} kept modes"), "y", expected, found, 1e-13)?;
    }
    Ok(())
}

fn forgets_the_other_half(l: Numbers, p: Numbers, x: Numbers) -> Vec<Complex<f64>> {
    let seen: f64 = p.iter().zip(x).map(|(p, x)| (p.conj() * x).re).sum();
    (0..x.len()).map(|n| l[n] * x[n] - p[n] * seen).collect()
}

fn forgets_to_conjugate(l: Numbers, p: Numbers, x: Numbers) -> Vec<Complex<f64>> {
    let seen: f64 = p.iter().zip(x).map(|(p, x)| 2.0 * (p * x).re).sum();
    (0..x.len()).map(|n| l[n] * x[n] - p[n] * seen).collect()
}

fn keeps_it_complex(l: Numbers, p: Numbers, x: Numbers) -> Vec<Complex<f64>> {
    let seen: Complex<f64> = p.iter().zip(x).map(|(p, x)| 2.0 * p.conj() * x).sum();
    (0..x.len()).map(|n| l[n] * x[n] - p[n] * seen).collect()
}
