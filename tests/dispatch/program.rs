//! A foreign program: installs the exported policy and copies with it.
mod policy;

use std::ffi::c_void;

fn main() {
    policy::install().expect("the policy is valid here");
    let source: Vec<u8> = (0..6000u32).map(|i| (i * 7) as u8).collect();
    for n in 0..source.len() {
        let mut target = vec![0u8; source.len() + 1];
        // SAFETY: both vectors hold n bytes or more and do not overlap.
        unsafe { policy::xo_copy(target.as_mut_ptr().cast::<c_void>(), source.as_ptr().cast(), n) };
        assert!(target[..n] == source[..n] && target[n] == 0);
    }
    let mut moved = source.clone();
    let base = moved.as_mut_ptr();
    // SAFETY: 7 + 5000 bytes lie within the vector; overlap is xo_move's to handle.
    unsafe { policy::xo_move(base.add(7).cast::<c_void>(), base.cast_const().cast(), 5000) };
    assert!(moved[7..5007] == source[..5000]);
    println!("{} {:?}", policy::MACHINE_KEY, policy::SIMD_STDLIB_CROSSOVER);
}
