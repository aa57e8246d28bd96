//! What several pages test with.

use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};

/// A path in `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures")).join(name)
}

/// The tensors of a file of reference numbers, by name.
pub struct Golden(Vec<u8>);

/// The tensors of a file in `tests/fixtures`.
pub fn golden(name: &str) -> Golden {
    let path = fixture(name);
    Golden(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

impl Golden {
    /// Shape and numbers, row by row.
    #[track_caller]
    pub fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let bytes = tensor.data();
        let numbers = match tensor.dtype() {
            Dtype::F64 => {
                bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect()
            }
            Dtype::F32 => {
                bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect()
            }
            Dtype::I32 => {
                bytes.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes).into()).collect()
            }
            other => panic!("{name} is of type {other:?}"),
        };
        (tensor.shape().to_vec(), numbers)
    }

    /// The numbers of a tensor, row by row.
    #[track_caller]
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        self.tensor(name).1
    }
}

#[test]
fn reference_numbers_have_the_shapes_that_they_state() {
    let shape = |file: &str, name: &str| {
        let (shape, numbers) = golden(file).tensor(name);
        assert_eq!(shape.iter().product::<usize>(), numbers.len());
        assert!(numbers.iter().all(|number| number.is_finite()));
        shape
    };
    assert_eq!(shape("ssd.safetensors", "final_state"), [2, 3, 4, 5]);
    assert_eq!(shape("mamba3_siso_small.safetensors", "final_state"), [2, 3, 4, 8]);
    assert_eq!(shape("mamba3_siso_L65.safetensors", "y")[1], 65);
    assert!(golden("ssd.safetensors").numbers("in.A").iter().all(|&a| a < 0.0));
    assert_eq!(shape("hf_mamba2_tiny/golden.safetensors", "logits")[..2], [2, 21]);
}
