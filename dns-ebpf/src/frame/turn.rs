//! Turning a question's headers round to be its reply's.

use core::hint::cold_path;

use super::{
    Frame, IPV4_LEN, PROTOCOL_UDP,
    field::{IPV4, IPV4_FRAME, IPV6, IPV6_FRAME, UDP},
    number,
};
use crate::{
    checksum,
    packet::{FRAME_LEN, HEAD_LEN},
};

/// RFC 1340: the recommended time to live; also the hop limit of a reply.
const TIME_TO_LIVE: u8 = 64;

/// Swaps source and destination at every layer, sets lengths and the IPv4 header checksum; returns what addresses and
/// protocol contribute to the UDP checksum of the question, and of the reply.
#[inline(always)]
pub(crate) fn turn_round(
    head: &[u8; FRAME_LEN],
    reply: &mut [u8; HEAD_LEN],
    frame: &Frame,
    udp_len: usize,
) -> u64 {
    let mut sum = checksum::number(PROTOCOL_UDP.into());
    if frame.begin == IPV4_FRAME {
        swap::<6>(head, reply, IPV4_FRAME);
        swap::<4>(head, reply, IPV4 + 12);
        sum += words::<8>(head, IPV4 + 12);
        let length = (udp_len + IPV4_LEN) as u16;
        // RFC 1624 §3, equation 3: of the header's words only the length and the time to live change
        // their sum; swapped addresses do not.
        let old = u64::from(!word(head, IPV4 + 10))
            + u64::from(!word(head, IPV4 + 2))
            + u64::from(!word(head, IPV4 + 8));
        set(reply, IPV4 + 2, length.to_be_bytes());
        set(reply, IPV4 + 8, [TIME_TO_LIVE, PROTOCOL_UDP]);
        let new = old + checksum::number(length) + checksum::word(TIME_TO_LIVE, PROTOCOL_UDP);
        set(reply, IPV4 + 10, (!checksum::folded(new)).to_le_bytes());
    } else {
        cold_path();
        swap::<6>(head, reply, IPV6_FRAME);
        swap::<16>(head, reply, IPV6 + 8);
        sum += words::<32>(head, IPV6 + 8);
        set(reply, IPV6 + 4, (udp_len as u16).to_be_bytes());
        set(reply, IPV6 + 6, [PROTOCOL_UDP, TIME_TO_LIVE]);
    }
    swap::<2>(head, reply, UDP);
    set(reply, UDP + 4, (udp_len as u16).to_be_bytes());
    sum
}

/// Writes two neighbours of `N` octets in each other's place.
#[inline(always)]
fn swap<const N: usize>(head: &[u8; FRAME_LEN], reply: &mut [u8; HEAD_LEN], at: usize) {
    if let (Some(to), Some(from)) = (reply.get_mut(at..at + N), head.get(at + N..at + 2 * N)) {
        to.copy_from_slice(from);
    }
    if let (Some(to), Some(from)) = (reply.get_mut(at + N..at + 2 * N), head.get(at..at + N)) {
        to.copy_from_slice(from);
    }
}

/// The 16-bit word at `at`, as it lies in memory.
#[inline(always)]
fn word(head: &[u8; FRAME_LEN], at: usize) -> u16 {
    number(head, at).to_be()
}

/// The sum of `LEN` octets, a multiple of four, at a multiple of four.
#[inline(always)]
pub(crate) fn words<const LEN: usize>(head: &[u8; FRAME_LEN], at: usize) -> u64 {
    let mut sum = 0;
    for index in 0..LEN / 4 {
        let word = head
            .get(at + index * 4..)
            .and_then(|rest| rest.first_chunk());
        sum += u64::from(u32::from_le_bytes(*word.unwrap_or(&[0; 4])));
    }
    sum
}

#[inline(always)]
fn set(head: &mut [u8; HEAD_LEN], at: usize, octets: [u8; 2]) {
    if let Some(place) = head.get_mut(at..at + 2) {
        place.copy_from_slice(&octets);
    }
}
