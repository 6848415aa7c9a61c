//! The doors to the kernel: maps, helpers, hooks. The only files of the datapath with `unsafe`.

mod maps;
mod tc;
mod verdict;
mod xdp;

use dns_ebpf::Failed;

/// The longest stretch that is read at once: a packet as far as scratch holds it, rounded up.
const READ_MAX: usize = 1024;
/// Offsets in scratch are below this power of two.
const OFFSET_LIMIT: usize = 2048;

/// A length that the verifier, too, knows to be in `1..=N`.
#[inline(always)]
fn bounded<const N: usize>(len: usize) -> Result<u32, Failed> {
    // VERIFIER: LLVM folds `len == 0 || len > N` into `len - 1 >= N` and hands the unchecked register to
    // the helper ("invalid zero-sized read"). Of a number that it does not know, it hands the checked register on. (An exclusive or, for the one taken from a
    // sum and the one added to it would cancel each other.)
    let less_one = len.wrapping_sub(1) ^ maps::zero();
    if less_one >= N {
        return Err(Failed);
    }
    Ok((less_one + 1) as u32)
}

/// An offset that the verifier, too, knows to be below [`OFFSET_LIMIT`].
#[inline(always)]
fn offset(from: usize) -> usize {
    // VERIFIER: what the library has checked, the verifier may have forgotten by here.
    maps::forget(from) & (OFFSET_LIMIT - 1)
}

/// The first `N` octets of a packet that lies from `start` to `end`, which the hook's context tells.
#[inline(always)]
fn in_packet<'packet, const N: usize>(start: u32, end: u32) -> Option<&'packet [u8; N]> {
    let (start, end) = (start as usize, end as usize);
    if start + N > end {
        return None;
    }
    // SAFETY: the verifier has followed the comparison: these octets are the packet's. No helper that changes the
    // packet runs while they are looked at.
    Some(unsafe { &*(start as *const [u8; N]) })
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
