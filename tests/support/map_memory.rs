//! What a BPF map takes of the kernel's memory, as the kernel accounts for it.

use std::{
    fs,
    os::fd::{AsFd, AsRawFd as _},
};

use anyhow::{Context, Result};

/// The kernel's sizes of small pieces of memory, from which its hash maps take their elements.
const PIECES: [usize; 11] = [16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096];

/// One map, as the kernel describes it. Sizes are in octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapMemory {
    /// The kernel's number of it.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// How many elements it has, as its owner says: the kernel does not.
    pub elements: usize,
    key: usize,
    value: usize,
    elements_max: usize,
    octets: usize,
}

impl MapMemory {
    /// The map behind a file descriptor of this process.
    ///
    /// # Errors
    ///
    /// When it is none of a map, or the kernel does not tell a map's memory.
    pub fn of(map: impl AsFd, name: &str, elements: usize) -> Result<Self> {
        let path = format!("/proc/self/fdinfo/{}", map.as_fd().as_raw_fd());
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let field = |name: &str| -> Result<usize> {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            let value = value.with_context(|| format!("{path} has no {name}"))?;
            let value = value.trim();
            value
                .parse()
                .with_context(|| format!("{path} has no number as {name} but {value}"))
        };
        Ok(Self {
            id: u32::try_from(field("map_id:")?).context("a map's number beyond u32")?,
            name: name.to_owned(),
            elements,
            key: field("key_size:")?,
            value: field("value_size:")?,
            elements_max: field("max_entries:")?,
            octets: field("memlock:")?,
        })
    }

    /// Octets that an element of a hash takes, in the kernel's own count: head, key and value, each a
    /// multiple of 8, before it is rounded up to a piece. Zero if its elements are not allocated one by one.
    pub fn element(&self) -> usize {
        match self.grows() {
            true => 48 + self.key.next_multiple_of(8) + self.value.next_multiple_of(8),
            false => 0,
        }
    }

    /// Octets that an element really takes: 8 more for the allocator, and the rest of its piece.
    pub fn piece(&self) -> usize {
        if !self.grows() {
            return 0;
        }
        let needed = self.element() + 8;
        let fitting = PIECES.into_iter().find(|piece| needed <= *piece);
        fitting.unwrap_or(needed)
    }

    /// Octets in the kernel's own count.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Octets with every element rounded up to its piece.
    pub fn octets_in_pieces(&self) -> usize {
        self.octets + self.elements * (self.piece() - self.element())
    }

    /// What it takes once it holds all that it may.
    pub fn octets_when_full(&self) -> usize {
        let room = self.elements_max.saturating_sub(self.elements);
        self.octets_in_pieces() + room * self.piece()
    }

    /// Whether its elements are allocated one by one.
    fn grows(&self) -> bool {
        self.name.starts_with("ENTRIES") || self.name.starts_with("SECTIONS")
    }
}
