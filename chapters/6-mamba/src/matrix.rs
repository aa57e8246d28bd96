//! Matrices that are read and never trained, and the two ways to multiply by them.
//!
//! For one vector a matrix is read once and each of its numbers is used once: the products wait for memory, and half as many
//! bytes take half as long. So a [`Matrix`] can keep its numbers as bf16, the upper half of an f32; to widen one is a shift.
//! For many vectors at once each number that was read is used many times, and the processor is what counts: then a library's
//! blocked product takes over.
//!
//! Sums are made in f32. What comes out does not depend on the number of threads.

use gemm::{Parallelism, gemm};
use half::bf16;
use multiversion::multiversion;
use rayon::prelude::*;
use thiserror::Error;

/// Bytes of one task: enough to pay for handing it out, and few enough that no core waits long for the last one.
const BYTES_OF_A_TASK: usize = 1 << 17;

/// Rows that are widened at once for a product with many vectors.
const ROWS_AT_ONCE: usize = 1 << 12;

/// The numbers of a matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// 4 bytes each.
    F32(Vec<f32>),
    /// 2 bytes each: the bits of bf16.
    Bf16(Vec<u16>),
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::F32(numbers) => numbers.len(),
            Self::Bf16(numbers) => numbers.len(),
        }
    }
}

/// Numbers that do not make up the rows and columns that they should.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected the numbers of a matrix of {} x {}, found {found}", shape[0], shape[1])]
pub struct MatrixError {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// So many numbers.
    pub found: usize,
}

/// A matrix whose numbers are kept in 4 or in 2 bytes.
///
/// ```
/// use mamba::matrix::{Matrix, Numbers};
///
/// let matrix = Matrix::new([2, 3], Numbers::F32(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))?;
/// let mut y = [0.0; 2];
/// matrix.multiply(&[1.0, 0.0, -1.0], &mut y);
/// assert_eq!(y, [-2.0, -2.0]);
/// // Small whole numbers are bf16 numbers: here nothing is lost but half of the bytes.
/// let half = matrix.rounded();
/// half.multiply_add(&[1.0, 0.0, -1.0], &mut y);
/// assert_eq!((y, matrix.bytes(), half.bytes()), ([-4.0, -4.0], 24, 12));
/// # Ok::<(), mamba::matrix::MatrixError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    numbers: Numbers,
}

impl Matrix {
    /// A matrix of these numbers, row by row.
    ///
    /// # Errors
    /// [`MatrixError`] if there are more or fewer of them, or no column.
    pub fn new([rows, columns]: [usize; 2], numbers: Numbers) -> Result<Self, MatrixError> {
        if columns == 0 || rows.checked_mul(columns) != Some(numbers.len()) {
            return Err(MatrixError { shape: [rows, columns], found: numbers.len() });
        }
        Ok(Self { rows, columns, numbers })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The bytes that its numbers take.
    pub fn bytes(&self) -> usize {
        match self.numbers {
            Numbers::F32(_) => 4 * self.rows * self.columns,
            Numbers::Bf16(_) => 2 * self.rows * self.columns,
        }
    }

    /// The same matrix, each number rounded to the nearest bf16.
    pub fn rounded(&self) -> Self {
        let numbers = match &self.numbers {
            Numbers::F32(numbers) => {
                numbers.iter().map(|&number| bf16::from_f32(number).to_bits()).collect()
            }
            Numbers::Bf16(numbers) => numbers.clone(),
        };
        Self { numbers: Numbers::Bf16(numbers), ..*self }
    }

    /// One row in f32; `out` has a place for each column.
    ///
    /// # Panics
    /// If there is no such row, or `out` has another length.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        let place = row * self.columns..(row + 1) * self.columns;
        match &self.numbers {
            Numbers::F32(numbers) => out.copy_from_slice(&numbers[place]),
            Numbers::Bf16(numbers) => widen(&numbers[place], out),
        }
    }

    /// `y = W x` for each row `x` of `xs`: `[vectors, columns]` becomes `[vectors, rows]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn multiply(&self, xs: &[f32], ys: &mut [f32]) {
        self.write(xs, ys, Onto::Nothing);
    }

    /// `y += W x` for each row `x` of `xs`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn multiply_add(&self, xs: &[f32], ys: &mut [f32]) {
        self.write(xs, ys, Onto::WhatIsThere);
    }

    fn write(&self, xs: &[f32], ys: &mut [f32], onto: Onto) {
        let vectors = xs.len() / self.columns;
        assert_eq!(xs.len(), vectors * self.columns, "whole vectors go in");
        assert_eq!(ys.len(), vectors * self.rows, "as many come out");
        match vectors {
            0 => {}
            1 => self.one(xs, ys, onto),
            _ => self.many(xs, ys, onto),
        }
    }

    /// One vector: each task takes some rows, and reads them once.
    fn one(&self, x: &[f32], y: &mut [f32], onto: Onto) {
        let columns = self.columns;
        let bytes_of_a_row = self.bytes() / self.rows.max(1);
        let rows = (BYTES_OF_A_TASK / bytes_of_a_row.max(1)).max(1);
        let tasks = y.par_chunks_mut(rows);
        match &self.numbers {
            Numbers::F32(numbers) => tasks
                .zip(numbers.par_chunks(rows * columns))
                .for_each(|(y, rows)| multiply_f32(rows, x, y, onto)),
            Numbers::Bf16(numbers) => tasks
                .zip(numbers.par_chunks(rows * columns))
                .for_each(|(y, rows)| multiply_bf16(rows, x, y, onto)),
        }
    }

    /// Many vectors: all at once, some thousand rows after the other.
    fn many(&self, xs: &[f32], ys: &mut [f32], onto: Onto) {
        let mut widened = Vec::new();
        for first in (0..self.rows).step_by(ROWS_AT_ONCE) {
            let last = self.rows.min(first + ROWS_AT_ONCE);
            let place = first * self.columns..last * self.columns;
            let rows = match &self.numbers {
                Numbers::F32(numbers) => &numbers[place],
                Numbers::Bf16(numbers) => {
                    widened.resize(place.len(), 0.0);
                    let tasks = widened.par_chunks_mut(1 << 14);
                    tasks
                        .zip(numbers[place].par_chunks(1 << 14))
                        .for_each(|(out, numbers)| widen(numbers, out));
                    &widened[..]
                }
            };
            products(rows, xs, self.columns, &mut ys[first..], self.rows, onto);
        }
    }
}

/// What a product is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Onto {
    Nothing,
    WhatIsThere,
}

// ANCHOR: stored
/// A number as it is kept.
trait Stored: Copy {
    fn widen(self) -> f32;
}

impl Stored for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

/// A bf16: the upper half of an f32.
impl Stored for u16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self) << 16)
    }
}
// ANCHOR_END: stored

#[multiversion(targets("x86_64+avx2+fma"))]
fn widen(numbers: &[u16], out: &mut [f32]) {
    for (out, number) in out.iter_mut().zip(numbers) {
        *out = number.widen();
    }
}

/// Sums that are made side by side: four registers of eight numbers.
const LANES: usize = 32;

// ANCHOR: dot
/// A row times a vector: 32 sums that do not wait for one another, and in the end their sum.
#[inline(always)]
fn dot<T: Stored>(row: &[T], x: &[f32]) -> f32 {
    let (pieces, last) = row.as_chunks::<LANES>();
    let (x, last_x) = x.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (w, x) in pieces.iter().zip(x) {
        for lane in 0..LANES {
            sums[lane] += w[lane].widen() * x[lane];
        }
    }
    // Half onto half, as registers are added.
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0] + last.iter().zip(last_x).map(|(w, x)| w.widen() * x).sum::<f32>()
}
// ANCHOR_END: dot

#[inline(always)]
fn multiply_rows<T: Stored>(matrix: &[T], x: &[f32], y: &mut [f32], onto: Onto) {
    for (y, row) in y.iter_mut().zip(matrix.chunks_exact(x.len())) {
        let product = dot(row, x);
        match onto {
            Onto::Nothing => *y = product,
            Onto::WhatIsThere => *y += product,
        }
    }
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn multiply_f32(matrix: &[f32], x: &[f32], y: &mut [f32], onto: Onto) {
    multiply_rows(matrix, x, y, onto);
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn multiply_bf16(matrix: &[u16], x: &[f32], y: &mut [f32], onto: Onto) {
    multiply_rows(matrix, x, y, onto);
}

/// `Y = X Wᵀ` by blocks that stay in the caches: `ys[i * stride + row]` is row `row` times vector `i`.
#[allow(unsafe_code, reason = "the library's product takes pointers and strides")]
fn products(rows: &[f32], xs: &[f32], columns: usize, ys: &mut [f32], stride: usize, onto: Onto) {
    let (vectors, count) = (xs.len() / columns, rows.len() / columns);
    assert!(count <= stride && vectors > 0);
    assert_eq!((xs.len(), rows.len()), (vectors * columns, count * columns));
    assert!(ys.len() >= (vectors - 1) * stride + count);
    let read = onto == Onto::WhatIsThere;
    // SAFETY: by the assertions every index that m, n, k and the strides reach lies in its slice: xs is [vectors, columns] and
    // rows [count, columns], both without gaps, and ys has a row of `count` numbers at every multiple of `stride`. Nothing else
    // refers to ys, which is borrowed mutably, and lengths of slices fit into isize.
    unsafe {
        gemm(
            vectors,
            count,
            columns,
            ys.as_mut_ptr(),
            1,
            stride as isize,
            read,
            xs.as_ptr(),
            1,
            columns as isize,
            rows.as_ptr(),
            columns as isize,
            1,
            1.0_f32,
            1.0_f32,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers, so that sums are exact in any order.
    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + 11) % 17) as f32 - 8.0).collect()
    }

    #[test]
    fn one_and_many_and_sixteen_bits_agree_with_the_definition() {
        for (rows, columns) in [(1, 1), (3, 5), (4, 8), (7, 31), (130, 64), (4099, 3)] {
            let matrix =
                Matrix::new([rows, columns], Numbers::F32(numbers(rows * columns))).unwrap();
            for vectors in [1, 2, 5] {
                let xs = numbers(vectors * columns);
                let w = numbers(rows * columns);
                let expected: Vec<f32> = (0..vectors * rows)
                    .map(|i| {
                        let (x, row) = (i / rows * columns, i % rows * columns);
                        (0..columns).map(|j| xs[x + j] * w[row + j]).sum()
                    })
                    .collect();
                for matrix in [&matrix, &matrix.rounded()] {
                    let mut ys = vec![9.0; vectors * rows];
                    matrix.multiply(&xs, &mut ys);
                    assert_eq!(ys, expected, "{rows} x {columns}, {vectors}");
                    matrix.multiply_add(&xs, &mut ys);
                    let twice: Vec<f32> = expected.iter().map(|y| 2.0 * y).collect();
                    assert_eq!(ys, twice, "{rows} x {columns}, {vectors}");
                }
            }
        }
    }

    #[test]
    fn numbers_that_are_no_matrix_are_refused() {
        for (shape, count) in [([2, 3], 5), ([2, 0], 0), ([usize::MAX, 2], 4)] {
            assert!(Matrix::new(shape, Numbers::F32(vec![0.0; count])).is_err());
        }
    }
}
