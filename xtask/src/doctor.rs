//! `cargo xtask doctor`: what is needed, what is here, what is missing, and what repairs it.

use anyhow::{Result, bail};

use crate::setup::{self, Need, State, Thing};

/// What the doctor may do.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Install and build what is missing (as root on Debian or Ubuntu)
    #[arg(long)]
    install: bool,
}

/// Looks at everything that any verb needs and prints a table; with `--install` repairs first.
pub(crate) fn run(options: &Options) -> Result<()> {
    let needs = setup::everything();
    if options.install {
        setup::ready(&needs)?;
    }
    let mut things = setup::inspect(&needs);
    // They are worth a line if they are here, but nothing fails without them.
    let optional = setup::inspect(&[Need::BpfLints]);
    for thing in optional
        .into_iter()
        .filter(|thing| thing.repair().is_none())
    {
        if !things.iter().any(|other| other.what == thing.what) {
            things.push(thing);
        }
    }
    print!("{}", table(&things));

    let missing = things
        .iter()
        .filter(|thing| thing.repair().is_some())
        .count();
    if missing > 0 {
        bail!(
            "{missing} of {} are missing; as root on Debian or Ubuntu `cargo xtask doctor --install` repairs that",
            things.len()
        );
    }
    println!("everything is here");
    Ok(())
}

/// A line for each thing, in columns as wide as their widest cell; repairs stand in the last column.
fn table(things: &[Thing]) -> String {
    let mut rows = vec![[
        "".into(),
        "WHAT".into(),
        "FOR".into(),
        "VERSION".into(),
        "WHERE, OR WHAT REPAIRS IT".into(),
    ]];
    rows.extend(things.iter().map(row));
    let mut widths = [0; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| line(row, widths)).collect()
}

fn row(thing: &Thing) -> [String; 5] {
    let (mark, version, place) = match &thing.state {
        State::Here { version, place } => ("ok", version.clone(), place.clone()),
        State::Missing {
            reason, command, ..
        } => ("MISSING", String::new(), format!("{reason}\n{command}")),
    };
    [
        mark.to_owned(),
        thing.what.clone(),
        thing.purpose.to_owned(),
        version,
        place,
    ]
}

fn line([mark, what, purpose, version, last]: &[String; 5], widths: [usize; 4]) -> String {
    let [mark_width, what_width, purpose_width, version_width] = widths;
    let mut lines = last.lines();
    let mut text = format!(
        "{mark:mark_width$}  {what:what_width$}  {purpose:purpose_width$}  {version:version_width$}  {}",
        lines.next().unwrap_or_default()
    )
    .trim_end()
    .to_owned();
    let indent = widths.iter().sum::<usize>() + 2 * widths.len();
    for more in lines {
        text += &format!("\n{:indent$}{more}", "");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Repair;

    #[test]
    fn the_columns_line_up_and_a_repair_stands_below_its_reason() {
        let things = [
            Thing::here("dig", "asks", "9.18.49".to_owned(), "/usr/bin/dig"),
            Thing::missing(
                "musl-gcc",
                "musl",
                "not found",
                Repair::Package("musl-tools"),
                "apt-get install musl-tools".to_owned(),
            ),
        ];
        assert_eq!(
            table(&things),
            "         WHAT      FOR   VERSION  WHERE, OR WHAT REPAIRS IT\n\
             ok       dig       asks  9.18.49  /usr/bin/dig\n\
             MISSING  musl-gcc  musl           not found\n\
             \x20                                 apt-get install musl-tools\n"
        );
    }
}
