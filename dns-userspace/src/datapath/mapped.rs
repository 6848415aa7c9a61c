//! The memory of a map, shared with the kernel.

use std::{io, ops::Deref, ptr};

use aya::maps::MapData;
use rustix::{
    fd::AsFd as _,
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

/// A map's memory is whole pages.
const PAGE: usize = 4096;

/// The elements of an array that can be mapped (BPF_F_MMAPABLE), in the agent's memory. `T` consists of atomic numbers,
/// as they lie in the one element or in all of them: any octets are one.
#[derive(Debug)]
pub(super) struct Mapped<T> {
    shared: *mut T,
    /// Keeps the map, and so the memory, alive.
    _map: MapData,
}

// SAFETY: the memory stays mapped as long as the value lives, and is only accessed as a `T`.
unsafe impl<T: Sync> Send for Mapped<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Mapped<T> {}

impl<T> Mapped<T> {
    /// Octets that are mapped.
    const LEN: usize = size_of::<T>().next_multiple_of(PAGE);

    /// Maps the elements.
    ///
    /// # Errors
    /// The kernel's, if the map cannot be mapped into memory (it needs Linux 5.5).
    pub(super) fn new(map: MapData) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let address = unsafe {
            mmap(
                ptr::null_mut(),
                Self::LEN,
                protection,
                MapFlags::SHARED,
                map.fd().as_fd(),
                0,
            )?
        };
        Ok(Self {
            shared: address.cast(),
            _map: map,
        })
    }
}

impl<T> Deref for Mapped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: mapped and page-aligned, a `T` long, only accessed atomically on this side.
        unsafe { &*self.shared }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: what `new` mapped, and nothing refers to it any more.
        if let Err(error) = unsafe { munmap(self.shared.cast(), Self::LEN) } {
            tracing::debug!(%error, "a map stays mapped");
        }
    }
}
