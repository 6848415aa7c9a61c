//! The Internet checksum (RFC 1071) as sums of 16-bit words in the order in which they lie in memory.
//!
//! One's-complement sums do not care for byte order as long as it is the same everywhere (RFC 1071
//! §1.2 B), so nothing is swapped on the way: words are read little-endian and written little-endian.
//! A block that begins at an odd octet contributes its sum with the two octets swapped.

/// Adds a word of eight octets to a sum; 2^31 of them fit before it overflows.
#[inline(always)]
pub(crate) const fn add(sum: u64, word: u64) -> u64 {
    sum + (word & 0xffff_ffff) + (word >> 32)
}

/// Folds a sum to 16 bits.
#[inline(always)]
pub(crate) const fn folded(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// What a block contributes that begins at octet `at` of the datagram: swapping two octets is a shift
/// by eight bits modulo 2^16 - 1. The sum is below 2^48, folded or not.
#[inline(always)]
pub(crate) const fn placed(sum: u64, at: usize) -> u64 {
    sum << ((at & 1) * 8)
}

/// The 16-bit word of two octets.
#[inline(always)]
pub(crate) const fn word(high: u8, low: u8) -> u64 {
    u16::from_le_bytes([high, low]) as u64
}

/// The 16-bit word of a number as it goes on the wire.
#[inline(always)]
pub(crate) const fn number(value: u16) -> u64 {
    value.to_be() as u64
}

/// The one's-complement sum of octets that begin at an even place, as it lies in memory.
///
/// The agent stores it beside records; the kernel never sums them.
pub fn sum_of(octets: &[u8]) -> [u8; 2] {
    let sum = octets.chunks(2).fold(0, |sum, pair| match pair {
        [high, low] => sum + word(*high, *low),
        [high] => sum + word(*high, 0),
        _ => sum,
    });
    folded(sum).to_le_bytes()
}
