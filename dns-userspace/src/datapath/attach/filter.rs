//! A tc filter as the kernel lists it: which are ours, and where ours may stand.

use crate::datapath::netlink::{attributes, text, u32_at};

/// The handles of our filters: "ZH", then a number. Two, so that a filter can move to the front
/// without a gap: the new one is added before the old one is removed. Never 1, which AWS's agent
/// takes and removes by number.
pub(super) const HANDLES: [u32; 2] = [0x5a48_0001, 0x5a48_0002];
/// The name of our filters, as `tc filter show` prints it.
pub(super) const NAME: &str = "zerohop";

/// The kind of filter that runs BPF programs.
pub(super) const KIND: &str = "bpf";
/// All protocols.
pub(super) const ETH_P_ALL: u16 = 3;

const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_CHAIN: u16 = 11;
const TCA_BPF_NAME: u16 = 7;
const TCA_BPF_ID: u16 = 11;
/// Octets of `struct tcmsg` before the attributes.
const HEADER_LEN: usize = 20;

/// A filter on the way in, as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) handle: u32,
    pub(super) priority: u16,
    protocol: u16,
    kind: String,
    name: String,
    /// The number of its program; 0 if it has none.
    pub(super) program: u32,
}

impl Filter {
    /// Reads the payload of RTM_NEWTFILTER. `None` for the entry that stands for a whole priority
    /// (handle 0), and for chains other than the first, which only other filters lead to.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let handle = u32_at(payload, 8)?;
        let information = u32_at(payload, 16)?;
        let mut filter = Self {
            handle,
            priority: (information >> 16) as u16,
            protocol: u16::from_be(information as u16),
            kind: String::new(),
            name: String::new(),
            program: 0,
        };
        let mut chain = 0;
        let mut options: &[u8] = &[];
        for (kind, value) in attributes(payload.get(HEADER_LEN..)?) {
            match kind {
                TCA_KIND => filter.kind = text(value),
                TCA_OPTIONS => options = value,
                TCA_CHAIN => chain = u32_at(value, 0)?,
                _ => {}
            }
        }
        if handle == 0 || chain != 0 {
            return None;
        }
        if filter.kind == KIND {
            for (kind, value) in attributes(options) {
                match kind {
                    TCA_BPF_NAME => filter.name = text(value),
                    TCA_BPF_ID => filter.program = u32_at(value, 0)?,
                    _ => {}
                }
            }
        }
        Some(filter)
    }

    /// Whether it is one of ours.
    pub(super) fn is_ours(&self) -> bool {
        self.kind == KIND && self.name == NAME && HANDLES.contains(&self.handle)
    }

    /// Whether a filter of ours may have the same priority.
    fn shares_priority(&self) -> bool {
        self.kind == KIND && self.protocol == ETH_P_ALL
    }

    /// In words for a report.
    pub(super) fn describe(&self) -> String {
        let name = if self.name.is_empty() { "" } else { " " };
        format!(
            "tc filter {}{name}{} (priority {}, handle {:#x})",
            self.kind, self.name, self.priority, self.handle
        )
    }
}

/// The best place for a filter of ours among `others`: its priority, and how many of them run
/// before it.
pub(super) fn best_place(others: &[Filter]) -> (u16, usize) {
    let blocked = |priority| {
        others
            .iter()
            .any(|filter| filter.priority == priority && !filter.shares_priority())
    };
    let priority = (1..u16::MAX)
        .find(|priority| !blocked(*priority))
        .unwrap_or(u16::MAX);
    let before = others
        .iter()
        .filter(|filter| filter.priority < priority)
        .count();
    (priority, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(priority: u16, kind: &str) -> Filter {
        Filter {
            handle: 1,
            priority,
            protocol: ETH_P_ALL,
            kind: kind.into(),
            name: String::new(),
            program: 0,
        }
    }

    #[test]
    fn ours_shares_priority_one_with_bpf_filters() {
        assert_eq!(best_place(&[filter(1, "bpf"), filter(2, "u32")]), (1, 0));
    }

    #[test]
    fn a_priority_of_another_kind_or_protocol_is_left_to_its_owner() {
        assert_eq!(best_place(&[filter(1, "flower"), filter(2, "bpf")]), (2, 1));
        let ip_only = Filter {
            protocol: 0x0800,
            ..filter(1, "bpf")
        };
        assert_eq!(best_place(&[ip_only]), (2, 1));
    }

    #[test]
    fn a_foreign_filter_with_our_handle_is_not_ours() {
        let foreign = Filter {
            handle: HANDLES[0],
            name: "other".into(),
            ..filter(1, "bpf")
        };
        assert!(!foreign.is_ours());
        assert!(
            Filter {
                name: NAME.into(),
                ..foreign
            }
            .is_ours()
        );
    }
}
