//! What faer does not have, from the parts that it has: the same algorithm as ours, its products and
//! its solver, so that the difference is the parts' alone.

use faer::Mat;
use faer::linalg::solvers::Solve;

/// Degrees of Padé approximants, and the largest 1-norm for which each is exact to rounding
/// (Higham 2005, table 2.3).
const DEGREES: [(usize, f64); 5] = [
    (3, 1.495_585_217_958_292e-2),
    (5, 2.539_398_330_063_23e-1),
    (7, 9.504_178_996_162_932e-1),
    (9, 2.097_847_961_257_068),
    (13, 5.371_920_351_148_152),
];

fn one_norm(a: &Mat<f64>) -> f64 {
    (0..a.ncols()).map(|j| (0..a.nrows()).map(|i| a[(i, j)].abs()).sum()).fold(0.0, f64::max)
}

/// Coefficients of the numerator of the Padé approximant of degree m, the lowest power first.
fn coefficients(m: usize) -> Vec<f64> {
    let mut coefficients = vec![1.0];
    for k in 1..=m {
        let ratio = (m + 1 - k) as f64 / ((2 * m + 1 - k) * k) as f64;
        coefficients.push(coefficients[k - 1] * ratio);
    }
    coefficients
}

/// `e^A` by scaling and squaring (Higham 2005), from faer's products and its LU.
pub fn exponential(a: &Mat<f64>) -> Mat<f64> {
    let n = a.nrows();
    let norm = one_norm(a);
    let chosen = DEGREES.iter().find(|(_, theta)| norm <= *theta);
    let (degree, squarings) = match chosen {
        Some((degree, _)) => (*degree, 0),
        None => (13, (norm / DEGREES[4].1).log2().ceil() as i32),
    };
    let scaled = faer::Scale(0.5_f64.powi(squarings)) * a;
    let c = coefficients(degree);

    // Even and odd part of the numerator: p(A) = V + U, p(-A) = V - U.
    let a2 = &scaled * &scaled;
    let identity = Mat::<f64>::identity(n, n);
    let combine = |terms: &[(f64, &Mat<f64>)]| {
        Mat::from_fn(n, n, |i, j| terms.iter().map(|(c, m)| c * m[(i, j)]).sum::<f64>())
    };
    let (odd, even) = if degree == 13 {
        let a4 = &a2 * &a2;
        let a6 = &a4 * &a2;
        let high = |shift: usize| {
            let terms = [(c[12 + shift], &a6), (c[10 + shift], &a4), (c[8 + shift], &a2)];
            let low = [
                (c[6 + shift], &a6),
                (c[4 + shift], &a4),
                (c[2 + shift], &a2),
                (c[shift], &identity),
            ];
            &a6 * combine(&terms) + combine(&low)
        };
        (high(1), high(0))
    } else {
        let mut powers = vec![identity.clone(), a2.clone()];
        while powers.len() <= degree / 2 {
            powers.push(&powers[powers.len() - 1] * &a2);
        }
        let part = |first: usize| {
            let terms: Vec<(f64, &Mat<f64>)> =
                (first..=degree).step_by(2).map(|k| (c[k], &powers[k / 2])).collect();
            combine(&terms)
        };
        (part(1), part(0))
    };
    let u = &scaled * odd;
    let mut exponential = (&even - &u).partial_piv_lu().solve(&even + &u);
    for _ in 0..squarings {
        exponential = &exponential * &exponential;
    }
    exponential
}
