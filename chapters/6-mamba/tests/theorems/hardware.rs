//! What is claimed on the page `hardware`.

use burn::tensor::Device;
use mamba::hardware::{
    Report, Roofline, Work, copy_bandwidth, decode, fused_scan, fused_scan_and_back, peak,
    unfused_scan,
};
use mamba::selective_scan::Sizes;
use ml_links::testing::card;
use proptest::prelude::*;

const SIZES: Sizes = Sizes { batch: 8, length: 4096, d_inner: 1536, groups: 1, d_state: 16 };

proptest! {
    #[test]
    fn eq_6_8_nothing_is_faster_than_its_bytes_or_its_operations(
        bandwidth in 1e8..1e13_f64,
        peak in 1e8..1e15_f64,
        bytes in 1.0..1e12_f64,
        operations in 1.0..1e14_f64,
    ) {
        let machine = Roofline { bandwidth, peak };
        let work = Work { bytes, operations };
        // Left: operations by the least time that both, done side by side, take. Right: the roof over this intensity.
        let left = operations / (bytes / bandwidth).max(operations / peak);
        let right = machine.attainable(work.intensity());
        prop_assert!((left / right - 1.0).abs() < 1e-12, "{left} {right}");
        prop_assert!((operations / machine.least_seconds(work) / right - 1.0).abs() < 1e-12);
        // The ridge is where both roofs meet.
        prop_assert!((machine.ridge() * bandwidth / peak - 1.0).abs() < 1e-12);
        prop_assert_eq!(machine.attainable(2.0 * machine.ridge()), peak);
    }
}

#[test]
fn the_states_are_what_fusion_saves() {
    let (fused, unfused) = (fused_scan(SIZES), unfused_scan(SIZES));
    // The same arithmetic, and of numbers four for each of u or six for each state.
    assert_eq!(fused.operations, unfused.operations);
    let inputs = SIZES.inputs() as f64;
    assert!((fused.bytes / (4.0 * inputs) - 4.0).abs() < 0.05);
    assert!((unfused.bytes / (4.0 * inputs) - (4.0 + 6.0 * 16.0)).abs() < 0.05);
    assert!(fused_scan_and_back(SIZES, 16).bytes < 3.5 * fused.bytes);
}

#[test]
fn a_scan_waits_for_memory_and_a_large_product_does_not() {
    // An accelerator's two speeds, in round numbers: 3 TB/s and 60 single-precision tera-operations.
    let machine = Roofline { bandwidth: 3e12, peak: 6e13 };
    assert!(fused_scan(SIZES).intensity() < machine.ridge());
    assert!(unfused_scan(SIZES).intensity() < 0.05 * machine.ridge());
    let n = 4096.0;
    let product = Work { bytes: 3.0 * 4.0 * n * n, operations: 2.0 * n * n * n };
    assert!(product.intensity() > machine.ridge());
}

#[test]
fn decoding_reads_every_weight_for_every_token() {
    let states = 24 * 1536 * (16 + 4);
    let [single, half] = [4.0, 2.0].map(|bytes| decode(129_135_360, bytes, 1, states));
    // A half as precise, nearly twice as fast.
    assert!((1.9..2.0).contains(&(single.bytes / half.bytes)));
    assert!(single.intensity() < 0.51);
    // In a batch each weight that comes serves everyone: eight tokens for little more than the price of one.
    let batch = decode(129_135_360, 4.0, 8, states);
    assert!(batch.bytes < 1.1 * single.bytes);
    assert!((batch.operations / single.operations - 8.0).abs() < 1e-9);
    // The states there and back, and all that is read for a token.
    let moved = single.bytes - 4.0 * 129_135_360.0;
    assert!((5.8e6..6.0e6).contains(&moved), "{moved}");
    assert!((0.5e9..0.53e9).contains(&single.bytes));
}

#[test]
fn what_was_kept_says_what_the_page_says() {
    let json = include_str!("../../recorded/bench-scan.json");
    let report = Report::read(json).expect("what `bench-scan --json` printed");
    let [composed, plain, fused, threads, back] = &report.ways[..] else {
        panic!("five ways, found {}", report.ways.len());
    };
    let Roofline { bandwidth, peak } = report.roofline;
    let ridge = report.roofline.ridge();
    assert_eq!((10.0 * ridge).round(), 38.0);
    assert_eq!((10.0 * fused.work.intensity()).round(), 76.0);
    // It could move its bytes in half a millisecond, and its operations take one.
    assert_eq!((fused.work.bytes / bandwidth * 1e4).round(), 5.0);
    assert_eq!((fused.work.operations / peak * 1e4).round(), 10.0);
    assert!((0.3..0.4).contains(&report.share(fused)));
    // Left of the ridge stands one alone; the loop in double precision stands at it.
    assert!(composed.work.intensity() < 0.1 * ridge);
    assert!((0.98..1.0).contains(&(plain.work.intensity() / ridge)));
    assert!([fused, threads, back].iter().all(|way| way.work.intensity() > ridge));
    let least = report.roofline.least_seconds(composed.work);
    assert_eq!((least * 1e3).round(), 12.0);
    assert_eq!((composed.seconds / least).round(), 16.0);
    assert!((0.95..1.05).contains(&(threads.seconds / fused.seconds)));
}

#[test]
fn what_is_measured_is_a_speed() {
    let devices = [Some(Device::flex()), card()];
    for device in devices.into_iter().flatten() {
        let bandwidth = copy_bandwidth(&device, 1 << 20, 3);
        assert!(bandwidth.is_finite() && bandwidth > 1e6, "{bandwidth}");
        let operations = peak(&device, 20, 2);
        assert!(operations.is_finite() && operations > 1e6, "{operations}");
    }
}
