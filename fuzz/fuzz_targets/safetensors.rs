//! Any bytes as a safetensors file: refused, or a table of contents that keeps its law and whose tensors can be read.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "files are not opened here")]
#[path = "../../chapters/6-mamba/src/tensor_files.rs"]
mod tensor_files;

use tensor_files::{Dtype, RawTensor, table_of_contents};

fuzz_target!(|file: &[u8]| {
    let Ok((entries, begin)) = table_of_contents(file) else { return };
    let data = &file[begin..];
    let mut bytes = 0;
    for entry in entries.values() {
        let (begin, end) = entry.data_offsets;
        bytes += end - begin;
        let (dtype, size) = match entry.dtype.as_str() {
            "F32" => (Dtype::F32, 4),
            "BF16" => (Dtype::Bf16, 2),
            "F16" => (Dtype::F16, 2),
            _ => continue,
        };
        let numbers = entry.shape.iter().product::<usize>();
        assert_eq!(numbers * size, end - begin);
        let tensor = RawTensor { dtype, shape: &entry.shape, bytes: &data[begin..end] };
        assert_eq!([tensor.to_f32().len(), tensor.to_bf16().len()], [numbers; 2]);
    }
    assert_eq!(bytes, data.len());
});
