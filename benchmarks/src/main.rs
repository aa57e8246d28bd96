//! The Rust side of `benchmarks/run`: the course's functions and faer's, timed on request.
//!
//! `benchmarks FOLDER` reads its matrices from FOLDER (`a-64.bin`: N x N numbers of eight bytes, column
//! by column), and answers each line on standard input with one line on standard output:
//!
//! ```text
//! time   WORK WHO N SECONDS    ->  the mean time of one run, over as many as fill SECONDS
//! result WORK WHO N FILE       ->  rows and columns of what came out, written to FILE
//! list                         ->  WORK:WHO …
//! ```

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use classical_ssm::feedback::solve_riccati;
use faer::Mat;
use faer::linalg::solvers::Solve;
use math_foundations::eigendecomposition::{eigenvalues, hermitian_eigendecomposition, real_schur};
use math_foundations::linear_systems::held_input_step;
use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::stability::solve_lyapunov;
use nalgebra::{Complex, DMatrix};

mod composed;

type Outcome = Result<DMatrix<f64>, Box<dyn Error>>;

/// What one of the works needs: the same numbers for each of the libraries.
struct Inputs {
    /// Random and stable.
    a: DMatrix<f64>,
    /// Random.
    b: DMatrix<f64>,
    /// Symmetric.
    s: DMatrix<f64>,
    /// One input for four states.
    inputs: DMatrix<f64>,
    faer_a: Mat<f64>,
    faer_b: Mat<f64>,
    faer_s: Mat<f64>,
}

fn to_faer(matrix: &DMatrix<f64>) -> Mat<f64> {
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)])
}

fn from_faer(matrix: &Mat<f64>) -> DMatrix<f64> {
    DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)])
}

fn from_pairs(numbers: impl IntoIterator<Item = Complex<f64>>) -> DMatrix<f64> {
    let flat: Vec<f64> = numbers.into_iter().flat_map(|z| [z.re, z.im]).collect();
    DMatrix::from_row_slice(flat.len() / 2, 2, &flat)
}

fn read(path: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes.as_chunks().0.iter().map(|eight| f64::from_le_bytes(*eight)).collect())
}

impl Inputs {
    fn read(folder: &Path, n: usize) -> Result<Self, Box<dyn Error>> {
        let matrix = |name: &str| -> Outcome {
            let numbers = read(&folder.join(format!("{name}-{n}.bin")))?;
            Ok(DMatrix::from_vec(n, numbers.len() / n, numbers))
        };
        let (a, b, s, inputs) = (matrix("a")?, matrix("b")?, matrix("s")?, matrix("inputs")?);
        let (faer_a, faer_b, faer_s) = (to_faer(&a), to_faer(&b), to_faer(&s));
        Ok(Self { a, b, s, inputs, faer_a, faer_b, faer_s })
    }
}

/// One library's way to do one work: what is timed, and what it gives for comparison.
struct Way {
    work: &'static str,
    who: &'static str,
    /// Does it once; what came out is handed to `black_box`.
    once: fn(&Inputs) -> Result<(), Box<dyn Error>>,
    /// Does it once more, as a matrix that the other libraries give too.
    result: fn(&Inputs) -> Outcome,
}

/// A way whose outcome is computed by `$once` and turned into a matrix by `$result`.
macro_rules! way {
    ($work:literal, $who:literal, |$inputs:ident| $once:expr, |$out:ident| $result:expr) => {
        Way {
            work: $work,
            who: $who,
            once: |$inputs| {
                black_box($once);
                Ok(())
            },
            result: |$inputs| {
                let $out = $once;
                Ok($result)
            },
        }
    };
}

fn ways() -> Vec<Way> {
    vec![
        way!("product", "ours", |i| &i.a * &i.b, |out| out),
        way!("product", "faer", |i| &i.faer_a * &i.faer_b, |out| from_faer(&out)),
        way!(
            "solve",
            "ours",
            |i| i.a.clone().lu().solve(&i.b).ok_or("a singular matrix")?,
            |out| out
        ),
        way!("solve", "faer", |i| i.faer_a.partial_piv_lu().solve(&i.faer_b), |out| from_faer(
            &out
        )),
        way!("hermitian", "ours", |i| hermitian_eigendecomposition(&i.s)?, |out| {
            DMatrix::from_column_slice(out.lambda.len(), 1, out.lambda.as_slice())
        }),
        way!(
            "hermitian",
            "faer",
            |i| {
                i.faer_s
                    .self_adjoint_eigen(faer::Side::Lower)
                    .map_err(|error| format!("{error:?}"))?
            },
            |out| {
                let lambda: Vec<f64> = out.S().column_vector().iter().copied().collect();
                DMatrix::from_column_slice(lambda.len(), 1, &lambda)
            }
        ),
        way!("eigenvalues", "ours", |i| eigenvalues(&i.a)?, |out| from_pairs(out.iter().copied())),
        way!(
            "eigenvalues",
            "faer",
            |i| i.faer_a.eigenvalues().map_err(|error| format!("{error:?}"))?,
            |out| from_pairs(out.iter().map(|z| Complex::new(z.re, z.im)))
        ),
        way!("schur", "ours", |i| real_schur(&i.a)?, |out| &out.q * &out.t * out.q.transpose()),
        way!("exponential", "ours", |i| matrix_exponential(&i.a)?, |out| out),
        way!("exponential", "faer", |i| composed::exponential(&i.faer_a), |out| from_faer(&out)),
        way!(
            "lyapunov",
            "ours",
            |i| solve_lyapunov(&i.a, &DMatrix::identity(i.a.nrows(), i.a.nrows()))?,
            |out| out
        ),
        way!(
            "riccati",
            "ours",
            |i| {
                let (n, m) = i.inputs.shape();
                solve_riccati(&i.a, &i.inputs, &DMatrix::identity(n, n), &DMatrix::identity(m, m))?
            },
            |out| out
        ),
        way!("hold", "ours", |i| held_input_step(&i.a, &i.inputs, 0.1)?, |out| {
            let (a_bar, b_bar) = out;
            let (n, m) = b_bar.shape();
            let mut both = a_bar.resize_horizontally(n + m, 0.0);
            both.columns_mut(n, m).copy_from(&b_bar);
            both
        }),
    ]
}

struct Worker {
    folder: PathBuf,
    ways: Vec<Way>,
    inputs: Vec<(usize, Inputs)>,
}

impl Worker {
    fn way(&self, work: &str, who: &str) -> Result<&Way, String> {
        let found = self.ways.iter().find(|way| way.work == work && way.who == who);
        found.ok_or_else(|| format!("nobody does {work} as {who}"))
    }

    fn load(&mut self, n: usize) -> Result<(), Box<dyn Error>> {
        if !self.inputs.iter().any(|(size, _)| *size == n) {
            self.inputs.push((n, Inputs::read(&self.folder, n)?));
        }
        Ok(())
    }

    fn answer(&mut self, line: &str) -> Result<String, Box<dyn Error>> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [verb, work, who, n, last] = words[..] else {
            let names: Vec<String> =
                self.ways.iter().map(|way| format!("{}:{}", way.work, way.who)).collect();
            return Ok(names.join(" "));
        };
        let n: usize = n.parse()?;
        self.load(n)?;
        let inputs = &self.inputs.iter().find(|(size, _)| *size == n).ok_or("no inputs")?.1;
        let way = self.way(work, who)?;
        match verb {
            "time" => Ok(format!("{:e}", mean_time(way, inputs, last.parse()?)?)),
            "result" => {
                let out = (way.result)(inputs)?;
                let bytes: Vec<u8> = out.iter().flat_map(|x| x.to_le_bytes()).collect();
                fs::write(last, bytes)?;
                Ok(format!("{} {}", out.nrows(), out.ncols()))
            }
            _ => Err(format!("expected time, result or list, found {verb}").into()),
        }
    }
}

/// Seconds for one run: the mean over as many runs as fill `seconds`, at least one.
fn mean_time(way: &Way, inputs: &Inputs, seconds: f64) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut runs = 0_u32;
    let mut batch = 1;
    loop {
        // The clock is read once a batch, so that it does not count beside a short run.
        for _ in 0..batch {
            (way.once)(black_box(inputs))?;
        }
        runs += batch;
        let spent = start.elapsed().as_secs_f64();
        if spent >= seconds {
            return Ok(spent / f64::from(runs));
        }
        batch = (batch * 2).min(1 + (f64::from(runs) * 0.2) as u32 * 2);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected the folder of the matrices")?;
    let mut worker = Worker { folder: folder.into(), ways: ways(), inputs: Vec::new() };
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let mut answer = String::new();
        match worker.answer(&line?) {
            Ok(text) => answer = text,
            Err(error) => write!(answer, "error: {error}")?,
        }
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
