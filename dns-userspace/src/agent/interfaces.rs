//! Interfaces that come and go, looked after by a thread of their own.
//!
//! The kernel lets each TCX attachment wait, for a grace period and for its lock of all interfaces. Neither the lease
//! nor a change of the cluster's objects may wait with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io, thread,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

use super::{PAUSE, every};
use crate::{
    config::Config,
    datapath::{
        attach::{Attached, AttachedBy, Attachment, Attachments, Programs},
        interfaces::{Interface, InterfaceEvent, InterfaceWatch},
        mtus::Mtus,
        object::Loaded,
    },
};

/// How often the order of programs is looked at: nobody announces it on TCX.
const ORDER: Duration = Duration::from_secs(10);
/// The thread's name, by which a person finds it among the others.
const THREAD: &str = "interfaces";

/// How many interfaces are looked after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    /// How many are attached to.
    pub(super) attached: usize,
    /// Whether every interface that was there at the start has been attached to, or said why not.
    pub(super) surveyed: bool,
}

/// Everything that the thread works on.
pub(super) struct Interfaces {
    watch: InterfaceWatch,
    programs: Programs,
    attachments: Attachments,
    mtus: Mtus,
    /// Interfaces on which others run before us, as it was told.
    told: BTreeSet<(String, String)>,
    /// Interfaces that could not be looked after, as it was told.
    troubles: Troubles,
    coverage: watch::Sender<Coverage>,
}

/// The running thread. Dropping it lets the thread finish what it is at, and waits for that: nothing is attached
/// afterwards.
pub(super) struct InterfaceThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for InterfaceThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!(
                "the thread that looks after interfaces has panicked; this is a fault of zerohop"
            );
        }
    }
}

impl Interfaces {
    /// Pins the loaded programs. Attaches nothing yet. How many interfaces are looked after, now and later, is told
    /// by `coverage`, which is dropped when the thread ends.
    ///
    /// # Errors
    /// A program or map that is missing, a pin that cannot be made, or the hook of `config` that the kernel has not
    /// got.
    pub(super) fn new(
        config: &Config,
        loaded: &mut Loaded,
        watch: InterfaceWatch,
        coverage: watch::Sender<Coverage>,
    ) -> anyhow::Result<Self> {
        let programs = Programs::of(&loaded.object)?;
        let mtus = Mtus::new(&mut loaded.object, loaded.control.clone())?;
        programs.pin(&config.pin_directory)?;
        let attachments = Attachments::new(&config.pin_directory, config.hook)?;
        tracing::info!(adopted = loaded.adopted, hook = %attachments.traffic_control(), "the datapath is loaded");
        Ok(Self {
            watch,
            programs,
            attachments,
            mtus,
            told: BTreeSet::new(),
            troubles: Troubles::default(),
            coverage,
        })
    }

    /// Begins to look after the interfaces of the calling thread's network namespace. To be called within a runtime.
    ///
    /// # Errors
    /// The system's, if there can be no further thread.
    pub(super) fn start(self) -> io::Result<InterfaceThread> {
        let (stop, stopped) = oneshot::channel();
        let runtime = Handle::current();
        let thread = thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || runtime.block_on(self.run(stopped)))?;
        Ok(InterfaceThread {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Takes in what happens to interfaces, until the other end of `stopped` is dropped.
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut order = every(ORDER);
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => return,
                _ = order.tick() => self.look_at_order(),
                event = self.watch.next() => match event {
                    Ok(event) => self.take_in(event),
                    // The kernel was short of memory, say: the next call lists everything again.
                    Err(error) => {
                        tracing::warn!("{error}");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    /// Attaches to, looks after and detaches from interfaces as they come and go.
    ///
    /// What fails for one interface must not keep the others from being answered: its questions pass.
    fn take_in(&mut self, event: InterfaceEvent) {
        match event {
            InterfaceEvent::Present(interface) => self.attach(&interface),
            InterfaceEvent::Gone { index } => {
                if let Err(error) = self.attachments.detach(index) {
                    tracing::warn!(index, "{error}");
                }
                self.troubles.over(index);
                self.note_mtu(index, None);
            }
            InterfaceEvent::FiltersChanged { index } => self.look_at(index),
            InterfaceEvent::Resynced => self.resynced(),
        }
        let attached = self.attachments.list().len();
        self.coverage
            .send_modify(|coverage| coverage.attached = attached);
    }

    /// Lets go of what is not there any more, now that all interfaces have been listed.
    fn resynced(&mut self) {
        let wanted = self
            .watch
            .present()
            .map(|interface| interface.index)
            .collect();
        if let Err(error) = self.attachments.retain(&wanted) {
            tracing::warn!("{error}");
        }
        for gone in self.mtus.interfaces().difference(&wanted) {
            self.note_mtu(*gone, None);
        }
        self.troubles.0.retain(|index, _| wanted.contains(index));
        self.coverage
            .send_modify(|coverage| coverage.surveyed = true);
    }

    /// Makes sure that ours is first wherever nobody announces another order.
    fn look_at_order(&mut self) {
        let attached = self.attachments.list().into_iter();
        for attached in attached.filter(|attached| changes_silently(attached.by)) {
            self.look_at(attached.index);
        }
    }

    fn look_at(&mut self, index: u32) {
        match self.attachments.check_first(index, &self.programs) {
            Ok(Some(Attachment::Attached(attached))) => {
                self.troubles.over(index);
                self.note_order(&attached);
            }
            Ok(_) => self.troubles.over(index),
            Err(error) => {
                let error = error.to_string();
                if self.troubles.is_new(index, &error) {
                    tracing::warn!(index, "{error}; trying again, quietly");
                }
            }
        }
    }

    /// Attaches once the kernel knows what fits the interface.
    fn attach(&mut self, interface: &Interface) {
        self.note_mtu(interface.index, Some(interface.mtu));
        match self.attachments.attach(interface, &self.programs) {
            Ok(Attachment::Attached(attached)) => {
                tracing::debug!(interface = %attached.name, by = %attached.by, first = attached.first, "attached");
                self.note_order(&attached);
            }
            Ok(Attachment::Gone) => self.note_mtu(interface.index, None),
            // An earlier program may still be there, so the MTU stays noted.
            Err(error) => tracing::warn!(interface = %interface.name, "{error}"),
        }
    }

    fn note_mtu(&mut self, index: u32, mtu: Option<u32>) {
        if let Err(error) = self.mtus.set(index, mtu) {
            tracing::warn!(
                index,
                "{error:#}; large replies on this interface go to the DNS service"
            );
        }
    }

    /// Says once when other programs run before ours on an interface.
    fn note_order(&mut self, attached: &Attached) {
        if attached.first {
            return;
        }
        let told = (
            format!("interface {}", attached.name),
            attached.behind.join(", "),
        );
        if !self.told.contains(&told) {
            tracing::warn!(interface = %attached.name, "{} runs before ours: what it answers or drops, we do not see", told.1);
            self.told.insert(told);
        }
    }
}

/// Whether the order of programs can change without a message: filters are announced, and XDP has no order.
fn changes_silently(by: AttachedBy) -> bool {
    match by {
        AttachedBy::Tcx => true,
        AttachedBy::Clsact | AttachedBy::XdpNative | AttachedBy::XdpGeneric => false,
    }
}

/// The last error of each interface that could not be looked after, by its number: one that lasts is told once.
#[derive(Debug, Default)]
struct Troubles(BTreeMap<u32, String>);

impl Troubles {
    /// Notes an error, and says whether it is another one than the last.
    fn is_new(&mut self, index: u32, error: &str) -> bool {
        let before = self.0.insert(index, error.to_owned());
        before.as_deref() != Some(error)
    }

    /// Forgets the error of an interface that is well, or gone.
    fn over(&mut self, index: u32) {
        self.0.remove(&index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_error_is_new_once_and_again_after_it_was_over() {
        let mut troubles = Troubles::default();
        assert!(troubles.is_new(3, "no memory"));
        assert!(!troubles.is_new(3, "no memory"));
        assert!(troubles.is_new(4, "no memory"), "another interface");
        assert!(troubles.is_new(3, "not permitted"), "another error");
        troubles.over(3);
        assert!(troubles.is_new(3, "not permitted"));
        assert!(!troubles.is_new(4, "no memory"));
    }

    #[test]
    fn only_the_order_on_tcx_changes_without_a_message() {
        assert!(changes_silently(AttachedBy::Tcx));
        for by in [
            AttachedBy::Clsact,
            AttachedBy::XdpNative,
            AttachedBy::XdpGeneric,
        ] {
            assert!(!changes_silently(by), "{by}");
        }
    }
}
