//! What a verb needs before it starts: found, or installed, or said in commands to type.
//!
//! As root on Debian or Ubuntu whatever is missing is installed; elsewhere the verb stops before it
//! has done anything. Tools that are built (see [`crate::tools`]) need no root.

mod debian;
mod environment;
mod kernel;
mod library;
mod needs;
mod program;
mod state;
mod toolchain;
mod unpacked;

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

pub(crate) use environment::Environment;
pub(crate) use kernel::is_root;
pub(crate) use needs::{
    BENCH, BUILD, CHECK, DEMO, IMAGE, KIND, MANIFESTS, Need, PARITY, REPLAY, TEST, everything,
};
pub(crate) use state::{Repair, State, Thing};
pub(crate) use unpacked::unpacked;

use crate::tools::{self, Tool};

/// Looks at each of `needs` without changing anything; what building the missing tools takes comes too.
pub(crate) fn inspect(needs: &[Need]) -> Vec<Thing> {
    let mut things = Vec::new();
    for &need in needs {
        match need {
            Need::Kernel => things.extend(kernel::inspect()),
            Need::Program(name) => things.push(program::inspect(name)),
            Need::StaticLibraries => things.push(library::inspect(&library::LIBC)),
            Need::CAres => things.push(library::inspect(&library::C_ARES)),
            Need::Tool(tool) => things.push(state::inspect_tool(tool)),
            Need::BpfLints => things.extend(toolchain::inspect_lints()),
            Need::BpfObject => {
                things.push(toolchain::inspect());
                things.push(state::inspect_tool(Tool::BpfLinker));
            }
        }
    }
    for name in to_build_with(&things) {
        if !things.iter().any(|thing| thing.what == name) {
            things.push(program::inspect(name));
        }
    }
    things
}

/// Makes everything in `needs` be there, and returns the environment for what runs next.
///
/// # Errors
///
/// Something is missing and cannot be installed from here: the message holds the commands to run. Or
/// an installation or a build fails.
pub(crate) fn ready(needs: &[Need]) -> Result<Environment> {
    let missing = missing_of(inspect(needs));
    if !missing.is_empty() {
        repair(&missing)?;
        let left: Vec<Thing> = missing_of(inspect(needs))
            .into_iter()
            .filter(|thing| !thing.is_to_be_built())
            .collect();
        ensure!(
            left.is_empty(),
            "still missing after the installation:\n{}",
            state::commands(&left)
        );
    }

    let toolchain = match needs.contains(&Need::BpfObject) {
        true => Some(toolchain::choose().map_err(|rejected| anyhow::anyhow!(rejected.join("\n")))?),
        false => None,
    };
    let tools = tools::ensure(&tools_of(needs))?;
    Ok(Environment::new(toolchain, tools))
}

/// Repairs what is missing, except for the tools that [`tools::ensure`] builds afterwards.
fn repair(missing: &[Thing]) -> Result<()> {
    let by_hand = missing
        .iter()
        .any(|thing| thing.repair() == Some(&Repair::ByHand));
    let packages: BTreeSet<&str> = missing.iter().flat_map(Thing::packages).collect();
    let installable = packages.is_empty() || debian::can_install();
    if by_hand || !installable {
        bail!("{}", cannot_repair(missing));
    }
    if !packages.is_empty() {
        debian::install(&packages)?;
    }
    if missing
        .iter()
        .any(|thing| thing.repair() == Some(&Repair::BpfToolchain))
    {
        toolchain::install()?;
    }
    Ok(())
}

fn cannot_repair(missing: &[Thing]) -> String {
    // What xtask builds by itself is no work for a person, whatever else is missing.
    let by_person: Vec<Thing> = missing
        .iter()
        .filter(|thing| !thing.is_to_be_built())
        .cloned()
        .collect();
    let install = if !is_root() && debian::is_debian() && !kernel::is_root_among(&by_person) {
        format!("\nor let it be done: {}", as_root("doctor --install"))
    } else {
        String::new()
    };
    format!(
        "this cannot go on, because something is missing that is not installed from here. Run:\n{}{install}",
        state::commands(&by_person)
    )
}

/// Where a program of the system is: one of [`program::PROGRAMS`].
///
/// # Errors
///
/// It is not here, or not among them.
pub(crate) fn find_program(name: &str) -> Result<PathBuf> {
    program::path_of(name).with_context(|| format!("there is no program {name}"))
}

/// The command that runs a verb as root with the tools and caches of this user.
pub(crate) fn as_root(verb: &str) -> String {
    format!("sudo env \"PATH=$PATH\" \"HOME=$HOME\" cargo xtask {verb}")
}

fn missing_of(things: Vec<Thing>) -> Vec<Thing> {
    things
        .into_iter()
        .filter(|thing| thing.repair().is_some())
        .collect()
}

/// The programs without which a missing tool cannot be built.
fn to_build_with(things: &[Thing]) -> Vec<&'static str> {
    let mut programs = BTreeSet::new();
    for thing in things {
        match thing.repair() {
            Some(Repair::Build(Tool::BpfLinker)) => programs.extend(["llvm-config", "c++"]),
            Some(Repair::Build(_)) => programs.extend(["go"]),
            _ => {}
        }
    }
    programs.into_iter().collect()
}

fn tools_of(needs: &[Need]) -> Vec<Tool> {
    needs
        .iter()
        .filter_map(|need| match need {
            Need::BpfObject => Some(Tool::BpfLinker),
            Need::Tool(tool) => Some(*tool),
            Need::BpfLints
            | Need::CAres
            | Need::Kernel
            | Need::Program(_)
            | Need::StaticLibraries => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(repair: Repair) -> Thing {
        Thing::missing(
            "thing",
            "a test",
            "not there",
            repair,
            "the command".to_owned(),
        )
    }

    #[test]
    fn a_missing_go_tool_asks_for_go_and_a_missing_linker_for_llvm() {
        assert_eq!(to_build_with(&[missing(Repair::Build(Tool::Etcd))]), ["go"]);
        assert_eq!(
            to_build_with(&[missing(Repair::Build(Tool::BpfLinker))]),
            ["c++", "llvm-config"]
        );
        assert!(to_build_with(&[missing(Repair::ByHand)]).is_empty());
    }

    #[test]
    fn what_only_a_person_can_repair_stops_before_anything_is_installed() {
        let things = [missing(Repair::Package("dig")), missing(Repair::ByHand)];
        let error = repair(&things).expect_err("by hand");
        assert!(error.to_string().contains("the command"), "{error}");
    }

    #[test]
    fn the_bpf_object_needs_the_linker_among_the_tools() {
        assert_eq!(tools_of(BUILD), [Tool::BpfLinker]);
        assert_eq!(tools_of(DEMO), [Tool::BpfLinker, Tool::CoreDns]);
    }

    #[test]
    fn every_program_that_a_verb_needs_is_in_the_table() {
        for need in DEMO
            .iter()
            .chain(TEST)
            .chain(BUILD)
            .chain(IMAGE)
            .chain(KIND)
            .chain(BENCH)
        {
            if let Need::Program(name) = need {
                assert!(
                    program::PROGRAMS
                        .iter()
                        .any(|program| program.name == *name),
                    "{name}"
                );
            }
        }
    }
}
