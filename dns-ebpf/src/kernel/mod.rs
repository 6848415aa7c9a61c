//! The doors to the kernel: maps, helpers, hooks. The only files of the datapath with `unsafe`.

mod maps;
mod tc;
mod verdict;
mod xdp;

use core::hint::black_box;

use dns_ebpf::{Failed, QUESTION_WORDS};

/// A length that the verifier, too, knows to be in `1..=N`.
#[inline(always)]
fn bounded<const N: usize>(len: usize) -> Result<u32, Failed> {
    // VERIFIER: LLVM folds `len == 0 || len > N` into `len - 1 >= N` and hands the unchecked register to
    // the helper ("invalid zero-sized read"). Behind the black box the checked register is handed on.
    let less_one = black_box(len.wrapping_sub(1));
    if less_one >= N {
        return Err(Failed);
    }
    Ok((less_one + 1) as u32)
}

/// The length of a read into `N` words.
#[inline(always)]
fn words_len<const N: usize>(len: usize) -> Result<u32, Failed> {
    match N {
        5 => bounded::<40>(len),
        8 => bounded::<64>(len),
        32 => bounded::<256>(len),
        QUESTION_WORDS => bounded::<512>(len),
        _ => Err(Failed),
    }
}

/// An offset that the verifier, too, knows to be below `LIMIT`, a power of two.
#[inline(always)]
fn offset<const LIMIT: usize>(from: usize) -> usize {
    // VERIFIER: what the library has checked, the verifier may have forgotten by here.
    black_box(from) & (LIMIT - 1)
}

/// A helper's return value as a result.
#[inline(always)]
fn succeeded(returned: i64) -> Result<(), Failed> {
    if returned == 0 { Ok(()) } else { Err(Failed) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The datapath has no panics; the linker removes this.
    loop {}
}

// `bpf_ktime_get_boot_ns` and others are for programs under a licence compatible with the GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
