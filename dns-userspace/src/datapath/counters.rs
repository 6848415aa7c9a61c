//! What the datapath has counted.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::Path,
};

use anyhow::Context as _;
use aya::maps::{HashMap, Map, MapData, PerCpuArray};
use dns_ebpf::{Answered, Pass, TORN};

use super::reader::pinned;

/// Counts since the maps were made.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Questions answered, by kind of answer.
    pub answered: Vec<(&'static str, u64)>,
    /// Questions left to the DNS service, by reason.
    pub passed: Vec<(&'static str, u64)>,
    /// Packets dropped because a reply failed half-way.
    pub torn: u64,
    /// Addresses that are asked over UDP port 53 and are not known DNS addresses, busiest first.
    pub unknown_destinations: Vec<(SocketAddr, u64)>,
}

/// The maps that the datapath counts in.
pub struct Counters {
    counters: PerCpuArray<MapData, u64>,
    unknown: HashMap<MapData, [u8; 20], u64>,
}

impl Counters {
    /// Takes the maps `COUNTERS` and `UNKNOWN`.
    ///
    /// # Errors
    /// They are of another shape.
    pub fn new(counters: MapData, unknown: MapData) -> anyhow::Result<Self> {
        Ok(Self {
            counters: PerCpuArray::try_from(Map::PerCpuArray(counters))
                .context("open the map COUNTERS")?,
            unknown: HashMap::try_from(Map::LruHashMap(unknown)).context("open the map UNKNOWN")?,
        })
    }

    /// Opens the counters that are pinned in `directory`.
    ///
    /// # Errors
    /// No pinned maps: no agent runs with this folder, or reading is not permitted.
    pub fn open(directory: &Path) -> anyhow::Result<Self> {
        Self::new(
            pinned(directory, "COUNTERS")?,
            pinned(directory, "UNKNOWN")?,
        )
    }

    /// Reads them.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&self) -> anyhow::Result<Counts> {
        let sum = |index: u32| -> anyhow::Result<u64> {
            let values = self.counters.get(&index, 0).context("read a counter")?;
            Ok(values.iter().sum())
        };
        let mut counts = Counts {
            torn: sum(TORN)?,
            ..Counts::default()
        };
        for kind in Answered::ALL {
            counts.answered.push((kind.label(), sum(kind as u32)?));
        }
        for reason in Pass::ALL
            .into_iter()
            .filter(|reason| *reason != Pass::NotDns)
        {
            counts.passed.push((reason.label(), sum(reason as u32)?));
        }
        for entry in self.unknown.iter() {
            // An address that is evicted while the table is read is not there to be shown.
            let Ok((key, count)) = entry else { continue };
            counts.unknown_destinations.push((address(&key), count));
        }
        counts
            .unknown_destinations
            .sort_by_key(|(address, count)| (std::cmp::Reverse(*count), *address));
        Ok(counts)
    }
}

fn address(key: &[u8; 20]) -> SocketAddr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&key[..16]);
    let ip = Ipv6Addr::from(octets);
    let ip = ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4);
    SocketAddr::new(ip, u16::from_be_bytes([key[16], key[17]]))
}
