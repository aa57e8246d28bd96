//! What a kernel needs beside itself: bytes, counted one by one.

#![allow(unsafe_code, reason = "an allocator that counts hands on every call as it came")]
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use nalgebra::Complex;
use s4::diagonal::{Spectrum, dss_kernel, vandermonde_kernel};

/// The system's allocator, with a count of what this thread holds, and of the most that it held.
struct Counting;

thread_local! {
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set({
            let (held, most) = HELD.get();
            (held + layout.size(), most.max(held + layout.size()))
        });
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let (held, most) = HELD.get();
        HELD.set((held.saturating_sub(layout.size()), most));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The bytes that `work` held at most, beyond what was held before.
fn most_held<T>(work: impl FnOnce() -> T) -> usize {
    let before = HELD.get().0;
    HELD.set((before, before));
    let result = work();
    let most = HELD.get().1 - before;
    drop(result);
    most
}

#[test]
fn a_kernel_needs_no_memory_but_its_own() {
    let length = 20_000;
    let own = length * size_of::<f64>();
    for d_state in [2, 64, 256] {
        let lambda = Spectrum::Lin.modes(d_state).unwrap().add_scalar(Complex::from(-0.1));
        let (c, z) = (lambda.map(|_| Complex::ONE), &lambda * Complex::from(0.01));
        let powers = most_held(|| vandermonde_kernel(&c, &z, length).unwrap());
        let dss = most_held(|| dss_kernel(&c, &lambda, 0.01, length).unwrap());
        // A matrix of powers would be 16 MODES times as large.
        for most in [powers, dss] {
            assert!(
                (own..own + 1000).contains(&most),
                "{d_state} states: {most} bytes, {own} its own"
            );
        }
    }
    // The counter counts: a table of two rows is seen.
    assert!(most_held(|| vec![0.0_f64; 2 * length]) == 2 * own);
}
