//! The largest packet of each interface, for the kernel to see which replies fit.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Context as _;
use aya::{
    Ebpf,
    maps::{HashMap, MapData},
};

use super::{
    control::ControlMap,
    object,
    store::{is_missing, map},
};

/// The map of MTUs, and the least of them in the control record.
pub struct Mtus {
    control: Arc<ControlMap>,
    map: HashMap<MapData, u32, u32>,
    noted: BTreeMap<u32, u32>,
}

impl Mtus {
    /// Takes the map out of the object, with what an earlier agent has noted in it.
    ///
    /// # Errors
    /// The map is missing or of another shape: the object is not this agent's.
    pub fn new(object: &mut Ebpf, control: Arc<ControlMap>) -> anyhow::Result<Self> {
        let map: HashMap<MapData, u32, u32> = map!(object, "INTERFACES");
        let noted = map.iter().flatten().collect();
        Ok(Self {
            control,
            map,
            noted,
        })
    }

    /// The interfaces whose MTU is noted.
    #[must_use]
    pub fn interfaces(&self) -> BTreeSet<u32> {
        self.noted.keys().copied().collect()
    }

    /// Notes the MTU of an interface, or that it is gone.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set(&mut self, interface: u32, mtu: Option<u32>) -> anyhow::Result<()> {
        match mtu {
            Some(mtu) => self.noted.insert(interface, mtu),
            None => self.noted.remove(&interface),
        };
        let floor = self.noted.values().copied().min().unwrap_or(0);
        self.control
            .set_mtu_floor(u16::try_from(floor).unwrap_or(u16::MAX));
        match mtu {
            Some(mtu) => self.map.insert(interface, mtu, 0),
            None => match self.map.remove(&interface) {
                Err(error) if is_missing(&error) => Ok(()),
                removed => removed,
            },
        }
        .context("note an interface's MTU")
    }
}
