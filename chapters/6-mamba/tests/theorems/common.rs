//! What several pages test with.

use std::path::PathBuf;

use burn::module::Param;
use burn::tensor::Tensor;
use mamba::mamba_block::MambaBlock;
use ml_links::parameterization::softplus;
use ml_links::testing::numbers;
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

/// Equation 6-4 in double precision, one sequence, row by row, as it is written.
pub fn plain_block(block: &MambaBlock, v: &[f64]) -> Vec<f64> {
    let [d_model, _] = block.in_proj.weight.dims();
    let ([d_inner, d_state], [rank, _]) = (block.a_log.dims(), block.dt_proj.weight.dims());
    let of = |bias: &Option<Param<Tensor<1>>>, count: usize| {
        bias.as_ref().map_or(vec![0.0; count], |bias| numbers(bias.val()))
    };
    let in_proj = numbers(block.in_proj.weight.val());
    let in_bias = of(&block.in_proj.bias, 2 * d_inner);
    let taps = numbers(block.conv1d.weight.val());
    let conv_bias = of(&block.conv1d.bias, d_inner);
    let x_proj = numbers(block.x_proj.weight.val());
    let dt_proj = numbers(block.dt_proj.weight.val());
    let dt_bias = numbers(block.dt_proj.bias.val());
    let a: Vec<f64> = numbers(block.a_log.val()).into_iter().map(|a_log| -a_log.exp()).collect();
    let d = numbers(block.d.val());
    let out_proj = numbers(block.out_proj.weight.val());
    let out_bias = of(&block.out_proj.bias, d_model);

    let silu = |x: f64| x / (1.0 + (-x).exp());
    let times = |row: &[f64], weight: &[f64], bias: &[f64]| -> Vec<f64> {
        let column = |j: usize| row.iter().zip(weight.iter().skip(j).step_by(bias.len()));
        (0..bias.len()).map(|j| bias[j] + column(j).map(|(x, w)| x * w).sum::<f64>()).collect()
    };
    let mut x = vec![0.0; d_inner * d_state];
    let mut heard: Vec<Vec<f64>> = Vec::new();
    let mut out = Vec::new();
    for v in v.chunks_exact(d_model) {
        let both = times(v, &in_proj, &in_bias);
        let (u, z) = both.split_at(d_inner);
        heard.push(u.to_vec());
        let s: Vec<f64> = (0..d_inner)
            .map(|c| {
                let latest = taps.iter().skip(c).step_by(d_inner).rev().zip(heard.iter().rev());
                silu(conv_bias[c] + latest.map(|(tap, u)| tap * u[c]).sum::<f64>())
            })
            .collect();
        let wanted = times(&s, &x_proj, &vec![0.0; rank + 2 * d_state]);
        let (b, c) = wanted[rank..].split_at(d_state);
        let delta: Vec<f64> =
            times(&wanted[..rank], &dt_proj, &dt_bias).into_iter().map(softplus).collect();
        let y: Vec<f64> = (0..d_inner)
            .map(|i| {
                let mut y = d[i] * s[i];
                for n in 0..d_state {
                    let x = &mut x[i * d_state + n];
                    *x = (delta[i] * a[i * d_state + n]).exp() * *x + delta[i] * b[n] * s[i];
                    y += c[n] * *x;
                }
                y * silu(z[i])
            })
            .collect();
        out.extend(times(&y, &out_proj, &out_bias));
    }
    out
}
