//! `cargo xtask demo`: a pod's cluster look-ups, answered in the kernel on the pod's own veth.
//!
//! Everything happens in network namespaces that the demo makes and removes; the machine's own
//! network is not touched. Every look-up is a real one, by `dig` and the C library, and who answered
//! it is told by the counters of both sides.

mod latency;
mod look_up;
mod map_entry;
mod scene;
mod script;
mod zones;

use std::{io::Write as _, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use comfy_table::{ColumnConstraint, Table, Width, presets};

use self::{
    look_up::{Answerers, LookUp, Outcome},
    scene::{DNS_SERVICE, Programs, Scene},
};
use crate::{
    setup::{self, Environment},
    tools::Tool,
    workspace,
};

/// Four addresses rotated by chance: the same first one this often in a row is no accident.
const ORDER_ATTEMPTS: usize = 32;

/// In characters, with the space around.
const COLUMN_WIDTHS: [u16; 4] = [49, 25, 45, 11];

/// How to run the demo.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave all of it running at the end, until Ctrl-C, and say how to explore it
    #[arg(long)]
    keep: bool,
    /// How many round trips to measure of each kind
    #[arg(long, default_value_t = 2000)]
    questions: usize,
}

/// Sets the stage, plays, and clears the stage; also on failure and on Ctrl-C.
///
/// # Errors
///
/// When a part cannot be set up, or an answer was not as expected.
pub(crate) fn run(options: &Options) -> Result<()> {
    let environment = setup::ready(setup::DEMO)?;
    let programs = Programs {
        zerohop: build_agent(&environment)?,
        core_dns: environment.tool(Tool::CoreDns)?.to_owned(),
        examples: workspace::root().join("examples"),
    };
    println!("Setting the stage:");
    let scene = Scene::set(&programs)?;
    let unexpected = play(&scene)?;
    latency::show(&scene, options.questions)?;
    map_entry::show(&scene)?;
    println!();
    if options.keep {
        keep(&scene, &programs);
    }
    clear(scene)?;
    ensure!(
        unexpected == 0,
        "{unexpected} look-ups did not come as expected: see the marks above"
    );
    println!("All came as expected, and everything is removed again.");
    Ok(())
}

/// The development build: the BPF object in it is optimised all the same, and the tests share it.
fn build_agent(environment: &Environment) -> Result<PathBuf> {
    println!("Building the agent ...");
    let mut command = environment.cargo();
    command.args(["build", "--package", "dns-userspace", "--bin", "zerohop"]);
    let status = command.status().context("start cargo")?;
    ensure!(
        status.success(),
        "the agent does not build: the reasons stand above"
    );
    Ok(workspace::target_folder().join("debug/zerohop"))
}

/// Runs every act and prints it as a table; returns how many look-ups came otherwise than expected.
fn play(scene: &Scene) -> Result<usize> {
    let mut unexpected = 0;
    for act in script::acts() {
        let mut table = new_table();
        for look_up in &act.look_ups {
            unexpected += usize::from(!show(&mut table, look_up, &look_up.run(scene)?));
        }
        println!("\n{}\n{table}", act.heading);
    }
    ensure_orders_differ(scene)?;
    println!(
        "\n* the whole program from start to end; of dig, its own measure, with its threads' waking up"
    );
    Ok(unexpected)
}

/// All tables have the same columns, so that they stand under each other.
fn new_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_header(["look-up in the pod", "answered by", "answer", "time"])
        .set_constraints(
            COLUMN_WIDTHS.map(|width| ColumnConstraint::LowerBoundary(Width::Fixed(width))),
        );
    table
}

/// Adds a row, and says whether it is as expected; if not, the next row says what was.
fn show(table: &mut Table, look_up: &LookUp, outcome: &Outcome) -> bool {
    let mark = match look_up.by {
        look_up::Asker::Dig { .. } => "",
        look_up::Asker::Program(_) => " *",
    };
    table.add_row([
        look_up.command(),
        outcome.answered_by.text(),
        outcome.answer.join(" "),
        time_text(outcome.time) + mark,
    ]);
    let met = look_up.is_met_by(outcome);
    if !met {
        table.add_row([
            "  NOT as expected, which was:".to_owned(),
            look_up.answered_by.text(),
            look_up.answer.join(" "),
            String::new(),
        ]);
    }
    met
}

fn time_text(time: Duration) -> String {
    match time.as_micros() {
        short @ ..1000 => format!("{short} µs"),
        long => format!("{:.1} ms", long as f64 / 1000.0),
    }
}

/// The few look-ups that were shown may have come in the same order by chance.
fn ensure_orders_differ(scene: &Scene) -> Result<()> {
    let look_up = script::headless();
    let first = look_up.run(scene)?.answer;
    for _ in 0..ORDER_ATTEMPTS {
        let outcome = look_up.run(scene)?;
        if outcome.answered_by != Answerers::KERNEL {
            bail!("{} was not answered in the kernel", look_up.command());
        }
        if outcome.answer != first {
            return Ok(());
        }
    }
    bail!(
        "{} came in the same order {ORDER_ATTEMPTS} times",
        look_up.command()
    )
}

/// Says how to explore, and waits for Ctrl-C, which clears the stage.
fn keep(scene: &Scene, programs: &Programs) -> ! {
    let pod = scene.pod.namespace().path();
    let pins = scene.pins.path().display();
    let zerohop = programs.zerohop.display();
    println!(
        "All of it stays until Ctrl-C, which removes it. In another terminal, as root:\n\
         \n  in the pod:     nsenter --net={} dig @{DNS_SERVICE} web.shop.svc.cluster.local\
         \n  the counters:   {zerohop} status --pin-directory {pins}\
         \n  one name:       {zerohop} lookup web.shop.svc.cluster.local --pin-directory {pins}\
         \n  the maps:       bpftool map dump pinned {pins}/ENTRIES_40\
         \n  the objects:    change files in {}; the agent reads them again",
        pod.display(),
        programs.examples.display()
    );
    // A reader behind a pipe waits for these lines, and no more will come to push them out.
    let _ = std::io::stdout().flush();
    tests::undo::until_interrupted()
}

/// Ends the agent and detaches as an administrator would; the rest goes by being dropped.
fn clear(scene: Scene) -> Result<()> {
    scene.agent.terminate()?;
    scene.agent.run_verb("detach", &[])?;
    ensure!(
        !scene.pins.path().exists(),
        "`zerohop detach` has left pins in {}",
        scene.pins.path().display()
    );
    Ok(())
}
