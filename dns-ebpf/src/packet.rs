//! What the hook lends the datapath: a packet, the maps, and memory.

use crate::{
    answer::{Control, Destination, Entry, Form, SECTION_MAX, Section, Zone},
    reply::Undo,
};

/// Octets of [`Scratch::head`]: Ethernet, IPv6, UDP and DNS header, rounded up.
pub const HEAD_LEN: usize = 80;
/// Words of [`Scratch::question`]: a datagram of 512 octets less the DNS header, and room to shift.
pub const QUESTION_WORDS: usize = 72;

/// A kernel helper said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// The packet, as the hook sees it. The kernel's two hooks and the host's `Vec<u8>` implement it.
pub trait Packet {
    /// Whether the UDP checksum may be half done when the reply leaves (CHECKSUM_PARTIAL with a plain
    /// redirect), so that only differences may be applied to it, by [`Packet::adjust_checksum`].
    const ADJUSTS_CHECKSUM: bool;

    /// Length in octets, from the Ethernet header on.
    fn len(&self) -> usize;

    /// Whether the packet has no octets at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies `N` octets at `at` of the packet to `head` at `to`; `to + N <= HEAD_LEN`.
    fn load_head<const N: usize>(
        &self,
        at: usize,
        head: &mut [u8; HEAD_LEN],
        to: usize,
    ) -> Result<(), Failed>;

    /// Copies `len` octets (at least one, at most `8 * N`) at `at` into `words`, little-endian; octets of
    /// `words` behind them stay as they are.
    fn load_words<const N: usize>(
        &self,
        at: usize,
        words: &mut [u64; N],
        len: usize,
    ) -> Result<(), Failed>;

    /// Copies `len` octets (at least one, at most `SPELLED_ZONE_MAX`) at `at` of the packet into `octets`
    /// at `to`; the caller has checked that they end before `octets` does.
    fn load_octets(
        &self,
        at: usize,
        octets: &mut [u8; SECTION_MAX],
        to: usize,
        len: usize,
    ) -> Result<(), Failed>;

    /// Makes the packet `len` octets long.
    fn resize(&mut self, len: usize) -> Result<(), Failed>;

    /// Writes `len` octets (at least one) of `octets`, beginning at `from`, to the packet at `at`.
    fn store(&mut self, at: usize, octets: &[u8], from: usize, len: usize) -> Result<(), Failed>;

    /// Writes `len` octets (at least one) of `words`, beginning at octet `from`, to the packet at `at`.
    fn store_words(
        &mut self,
        at: usize,
        words: &[u64; QUESTION_WORDS],
        from: usize,
        len: usize,
    ) -> Result<(), Failed>;

    /// Applies differences to the UDP checksum at `at`: `length` is the change of the UDP length (old,
    /// new, as they lie in memory), `difference` the one's-complement sum to add.
    fn adjust_checksum(
        &mut self,
        at: usize,
        length: (u16, u16),
        difference: u32,
    ) -> Result<(), Failed>;

    /// Index of the interface that the packet came in on.
    fn interface(&self) -> u32;
}

/// The maps, the clock and the dice.
pub trait Tables {
    /// A copy of the control record.
    fn control(&self) -> Option<Control>;
    /// How many changes of the maps were begun by now.
    fn started(&self) -> u64;
    /// Copies the entry of a name of at most 40 octets.
    fn entry_40(&self, key: &[u64; 5], entry: &mut Entry) -> bool;
    /// Copies the entry of a name of at most 64 octets.
    fn entry_64(&self, key: &[u64; 8], entry: &mut Entry) -> bool;
    /// Copies the entry of a longer name.
    fn entry_256(&self, key: &[u64; 32], entry: &mut Entry) -> bool;
    /// Copies the section `key` of class 1 to 4; returns its length, head included.
    fn section(&self, class: u8, key: u32, section: &mut Section<SECTION_MAX>) -> Option<usize>;
    /// A form.
    fn form(&self, index: u8) -> Option<&Form>;
    /// A zone.
    fn zone(&self, index: u8) -> Option<&Zone>;
    /// Whether this is a known DNS address.
    fn is_destination(&self, destination: &Destination) -> bool;
    /// Counts a question to an unknown address.
    fn count_unknown(&self, destination: &Destination);
    /// The MTU of an interface.
    fn mtu(&self, interface: u32) -> Option<u32>;
    /// CLOCK_BOOTTIME in nanoseconds.
    fn now(&self) -> u64;
    /// A random number.
    fn random(&self) -> u32;

    /// The same number, of which the verifier knows nothing any more: it was written to `cell`, and read
    /// back.
    ///
    /// VERIFIER: it verifies what follows once for every range that a number may have come with, such as one
    /// for each number of labels of a name. Read back from memory, all of these are the same unknown number,
    /// and what follows is verified once. Callers bound the number again where it is used as an offset.
    fn forget(&self, cell: &mut u64, number: usize) -> usize;
}

/// Memory for one packet; in the kernel one per CPU.
///
/// Nothing in it is cleared between packets, so every read is bounded by what this packet loaded.
/// Its order and its tail matter to the verifier: see `room`.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct Scratch {
    /// Where a number is forgotten; see [`Tables::forget`].
    pub cell: u64,
    /// How the question is put back.
    pub undo: Undo,
    /// Headers as they came: an Ethernet header (without tags), IPv4 or IPv6, UDP, DNS.
    pub head: [u8; HEAD_LEN],
    /// Headers as they leave.
    pub reply: [u8; HEAD_LEN],
    /// The message from the question's name on, as it came.
    pub question: [u64; QUESTION_WORDS],
    /// Where each label begins.
    pub labels: [u8; 64],
    /// The longest key.
    pub key: [u64; 32],
    /// The question's entry.
    pub entry: Entry,
    /// A node on the walk.
    pub node: Entry,
    /// The reply's OPT.
    pub opt: [u8; 16],
    /// The question's section.
    pub section: Section<SECTION_MAX>,
    /// VERIFIER: the verifier adds the greatest offset to the greatest length of a helper's read without
    /// knowing that they belong together; this room keeps that sum inside the map's value.
    pub room: [u8; 4096],
}

const _: () = assert!(size_of::<Scratch>().is_multiple_of(8));

impl Scratch {
    /// Empty memory.
    pub const NEW: Scratch = Scratch {
        cell: 0,
        undo: Undo::NONE,
        head: [0; HEAD_LEN],
        reply: [0; HEAD_LEN],
        question: [0; QUESTION_WORDS],
        labels: [0; 64],
        key: [0; 32],
        entry: Entry::PASS,
        node: Entry::PASS,
        opt: [0; 16],
        section: Section {
            octets: [0; SECTION_MAX],
        },
        room: [0; 4096],
    };
}
