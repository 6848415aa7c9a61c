//! Which names were changed: how a reader knows that what it has read is whole.

/// How many stripes the names share in [`Changes`].
pub const STRIPES: usize = 256;
/// So many octets of a key, from its beginning, say its stripe.
pub const STRIPE_KEY: usize = 16;

/// Which names were changed, in memory that agent and kernel share.
///
/// A change has the number that [`Control::started`](super::Control::started) has while it lasts. Before it is begun, the
/// agent stores that number at the stripes of all names whose entries it touches; at every stripe, if it touches forms or
/// zones. So a reader that has taken `finished` before its first look-up, and then finds no greater number at the stripes
/// of all names that it has looked up, has read what no change has touched since, whatever was begun meanwhile. Sections
/// need no stripe: one is put before an entry refers to it, and removed after none does, or while nothing may be answered.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The number of the last change of each stripe.
    pub last: [u64; STRIPES],
}

/// The stripe of a name, by the first octets of its key, whichever map that is of. Names that begin alike for so long
/// share one.
///
/// It is part of the layout: programs that an earlier agent has attached read by theirs what a later one writes.
#[inline(always)]
#[must_use]
pub fn stripe(key: &[u8; STRIPE_KEY]) -> usize {
    // Octet by octet, for a key of a name within a name lies anywhere. The fractional part of the golden ratio spreads
    // what differs over the high bits.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mark = 0;
    for octet in key {
        mark = (mark ^ u64::from(*octet)).wrapping_mul(SPREAD);
        mark ^= mark >> 32;
    }
    (mark as usize) % STRIPES
}
