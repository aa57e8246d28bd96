//! Figures of the page `analyze`.

use std::error::Error;

use classical_ssm::analyze::root_locus;
use classical_ssm::system_file::DescribedSystem;
use classical_ssm::transfer_functions::zeros;
use nalgebra::Complex;
use workbench::plot::{Plot, panels};
use workbench::svg::{Pen, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "three-loci",
    page: "2-classical-ssm/analyze",
    draw: || draw_three_loci().unwrap_or_default(),
}];

/// Where the poles of a spring, a flexible arm and a water turbine go under more and more feedback.
///
/// # Errors
/// None, while the systems that are shipped are as they should be; a test draws it.
pub fn draw_three_loci() -> Result<String, Box<dyn Error>> {
    Ok(panels(&[
        locus("damped-spring", "$a$", (-2.0, 1.0), 3.0)?,
        locus("flexible-arm", "$b$", (-16.0, 16.0), 22.0)?,
        locus("water-turbine", "$c$", (-2.6, 5.4), 2.5)?,
    ]))
}

fn locus(
    name: &str,
    title: &str,
    (left, right): (f64, f64),
    height: f64,
) -> Result<Plot, Box<dyn Error>> {
    let described = DescribedSystem::named(name, &[])?;
    let system = described.continuous()?;
    let locus = root_locus(system)?;
    let label = match name {
        "damped-spring" => "The spring's poles climb beside the imaginary axis and never cross it",
        "flexible-arm" => {
            "Two of the arm's poles cross the imaginary axis: at that gain it swings up"
        }
        _ => "The turbine's poles cross the imaginary axis on their way to a zero on the right",
    };
    let inside =
        |pole: &&Complex<f64>| (left..=right).contains(&pole.re) && pole.im.abs() <= height;
    let flat = |pole: &Complex<f64>| (pole.re, pole.im);
    let mut plot = Plot::new(label)
        .title(title)
        .size(200.0, 240.0)
        .x_label("Re")
        .y_label("Im")
        .x_range(left, right)
        .y_range(-height, height)
        .reference("", &[(0.0, -height), (0.0, height)]);
    for branch in &locus.branches {
        let points: Vec<(f64, f64)> = branch.iter().take_while(inside).map(flat).collect();
        plot = plot.line(Role::State, "", &points).arrows_along(1);
    }
    let starts: Vec<(f64, f64)> = locus.branches.iter().map(|branch| flat(&branch[0])).collect();
    plot = plot.points(Role::State, "", &starts);
    let zeros = zeros(system)?;
    let shown: Vec<(f64, f64)> = zeros.iter().filter(inside).map(flat).collect();
    Ok(plot.points(Pen::from(Role::Output).hollow(), "", &shown))
}
