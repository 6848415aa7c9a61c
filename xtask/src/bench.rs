//! `cargo xtask bench`: zerohop beside the floor, CoreDNS, NodeLocal DNSCache and NSD, in one run.

use std::{
    fs,
    path::{PathBuf, absolute},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};

use crate::{build, setup, workspace};

/// The exit code when nothing could be said: a 1 is kept for a missed target.
const UNUSABLE: u8 = 2;

/// A program that calls getaddrinfo, relative to the repository's root.
const WALK: &str = "tests/bench/programs/walk.c";

/// The C libraries that it is compiled with: the compiler, its options, and how the bench is told of the program.
const LIBRARIES: [(&str, &[&str], &str); 2] = [
    ("gcc", &[], "ZEROHOP_BENCH_WALK_GLIBC"),
    ("musl-gcc", &["-static"], "ZEROHOP_BENCH_WALK_MUSL"),
];

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds: under two minutes
    #[arg(long)]
    quick: bool,
    /// Only these parts, divided by commas; `--only help` lists them
    #[arg(long, value_name = "PARTS")]
    only: Option<String>,
    /// Also write everything into this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Succeed even if a target is missed
    #[arg(long)]
    report_only: bool,
    /// Measure nothing: draw the charts of docs/performance, and fill the pages' tables, from this JSON file of a run
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "only", "json", "report_only"])]
    draw: Option<PathBuf>,
}

/// Sets up, builds, and measures; the exit code says whether every target is met.
pub(crate) fn run(options: &Options) -> ExitCode {
    match measure(options) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn measure(options: &Options) -> Result<u8> {
    let arguments = arguments(options)?;
    if options.draw.is_some() {
        return draw(&arguments);
    }
    let environment = setup::ready(setup::BENCH)?;
    // The agent as it lies in the image.
    let agent = build::static_program(&environment, "dns-userspace", "zerohop")?;
    let mut command = Command::new(build::static_program(&environment, "bench", "bench")?);
    environment.apply(&mut command);
    command
        .args(arguments)
        .env(::tests::Tool::Zerohop.variable(), agent);
    for (compiler, flags, variable) in LIBRARIES {
        command.env(variable, walk(compiler, flags)?);
    }
    finish(&mut command)
}

/// Shows an earlier run. That needs neither root nor anything to measure with.
fn draw(arguments: &[String]) -> Result<u8> {
    let environment = setup::ready(setup::IMAGE)?;
    let program = build::static_program(&environment, "bench", "bench")?;
    finish(Command::new(program).args(arguments))
}

/// Runs the bench, and returns its exit code.
fn finish(command: &mut Command) -> Result<u8> {
    let status = command.status().context("start the bench")?;
    // Ended by a signal: it has not said anything.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(UNUSABLE))
}

fn arguments(options: &Options) -> Result<Vec<String>> {
    let mut arguments = Vec::new();
    if options.quick {
        arguments.push("--quick".to_owned());
    }
    if options.report_only {
        arguments.push("--report-only".to_owned());
    }
    if let Some(parts) = &options.only {
        arguments.extend(["--only".to_owned(), parts.clone()]);
    }
    if let Some(json) = &options.json {
        let path = absolute(json).with_context(|| format!("find {}", json.display()))?;
        arguments.extend(["--json".to_owned(), path.display().to_string()]);
    }
    if let Some(file) = &options.draw {
        let path = absolute(file).with_context(|| format!("find {}", file.display()))?;
        let root = workspace::root();
        arguments.extend(["--draw".to_owned(), path.display().to_string()]);
        arguments.extend(["--into".to_owned(), root.display().to_string()]);
    }
    Ok(arguments)
}

/// Compiles the program that calls getaddrinfo with one C library.
fn walk(compiler: &str, flags: &[&str]) -> Result<PathBuf> {
    let folder = workspace::target_folder().join("bench-programs");
    fs::create_dir_all(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
    let program = folder.join(format!("walk-by-{compiler}"));
    let output = Command::new(compiler)
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-s", "-o"])
        .arg(&program)
        .args(flags)
        .arg(workspace::root().join(WALK))
        .output()
        .with_context(|| format!("start {compiler}"))?;
    ensure!(
        output.status.success(),
        "{compiler} does not compile {WALK}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(program)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn passed_on(line: &str) -> String {
        let Line { options } = Line::parse_from(line.split(' '));
        arguments(&options).expect("arguments").join(" ")
    }

    #[test]
    fn every_option_is_passed_on() {
        assert_eq!(passed_on("bench"), "");
        assert_eq!(
            passed_on("bench --quick --only kernel,size --json /out --report-only"),
            "--quick --report-only --only kernel,size --json /out"
        );
    }

    #[test]
    fn an_earlier_run_is_drawn_into_this_repository() {
        assert_eq!(
            passed_on("bench --draw /run.json"),
            format!("--draw /run.json --into {}", workspace::root().display())
        );
    }

    #[test]
    fn drawing_measures_nothing() {
        assert!(Line::try_parse_from(["bench", "--draw", "/run.json", "--quick"]).is_err());
    }

    #[test]
    fn the_json_file_is_named_from_where_the_person_stands() {
        let folder = std::env::current_dir().expect("a current folder");
        assert_eq!(
            passed_on("bench --json out"),
            format!("--json {}/out", folder.display())
        );
    }
}
