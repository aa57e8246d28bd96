//! Figures of the page `structured_matrices`.

use std::error::Error;
use std::f64::consts::TAU;

use ml_links::structured_matrices::{
    Cauchy, Companion, Diagonal, Dplr, LowRank, Semiseparable, StructuredMatrix, Toeplitz,
    Vandermonde,
};
use nalgebra::{Complex, ComplexField, DMatrix, DVector};
use workbench::plot::Plot;
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "eight-structures",
        page: "4-ml-links/structured-matrices",
        draw: || draw_eight_structures(&EightStructures::default()).unwrap_or_default(),
    },
    Figure {
        name: "product-times",
        page: "4-ml-links/structured-matrices",
        draw: || draw_product_times(MEASURED).unwrap_or_default(),
    },
];

/// What the command `structures --time` said.
const MEASURED: &str = include_str!("../../../../chapters/4-ml-links/recorded/structures-time.txt");

/// What the figure `eight-structures` shows: matrices of `size` rows and columns.
#[derive(Debug, Clone, PartialEq)]
pub struct EightStructures {
    /// Rows and columns of each.
    pub size: usize,
    /// After which step the state of the semiseparable one forgets most of what it held.
    pub forgets_at: usize,
}

impl Default for EightStructures {
    fn default() -> Self {
        Self { size: 12, forgets_at: 5 }
    }
}

/// A matrix to look at: its rule, the sizes of its entries, the numbers it keeps.
struct Pattern {
    rule: &'static str,
    sizes: DMatrix<f64>,
    stored: usize,
}

fn pattern<S: StructuredMatrix>(rule: &'static str, structure: &S) -> Pattern {
    let sizes = structure.to_dense().map(|entry| entry.modulus());
    Pattern { rule, sizes, stored: structure.stored() }
}

fn patterns(parameters: &EightStructures) -> Result<[Pattern; 8], Box<dyn Error>> {
    let EightStructures { size, forgets_at } = *parameters;
    let part = |n: usize| n as f64 / size as f64;
    let real = |f: &dyn Fn(f64) -> f64| DVector::from_fn(size, |n, _| f(part(n)));
    let complex = |f: &dyn Fn(f64) -> f64| real(f).map(Complex::from);
    let column = |f: &dyn Fn(f64) -> f64| DMatrix::from_fn(size, 1, |n, _| f(part(n)));
    let row = |f: &dyn Fn(f64) -> f64| column(f).transpose();

    let modes = complex(&|s| 1.0 - 0.6 * s);
    let wave = |s: f64| 0.35 + (TAU * s).cos().abs() * 0.65;
    let kernel = real(&|s| (-2.2 * s).exp() * (1.2 * TAU * s).cos());
    let low = |f: &dyn Fn(f64) -> f64| column(f).map(Complex::from);
    let kept = DMatrix::from_fn(1, size, |_, k| if k == forgets_at { 0.15 } else { 0.88 });
    let points = DVector::from_fn(size, |n, _| Complex::new(part(n), 0.04));
    Ok([
        pattern("λ_i", &Diagonal::new(modes.clone())?),
        pattern("$a_j$", &Companion::new(real(&|s| 0.35 + 0.65 * (TAU * s).sin().powi(2)))?),
        pattern("$u_i v_j$", &LowRank::new(column(&wave), column(&|s| 1.0 - 0.7 * s))?),
        pattern(
            "$λ_i − p_i q_j$",
            &Dplr::new(complex(&|_| 1.6), low(&|s| 0.25 + 0.5 * s), low(&|s| 0.75 - 0.5 * s))?,
        ),
        pattern("$t_{i−j}$", &Toeplitz::causal(kernel)?),
        pattern(
            "$c_i a_i ⋯ a_{j+1} b_j$",
            &Semiseparable::new(kept, row(&|s| 1.0 - 0.3 * s), row(&|s| 0.7 + 0.3 * s))?,
        ),
        pattern("$λ_j^i$", &Vandermonde::new(modes, size)?),
        pattern("$1/(z_i − λ_j)$", &Cauchy::new(points, complex(&|s| s))?),
    ])
}

/// The patterns of eight structures, each with its rule above and the numbers it keeps below.
///
/// # Errors
/// For a size of 0.
pub fn draw_eight_structures(parameters: &EightStructures) -> Result<String, Box<dyn Error>> {
    const SIDE: f64 = 132.0;
    const LEVELS: usize = 6;
    let mut canvas = Canvas::new(
        640.0,
        404.0,
        "Eight matrices of 144 entries each, all of which follow from 12 to 36 numbers",
    );
    for (index, pattern) in patterns(parameters)?.iter().enumerate() {
        let (left, top) = (11.0 + 162.0 * (index % 4) as f64, 32.0 + 204.0 * (index / 4) as f64);
        let (rows, columns) = pattern.sizes.shape();
        let cell = SIDE / rows.max(columns) as f64;
        let largest = pattern.sizes.amax();
        // One path a shade: a picture of a thousand squares stays small.
        let mut shades = vec![String::new(); LEVELS];
        for row in 0..rows {
            for column in 0..columns {
                let shade = (pattern.sizes[(row, column)] / largest).powf(0.6) * LEVELS as f64;
                if shade > 0.25 {
                    let (x, y) = (left + cell * column as f64, top + cell * row as f64);
                    shades[(shade.ceil() as usize).clamp(1, LEVELS) - 1] +=
                        &format!("M{x:.0} {y:.0}h{cell:.0}v{cell:.0}h-{cell:.0}z");
                }
            }
        }
        for (level, data) in shades.iter().enumerate().filter(|(_, data)| !data.is_empty()) {
            let opacity = (level + 1) as f64 / LEVELS as f64;
            let role = if index < 4 { Role::State } else { Role::Output };
            canvas.path(role.filled().opacity(0.9 * opacity), data);
        }
        canvas.rect(Role::Ink.wide(1.0).opacity(0.5), (left, top), (SIDE, SIDE), 0.0);
        let middle = left + 0.5 * SIDE;
        canvas.text(Role::Ink, (middle, top - 10.0), Anchor::Middle, pattern.rule);
        let count = format!("{} of {}", pattern.stored, rows * columns);
        canvas.text(Role::Ink, (middle, top + SIDE + 21.0), Anchor::Middle, &count);
    }
    Ok(canvas.finish())
}

/// The numbers behind a name in the first table of a recording.
fn measured(recording: &str, name: &str) -> Result<Vec<f64>, Box<dyn Error>> {
    let line = recording.lines().find_map(|line| line.strip_prefix(name));
    let line = line.ok_or_else(|| format!("nothing was measured for {name}"))?;
    Ok(line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

/// The measured time of a product against N, both axes logarithmic.
///
/// # Errors
/// When a name or a number is missing in the recording.
pub fn draw_product_times(recording: &str) -> Result<String, Box<dyn Error>> {
    let sizes = measured(recording, "N ")?;
    let line = |name: &str| -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
        Ok(sizes.iter().copied().zip(measured(recording, name)?).collect())
    };
    let ticks: Vec<(f64, String)> = sizes.iter().map(|&size| (size, format!("{size}"))).collect();
    let plot = Plot::new(
        "Dense products and those with Cauchy and Vandermonde matrices take four times as long for twice the size, \
         all others about twice as long",
    )
    .x_label("N")
    .y_label("μs")
    .log_x()
    .log_y()
    .x_ticks(&ticks)
    .reference("$A_{ij}$", &line("dense, complex")?)
    .line(Role::Output, "$1/(z_i − λ_j)$", &line("Cauchy")?)
    .line(Role::Output, "$λ_j^i$", &line("Vandermonde")?)
    .line(Role::Output, "$t_{i−j}$", &line("Toeplitz, by FFT")?)
    .line(Role::Output, "$c_i a_i ⋯ b_j$", &line("semiseparable, N = 16")?)
    .line(Role::State, "$λ_i − p_i q_j$", &line("DPLR, r = 1")?)
    .line(Role::State, "λ_i", &line("diagonal")?);
    Ok(plot.to_svg())
}
