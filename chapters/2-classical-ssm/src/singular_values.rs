//! Singular values that can be trusted for matrices of low rank: a tool without a page.
//!
//! Hankel matrices, and `(A - λI, B)` at an unreachable mode, are of low rank by their nature. Asked for the
//! vectors of such a matrix, nalgebra 0.35 divides by values that are rounding, and what it returns is
//! wrong: the 15 x 30 Hankel matrix of `0.9^k (0.3, -0.7)`, of rank one, gets the largest value 4.03 where
//! it is 3.84. (Its values alone, `matrix.singular_values()`, go another way and are right to `ε σ₁`; a test
//! below holds them to it.) Jacobi's rotations are slower, and each of them can only make two columns more
//! orthogonal.

use nalgebra::{ComplexField, DMatrix, DVector};

/// `M = U Σ Vᴴ`, the singular values largest first.
#[derive(Debug, Clone, PartialEq)]
pub struct SingularValues<T> {
    /// Left singular vectors, `[rows, k]` with `k = min(rows, columns)`. Orthonormal, but for zero columns
    /// where a value is zero and there are more rows than columns.
    pub u: DMatrix<T>,
    /// The values, `[k]`.
    pub sigma: DVector<f64>,
    /// Right singular vectors, `[columns, k]`. Orthonormal, but for zero columns where a value is zero and
    /// there are more columns than rows.
    pub v: DMatrix<T>,
}

/// The singular value decomposition of a real or complex matrix with finite entries.
///
/// Rotates pairs of columns until all are orthogonal; their lengths are the singular values, each right to
/// about `ε σ₁` and for well-scaled columns much better. Cost O(rows · columns²) a sweep, about ten sweeps.
///
/// Source: Hestenes 1958; Demmel and Veselić 1992 on its accuracy.
///
/// ```
/// use classical_ssm::singular_values::singular_values;
/// use nalgebra::dmatrix;
///
/// let found = singular_values(&dmatrix![3.0, 0.0; 4.0, 0.0]);
/// assert_eq!(found.sigma.as_slice(), [5.0, 0.0]);
/// ```
pub fn singular_values<T>(matrix: &DMatrix<T>) -> SingularValues<T>
where
    T: ComplexField<RealField = f64> + Copy,
{
    if matrix.nrows() < matrix.ncols() {
        let SingularValues { u: v, sigma, v: u } = tall(matrix.adjoint());
        return SingularValues { u, sigma, v };
    }
    tall(matrix.clone())
}

fn tall<T>(mut m: DMatrix<T>) -> SingularValues<T>
where
    T: ComplexField<RealField = f64> + Copy,
{
    let columns = m.ncols();
    let mut v = DMatrix::identity(columns, columns);
    // Columns as short as this are rounding; nothing is gained by turning them.
    let rounding = (f64::EPSILON * m.norm()).powi(2);
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..columns {
            for q in p + 1..columns {
                let (alpha, beta) = (m.column(p).norm_squared(), m.column(q).norm_squared());
                let gamma = m.column(p).dotc(&m.column(q));
                let size = gamma.modulus();
                if alpha.min(beta) <= rounding || size <= 4.0 * f64::EPSILON * (alpha * beta).sqrt()
                {
                    continue;
                }
                turned = true;
                let zeta = (beta - alpha) / (2.0 * size);
                let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cos = t.hypot(1.0).recip();
                let phase = gamma.unscale(size);
                rotate(&mut m, (p, q), cos, cos * t, phase);
                rotate(&mut v, (p, q), cos, cos * t, phase);
            }
        }
        if !turned {
            break;
        }
    }
    let lengths: Vec<f64> = m.column_iter().map(|column| column.norm()).collect();
    let mut order: Vec<usize> = (0..columns).collect();
    order.sort_by(|&one, &other| lengths[other].total_cmp(&lengths[one]));
    let mut u = m.select_columns(&order);
    let sigma = DVector::from_iterator(columns, order.iter().map(|&i| lengths[i]));
    for (mut column, &length) in u.column_iter_mut().zip(&sigma) {
        if length > 0.0 {
            column.unscale_mut(length);
        }
    }
    SingularValues { u, sigma, v: v.select_columns(&order) }
}

/// Each sweep about squares what is left of the angles; ten are many.
const SWEEPS: usize = 60;

/// Turns columns p and q of a matrix by the angle that makes those of M orthogonal.
fn rotate<T>(m: &mut DMatrix<T>, (p, q): (usize, usize), cos: f64, sin: f64, phase: T)
where
    T: ComplexField<RealField = f64> + Copy,
{
    let rows = m.nrows();
    let (left, right) = m.as_mut_slice().split_at_mut(q * rows);
    for (x, y) in left[p * rows..][..rows].iter_mut().zip(&mut right[..rows]) {
        let (old, turned) = (*x, *y * phase.conjugate());
        *x = old.scale(cos) - turned.scale(sin);
        *y = (old.scale(sin) + turned.scale(cos)) * phase;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Complex;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn check<T: ComplexField<RealField = f64> + Copy>(m: &DMatrix<T>) -> DVector<f64> {
        let SingularValues { u, sigma, v } = singular_values(m);
        let diagonal = DMatrix::from_diagonal(&sigma.map(T::from_real));
        let back = &u * diagonal * v.adjoint();
        assert!((back - m).norm() <= 1e-14 * m.norm(), "{:e}", m.norm());
        let k = sigma.len();
        let full = if m.nrows() < m.ncols() { &u } else { &v };
        assert!((full.adjoint() * full - DMatrix::identity(k, k)).norm() < 1e-13);
        assert!(sigma.as_slice().windows(2).all(|pair| pair[0] >= pair[1]));
        sigma
    }

    #[test]
    fn every_shape_and_rank_is_taken_apart_and_put_together() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (rows, columns) in [(1, 1), (1, 6), (6, 1), (5, 5), (12, 7), (7, 12), (30, 30)] {
            for rank in [0, 1, 3, 30] {
                let mut draw = |r, c| {
                    DMatrix::from_fn(r, c, |_, _| {
                        Complex::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0))
                    })
                };
                let rank = rows.min(columns).min(rank);
                let m = draw(rows, rank) * draw(rank, columns);
                let sigma = check(&m);
                let real = check(&m.map(|z| z.re + z.im));
                // Where values alone are wanted, the course trusts nalgebra.
                let theirs = m.singular_values();
                assert!((&theirs - &sigma).amax() <= 1e-13 * sigma[0], "{theirs} {sigma}");
                assert_eq!(real.len(), sigma.len());
                let above = sigma.iter().filter(|&&s| s > 1e-14 * sigma[0]).count();
                assert_eq!(above, rank, "{sigma}");
            }
        }
    }

    #[test]
    fn a_wide_matrix_of_rank_one_has_one_singular_value() {
        // 0.9^k (0.3, -0.7) laid out as a 15 x 30 Hankel matrix: its norm is known.
        let m = DMatrix::from_fn(15, 30, |i, j| {
            0.9_f64.powi((i + j / 2) as i32) * if j % 2 == 0 { 0.3 } else { -0.7 }
        });
        let sum = (1.0 - 0.81_f64.powi(15)) / (1.0 - 0.81);
        let sigma = check(&m);
        assert!((sigma[0] - sum * 0.58_f64.sqrt()).abs() < 1e-14);
        assert!(sigma[1] < 1e-15);
    }

    #[test]
    fn tiny_values_keep_their_digits_where_columns_differ_in_size() {
        let m = DMatrix::from_diagonal(&DVector::from_vec(vec![1e-12, 1.0, 1e-6]));
        assert_eq!(singular_values(&m).sigma.as_slice(), [1.0, 1e-6, 1e-12]);
    }
}
