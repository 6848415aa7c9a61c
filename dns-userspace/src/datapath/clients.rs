//! The map of clients, in the agent's memory.

use std::{
    io,
    mem::offset_of,
    net::Ipv6Addr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use aya::Ebpf;
use dns_core::breaker::{Circuit, Counted, Seen, Source, Switch};
use dns_ebpf::answer::{CLIENTS_MAX, Client, units};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketType, netdevice::index_to_name, socket},
};

use super::{
    control,
    mapped::Mapped,
    object::{CLIENTS, take},
};

/// How far a client's last time may be ahead, in [`units`]: ten ticks of the slowest clock, of 100 Hz.
const AHEAD: u32 = 100;

/// A [`Client`] as it is shared: its fields are words.
type Words = [AtomicU32; size_of::<Client>() / 4];

/// The clients that the datapath remembers.
#[derive(Debug)]
pub struct Clients(Mapped<[Words; CLIENTS_MAX]>);

impl Clients {
    /// Takes the map `CLIENTS`.
    ///
    /// # Errors
    /// It is not there, or cannot be mapped into memory.
    pub fn new(object: &mut Ebpf) -> anyhow::Result<Self> {
        let map = take(object, CLIENTS)?;
        let mapped = Mapped::new(map).context("map the record of clients into memory")?;
        Ok(Self(mapped))
    }

    /// All that are remembered.
    pub fn seen(&self) -> impl Iterator<Item = Seen> {
        let now = units(control::now());
        let places = self.0.iter().enumerate();
        places.filter_map(move |(place, words)| {
            let source = source(words)?;
            Some(Seen {
                place,
                source,
                counted: Counted {
                    answered: read(words, offset_of!(Client, answered)),
                    unrepeated: read(words, offset_of!(Client, unrepeated)),
                    paces: read(words, offset_of!(Client, paces)),
                    signs: several(words, offset_of!(Client, signs)),
                    retracted: several(words, offset_of!(Client, retracted)),
                },
                circuit: circuit(words),
                quiet: quiet(words, now),
            })
        })
    }

    /// Switches a client's circuit, unless another client lies there by now: the kernel lets it lie only where a circuit
    /// is closed. Says whether it did.
    pub fn switch(&self, switch: &Switch) -> bool {
        let words = &self.0[switch.place];
        let before = circuit(words);
        set(words, switch.circuit);
        let is_there = source(words) == Some(switch.source);
        if !is_there {
            set(words, before);
        }
        is_there
    }

    /// Forgets a client.
    pub fn forget(&self, seen: &Seen) {
        forget(&self.0[seen.place]);
    }

    /// Forgets every client.
    pub fn forget_all(&self) {
        self.0.iter().for_each(forget);
    }
}

/// The name of an interface of this network namespace; none if there is no such interface.
///
/// # Errors
/// The kernel's, if it cannot be asked.
pub fn interface_name(index: u32) -> io::Result<Option<String>> {
    let socket = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    match index_to_name(socket, index) {
        Ok(name) => Ok(Some(name)),
        Err(Errno::NODEV | Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn forget(words: &Words) {
    set(words, Circuit::default());
    write(words, offset_of!(Client, interface), 0);
}

fn source(words: &Words) -> Option<Source> {
    let interface = read(words, offset_of!(Client, interface));
    let address: [u32; 4] = several(words, offset_of!(Client, source));
    let mut octets = [0; 16];
    for (octets, word) in octets.chunks_exact_mut(4).zip(address) {
        octets.copy_from_slice(&word.to_ne_bytes());
    }
    (interface != 0).then_some(Source {
        interface,
        address: Ipv6Addr::from(octets),
    })
}

/// How long a client has not asked: up to 52 days, after which times come round. Its last time may be a tick ahead.
fn quiet(words: &Words, now: u32) -> Duration {
    let passed = now.wrapping_sub(read(words, offset_of!(Client, last)));
    let is_ahead = passed > u32::MAX - AHEAD;
    let passed = if is_ahead { 0 } else { passed };
    Duration::from_nanos(u64::from(passed) << 20)
}

fn circuit(words: &Words) -> Circuit {
    Circuit {
        ration: read(words, offset_of!(Client, ration)),
        since: read(words, offset_of!(Client, rationed_at)),
        times: read(words, offset_of!(Client, times)),
    }
}

fn set(words: &Words, circuit: Circuit) {
    write(words, offset_of!(Client, rationed_at), circuit.since);
    write(words, offset_of!(Client, times), circuit.times);
    write(words, offset_of!(Client, ration), circuit.ration);
}

fn read(words: &Words, offset: usize) -> u32 {
    words[offset / 4].load(Ordering::Acquire)
}

fn several<const N: usize>(words: &Words, offset: usize) -> [u32; N] {
    std::array::from_fn(|index| read(words, offset + index * 4))
}

fn write(words: &Words, offset: usize, value: u32) {
    words[offset / 4].store(value, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_has_not_asked_for_weeks_is_quiet_and_one_whose_time_is_a_tick_ahead_is_not() {
        let words: Words = std::array::from_fn(|_| AtomicU32::new(0));
        for (last, now, expected) in [
            (1_000, 1_000, 0_u64),
            (1_010, 1_000, 0),
            (u32::MAX, 999, 1_000),
            // No agent ran for a month meanwhile.
            (1_000, 1_000 + 2_500_000_000, 2_500_000_000),
        ] {
            write(&words, offset_of!(Client, last), last);
            assert_eq!(
                quiet(&words, now),
                Duration::from_nanos(expected << 20),
                "{last} {now}"
            );
        }
    }
}
