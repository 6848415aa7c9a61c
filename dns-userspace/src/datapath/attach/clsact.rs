//! Filters on the clsact qdisc. It is shared ground: the qdisc is added if absent and never
//! removed, and no filter is touched but ours, which is known by handle and name.
//!
//! Filters run by priority, low numbers first; of one priority (which then has one kind and one
//! protocol) the one added last runs first. A replaced filter keeps its place. So ours goes to
//! priority 1, behind nothing that was there before, unless filters of another kind hold that
//! priority.

use std::{
    collections::BTreeSet,
    os::fd::{AsRawFd, BorrowedFd},
    time::Instant,
};

use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        RouteNetlinkMessage,
        tc::{TcAttribute, TcBpfFlags, TcFilterBpfOption, TcHandle, TcMessage, TcOption},
    },
};

use super::{
    contest::Contest,
    error::{AttachError, StepError},
    filter::{ETH_P_ALL, Filter, HANDLES, KIND, NAME, best_place},
    links::describe_tcx,
    programs::Program,
};
use crate::datapath::{
    interfaces::Interface,
    netlink::{Refusal, Requests},
};

const INGRESS: TcHandle = TcHandle {
    major: TcHandle::CLSACT.major,
    minor: TcHandle::MIN_INGRESS,
};
const RTM_NEWTFILTER: u16 = 44;

/// Makes sure that a filter of ours runs `program`, as the first one as far as `contest` allows.
/// `again`: we had one, so that its absence is somebody's doing. Gives the filters and programs
/// that run before it.
pub(super) fn ensure(
    requests: &mut Requests,
    interface: &Interface,
    program: &Program,
    again: bool,
    contest: &mut Contest,
) -> Result<Vec<String>, StepError> {
    let (index, name) = (interface.index, interface.name.as_str());
    let present = filters(requests, index)?;
    if present.iter().any(Filter::is_ours) {
        renew(requests, interface, program, &present, contest)?;
    } else if again && !contest.may_move(Instant::now()) {
        return Err(AttachError::Contested {
            interface: name.into(),
        }
        .into());
    } else {
        add_qdisc(requests, index, name)?;
        add(requests, index, name, &present, program.fd())?;
    }
    // Without a place, interface or filter went away since: a notification of it is on its way.
    obstacles(requests, index)?.ok_or(StepError::Gone)
}

/// In words, the programs and filters that run before our filter on the interface `index`; `None`
/// if there is none of ours.
pub(super) fn obstacles(
    requests: &mut Requests,
    index: u32,
) -> Result<Option<Vec<String>>, StepError> {
    let present = filters(requests, index)?;
    if !present.iter().any(Filter::is_ours) {
        return Ok(None);
    }
    let mut behind = describe_tcx(index);
    behind.extend(before_ours(&present).map(Filter::describe));
    Ok(Some(behind))
}

/// Gives our filter among `present` the program, moves it to the front if it can be further there,
/// and removes a second one, which an agent that died while moving leaves behind.
fn renew(
    requests: &mut Requests,
    interface: &Interface,
    program: &Program,
    present: &[Filter],
    contest: &mut Contest,
) -> Result<(), StepError> {
    let (index, name) = (interface.index, interface.name.as_str());
    let (ours, others): (Vec<_>, Vec<_>) = present.iter().cloned().partition(Filter::is_ours);
    if let Some(current) = ours.first().filter(|current| current.program != program.id) {
        replace(requests, index, name, current, program.fd())?;
    }
    let can_advance = before_ours(present).count() > best_place(&others).1;
    let moves = can_advance && contest.may_move(Instant::now());
    if moves {
        add(requests, index, name, present, program.fd())?;
    }
    for superfluous in ours.iter().skip(usize::from(!moves)) {
        remove(requests, index, superfluous)?;
    }
    Ok(())
}

/// The filters that run before ours.
fn before_ours(present: &[Filter]) -> impl Iterator<Item = &Filter> {
    present.iter().take_while(|filter| !filter.is_ours())
}

/// Removes our filters, of these programs if any are given, from the interface `index`; gives their number.
pub(super) fn remove_ours(
    requests: &mut Requests,
    index: u32,
    programs: Option<&BTreeSet<u32>>,
) -> Result<usize, AttachError> {
    let is_meant = |filter: &&Filter| {
        filter.is_ours() && programs.is_none_or(|programs| programs.contains(&filter.program))
    };
    let mut removed = 0;
    let listed = filters(requests, index);
    let outcome = listed.and_then(|filters| {
        for filter in filters.iter().filter(is_meant) {
            remove(requests, index, filter)?;
            removed += 1;
        }
        Ok(())
    });
    match outcome {
        Ok(()) | Err(StepError::Gone) => Ok(removed),
        Err(StepError::Failed(error)) => Err(error),
    }
}

/// The filters on the way into the interface `index`, in the order in which they run; none if there
/// is no qdisc.
fn filters(requests: &mut Requests, index: u32) -> Result<Vec<Filter>, StepError> {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = INGRESS;
    let mut filters = Vec::new();
    let listed = requests.dump(
        RouteNetlinkMessage::GetTrafficFilter(message),
        |kind, payload| {
            filters.extend(
                (kind == RTM_NEWTFILTER)
                    .then(|| Filter::read(payload))
                    .flatten(),
            );
        },
    );
    match listed {
        Ok(()) => Ok(filters),
        Err(refusal) => Err(StepError::refused(
            format!("list the tc filters of interface {index}"),
            refusal,
        )),
    }
}

/// Adds the clsact qdisc unless it, or the older ingress qdisc, which serves as well, is there.
fn add_qdisc(requests: &mut Requests, index: u32, interface: &str) -> Result<(), StepError> {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = TcHandle::CLSACT;
    message.header.handle = TcHandle {
        major: TcHandle::CLSACT.major,
        minor: 0,
    };
    message.attributes.push(TcAttribute::Kind("clsact".into()));
    let added = requests.carry_out(
        RouteNetlinkMessage::NewQueueDiscipline(message),
        NLM_F_CREATE | NLM_F_EXCL,
    );
    match added {
        Ok(()) => Ok(()),
        Err(refusal) if refusal.errno() == Some(nix::libc::EEXIST) => Ok(()),
        Err(refusal) => Err(refused(
            format!("add a clsact qdisc to {interface}"),
            refusal,
        )),
    }
}

/// Adds a filter of ours at `priority`, in front of those that have it already. The handle is the
/// one that `filters` does not hold.
fn add(
    requests: &mut Requests,
    index: u32,
    interface: &str,
    filters: &[Filter],
    program: BorrowedFd<'_>,
) -> Result<(), StepError> {
    let others: Vec<Filter> = filters
        .iter()
        .filter(|filter| !filter.is_ours())
        .cloned()
        .collect();
    let (priority, _) = best_place(&others);
    let taken = |handle: &u32| {
        filters
            .iter()
            .any(|filter| filter.handle == *handle && filter.priority == priority)
    };
    let handle = HANDLES
        .into_iter()
        .find(|handle| !taken(handle))
        .unwrap_or(HANDLES[0]);
    let message = message(index, handle, priority, Some(program));
    let action = || format!("add a tc filter to {interface}");
    requests
        .carry_out(
            RouteNetlinkMessage::NewTrafficFilter(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
        .map_err(|refusal| refused(action(), refusal))
}

/// Puts `program` in the place of the one that `filter` runs. The filter keeps its place, and no
/// packet misses it.
fn replace(
    requests: &mut Requests,
    index: u32,
    interface: &str,
    filter: &Filter,
    program: BorrowedFd<'_>,
) -> Result<(), StepError> {
    let message = message(index, filter.handle, filter.priority, Some(program));
    requests
        .carry_out(RouteNetlinkMessage::NewTrafficFilter(message), 0)
        .map_err(|refusal| {
            StepError::refused(
                format!("replace the program of our tc filter on {interface}"),
                refusal,
            )
        })
}

/// Removes `filter`; one that is gone already is no error.
fn remove(requests: &mut Requests, index: u32, filter: &Filter) -> Result<(), StepError> {
    let message = message(index, filter.handle, filter.priority, None);
    match requests.carry_out(RouteNetlinkMessage::DelTrafficFilter(message), 0) {
        Ok(()) => Ok(()),
        Err(refusal) if refusal.errno() == Some(nix::libc::ENOENT) => Ok(()),
        Err(refusal) => Err(StepError::refused(
            format!("remove our tc filter from interface {index}"),
            refusal,
        )),
    }
}

fn message(index: u32, handle: u32, priority: u16, program: Option<BorrowedFd<'_>>) -> TcMessage {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.handle = handle.into();
    message.header.parent = INGRESS;
    message.header.info = u32::from(priority) << 16 | u32::from(ETH_P_ALL.to_be());
    message.attributes.push(TcAttribute::Kind(KIND.into()));
    if let Some(program) = program {
        message.attributes.push(TcAttribute::Options(vec![
            TcOption::Bpf(TcFilterBpfOption::ProgFd(
                program.as_raw_fd().cast_unsigned(),
            )),
            TcOption::Bpf(TcFilterBpfOption::ProgName(NAME.into())),
            TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
        ]));
    }
    message
}

/// As [`StepError::refused`], with the answers of a kernel that lacks the qdisc or the filter.
fn refused(action: String, refusal: Refusal) -> StepError {
    match refusal.errno() {
        Some(nix::libc::ENOENT) => AttachError::NoClsact {
            action,
            source: refusal.into(),
        }
        .into(),
        _ => StepError::refused(action, refusal),
    }
}
