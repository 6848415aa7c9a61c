//! The floor: the least programs that answer a question on a pod's interface, and one that does nothing.

use anyhow::{Context as _, Result};
use aya::{
    Ebpf, EbpfLoader,
    programs::{LinkOrder, SchedClassifier, TcAttachType, tc::TcAttachOptions},
};
use tests::{Namespace, Pod};

/// The object of the package `bounce-ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bounce"));

/// One of its programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounce {
    /// Back by a plain redirect.
    Plain,
    /// Back straight into the pod's end.
    Peer,
    /// On, untouched.
    Empty,
}

impl Bounce {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "bounce_plain",
            Self::Peer => "bounce_peer",
            Self::Empty => "empty",
        }
    }
}

/// The loaded programs. The kernel takes them off the interfaces when this is dropped or the process ends, however it
/// ends, for nothing else holds their links.
pub(crate) struct Bounces(Ebpf);

impl Bounces {
    /// Loads the programs and attaches each to the node's end of its pod's veth.
    ///
    /// # Errors
    ///
    /// The kernel refuses: no root, or older than 6.6, which has no TCX.
    pub(crate) fn attach<const N: usize>(
        node: &Namespace,
        places: [(Bounce, &Pod); N],
    ) -> Result<Self> {
        let mut object = EbpfLoader::new()
            .load(OBJECT)
            .context("load the floor programs into the kernel")?;
        for bounce in [Bounce::Plain, Bounce::Peer, Bounce::Empty] {
            let program = program_mut(&mut object, bounce)?;
            let loaded = program.load();
            loaded.with_context(|| format!("load {} into the kernel", bounce.name()))?;
        }
        node.enter(|| {
            for (bounce, pod) in places {
                attach(&mut object, bounce, pod.node_interface())
                    .with_context(|| format!("attach {} by TCX (Linux 6.6)", bounce.name()))?;
            }
            Ok(())
        })?;
        Ok(Self(object))
    }

    /// One of the programs.
    ///
    /// # Errors
    ///
    /// The object has none of that name.
    pub(crate) fn program(&self, bounce: Bounce) -> Result<&SchedClassifier> {
        let name = bounce.name();
        let program = self.0.program(name);
        let program = program.with_context(|| format!("find {name} in the object"))?;
        Ok(program.try_into()?)
    }
}

fn attach(object: &mut Ebpf, bounce: Bounce, interface: &str) -> Result<()> {
    program_mut(object, bounce)?.attach_with_options(
        interface,
        TcAttachType::Ingress,
        TcAttachOptions::TcxOrder(LinkOrder::first()),
    )?;
    Ok(())
}

fn program_mut(object: &mut Ebpf, bounce: Bounce) -> Result<&mut SchedClassifier> {
    let name = bounce.name();
    let program = object.program_mut(name);
    let program = program.with_context(|| format!("find {name} in the object"))?;
    Ok(program.try_into()?)
}
