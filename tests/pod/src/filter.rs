//! `pod filter`: a stateful filter on another pod's interface, for as long as standard input lasts.

use std::io::{BufRead, Write};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf, EbpfLoader,
    maps::PerCpuArray,
    programs::{
        LinkOrder, SchedClassifier, TcAttachType,
        tc::{NlOptions, TcAttachOptions, qdisc_add_clsact},
    },
};
use clap::ValueEnum;
use nix::net::if_::if_indextoname;
use pod::protocol::Filtered;
use tests::undo::Undo;

/// The object of the package `filter-ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/filter"));

/// Its programs, and where each hangs.
const PROGRAMS: [(&str, TcAttachType); 2] = [
    ("filter_leaving", TcAttachType::Ingress),
    ("filter_entering", TcAttachType::Egress),
];

/// The first and a late priority of clsact. Of one priority, the filter that was added last runs first.
const PRIORITIES: [u16; 2] = [1, 50];

/// Where to filter.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The number of the interface, the node's end of the pod's veth
    #[arg(long, value_name = "NUMBER")]
    interface: u32,
    /// What the programs hang on
    #[arg(long, value_enum)]
    hook: Hook,
    /// Their place among those that hang there
    #[arg(long, value_enum)]
    place: Place,
}

/// What the programs hang on.
#[derive(Clone, Copy, ValueEnum)]
enum Hook {
    /// TCX links
    Tcx,
    /// Filters of the clsact qdisc
    Clsact,
}

/// Their place among those that hang there.
#[derive(Clone, Copy, ValueEnum)]
enum Place {
    /// Before all others
    First,
    /// Behind all others
    Last,
}

/// Attaches, writes a [`Filtered`] at once and one more for each line of the input, and detaches at its end.
pub(crate) fn run(options: &Options, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let mut object = EbpfLoader::new()
        .load(OBJECT)
        .context("load the filter into the kernel")?;
    let counters = object.take_map("COUNTERS").context("find COUNTERS")?;
    let counters = PerCpuArray::<_, u64>::try_from(counters).context("open COUNTERS")?;
    let program = attach(&mut object, options)?;
    // What hangs on clsact outlives a process, so it is taken away on SIGTERM, too.
    let _detached = Undo::on_drop(move || drop(object));
    let mut requests = input.lines();
    loop {
        let count = |index| -> Result<u64> {
            let each = counters.get(&index, 0).context("read COUNTERS")?;
            Ok(each.iter().sum())
        };
        let filtered = Filtered {
            program,
            left: count(0)?,
            entered: count(1)?,
            dropped: count(2)?,
        };
        serde_json::to_writer(&mut output, &filtered).context("write counts")?;
        writeln!(output)
            .and_then(|()| output.flush())
            .context("write counts")?;
        match requests.next() {
            Some(line) => drop(line.context("read a request")?),
            None => return Ok(()),
        }
    }
}

/// Loads and attaches both programs; the number of the first.
fn attach(object: &mut Ebpf, options: &Options) -> Result<u32> {
    let name = if_indextoname(options.interface)
        .with_context(|| format!("find interface {}", options.interface))?;
    let name = name.to_str().context("an interface's name")?;
    if let Hook::Clsact = options.hook {
        // It is shared: it may be there, and stays. Where it cannot be added, attaching says why.
        let _ = qdisc_add_clsact(name);
    }
    let mut numbers = [0; PROGRAMS.len()];
    for ((program, direction), number) in PROGRAMS.into_iter().zip(&mut numbers) {
        let order = match (options.hook, options.place) {
            (Hook::Tcx, Place::First) => TcAttachOptions::TcxOrder(LinkOrder::first()),
            (Hook::Tcx, Place::Last) => TcAttachOptions::TcxOrder(LinkOrder::last()),
            (Hook::Clsact, place) => TcAttachOptions::Netlink(NlOptions {
                priority: PRIORITIES[place as usize],
                ..NlOptions::default()
            }),
        };
        let failed = || format!("attach {program} to {name}");
        let program: &mut SchedClassifier = object
            .program_mut(program)
            .with_context(failed)?
            .try_into()
            .with_context(failed)?;
        program.load().with_context(failed)?;
        program
            .attach_with_options(name, direction, order)
            .with_context(failed)?;
        *number = program.info().with_context(failed)?.id();
    }
    Ok(numbers[0])
}
