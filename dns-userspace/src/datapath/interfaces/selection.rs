//! Which interfaces are wanted, by what the user said.

use glob::Pattern;

use super::{AttachPoint, InterfaceError, Link};

/// Which interfaces are to be attached to.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    globs: Vec<Pattern>,
    xdp: Vec<String>,
}

impl Selection {
    /// With `globs`, the interfaces whose names match one of them, of any kind with Ethernet frames but loopback;
    /// without, each veth whose peer lies in another network namespace. The interfaces named in
    /// `xdp` are taken for XDP, whatever their kind.
    ///
    /// # Errors
    /// [`InterfaceError::Pattern`] for a glob that is none.
    pub fn new(globs: &[String], xdp: &[String]) -> Result<Self, InterfaceError> {
        let globs = globs.iter().map(|text| {
            Pattern::new(text).map_err(|source| InterfaceError::Pattern {
                pattern: text.clone(),
                source,
            })
        });
        Ok(Self {
            globs: globs.collect::<Result<_, _>>()?,
            xdp: xdp.to_vec(),
        })
    }

    /// Where on `link` to attach, if at all.
    pub(super) fn point_of(&self, link: &Link) -> Option<AttachPoint> {
        if self.xdp.contains(&link.name) {
            return Some(AttachPoint::Xdp);
        }
        let wanted = if self.globs.is_empty() {
            link.peer_in_other_namespace && link.kind.as_deref() == Some("veth")
        } else {
            !link.loopback
                && link.ethernet
                && self.globs.iter().any(|glob| glob.matches(&link.name))
        };
        wanted.then_some(AttachPoint::TrafficControl)
    }

    /// The names given without a wildcard.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let globs = self
            .globs
            .iter()
            .map(Pattern::as_str)
            .filter(|glob| !glob.contains(['*', '?', '[']));
        globs.chain(self.xdp.iter().map(String::as_str))
    }
}
