//! Part 6: clusters of different sizes, and what one node's agent makes of them.

mod absent;
mod agent;
mod api;
mod cluster;
mod cost;
mod look_up;
mod maps;
mod propagation;
mod proxy;

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tests::{Agent, Folder, Namespace, Pins, Tool, program};

use self::{
    agent::Consumer,
    api::{Api, COREFILE},
    cluster::Shape,
    look_up::LookUps,
    maps::Names,
};
use crate::{
    Options, machine,
    progress::Progress,
    results::{Propagation, Size},
};

/// How long the agent may take to answer; a limit for the run, not for the figures.
const LIMIT: Duration = Duration::from_secs(120);
/// What the agent says when it has read a list to its end, and when it answers.
const LISTED: &str = "is listed";
const ANSWERING: &str = "answering questions";
/// How much larger than by default the maps must be for the largest cluster.
const ENTRIES: &str = "1048576";

/// A cluster to measure.
struct Case {
    label: &'static str,
    shape: Shape,
    /// Whether a real API server holds it.
    real: bool,
}

impl Case {
    const fn new(label: &'static str, services: u32, endpoints_each: u32, real: bool) -> Self {
        let shape = Shape {
            services,
            endpoints_each,
        };
        Self { label, shape, real }
    }
}

const ALL: [Case; 7] = [
    Case::new("1k services", 1_000, 0, true),
    Case::new("1k services", 1_000, 0, false),
    Case::new("10k services", 10_000, 0, true),
    Case::new("10k services", 10_000, 0, false),
    Case::new("10k services, 100k endpoints", 10_000, 10, true),
    Case::new("10k services, 100k endpoints", 10_000, 10, false),
    Case::new("50k services", 50_000, 0, false),
];
const QUICK: [Case; 2] = [
    Case::new("1k services", 1_000, 0, false),
    Case::new("10k services, 100k endpoints", 10_000, 10, false),
];

/// How long each part of a case lasts.
struct Lengths {
    /// At rest: long enough for a watch to be renewed.
    rest: Duration,
    /// Rounds of look-ups, and how long each kind is asked in each.
    rounds: u32,
    slice: Duration,
    /// Changes a second, and for how long.
    changes: [(u32, Duration); 3],
}

const WHOLE: Lengths = Lengths {
    rest: Duration::from_secs(30),
    rounds: 30,
    slice: Duration::from_millis(50),
    changes: [
        (10, Duration::from_secs(20)),
        (100, Duration::from_secs(10)),
        (1_000, Duration::from_secs(10)),
    ],
};
const SHORT: Lengths = Lengths {
    rest: Duration::from_secs(5),
    rounds: 8,
    slice: Duration::from_millis(40),
    changes: [
        (10, Duration::from_secs(3)),
        (100, Duration::from_secs(3)),
        (1_000, Duration::from_secs(3)),
    ],
};

/// Measures every size.
///
/// # Errors
///
/// A part of the scene cannot be set up, or a name does not come into the maps.
pub(crate) fn measure(options: &Options) -> Result<Vec<Size>> {
    let (cases, lengths) = match options.quick {
        true => (&QUICK[..], SHORT),
        false => (&ALL[..], WHOLE),
    };
    let progress = Progress::start("clusters of different sizes", cases.len() as u64)?;
    let mut sizes = Vec::new();
    for case in cases {
        let what = |part: &str| progress.tell(&format!("{}: {part}", case.label));
        let size = one(case, &lengths, &what);
        sizes.push(size.with_context(|| format!("measure {}", case.label))?);
        progress.advance();
    }
    progress.finish();
    Ok(sizes)
}

fn one(case: &Case, lengths: &Lengths, tell: &dyn Fn(&str)) -> Result<Size> {
    let shape = case.shape;
    let node = Namespace::node("size")?;
    node.add_loopback_address(api::DNS_ADDRESS.into())?;
    tell("filling the API server");
    let api = match case.real {
        true => Api::real(&node, shape)?,
        false => Api::synthetic(&node, shape)?,
    };
    let mut size = Size {
        label: case.label.to_owned(),
        services: shape.services.into(),
        endpoints: shape.endpoints().into(),
        source: api.name().to_owned(),
        ..Size::default()
    };
    tell("starting the agent");
    let look_ups = LookUps::prepare(&node)?;
    let pins = Pins::new()?;
    let folder = Folder::new()?;
    let corefile = folder.write("Corefile", COREFILE)?;
    let (corefile, kubeconfig) = (corefile.to_string_lossy(), api.kubeconfig());
    let kubeconfig = kubeconfig.to_string_lossy();
    let mut arguments = vec![
        "--kubeconfig",
        &*kubeconfig,
        "--interface",
        look_ups.interface(),
    ];
    if !case.real {
        arguments.extend(["--corefile", &*corefile]);
    }
    if shape.services > 20_000 {
        arguments.extend(["--entries", ENTRIES]);
    }
    let begin = Instant::now();
    let agent = Agent::start(&node, &program(Tool::Zerohop)?, &pins, &arguments)?;
    let process = Consumer(agent.process().id());
    agent.wait_for(ANSWERING, LIMIT)?;
    size.start_cpu_seconds = process.cpu_time()?.as_secs_f64();
    let time_of = |text: &str| {
        let time = agent.process().time_of(text);
        time.with_context(|| format!("the agent has not said that {text:?}"))
    };
    let answering = time_of(ANSWERING)?;
    size.start_to_answering = (answering - begin).as_secs_f64();
    size.lists_to_answering = (answering - time_of(LISTED)?).as_secs_f64();
    let names = Names::open(pins.path())?;
    let count = names.count();
    ensure!(
        count >= shape.names(),
        "the agent answers {count} names and not all {}: {}",
        shape.names(),
        agent.process().last_lines()
    );

    tell("leaving the agent alone");
    let (begin, before) = (Instant::now(), process.cpu_time()?);
    thread::sleep(lengths.rest);
    let spent = process.cpu_time()? - before;
    size.cpu_at_rest = spent.as_secs_f64() / begin.elapsed().as_secs_f64();
    size.agent_peak_octets = process.peak_octets()?;
    size.agent_steady_octets = process.resident_octets()?;
    let maps = maps::memory(pins.path())?;
    size.map_octets = maps.iter().map(|map| map.octets_in_pieces() as u64).sum();

    tell("looking names up");
    (size.hit, size.hit_over_floor) = look_ups.measure(shape, lengths.rounds, lengths.slice)?;

    if !case.real {
        let mut revisions = 0;
        let mut change = |rate, duration| {
            let (measured, absent) = absent::ask_during(&look_ups, pins.path(), || {
                propagation::measure(&api, shape, &names, rate, duration, process, &mut revisions)
            })?;
            anyhow::Ok(Propagation { absent, ..measured })
        };
        for (rate, duration) in lengths.changes {
            tell(&format!("changing it {rate} times a second"));
            size.propagation.push(change(rate, duration)?);
        }
        let [.., (rate, duration)] = lengths.changes;
        tell(&format!(
            "changing it {rate} times a second while all CPUs are busy"
        ));
        size.busy = Some(machine::while_busy(|| change(rate, duration))?);
    }
    agent.terminate()?;
    drop(agent);
    if case.real {
        tell("counting what clients cost the API server");
        size.api = cost::measure(&node, &api, shape)?;
    }
    Ok(size)
}
