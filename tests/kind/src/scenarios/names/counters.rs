//! How the counters of a node's agent move.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use tests::Status;

use crate::{node::Node, stage::Stage};

/// What was counted on a node meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Answered in the kernel, with records.
    pub(super) answer: u64,
    /// Answered in the kernel: the name has other types only.
    pub(super) nodata: u64,
    /// Answered in the kernel: there is no such name.
    pub(super) nxdomain: u64,
    /// Left to the DNS service.
    pub(super) passed: u64,
    /// To destinations that are not the DNS service, by address.
    pub(super) elsewhere: BTreeMap<String, u64>,
}

/// Does something and returns how the counters moved on `node`.
pub(super) fn counted<T>(
    stage: &Stage,
    node: &Node,
    act: impl FnOnce() -> Result<T>,
) -> Result<(T, Counted)> {
    let before = stage.agents.status(node)?;
    let value = act()?;
    let after = stage.agents.status(node)?;
    Ok((value, Counted::between(&before, &after)))
}

/// Does something, and does it once more if the counters did not move as `expected`: others on the node may ask
/// meanwhile, though hardly twice in a row.
///
/// # Errors
///
/// What `act` says; or the counters moved otherwise both times.
pub(super) fn counted_as(
    stage: &Stage,
    node: &Node,
    act: impl Fn() -> Result<()>,
    expected: impl Fn(&Counted) -> bool,
) -> Result<()> {
    let ((), first) = counted(stage, node, &act)?;
    if expected(&first) {
        return Ok(());
    }
    let ((), second) = counted(stage, node, &act)?;
    ensure!(
        expected(&second),
        "counted were {first:?}, and once more {second:?}"
    );
    Ok(())
}

impl Counted {
    fn between(before: &Status, after: &Status) -> Self {
        let to = |status: &Status, address: &str| {
            let mut all = status.unknown_destinations.iter();
            all.find(|one| one.address == address)
                .map_or(0, |one| one.questions)
        };
        let elsewhere = after.unknown_destinations.iter().map(|one| {
            let more = one.questions.saturating_sub(to(before, &one.address));
            (one.address.clone(), more)
        });
        Self {
            answer: after.answered.answer.saturating_sub(before.answered.answer),
            nodata: after.answered.nodata.saturating_sub(before.answered.nodata),
            nxdomain: after
                .answered
                .nxdomain
                .saturating_sub(before.answered.nxdomain),
            passed: after.passed_on().saturating_sub(before.passed_on()),
            elsewhere: elsewhere.filter(|(_, more)| *more > 0).collect(),
        }
    }

    /// All that the kernel answered.
    pub(super) fn in_kernel(&self) -> u64 {
        self.answer + self.nodata + self.nxdomain
    }
}
