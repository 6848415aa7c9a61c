//! The one place where an outcome becomes what a hook returns: whatever goes wrong, the packet goes on.

use core::hint::assert_unchecked;

use aya_ebpf::EbpfContext;
use aya_log_ebpf::error;
use dns_ebpf::{Outcome, Packet, Pass, TORN, intercept};

use super::maps::{self, Maps};

/// What a hook is to do with the packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a reply now: send it back.
    SendBack,
    /// It goes on untouched.
    GoOn,
    /// It is torn: drop it.
    Drop,
}

/// Runs the datapath over a packet, and counts what became of it.
#[inline(always)]
pub(super) fn of<P: Packet + EbpfContext>(packet: &mut P) -> Verdict {
    match outcome(packet) {
        Outcome::Answered(kind) => {
            maps::count(kind as u32);
            Verdict::SendBack
        }
        Outcome::Passed(Pass::NotDns) => Verdict::GoOn,
        Outcome::Passed(pass) => {
            maps::count(pass as u32);
            Verdict::GoOn
        }
        Outcome::Torn => {
            // The agent tells how many there are.
            if maps::count(TORN) == 0 {
                error!(
                    packet,
                    "a reply failed half-way and the question could not be put back: dropped"
                );
            }
            Verdict::Drop
        }
    }
}

#[inline(always)]
fn outcome<P: Packet>(packet: &mut P) -> Outcome {
    let Some(memory) = maps::memory() else {
        return Outcome::Passed(Pass::Busy);
    };
    // SAFETY: so is every value of a map. Unless LLVM knows it, it loads and stores words octet by octet.
    unsafe { assert_unchecked(memory.is_aligned()) };
    // SAFETY: a per-CPU value of the map. Softirqs do not nest on a CPU; where they can be preempted
    // (PREEMPT_RT), the flag keeps a second packet out.
    let memory = unsafe { &mut *memory };
    if memory.busy != 0 {
        return Outcome::Passed(Pass::Busy);
    }
    memory.busy = 1;
    let maps = Maps {
        cell: &raw mut memory.cell,
    };
    let outcome = intercept(packet, &maps, &mut memory.scratch);
    memory.busy = 0;
    outcome
}
