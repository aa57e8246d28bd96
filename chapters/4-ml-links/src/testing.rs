//! What the tests of all chapters with tensors need.

use burn::tensor::{Device, DeviceKind, DeviceType, Tensor, TensorData};
use ml_links::parameterization::normal;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A graphics card, or what stands in for one; says so where there is none.
///
/// ```
/// use burn::tensor::Tensor;
/// use ml_links::testing::{card, numbers};
///
/// if let Some(device) = card() {
///     assert_eq!(numbers(Tensor::<1>::ones([2], &device) * 3.0), [3.0, 3.0]);
/// }
/// ```
pub fn card() -> Option<Device> {
    let found = !Device::enumerate(DeviceType::Wgpu).is_empty();
    if !found {
        println!(
            "SKIPPED: this machine has no graphics adapter, so nothing was compared with the processor"
        );
    }
    found.then(|| Device::wgpu(DeviceKind::DefaultDevice))
}

/// The numbers of a tensor, row by row.
///
/// ```
/// use burn::tensor::{Device, Tensor};
///
/// let tensor = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 4.0]], &Device::flex());
/// assert_eq!(ml_links::testing::numbers(tensor), [1.0, 2.0, 3.0, 4.0]);
/// ```
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// A tensor of normal numbers in single precision.
///
/// ```
/// use burn::tensor::Device;
/// use ml_links::testing::{noise, numbers};
///
/// let draw = |seed| numbers(noise([2, 3], seed, &Device::flex()));
/// assert_eq!(draw(1), draw(1));
/// assert_ne!(draw(1), draw(2));
/// ```
pub fn noise<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| normal(&mut random) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The largest difference, relative to the largest number; NaN if there is one.
///
/// ```
/// use ml_links::testing::apart;
///
/// assert_eq!(apart(&[1.0, 4.0], &[2.0, 4.0]), 0.25);
/// assert!(apart(&[1.0, f64::NAN], &[2.0, 4.0]).is_nan());
/// ```
///
/// # Panics
/// If there are more numbers on one side.
#[track_caller]
pub fn apart(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |largest, k| largest.max(k.abs()));
    // A NaN is larger than anything, and stays.
    let larger = |worst: f64, off: f64| if off > worst || off.is_nan() { off } else { worst };
    let off = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    off.fold(0.0, larger) / largest
}
