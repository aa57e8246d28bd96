//! Figures of the page `hippo`.

use std::error::Error;

use discretization::accuracy_and_stability::Discretization;
use math_foundations::matrix_exponential::matrix_exponential;
use nalgebra::DVector;
use s4::hippo::{
    Explanation, HippoLegs, Measure, explain, hippo, random_memory, share_lost, three_waves,
};
use workbench::plot::{Frame, Plot, panels};
use workbench::svg::{Canvas, Role};

use crate::Figure;

const PAGE: &str = "5-s4/hippo";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "sixty-four-numbers",
        page: PAGE,
        draw: || draw_sixty_four_numbers(&SixtyFourNumbers::default()).unwrap_or_default(),
    },
    Figure {
        name: "left-of-a-blow",
        page: PAGE,
        draw: || draw_left_of_a_blow(&LeftOfABlow::default()).unwrap_or_default(),
    },
];

/// What the figure `sixty-four-numbers` shows: two memories of a melody.
#[derive(Debug, Clone, PartialEq)]
pub struct SixtyFourNumbers {
    /// How many numbers each has.
    pub d_state: usize,
    /// How many steps the melody has.
    pub length: usize,
    /// How far apart the eigenvalues of the random memory are, in radians over the whole melody: the kindest is taken.
    pub rates: Vec<f64>,
    /// Which random memory.
    pub seed: u64,
}

impl Default for SixtyFourNumbers {
    fn default() -> Self {
        Self { d_state: 64, length: 1000, rates: vec![1.0, 3.0, 10.0, 30.0, 100.0], seed: 1 }
    }
}

/// Above, what HiPPO-LegS says of a melody; below, the best that can be read out of a random memory of the same size.
///
/// # Errors
/// Those of [`HippoLegs::new`], [`random_memory`] and [`explain`].
pub fn draw_sixty_four_numbers(parameters: &SixtyFourNumbers) -> Result<String, Box<dyn Error>> {
    let SixtyFourNumbers { d_state, length, rates, seed } = parameters;
    let u = three_waves(*length);
    let mut memory = HippoLegs::new(*d_state)?;
    u.iter().for_each(|&u_k| memory.push(u_k));
    let mut best: Option<(f64, Explanation)> = None;
    for &rate in rates {
        let flow = random_memory(*d_state, rate, *seed)?;
        let rule = Discretization::ZeroOrderHold;
        let steps = rule.discretize(&flow, 1.0 / *length as f64)?.held()?;
        let mut x = DVector::zeros(*d_state);
        for &u_k in &u {
            x = steps.a() * x + steps.b().column(0) * u_k;
        }
        let read = explain(&steps, &x, *length, 1e-7)?;
        let lost = share_lost(&read.past, &u);
        if best.as_ref().is_none_or(|(least, _)| lost < *least) {
            best = Some((lost, read));
        }
    }
    let by_lot = best.map(|(_, read)| read.past).unwrap_or_default();
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(k, &value)| (k as f64, value)).collect()
    };
    let panel = |title: &str, read: &[f64]| {
        Plot::new("")
            .title(title)
            .x_range(0.0, *length as f64)
            .y_range(-2.6, 2.6)
            .y_ticks(&[(-2.0, "-2"), (0.0, "0"), (2.0, "2")])
            .line(Role::Output, "", &points(read))
            .line(Role::Input.wide(1.4), "", &points(&u))
    };
    let upper = panel("HiPPO", &memory.remembered(*length));
    let lower = panel("random $A$", &by_lot).x_label("$k$");
    let mut canvas = Canvas::new(
        640.0,
        420.0,
        "A melody of a thousand steps, sung from 64 numbers: HiPPO's numbers give all of it back, those of a random \
         memory its end",
    );
    upper.draw(&mut canvas, Frame { left: 0.0, top: 0.0, width: 640.0, height: 200.0 });
    lower.draw(&mut canvas, Frame { left: 0.0, top: 210.0, width: 640.0, height: 210.0 });
    Ok(canvas.finish())
}

/// What the figure `left-of-a-blow` shows: blows of some ages, as each measure remembers them.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOfABlow {
    /// How many numbers each memory has.
    pub d_state: usize,
    /// How long ago the blows were, in windows.
    pub ages: Vec<f64>,
}

impl Default for LeftOfABlow {
    fn default() -> Self {
        Self { d_state: 24, ages: vec![0.2, 0.7, 1.5] }
    }
}

/// Four panels: the weight of each age, and what each blow has become.
///
/// # Errors
/// Those of [`hippo`] and of [`matrix_exponential`].
pub fn draw_left_of_a_blow(parameters: &LeftOfABlow) -> Result<String, Box<dyn Error>> {
    const OLDEST: f64 = 2.0;
    const POINTS: usize = 400;
    let LeftOfABlow { d_state, ages } = parameters;
    let mut plots = Vec::new();
    for (measure, title, label) in [
        (Measure::LegS, "LegS", "LegS remembers blows of any age, the older the more blurred"),
        (Measure::LegT, "LegT", "LegT remembers a window sharply and nothing older"),
        (Measure::FouT, "FouT", "FouT does so too, and rings"),
        (Measure::LagT, "LagT", "LagT fades like LegS and blurs more"),
    ] {
        let over = |from: f64, to: f64, value: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> {
            let age = |i: usize| from + (to - from) * i as f64 / POINTS as f64;
            (0..=POINTS).map(age).map(|age| (age, value(age))).collect()
        };
        let weight = over(0.0, OLDEST, &|age| measure.weight(age));
        let nothing: Vec<(f64, f64)> = weight.iter().map(|&(age, _)| (age, 0.0)).collect();
        let mut plot = Plot::new(label)
            .title(title)
            .x_label("$τ$")
            .x_range(0.0, OLDEST)
            .y_range(-0.35, 1.15)
            .y_ticks::<&str>(&[])
            .band(Role::Ink, "", &nothing, &weight);
        let flow = hippo(measure, *d_state)?;
        let readable = if measure.weight(OLDEST) > 0.0 { OLDEST } else { 1.0 };
        for &blow in ages {
            let x = matrix_exponential(&(flow.a() * blow))? * flow.b();
            let recalled = |age: f64| measure.basis(*d_state, age).dot(&x.column(0));
            let height = 1.0 / *d_state as f64;
            plot = plot.line(
                Role::Output.wide(2.2),
                "",
                &over(0.0, readable, &|age| height * recalled(age)),
            );
        }
        let blows: Vec<(f64, f64)> = ages.iter().map(|&age| (age, 1.0)).collect();
        plots.push(plot.stems(Role::Input, "", &blows));
    }
    Ok(panels(&plots))
}
