//! The arithmetic of [`operations`](ml_links::operations) on a graphics card: kernels in CubeCL, which wgpu compiles for
//! whatever card there is.
//!
//! The scan runs one thread a row. That is the plainest kernel that is right: neighbouring threads read numbers that
//! lie a whole row apart, and few rows leave most of the card idle. Chapter 6 starts from it and climbs. The
//! convolution is composed of the card's own Fourier transforms, which the library `burn-signal` has as kernels.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, TensorMetadata};
use burn::signal::SignalOps;
use burn::tensor::Shape;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::{calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

/// x_k = a_k x_{k-1} + b_k, one thread a row.
#[cube(launch)]
fn scan_kernel<F: Float>(
    a: &Tensor<F>,
    b: &Tensor<F>,
    initial: &Tensor<F>,
    x: &mut Tensor<F>,
    #[define(F)] _number: ElemType,
) {
    let row = ABSOLUTE_POS;
    if row >= initial.len() {
        terminate!();
    }
    let length = a.shape(2);
    let mut state = initial[row];
    for k in row * length..(row + 1) * length {
        state = a[k] * state + b[k];
        x[k] = state;
    }
}

/// λ_k = a_{k+1} λ_{k+1} + ∂L/∂x_k, from the end of each row to its beginning, one thread a row.
#[cube(launch)]
fn adjoint_kernel<F: Float>(
    a: &Tensor<F>,
    x: &Tensor<F>,
    initial: &Tensor<F>,
    gradient: &Tensor<F>,
    d_a: &mut Tensor<F>,
    d_b: &mut Tensor<F>,
    d_initial: &mut Tensor<F>,
    #[define(F)] _number: ElemType,
) {
    let row = ABSOLUTE_POS;
    if row >= initial.len() {
        terminate!();
    }
    let length = a.shape(2);
    let start = row * length;
    let mut carried = F::new(0.0);
    for step in 1..length {
        let k = start + length - step;
        let lambda = carried + gradient[k];
        d_b[k] = lambda;
        d_a[k] = lambda * x[k - 1];
        carried = a[k] * lambda;
    }
    let lambda = carried + gradient[start];
    d_b[start] = lambda;
    d_a[start] = lambda * initial[row];
    d_initial[row] = a[start] * lambda;
}

/// Every state of `x_k = a_k x_{k-1} + b_k` along the last axis, from `x_{-1} = initial`.
///
/// - Shapes: `a` and `b` `[batch, channels, length]`, `initial` `[batch, channels]`; the outcome is shaped like `b`.
/// - *Good for* many rows. *Breaks* nowhere, but few rows leave most of the card idle.
pub fn linear_scan(a: CubeTensor, b: CubeTensor, initial: CubeTensor) -> CubeTensor {
    let (a, b, initial) = (into_contiguous(a), into_contiguous(b), into_contiguous(initial));
    let x = empty_like(&b);
    if x.shape().num_elements() > 0 {
        let (cubes, threads) = one_thread_each(&initial);
        scan_kernel::launch(
            &x.client,
            cubes,
            threads,
            a.into_tensor_arg(),
            b.into_tensor_arg(),
            initial.into_tensor_arg(),
            x.clone().into_tensor_arg(),
            dtype_to_storage_type(x.dtype),
        );
    }
    x
}

/// The gradients of a loss by `a`, `b` and `initial` of [`linear_scan`], from its gradient by the states `x`.
pub fn linear_scan_adjoint(
    a: CubeTensor,
    x: CubeTensor,
    initial: CubeTensor,
    gradient: CubeTensor,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (a, x) = (into_contiguous(a), into_contiguous(x));
    let (initial, gradient) = (into_contiguous(initial), into_contiguous(gradient));
    if x.shape().num_elements() == 0 {
        let nothing = Cube::float_zeros(initial.shape(), &initial.device, initial.dtype.into());
        return (a, x, nothing);
    }
    let (d_a, d_b, d_initial) = (empty_like(&a), empty_like(&a), empty_like(&initial));
    let (cubes, threads) = one_thread_each(&initial);
    adjoint_kernel::launch(
        &d_b.client,
        cubes,
        threads,
        a.into_tensor_arg(),
        x.into_tensor_arg(),
        initial.into_tensor_arg(),
        gradient.into_tensor_arg(),
        d_a.clone().into_tensor_arg(),
        d_b.clone().into_tensor_arg(),
        d_initial.clone().into_tensor_arg(),
        dtype_to_storage_type(d_b.dtype),
    );
    (d_a, d_b, d_initial)
}

fn empty_like(tensor: &CubeTensor) -> CubeTensor {
    empty_device_contiguous_dtype(
        tensor.client.clone(),
        tensor.device.clone(),
        tensor.shape(),
        tensor.dtype,
    )
}

fn one_thread_each(rows: &CubeTensor) -> (CubeCount, CubeDim) {
    let count = rows.shape().num_elements();
    let threads = CubeDim::new(&rows.client, count);
    (calculate_cube_count_elemwise(&rows.client, count, threads), threads)
}

/// A spectrum: its real and its imaginary part, for a card has no complex numbers.
#[derive(Clone)]
struct Spectrum {
    re: CubeTensor,
    im: CubeTensor,
}

impl Spectrum {
    /// Of rows of `[batch, channels, length]`, padded with as many zeros as they are long, so that nothing wraps round.
    fn of(rows: CubeTensor) -> Self {
        let n = padded(rows.shape()[2]);
        let (re, im) = Cube::rfft(rows, 2, Some(n));
        Self { re, im }
    }

    fn times(self, other: Self) -> Self {
        let (re, im) = (self.re.clone(), self.im.clone());
        Self {
            re: Cube::float_sub(
                Cube::float_mul(self.re, other.re.clone()),
                Cube::float_mul(self.im, other.im.clone()),
            ),
            im: Cube::float_add(Cube::float_mul(re, other.im), Cube::float_mul(im, other.re)),
        }
    }

    fn conjugate(self) -> Self {
        Self { re: self.re, im: Cube::float_neg(self.im) }
    }

    fn sum_over_batch(self) -> Self {
        Self { re: Cube::float_sum_dim(self.re, 0), im: Cube::float_sum_dim(self.im, 0) }
    }

    fn rows(self, length: usize) -> CubeTensor {
        let rows = Cube::irfft(self.re, self.im, 2, Some(padded(length)));
        let [batch, channels, _] = rows.shape().dims();
        Cube::float_slice(rows, &[(0..batch).into(), (0..channels).into(), (0..length).into()])
    }
}

fn padded(length: usize) -> usize {
    (2 * length).next_power_of_two()
}

/// `[channels, length]` as a batch of one.
fn batch_of_one(kernel: CubeTensor) -> CubeTensor {
    let [channels, length] = kernel.shape().dims();
    Cube::float_reshape(kernel, Shape::new([1, channels, length]))
}

/// The causal convolution of each channel with its kernel, `y_k = Σ_j kernel_j u_{k-j}`.
///
/// - Shapes: `u` `[batch, channels, length]`, `kernel` `[channels, length]`; the outcome is shaped like `u`.
pub fn causal_convolution(u: CubeTensor, kernel: CubeTensor) -> CubeTensor {
    let length = u.shape()[2];
    if u.shape().num_elements() == 0 {
        return u;
    }
    Spectrum::of(u).times(Spectrum::of(batch_of_one(kernel))).rows(length)
}

/// The gradients of a loss by `u` and by the `kernel` of [`causal_convolution`], from its gradient by the outcome.
///
/// The gradient by `u` needs the kernel, and the gradient by the kernel needs `u`; what is not given costs nothing.
pub fn causal_convolution_adjoint(
    u: Option<CubeTensor>,
    kernel: Option<CubeTensor>,
    gradient: CubeTensor,
) -> (Option<CubeTensor>, Option<CubeTensor>) {
    let [_, channels, length] = gradient.shape().dims();
    let gradient = Spectrum::of(gradient);
    let d_u = kernel.map(|kernel| {
        let kernel = Spectrum::of(batch_of_one(kernel)).conjugate();
        gradient.clone().times(kernel).rows(length)
    });
    let d_kernel = u.map(|u| {
        let product = Spectrum::of(u).conjugate().times(gradient);
        let d_kernel = product.sum_over_batch().rows(length);
        Cube::float_reshape(d_kernel, Shape::new([channels, length]))
    });
    (d_u, d_kernel)
}
