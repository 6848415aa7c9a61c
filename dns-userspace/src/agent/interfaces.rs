//! Interfaces that come and go, looked after by a thread of their own.
//!
//! The kernel lets each TCX attachment wait, for a grace period and for its lock of all interfaces. Neither the lease
//! nor a change of the cluster's objects may wait with it.

mod thread;

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

pub(super) use self::thread::InterfaceThread;
use super::{PAUSE, every};
use crate::{
    config::Config,
    datapath::{
        attach::{AttachError, Attached, AttachedBy, Attachment, Attachments, Programs},
        interfaces::{Interface, InterfaceEvent, InterfaceWatch},
        mtus::Mtus,
        object::Loaded,
    },
    told::Told,
};

/// How often the order of programs is looked at: nobody announces it on TCX.
const ORDER: Duration = Duration::from_secs(10);

/// How many interfaces are looked after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    /// How many are attached to.
    pub(super) attached: usize,
    /// On how many of them other programs run before ours.
    pub(super) behind: usize,
    /// Those that could not be looked after the last time, by their numbers: the name, and why.
    pub(super) failing: BTreeMap<u32, (String, String)>,
    /// Whether every interface that was there at the start has been attached to, or said why not.
    pub(super) surveyed: bool,
}

/// Everything that the thread works on.
pub(super) struct Interfaces {
    watch: InterfaceWatch,
    programs: Programs,
    attachments: Attachments,
    mtus: Mtus,
    /// What was said of interfaces. Pods come and go, and what is so of one is mostly so of all.
    told: Told,
    coverage: watch::Sender<Coverage>,
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
            told: Told::default(),
            coverage,
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
                        self.warn("", &error.to_string());
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
            self.tell_coverage();
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
                    self.warn("", &error.to_string());
                }
                self.coverage
                    .send_modify(|coverage| drop(coverage.failing.remove(&index)));
                self.note_mtu(index, None);
            }
            InterfaceEvent::FiltersChanged { index } => self.look_at(index),
            InterfaceEvent::Resynced => self.resynced(),
        }
    }

    fn tell_coverage(&self) {
        let attached = self.attachments.list();
        let behind = attached.iter().filter(|attached| !attached.first).count();
        self.coverage.send_modify(|coverage| {
            coverage.attached = attached.len();
            coverage.behind = behind;
        });
    }

    /// Lets go of what is not there any more, now that all interfaces have been listed.
    fn resynced(&mut self) {
        let wanted = self
            .watch
            .present()
            .map(|interface| interface.index)
            .collect();
        if let Err(error) = self.attachments.retain(&wanted) {
            self.warn("", &error.to_string());
        }
        for gone in self.mtus.interfaces().difference(&wanted) {
            self.note_mtu(*gone, None);
        }
        self.coverage.send_modify(|coverage| {
            coverage.failing.retain(|index, _| wanted.contains(index));
            coverage.surveyed = true;
        });
    }

    /// Makes sure that ours is first wherever nobody announces another order.
    fn look_at_order(&mut self) {
        let attached = self.attachments.list().into_iter();
        for attached in attached.filter(|attached| changes_silently(attached.by)) {
            self.look_at(attached.index);
        }
    }

    fn look_at(&mut self, index: u32) {
        let mut present = self.watch.present();
        let name = present
            .find(|interface| interface.index == index)
            .map(|interface| interface.name.clone());
        drop(present);
        let Some(name) = name else { return };
        // Of one that is not attached to, what was said of that holds.
        if let Some(looked) = self
            .attachments
            .check_first(index, &self.programs)
            .transpose()
        {
            self.note(index, &name, looked);
        }
    }

    /// Attaches once the kernel knows what fits the interface.
    fn attach(&mut self, interface: &Interface) {
        self.note_mtu(interface.index, Some(interface.mtu));
        let done = self.attachments.attach(interface, &self.programs);
        // Where it fails, an earlier program may still be there, so the MTU stays noted.
        if let Ok(Attachment::Gone) = done {
            self.note_mtu(interface.index, None);
        }
        self.note(interface.index, &interface.name, done);
    }

    /// Notes how it went with an interface.
    fn note(&mut self, index: u32, name: &str, done: Result<Attachment, AttachError>) {
        let mut failing = None;
        match done {
            Ok(Attachment::Attached(attached)) => {
                tracing::debug!(interface = %attached.name, by = %attached.by, first = attached.first, "attached");
                self.note_order(&attached);
            }
            Ok(Attachment::Gone) => {}
            Err(error) => {
                let error = error.to_string();
                self.warn(name, &error);
                failing = Some((name.to_owned(), error));
            }
        }
        self.coverage.send_modify(|coverage| match failing {
            Some(failing) => drop(coverage.failing.insert(index, failing)),
            None => drop(coverage.failing.remove(&index)),
        });
    }

    fn note_mtu(&mut self, index: u32, mtu: Option<u32>) {
        if let Err(error) = self.mtus.set(index, mtu) {
            let error = format!("{error:#}; large replies on this interface go to the DNS service");
            self.warn("", &error);
        }
    }

    /// Says once when other programs run before ours.
    fn note_order(&mut self, attached: &Attached) {
        if !attached.first {
            let behind = attached.behind.join(", ");
            self.warn(
                &attached.name,
                &format!("{behind} runs before ours: what it answers or drops, we do not see"),
            );
        }
    }

    /// Tells a trouble of an interface, or of none that has a name, unless that was told of it or of another one.
    fn warn(&mut self, interface: &str, trouble: &str) {
        if !is_news(&mut self.told, interface, trouble) {
            return;
        }
        match interface {
            "" => tracing::warn!("{trouble} (told once, be it so again)"),
            interface => tracing::warn!(
                interface,
                "{trouble} (told once, be it so of others or again; `zerohop status` shows each)"
            ),
        }
    }
}

/// Whether a trouble was not told yet, be it of another interface: filters may have an interface's name in theirs.
fn is_news(told: &mut Told, interface: &str, trouble: &str) -> bool {
    let of_any = match interface {
        "" => trouble.to_owned(),
        name => trouble.replace(name, ""),
    };
    told.is_new(&of_any, Instant::now())
}

/// Whether the order of programs can change without a message: filters are announced, and XDP has no order.
fn changes_silently(by: AttachedBy) -> bool {
    match by {
        AttachedBy::Tcx => true,
        AttachedBy::Clsact | AttachedBy::XdpNative | AttachedBy::XdpGeneric => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_of_each_pod_is_told_once_for_all_and_something_else_again() {
        let mut told = Told::default();
        let mut pods = |programs: fn(u32, &str) -> String| {
            let names = (10..100).map(|number| format!("lxc{number:x}f"));
            let said = (10..)
                .zip(names)
                .filter(|(number, name)| is_news(&mut told, name, &programs(*number, name)));
            said.count()
        };
        let of_tcx = |number: u32, _: &str| format!("TCX program number {number} runs before");
        let of_cilium = |number: u32, interface: &str| {
            format!("tc filter bpf from-{interface} (priority 1, handle {number:#x}) runs before")
        };
        assert_eq!(pods(of_tcx), 1);
        assert_eq!(pods(of_cilium), 1);
        assert_eq!(pods(of_tcx), 0);
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
