//! What agent and kernel share: the lease, and which changes of the maps were begun and finished.

use std::{
    io,
    mem::offset_of,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering, fence},
    },
    time::Duration,
};

use aya::maps::MapData;
use dns_core::permission::Permission;
use dns_ebpf::answer::{Changes, Control, ControlRecord, LAYOUT, PORTS_MAX, STRIPES, stripe};
use rustix::time::{ClockId, clock_gettime};

use super::{keys::key, mapped::Mapped};

/// [`ControlRecord`] as it is written: field by field, each in one piece.
#[derive(Debug)]
#[repr(C)]
struct Shared {
    layout: AtomicU64,
    started: AtomicU64,
    finished: AtomicU64,
    lease: AtomicU64,
    denials: AtomicU64,
    endpoints: AtomicU64,
    size_cap: AtomicU16,
    mtu_floor: AtomicU16,
    zone_labels: AtomicU16,
    search_labels: AtomicU16,
    policy: AtomicU32,
    reserved: AtomicU32,
    ports: [AtomicU16; PORTS_MAX],
    rest: [AtomicU64; 6],
}

/// [`Changes`] as it is written.
#[derive(Debug)]
#[repr(C)]
struct SharedChanges {
    last: [AtomicU64; STRIPES],
}

const _: () = {
    assert!(size_of::<Shared>() == size_of::<ControlRecord>());
    assert!(offset_of!(Shared, finished) == offset_of!(Control, finished));
    assert!(offset_of!(Shared, lease) == offset_of!(Control, lease));
    assert!(offset_of!(Shared, denials) == offset_of!(Control, denials));
    assert!(offset_of!(Shared, endpoints) == offset_of!(Control, endpoints));
    assert!(offset_of!(Shared, search_labels) == offset_of!(Control, search_labels));
    assert!(offset_of!(Shared, policy) == offset_of!(Control, policy));
    assert!(offset_of!(Shared, ports) == offset_of!(ControlRecord, ports));
};
const _: () = assert!(size_of::<SharedChanges>() == size_of::<Changes>());

/// What a change of the maps touches.
#[derive(Clone, Copy, Debug)]
pub enum Touched<'name> {
    /// The entry of this name in wire form, in lower case.
    Entry(&'name [u8]),
    /// What any answer may be made from: forms and zones.
    All,
    /// No answer, but what a question was admitted by.
    Admission,
}

/// The control map, and that of the changes, in the agent's memory.
#[derive(Debug)]
pub struct ControlMap {
    control: Mapped<Shared>,
    changes: Mapped<SharedChanges>,
    permitted: Mutex<Permitted>,
    /// Whether nothing is permitted any more, whatever is said.
    is_over: AtomicBool,
}

/// What the deadlines are made from.
#[derive(Debug, Default)]
struct Permitted {
    permission: Permission,
    /// Whether nothing is denied whatever is permitted: the maps hold a parent that denies what could not be put.
    denials_suspended: bool,
    /// Whether nothing is answered whatever is permitted: the maps hold an entry that must not stay.
    answers_suspended: bool,
}

impl ControlMap {
    /// Maps the one element of each: of the map `CONTROL`, and of `CHANGES`.
    ///
    /// # Errors
    /// The kernel's, if a map cannot be mapped into memory (it needs Linux 5.5).
    pub fn new(control: MapData, changes: MapData) -> io::Result<Self> {
        Ok(Self {
            control: Mapped::new(control)?,
            changes: Mapped::new(changes)?,
            permitted: Mutex::default(),
            is_over: AtomicBool::new(false),
        })
    }

    fn shared(&self) -> &Shared {
        &self.control
    }

    /// Says that the maps are of this agent's layout, and by which policy their entries are made.
    ///
    /// Entries of another policy must not be answered from: if there may be any, the lease ends.
    pub fn claim(&self, policy: u32) {
        if !self.is_of(policy) {
            self.end_lease();
        }
        self.shared().policy.store(policy, Ordering::Release);
        self.shared().layout.store(LAYOUT, Ordering::Release);
    }

    /// Whether the maps' entries are made by this policy.
    #[must_use]
    pub fn is_of(&self, policy: u32) -> bool {
        self.shared().policy.load(Ordering::Acquire) == policy
    }

    /// Lets the kernel do this much from now on.
    pub fn permit(&self, permission: Permission) {
        let mut permitted = self.permitted();
        permitted.permission = permission;
        self.store(&permitted);
    }

    /// Lets the kernel answer nothing from now on.
    pub fn end_lease(&self) {
        self.permit(Permission::default());
    }

    /// Lets the kernel answer nothing any more, whatever is permitted from now on. It waits for nobody: a thread that has
    /// panicked may call it, whatever it holds.
    pub fn end_for_good(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Who stores at the same moment either is overwritten here, or sees that it is over.
        fence(Ordering::SeqCst);
        self.put(Permission::default());
    }

    /// Lets the kernel deny nothing from now on, whatever is permitted, or as much as that again.
    pub fn suspend_denials(&self, suspended: bool) {
        let mut permitted = self.permitted();
        permitted.denials_suspended = suspended;
        self.store(&permitted);
    }

    /// Lets the kernel answer nothing from now on, whatever is permitted, or as much as that again.
    pub fn suspend_answers(&self, suspended: bool) {
        let mut permitted = self.permitted();
        permitted.answers_suspended = suspended;
        self.store(&permitted);
    }

    /// What is permitted now: by this agent, or by an earlier one.
    #[must_use]
    pub fn permission(&self) -> Permission {
        let shared = self.shared();
        let deadlines = [&shared.lease, &shared.denials, &shared.endpoints];
        let [answers, denials, endpoints] =
            deadlines.map(|deadline| deadline.load(Ordering::Acquire));
        Permission {
            answers,
            denials,
            endpoints,
        }
    }

    fn permitted(&self) -> MutexGuard<'_, Permitted> {
        // What it guards is whole at every moment.
        self.permitted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, permitted: &Permitted) {
        let mut permission = permitted.permission;
        if permitted.denials_suspended {
            permission.denials = 0;
        }
        if permitted.answers_suspended {
            permission = Permission::default();
        }
        self.put(permission);
        fence(Ordering::SeqCst);
        if self.is_over.load(Ordering::SeqCst) {
            self.put(Permission::default());
        }
    }

    fn put(
        &self,
        Permission {
            answers,
            denials,
            endpoints,
        }: Permission,
    ) {
        let shared = self.shared();
        shared.denials.store(denials, Ordering::Release);
        shared.endpoints.store(endpoints, Ordering::Release);
        shared.lease.store(answers, Ordering::Release);
    }

    /// What is left of the lease.
    #[must_use]
    pub fn lease_left(&self) -> Duration {
        left_of(&self.control)
    }

    /// Sets the server's own limit on the size of a reply; `u16::MAX` for none.
    pub fn set_size_cap(&self, octets: u16) {
        self.shared().size_cap.store(octets, Ordering::Release);
    }

    /// Sets the size up to which a reply fits every interface.
    pub fn set_mtu_floor(&self, octets: u16) {
        self.shared().mtu_floor.store(octets, Ordering::Release);
    }

    /// Sets the ports, besides 53, that DNS addresses have: at most [`PORTS_MAX`], and none of them zero. One that stays is
    /// there all the while.
    pub fn set_ports(&self, ports: &[u16]) {
        let shared = &self.shared().ports;
        let present: Vec<u16> = shared
            .iter()
            .map(|port| port.load(Ordering::Acquire))
            .collect();
        let mut new = ports.iter().filter(|port| !present.contains(port));
        for (shared, present) in shared.iter().zip(&present) {
            if !ports.contains(present) {
                shared.store(new.next().copied().unwrap_or(0), Ordering::Release);
            }
        }
    }

    /// Sets where the search for the closest encloser of an absent name ends, and where it begins; see
    /// [`Policy::search_labels`](dns_core::policy::Policy::search_labels).
    pub fn set_search_labels(&self, [zone, search]: [u16; 2]) {
        self.shared().zone_labels.store(zone, Ordering::Release);
        self.shared().search_labels.store(search, Ordering::Release);
    }

    /// Says that maps are about to change. Questions that look up what is touched pass until [`Self::finish`].
    ///
    /// One thread at a time may do so.
    pub fn begin(&self, touched: Touched<'_>) {
        let shared = self.shared();
        let started = shared
            .started
            .load(Ordering::Relaxed)
            .max(shared.finished.load(Ordering::Relaxed));
        let number = started + 1;
        let last = &self.changes.last;
        let touched = match touched {
            Touched::Entry(name) => {
                let stripe = stripe(&key(name));
                last.get(stripe..=stripe).unwrap_or(last)
            }
            Touched::All => last,
            Touched::Admission => &[],
        };
        for stripe in touched {
            stripe.store(number, Ordering::Release);
        }
        shared.started.store(number, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Says that the maps have changed.
    pub fn finish(&self) {
        fence(Ordering::SeqCst);
        let shared = self.shared();
        shared
            .finished
            .store(shared.started.load(Ordering::Relaxed), Ordering::Release);
    }
}

/// The layout number of the agent that filled the maps, in the map `CONTROL`; zero in a new map.
///
/// # Errors
/// The kernel's, if the map cannot be mapped into memory (it needs Linux 5.5).
pub(super) fn layout_of(control: MapData) -> io::Result<u64> {
    let control: Mapped<Shared> = Mapped::new(control)?;
    Ok(control.layout.load(Ordering::Acquire))
}

/// What is left of the lease in the map `CONTROL`.
///
/// # Errors
/// The kernel's, if the map cannot be mapped into memory (it needs Linux 5.5); or the map is of another layout.
pub fn lease_left(control: MapData) -> io::Result<Duration> {
    let control: Mapped<Shared> = Mapped::new(control)?;
    let layout = control.layout.load(Ordering::Acquire);
    // Zero: the agent has not filled them yet.
    if layout != LAYOUT && layout != 0 {
        return Err(io::Error::other(format!(
            "the maps have layout {layout}, and this zerohop knows {LAYOUT}: ask the zerohop that has made them"
        )));
    }
    Ok(left_of(&control))
}

fn left_of(control: &Shared) -> Duration {
    let lease = control.lease.load(Ordering::Acquire);
    Duration::from_nanos(lease.saturating_sub(now()))
}

/// CLOCK_BOOTTIME in nanoseconds, as the kernel reads it.
#[must_use]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_spread_over_the_stripes() {
        let mut names = [0; STRIPES];
        for number in 0..100 * STRIPES {
            let label = format!("service-{number}");
            let mut name = vec![label.len() as u8];
            name.extend(label.bytes());
            name.extend(b"\x07default\x03svc\x07cluster\x05local\0");
            names[stripe(&key(&name))] += 1;
        }
        // Ten is the square root of a hundred, by which chance spreads them.
        assert!(
            names.iter().all(|count| (50..150).contains(count)),
            "{names:?}"
        );
    }
}
