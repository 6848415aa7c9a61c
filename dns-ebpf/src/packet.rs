//! What the hook lends the datapath: a packet, the maps, and memory.

use crate::{
    answer::{
        Client, Control, Destination, ENTRY_HEAD, Form, PORTS_MAX, SECTION_MAX, Section, ZoneHead,
    },
    name::NAMES_LEN,
    reply::Undo,
};

/// Octets of the headers in [`Scratch::frame`] and [`Scratch::reply`]: Ethernet, IPv6, UDP and DNS header, and a
/// beginning that lets the question's name lie at a multiple of 8.
pub const HEAD_LEN: usize = 80;
/// Octets of [`Scratch::frame`]: the headers, and a power of two that holds a question of 500 octets, the longest.
pub const FRAME_LEN: usize = HEAD_LEN + 512;

/// A kernel helper said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// The packet, as the hook sees it. The kernel's two hooks and the host's `Vec<u8>` implement it.
pub trait Packet {
    /// Whether the packet keeps its mark CHECKSUM_PARTIAL (include/linux/skbuff.h) when it becomes the reply: whoever
    /// takes it over a link without checksum offload then finishes the sum that the mark is about.
    const KEEPS_MARK: bool;

    /// Length in octets, from the Ethernet header on.
    fn len(&self) -> usize;

    /// Whether the packet has no octets at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packet's first `N` octets where they lie, if they lie in one piece.
    fn start<const N: usize>(&self) -> Option<&[u8; N]>;

    /// Copies `len` octets (at least one) at `at` of the packet into `octets` at `to`; the caller has checked that
    /// they end before `octets` does.
    fn load(&self, at: usize, octets: &mut [u8], to: usize, len: usize) -> Result<(), Failed>;

    /// Makes the packet `len` octets long.
    fn resize(&mut self, len: usize) -> Result<(), Failed>;

    /// Writes `len` octets (at least one) of `octets`, beginning at `from`, to the packet at `at`.
    fn store(&mut self, at: usize, octets: &[u8], from: usize, len: usize) -> Result<(), Failed>;

    /// Index of the interface that the packet came in on.
    fn interface(&self) -> u32;
}

/// The maps, the clock and the dice.
pub trait Tables {
    /// [`ControlRecord::ports`](crate::answer::ControlRecord::ports).
    fn ports(&self) -> [u16; PORTS_MAX];
    /// A copy of the control record.
    fn control(&self) -> Option<Control>;
    /// [`Control::started`] by now.
    fn started(&self) -> u64;
    /// The number of the last change of a stripe: see [`Changes`](crate::answer::Changes).
    fn changed(&self, stripe: usize) -> u64;
    /// Copies the entry of a name to the beginning of `entry`, if there is one, and returns its head. `N` is the
    /// shortest of [`KEY_LENGTHS`](crate::KEY_LENGTHS) that holds the name.
    fn entry<const N: usize>(
        &self,
        key: &[u8; N],
        entry: &mut Section<SECTION_MAX>,
    ) -> Option<[u8; ENTRY_HEAD]>;
    /// The head of the entry of a name, if there is one.
    fn entry_head<const N: usize>(&self, key: &[u8; N]) -> Option<[u8; ENTRY_HEAD]>;
    /// Copies the section `key` of class 1 to 4; returns its length, head included.
    fn section(&self, class: u8, key: u32, section: &mut Section<SECTION_MAX>) -> Option<usize>;
    /// A form.
    fn form(&self, index: u8) -> Option<&Form>;
    /// Copies the section of a zone's denials to the beginning of `section`, and returns the zone's head.
    fn zone(&self, index: u8, section: &mut Section<SECTION_MAX>) -> Option<ZoneHead>;
    /// The head of a zone.
    fn zone_head(&self, index: u8) -> Option<ZoneHead>;
    /// Whether this is a known DNS address.
    fn is_destination(&self, destination: &Destination) -> bool;
    /// Counts a question to an unknown address.
    fn count_unknown(&self, destination: &Destination);
    /// One of [`CLIENTS_MAX`](crate::answer::CLIENTS_MAX) clients.
    fn client(&self, place: usize) -> Option<&Client>;
    /// The MTU of an interface.
    fn mtu(&self, interface: u32) -> Option<u32>;
    /// CLOCK_BOOTTIME in nanoseconds.
    fn now(&self) -> u64;
    /// A number that is another one when a few milliseconds have passed, and costs less than the time.
    fn tick(&self) -> u64;
    /// A random number.
    fn random(&self) -> u32;

    /// The same number, of which neither LLVM nor the verifier knows a range any more: the kernel's is a sum with a zero
    /// that nobody can foresee. The number itself waits for nothing but the addition.
    ///
    /// VERIFIER: it verifies what follows once for every range that a number may have come with, such as one
    /// for each number of labels of a name; of forgotten numbers it verifies what follows once. Callers bound the number
    /// again where it is used as an offset; of a number that it knows, LLVM would leave that bound out.
    fn forget(&self, number: usize) -> usize;

    /// As [`Self::forget`], for a number that has waited for memory: it was written there and read back.
    ///
    /// VERIFIER: where it needs a number to be exact, such as a length that a helper is given, it goes back to what the
    /// number came from, through a sum, too, and then verifies once for every value of that. It does not go back
    /// through memory of a map. A hit needs it once, and again where a checksum is adjusted; the walks of rarer questions
    /// take it.
    fn forget_in_memory(&self, number: usize) -> usize;
}

/// What a question was admitted by: the agent's lease has not run out, and its destination is a known DNS address.
/// The next question by the same is admitted without another look at clock and map.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// [`Control::lease`] and [`Control::finished`]: another lease, or a finished change, may say otherwise.
    pub lease: u64,
    /// See `lease`.
    pub finished: u64,
    /// [`Tables::tick`] when the clock was looked at.
    pub tick: u64,
    /// The destination: the words of a [`Destination`]. All zero it is none, for it has no port.
    pub destination: [u32; 5],
    /// Zero.
    pub reserved: u32,
}

impl Admission {
    /// Nothing is admitted.
    pub const NONE: Admission = Admission {
        lease: 0,
        finished: 0,
        tick: 0,
        destination: [0; 5],
        reserved: 0,
    };

    /// Whether both admit by the same.
    #[inline(always)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        // LLVM would make a call of a comparison of arrays, which compares octet by octet.
        let mut difference = 0;
        for index in 0..5 {
            let words = (self.destination.get(index), other.destination.get(index));
            if let (Some(one), Some(other)) = words {
                difference |= one ^ other;
            }
        }
        difference == 0
            && self.lease == other.lease
            && self.finished == other.finished
            && self.tick == other.tick
    }
}

/// Memory for one packet; in the kernel one per CPU.
///
/// Nothing in it is cleared between packets, so every read is bounded by what this packet loaded. The exceptions
/// are the padding in [`Scratch::names`], which nothing writes to, [`Scratch::admitted`] and its time.
/// Its order and its tail matter to the verifier: see `room`.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct Scratch {
    /// How the question is put back.
    pub undo: Undo,
    /// By what the last question was admitted.
    pub admitted: Admission,
    /// [`Tables::now`] when that was looked at: a tick ago at most.
    pub time: u64,
    /// The packet as it came: an Ethernet header (without tags), IPv4 or IPv6, UDP, DNS, and from [`HEAD_LEN`] on
    /// the question. Where it begins depends on the headers' length.
    pub frame: [u8; FRAME_LEN],
    /// Headers as they leave, placed as in `frame`.
    pub reply: [u8; HEAD_LEN],
    /// Where each label begins.
    pub labels: [u8; 64],
    /// The question's name, folded, in the place for its length; zeros pad it and every suffix of it. It stays there: the
    /// last check looks at it again. What else is summed lies behind.
    pub names: [u8; NAMES_LEN],
    /// The reply's OPT.
    pub opt: [u8; 16],
    /// The question's entry; then the records of its answer.
    pub section: Section<SECTION_MAX>,
    /// VERIFIER: the verifier adds the greatest offset to the greatest length of a helper's read without
    /// knowing that they belong together; this room keeps that sum inside the map's value.
    pub room: [u8; 4096],
}

const _: () = assert!(size_of::<Scratch>().is_multiple_of(8));

impl Scratch {
    /// Empty memory.
    pub const NEW: Scratch = Scratch {
        undo: Undo::NONE,
        admitted: Admission::NONE,
        time: 0,
        frame: [0; FRAME_LEN],
        reply: [0; HEAD_LEN],
        labels: [0; 64],
        names: [0; NAMES_LEN],
        opt: [0; 16],
        section: Section {
            octets: [0; SECTION_MAX],
        },
        room: [0; 4096],
    };
}
