//! Memory that is not given back.
//!
//! A step of training makes and drops hundreds of tensors of many megabytes. The allocator of the GNU C library gives each
//! back to the system at once, and the next one comes from there page by page, each page filled with zeros by the system
//! when it is first touched. That took a third of the time of a step.

/// Asks the allocator to keep what is dropped for what comes next, from now on and for the whole program.
///
/// Does nothing where the C library is another one. The program's memory then never shrinks; it does not grow beyond what
/// it needs at once.
///
/// ```
/// s4::kept_memory::keep_memory();
/// let tensor = vec![1.0_f32; 1 << 20];
/// assert_eq!(tensor.len(), 1 << 20);
/// ```
#[cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    allow(
        unsafe_code,
        reason = "the allocator's settings are a function of C; it takes two integers"
    )
)]
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt may be called at any time, from any thread, and these are settings that it knows.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}
