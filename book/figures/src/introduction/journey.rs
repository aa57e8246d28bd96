//! The figure `journey`: the whole course in one picture.

use std::cmp::Ordering;
use std::error::Error;

use math_foundations::eigendecomposition::hermitian_eigendecomposition;
use math_foundations::fourier::causal_convolution;
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::state_representations::{Matrices, mass_spring_damper};
use nalgebra::{Complex, DMatrix, DVector};
use workbench::svg::{Anchor, Canvas, Point, Role};

/// The systems behind the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// Damping of the spring that flows, is sampled and is convolved.
    pub damping: f64,
    /// Its stiffness.
    pub stiffness: f64,
    /// The step between two samples.
    pub delta: f64,
    /// The size of the structured matrix.
    pub d_state: usize,
    /// The sequence that the selective recurrence reads.
    pub u: Vec<f64>,
}

impl Default for Journey {
    fn default() -> Self {
        let mut u: Vec<f64> = (0..16).map(|k| 0.2 * (2.6 * f64::from(k) + 0.8).sin()).collect();
        u[2] = 0.95;
        u[9] = -0.68;
        Self { damping: 0.45, stiffness: 4.0, delta: 0.5, d_state: 8, u }
    }
}

const WIDTH: f64 = 640.0;
const ROW: f64 = 152.0;

/// Draws a spring that flows, its samples, its convolution; then a matrix with structure, a
/// recurrence that selects, and the matrix that this recurrence multiplies by.
///
/// # Errors
/// When the parameters describe no system, for example a stiffness that is not positive.
pub fn draw(parameters: &Journey) -> Result<String, Box<dyn Error>> {
    let mut canvas = Canvas::new(
        WIDTH,
        2.0 * ROW - 2.0,
        "One idea, six times: a system flows, steps, and is a convolution; then its matrix gets a \
         structure, its step depends on the input, and the recurrence is a matrix that attends to \
         the inputs it has selected",
    );
    let spring = mass_spring_damper(1.0, parameters.damping, parameters.stiffness)?;
    let selection = Selection::of(&parameters.u);

    draw_flow(&mut canvas, Cell::at(0), &spring)?;
    draw_samples(&mut canvas, Cell::at(1), &spring, parameters.delta)?;
    draw_convolution(&mut canvas, Cell::at(2), &spring, parameters.delta)?;
    draw_structure(&mut canvas, Cell::at(3), parameters.d_state)?;
    draw_selection(&mut canvas, Cell::at(4), &parameters.u, &selection);
    draw_dual(&mut canvas, Cell::at(5), &parameters.u, &selection);

    for (index, formula) in [
        r"\x{x}' = A\x{x} + B\u{u}",
        r"\x{x_k} = Ā\x{x_{k-1}} + B̄\u{u_k}",
        r"\y{y} = K̄ ∗ \u{u}",
        r"V^{∗}AV = Λ - PP^{∗}",
        r"\x{x_k} = Ā_k\x{x_{k-1}} + B̄_k\u{u_k}",
        r"\y{y} = M\u{u}",
    ]
    .into_iter()
    .enumerate()
    {
        let cell = Cell::at(index);
        let at = (cell.left + 0.5 * cell.width, cell.top + cell.height + 31.0);
        canvas.text(Role::Ink.size(16.0), at, Anchor::Middle, &format!("${formula}$"));
        if index > 0 {
            let tip =
                (cell.left - if index == 3 { 8.0 } else { 17.0 }, cell.top + 0.5 * cell.height);
            canvas.arrow(Role::Ink.wide(1.2).opacity(0.55), (tip.0 - 17.0, tip.1), tip);
        }
    }
    Ok(canvas.finish())
}

/// The place of one of the six pictures.
#[derive(Clone, Copy)]
struct Cell {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Cell {
    fn at(index: usize) -> Self {
        let (column, row) = ((index % 3) as f64, (index / 3) as f64);
        let width = 158.0;
        let left = WIDTH / 6.0 * (2.0 * column + 1.0) - 0.5 * width;
        Cell { left, top: 14.0 + ROW * row, width, height: 92.0 }
    }

    /// A point of the unit square, from the lower left corner.
    fn point(&self, across: f64, up: f64) -> Point {
        (self.left + across * self.width, self.top + (1.0 - up) * self.height)
    }

    /// A thin line across the picture.
    fn axis(&self, canvas: &mut Canvas, up: f64) {
        let pen = Role::Ink.wide(1.0).opacity(0.35);
        canvas.line(pen, self.point(0.0, up), self.point(1.0, up));
    }
}

/// Duration shown of the spring, and the height of its zero.
const DURATION: f64 = 9.0;
const ZERO: f64 = 0.46;

/// The position of the spring at a time after a push: `C e^{At} B`.
fn impulse_response(spring: &Matrices, t: f64) -> Result<f64, Box<dyn Error>> {
    let flow = matrix_exponential(&(&spring.a * t))?;
    Ok((&spring.c * flow * &spring.b)[0])
}

fn curve(cell: Cell, spring: &Matrices) -> Result<Vec<Point>, Box<dyn Error>> {
    (0..=120)
        .map(|index| {
            let t = DURATION * f64::from(index) / 120.0;
            Ok(cell.point(t / DURATION, ZERO + impulse_response(spring, t)? * 1.15))
        })
        .collect()
}

fn draw_flow(canvas: &mut Canvas, cell: Cell, spring: &Matrices) -> Result<(), Box<dyn Error>> {
    cell.axis(canvas, ZERO);
    canvas.polyline(Role::State.wide(2.0), &curve(cell, spring)?);
    canvas.stem(Role::Input, cell.point(0.0, ZERO), cell.point(0.0, 0.96));
    Ok(())
}

fn draw_samples(
    canvas: &mut Canvas,
    cell: Cell,
    spring: &Matrices,
    delta: f64,
) -> Result<(), Box<dyn Error>> {
    cell.axis(canvas, ZERO);
    canvas.polyline(Role::State.wide(1.2).opacity(0.35), &curve(cell, spring)?);
    // One matrix exponential, then only products: x_k = Ā x_{k-1}.
    let a_bar = matrix_exponential(&(&spring.a * delta))?;
    let mut x: DMatrix<f64> = spring.b.clone();
    let mut k = 0.0;
    while k * delta <= DURATION {
        let across = k * delta / DURATION;
        let (x_zero, y_zero) = cell.point(across, ZERO);
        canvas.line(Role::Step, (x_zero, y_zero - 3.5), (x_zero, y_zero + 3.5));
        canvas.dot(Role::State, cell.point(across, ZERO + (&spring.c * &x)[0] * 1.15), 3.4);
        x = &a_bar * x;
        k += 1.0;
    }
    // The step itself, between two ticks.
    let (from, to) =
        (cell.point(12.0 * delta / DURATION, 0.14), cell.point(13.0 * delta / DURATION, 0.14));
    canvas.line(Role::Step, from, to);
    for end in [from, to] {
        canvas.line(Role::Step, (end.0, end.1 - 4.0), (end.0, end.1 + 4.0));
    }
    canvas.text(Role::Step.size(15.0), (to.0 + 7.0, to.1 + 5.0), Anchor::Start, "Δ");
    Ok(())
}

fn draw_convolution(
    canvas: &mut Canvas,
    cell: Cell,
    spring: &Matrices,
    delta: f64,
) -> Result<(), Box<dyn Error>> {
    const ZERO: f64 = 0.42;
    const FINE: usize = 8;
    let steps = (DURATION / delta).round() as usize;
    // The kernel K̄_j = C Ā^j B between the samples too, so that its copies are smooth.
    let kernel: Vec<f64> = (0..=FINE * steps)
        .map(|index| impulse_response(spring, delta * index as f64 / FINE as f64))
        .collect::<Result<_, _>>()?;
    let mut u = vec![0.0; kernel.len()];
    let pushes = [(0, 0.9), (8, -0.75)];
    for (k, push) in pushes {
        u[FINE * k] = push;
    }
    let y = causal_convolution(&kernel, &u);
    let place = |index: usize, value: f64| {
        cell.point(index as f64 / (FINE * steps) as f64, ZERO + 0.82 * value)
    };
    cell.axis(canvas, ZERO);
    for (k, push) in pushes {
        let copy: Vec<Point> = (FINE * k..kernel.len())
            .map(|index| place(index, push * kernel[index - FINE * k]))
            .collect();
        canvas.polyline(Role::Output.wide(1.1).opacity(0.45), &copy);
        canvas.stem(Role::Input, place(FINE * k, 0.0), place(FINE * k, 0.66 * push));
    }
    let sum: Vec<Point> = y.iter().enumerate().map(|(index, value)| place(index, *value)).collect();
    canvas.polyline(Role::Output, &sum);
    Ok(())
}

/// HiPPO-LegS in the coordinates that make its normal part diagonal: `V* A V = Λ - P P*`.
struct Structure {
    lambda: DVector<Complex<f64>>,
    p: DVector<Complex<f64>>,
    #[cfg(test)]
    v: DMatrix<Complex<f64>>,
}

/// The matrix A of HiPPO-LegS: dense below its diagonal.
fn hippo(d_state: usize) -> DMatrix<f64> {
    let root = |n: usize| (2.0 * n as f64 + 1.0).sqrt();
    DMatrix::from_fn(d_state, d_state, |row, column| match row.cmp(&column) {
        Ordering::Less => 0.0,
        Ordering::Equal => -(row as f64 + 1.0),
        Ordering::Greater => -root(row) * root(column),
    })
}

impl Structure {
    fn of_hippo(d_state: usize) -> Result<Self, Box<dyn Error>> {
        let p = DVector::from_fn(d_state, |n, _| (n as f64 + 0.5).sqrt());
        // A + P P* = S - I/2 with S skew: -iS is Hermitian, and its eigenvectors are those of S.
        let skew = hippo(d_state) + &p * p.transpose() + DMatrix::identity(d_state, d_state) * 0.5;
        let modes = hermitian_eigendecomposition(&skew.map(|entry| Complex::new(0.0, -entry)))?;
        Ok(Structure {
            lambda: modes.lambda.map(|frequency| Complex::new(-0.5, frequency)),
            p: modes.v.adjoint() * p.map(Complex::from),
            #[cfg(test)]
            v: modes.v,
        })
    }
}

fn draw_structure(canvas: &mut Canvas, cell: Cell, d_state: usize) -> Result<(), Box<dyn Error>> {
    let Structure { lambda, p, .. } = Structure::of_hippo(d_state)?;
    let side = 58.0;
    let unit = side / d_state as f64;
    let size = (unit - 0.9, unit - 0.9);
    let left = cell.left + 0.5 * (cell.width - (2.0 * side + unit + 32.0));
    let top = cell.top + 0.5 * (cell.height - side);
    let (minus, column) = (left + side + 8.0, left + side + 26.0);
    let row = column + unit + 6.0;
    let largest = |entries: &DVector<Complex<f64>>| {
        entries.iter().fold(f64::MIN_POSITIVE, |most, entry| most.max(entry.norm()))
    };
    let (strongest, loudest) = (largest(&lambda), largest(&p));
    let frame = Role::Ink.wide(1.0).opacity(0.3);
    canvas.rect(frame, (left - 1.5, top - 1.5), (side + 2.1, side + 2.1), 2.0);
    let sign = top + 0.5 * side;
    canvas.line(Role::Ink, (minus, sign), (minus + 9.0, sign));
    for n in 0..d_state {
        let along = unit * n as f64;
        let pen = Role::State.filled().opacity(0.35 + 0.65 * lambda[n].norm() / strongest);
        canvas.rect(pen, (left + along, top + along), size, 1.0);
        let pen = Role::Ink.filled().opacity(0.15 + 0.7 * p[n].norm() / loudest);
        canvas.rect(pen, (column, top + along), size, 1.0);
        canvas.rect(pen, (row + along, top), size, 1.0);
    }
    Ok(())
}

/// A recurrence whose step depends on the input.
struct Selection {
    delta: Vec<f64>,
    a_bar: Vec<f64>,
}

impl Selection {
    /// The step opens for a loud input: Δ = softplus(14 |u| - 7); Ā = e^{-Δ} and B̄ = 1 - Ā.
    fn of(u: &[f64]) -> Self {
        let delta: Vec<f64> = u.iter().map(|u_k| (14.0 * u_k.abs() - 7.0).exp().ln_1p()).collect();
        let a_bar = delta.iter().map(|delta_k| (-delta_k).exp()).collect();
        Selection { delta, a_bar }
    }

    /// M with y = M u: how much of input `column` is left in output `row`.
    fn matrix(&self) -> DMatrix<f64> {
        let length = self.a_bar.len();
        DMatrix::from_fn(length, length, |row, column| {
            if column > row {
                return 0.0;
            }
            let kept: f64 = self.a_bar[column + 1..=row].iter().product();
            kept * (1.0 - self.a_bar[column])
        })
    }
}

fn draw_selection(canvas: &mut Canvas, cell: Cell, u: &[f64], selection: &Selection) {
    const ZERO: f64 = 0.52;
    let width = 1.0 / u.len() as f64;
    let height = |value: f64| ZERO + 0.44 * value;
    cell.axis(canvas, ZERO);
    let (mut x, mut line) = (0.0, vec![cell.point(0.0, ZERO)]);
    let widest = selection.delta.iter().fold(f64::MIN_POSITIVE, |most, delta| most.max(*delta));
    for (k, u_k) in u.iter().enumerate() {
        let across = (k as f64 + 0.5) * width;
        let a_bar = selection.a_bar[k];
        line.push(cell.point(across, height(x)));
        x = a_bar * x + (1.0 - a_bar) * u_k;
        line.push(cell.point(across, height(x)));
        canvas.stem(
            Role::Input.wide(1.6),
            cell.point(across, ZERO),
            cell.point(across, height(*u_k)),
        );
        // The gate: a tick as long as the step.
        let foot = cell.point(across, 0.0);
        let open = 2.0 + 13.0 * selection.delta[k] / widest;
        canvas.line(Role::Step.wide(2.2), foot, (foot.0, foot.1 - open));
    }
    line.push(cell.point(1.0, height(x)));
    canvas.polyline(Role::State.wide(2.0), &line);
    for (k, u_k) in u.iter().enumerate() {
        let across = (k as f64 + 0.5) * width;
        let (foot, head) = (cell.point(across, ZERO), cell.point(across, height(*u_k)));
        canvas.stem(Role::Input.wide(1.6), foot, head);
    }
}

fn draw_dual(canvas: &mut Canvas, cell: Cell, u: &[f64], selection: &Selection) {
    let matrix = selection.matrix();
    let unit = cell.height / matrix.nrows() as f64;
    let left = cell.left + 0.5 * (cell.width - cell.height);
    for column in 0..matrix.ncols() {
        let x = left + unit * column as f64;
        // The input over its column, the louder the larger.
        let middle = x + 0.5 * (unit - 0.7);
        canvas.dot(Role::Input, (middle, cell.top - 5.0), 1.0 + 2.4 * u[column].abs());
        for row in column..matrix.nrows() {
            let shade = 0.08 + 0.92 * matrix[(row, column)];
            let pen = Role::Output.filled().opacity(shade);
            let corner = (x, cell.top + 3.0 + unit * row as f64);
            canvas.rect(pen, corner, (unit - 0.7, unit - 0.7), 0.8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structured_matrix_is_diagonal_minus_rank_one() {
        let Structure { lambda, p, v } = Structure::of_hippo(8).unwrap();
        let a = hippo(8).map(Complex::from);
        let left = v.adjoint() * a * &v;
        let right = DMatrix::from_diagonal(&lambda) - &p * p.adjoint();
        let worst = (left - right).iter().fold(0.0_f64, |worst, entry| worst.max(entry.norm()));
        assert!(worst < 1e-12, "{worst}");
    }

    #[test]
    fn the_dual_matrix_is_the_selective_recurrence() {
        let Journey { u, .. } = Journey::default();
        let selection = Selection::of(&u);
        let y = selection.matrix() * DVector::from_vec(u.clone());
        let mut x = 0.0;
        for (k, u_k) in u.iter().enumerate() {
            x = selection.a_bar[k] * x + (1.0 - selection.a_bar[k]) * u_k;
            assert!((y[k] - x).abs() < 1e-14, "at step {k}: {} and {x}", y[k]);
        }
    }

    #[test]
    fn samples_of_the_flow_are_powers_of_a_bar() {
        let Journey { damping, stiffness, delta, .. } = Journey::default();
        let spring = mass_spring_damper(1.0, damping, stiffness).unwrap();
        let a_bar = matrix_exponential(&(&spring.a * delta)).unwrap();
        let stepped = (&spring.c * a_bar.pow(5) * &spring.b)[0];
        let flowed = impulse_response(&spring, 5.0 * delta).unwrap();
        assert!((stepped - flowed).abs() < 1e-14, "{stepped} {flowed}");
    }
}
