//! Exercise `cauchy_gradient`, of the page `s4_layer`.

use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/cauchy_gradient.rs"]
mod blank;
#[path = "../../solutions/cauchy_gradient.rs"]
mod solution;

type C = Complex<f64>;
type Answer = fn(C, C, C, C) -> (C, C);

pub fn exercise() -> Exercise {
    Exercise::new("cauchy_gradient", Level::WarmUp, "two lines", 5)
        .page("5-s4/s4-layer")
        .hints([
            "What are the derivatives of v/(s - λ) by v and by λ, as if all were real?",
            "If y = i v, and L = Im y: which of Re v and Im v does L feel? What makes the gradient i that comes back a 1?",
        ])
        .notice(
            "What to notice: there is no new rule for complex numbers but one conjugate. The adjoint of a multiplication by f' is a \
             multiplication by its conjugate, as the adjoint of a matrix is its conjugate transpose.",
        )
        .sources(
            include_str!("../../exercises/cauchy_gradient.rs"),
            include_str!("../../solutions/cauchy_gradient.rs"),
        )
        .answers::<Answer>(
            check,
            blank::cauchy_gradient,
            solution::cauchy_gradient,
            vec![forgets_the_conjugate, loses_a_sign, conjugates_the_gradient],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (v, lambda, s, gradient) in [
        (C::new(0.7, -0.2), C::new(-0.5, 3.0), C::new(0.0, 1.0), C::ONE),
        (C::new(-1.1, 0.4), C::new(-0.5, -1.0), C::new(0.0, 2.5), C::new(0.3, -2.0)),
    ] {
        let loss = |v: C, lambda: C| (gradient.conj() * v / (s - lambda)).re;
        let h = 1e-5;
        let slope = |at: &dyn Fn(C) -> f64| {
            let along = |by: C| (at(by * h) - at(-by * h)) / (2.0 * h);
            C::new(along(C::ONE), along(C::I))
        };
        let at = format!("at v = {v}, λ = {lambda}, s = {s}, a gradient of {gradient}");
        let (by_v, by_lambda) = answer(v, lambda, s, gradient);
        expect_close(at.clone(), "∂L/∂v", slope(&|by| loss(v + by, lambda)), by_v, 1e-8)?;
        expect_close(at, "∂L/∂λ", slope(&|by| loss(v, lambda + by)), by_lambda, 1e-8)?;
    }
    Ok(())
}

fn forgets_the_conjugate(v: C, lambda: C, s: C, gradient: C) -> (C, C) {
    let fraction = (s - lambda).inv();
    (fraction * gradient, v * fraction * fraction * gradient)
}

fn loses_a_sign(v: C, lambda: C, s: C, gradient: C) -> (C, C) {
    let fraction = (s - lambda).inv();
    (fraction.conj() * gradient, -(v * fraction * fraction).conj() * gradient)
}

fn conjugates_the_gradient(v: C, lambda: C, s: C, gradient: C) -> (C, C) {
    forgets_the_conjugate(v, lambda, s, gradient.conj())
}
