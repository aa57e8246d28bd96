//! What several pages test with.

use burn::tensor::{Device, DeviceKind, DeviceType, Tensor, TensorData};
use ml_links::parameterization::normal;
use nalgebra::{Complex, DMatrix, DVector};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use workbench::testing;

/// A file of `tests/fixtures`.
pub fn fixture(file: &str) -> Value {
    serde_json::from_str(&testing::fixture(file)).expect("JSON")
}

/// A matrix of a fixture, row by row.
pub fn matrix(rows: &Value) -> DMatrix<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(rows.clone()).expect("rows of numbers");
    testing::matrix(&rows)
}

/// Complex numbers of a fixture, real parts and imaginary parts.
pub fn complexes(parts: &Value) -> DVector<Complex<f64>> {
    let part = |name: &str| -> Vec<f64> {
        serde_json::from_value(parts[name].clone()).expect("a list of numbers")
    };
    DVector::from_vec(part("re")).zip_map(&DVector::from_vec(part("im")), Complex::new)
}

/// The largest difference, relative to the largest number; NaN if there is one.
#[track_caller]
pub fn apart(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |largest, k| largest.max(k.abs()));
    // A NaN is larger than anything, and stays.
    let larger = |worst: f64, off: f64| if off > worst || off.is_nan() { off } else { worst };
    let off = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    off.fold(0.0, larger) / largest
}

/// The numbers of a tensor, row by row.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// A tensor of normal numbers in single precision.
pub fn noise<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| normal(&mut random) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A graphics card, or what stands in for one; says so where there is none.
pub fn card() -> Option<Device> {
    let found = !Device::enumerate(DeviceType::Wgpu).is_empty();
    if !found {
        println!(
            "SKIPPED: this machine has no graphics adapter, so nothing was compared with the processor"
        );
    }
    found.then(|| Device::wgpu(DeviceKind::DefaultDevice))
}
