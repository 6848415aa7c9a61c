//! What a person reads at the end: a table for each part.

mod sizes;
mod verdicts;

use comfy_table::{CellAlignment, Table, presets};

use crate::{
    charts::count,
    results::{
        Bystander, HeldUp, KernelCost, Machine, Program, Ratio, Results, RoundTrip, Throughput,
        Walk,
    },
};

/// One table of what was measured.
pub(crate) struct Section {
    /// A short name that pages refer to.
    pub(crate) name: &'static str,
    /// What stands above it.
    pub(crate) head: &'static str,
    /// None if it was not measured.
    pub(crate) table: Option<Table>,
}

/// Everything that was measured, as text.
pub(crate) fn text(results: &Results) -> String {
    let mut text = format!(
        "\n{}.\n{}Figures are medians of the rounds, with the least and the most.\n",
        machine(&results.machine),
        stillness(&results.held_up).unwrap_or_default()
    );
    for section in sections(results) {
        if let Some(table) = section.table {
            text += &format!("\n{}\n{}\n", section.head, table.trim_fmt());
        }
    }
    if let Some(why) = &results.instructions_uncounted {
        text += &format!("\nExecuted instructions were not counted: {why}\n");
    }
    text
}

/// The machine in one line.
pub(crate) fn machine(machine: &Machine) -> String {
    format!(
        "{}, {} CPUs, {:.1} GB, Linux {}",
        machine.processor,
        machine.cpus,
        machine.memory_octets as f64 / 1e9,
        machine.kernel
    )
}

/// How still the machine was, as a sentence with a line's end.
pub(crate) fn stillness(held_up: &[HeldUp]) -> Option<String> {
    let figures = |of: fn(&HeldUp) -> f64| {
        let mut figures: Vec<f64> = held_up.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        Some((*figures.first()?, *figures.last()?))
    };
    let (least, most) = figures(|held_up| held_up.per_second)?;
    let (least_share, most_share) = figures(|held_up| held_up.share * 100.0)?;
    Some(format!(
        "Before and after, a thread that only looked at the clock was held up for a microsecond or more\n\
         {} to {} times a second, {least_share:.1} to {most_share:.1} % of the time.\n",
        count(least),
        count(most)
    ))
}

/// Every table, in the order in which a person reads them.
pub(crate) fn sections(results: &Results) -> Vec<Section> {
    let mut sections = vec![
        section(
            "round trips",
            "Round trips from a pod, one after the other:",
            round_trips(&results.round_trips),
        ),
        section(
            "throughput",
            "As many answers as possible, and at a fixed rate:",
            throughput(&results.throughput),
        ),
        section(
            "walks",
            "getaddrinfo through the search path (ndots:5):",
            walks(&results.walks),
        ),
        section(
            "bystanders",
            "What others pay:",
            bystanders(&results.bystanders),
        ),
        section(
            "kernel",
            "In the kernel for each packet, in nanoseconds:",
            kernel(&results.kernel),
        ),
        section(
            "programs",
            "The agent's programs:",
            programs(&results.programs),
        ),
    ];
    sections.extend(sizes::sections(&results.sizes));
    sections.push(section("targets", "Targets:", verdicts::table(results)));
    sections
}

/// A table without rows was not measured.
fn section(name: &'static str, head: &'static str, table: Table) -> Section {
    Section {
        name,
        head,
        table: (!table.is_empty()).then_some(table),
    }
}

fn round_trips(rows: &[RoundTrip]) -> Table {
    let mut table = table(&[
        "",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "p50 / floor",
        "p99 / floor",
        "count",
    ]);
    for row in rows {
        table.add_row([
            format!("{} ({})", row.label, row.key),
            microseconds(row.times.p50),
            microseconds(row.times.p99),
            microseconds(row.times.p999),
            ratio(row.p50_over_floor),
            ratio(row.p99_over_floor),
            count(row.times.count as f64),
        ]);
    }
    table
}

fn throughput(rows: &[Throughput]) -> Table {
    let head = [
        "",
        "answers/s",
        "answers/CPU-s",
        "dnsperf",
        "rate",
        "p50 µs",
        "p99 µs",
        "lost",
    ];
    let mut table = table(&head);
    for row in rows {
        let dnsperf = row.dnsperf_answers.map(count);
        let mut cells = vec![
            format!("{} ({})", row.label, row.key),
            spread(row.answers, 0),
            spread(row.answers_per_cpu_second, 0),
            dnsperf.unwrap_or_default(),
        ];
        if let Some(at_rate) = &row.at_rate {
            cells.extend([
                count(f64::from(at_rate.rate)),
                microseconds(at_rate.times.p50),
                microseconds(at_rate.times.p99),
                count(at_rate.lost as f64),
            ]);
        }
        table.add_row(cells);
    }
    table
}

fn walks(rows: &[Walk]) -> Table {
    let mut table = table(&[
        "",
        "with: p50 µs",
        "p99 µs",
        "without: p50 µs",
        "p99 µs",
        "gain",
    ]);
    for row in rows {
        table.add_row([
            format!("{}, {}", row.library, row.name),
            microseconds(row.with.p50),
            microseconds(row.with.p99),
            microseconds(row.without.p50),
            microseconds(row.without.p99),
            ratio(row.gain),
        ]);
    }
    table
}

fn bystanders(rows: &[Bystander]) -> Table {
    let mut table = table(&["", "with", "without", "unit", "with / without"]);
    for row in rows {
        let digits = if row.with < 1000.0 { 2 } else { 0 };
        table.add_row([
            format!("{} ({})", row.label, row.key),
            number(row.with, digits),
            number(row.without, digits),
            row.unit.clone(),
            spread(row.ratio, 3),
        ]);
    }
    table
}

fn kernel(rows: &[KernelCost]) -> Table {
    let executed = rows.iter().any(|row| row.executed_over_base.is_some());
    let executed = executed.then_some("instructions over the base");
    let mut head = vec!["", "real packets", "repeated", "over the base", "base"];
    head.extend(executed);
    let mut table = table(&head);
    for row in rows {
        let shown =
            |figure: Option<Ratio>| figure.map_or_else(String::new, |figure| spread(figure, 0));
        let mut cells = vec![
            format!("{} ({})", row.label, row.key),
            shown(row.statistics),
            shown(row.test_run),
            shown(row.over_base),
            row.base.clone(),
        ];
        cells.extend(executed.map(|_| shown(row.executed_over_base)));
        table.add_row(cells);
    }
    table
}

fn programs(rows: &[Program]) -> Table {
    let mut table = table(&[
        "",
        "verified instructions",
        "instructions",
        "octets as machine code",
    ]);
    for row in rows {
        table.add_row([
            row.name.clone(),
            count(f64::from(row.verified_instructions)),
            count(f64::from(row.instructions)),
            count(f64::from(row.jited_octets)),
        ]);
    }
    table
}

/// A table whose first column is words and whose others are numbers.
fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn microseconds(nanoseconds: u64) -> String {
    format!("{:.2}", nanoseconds as f64 / 1000.0)
}

/// A quotient with its spread.
fn ratio(ratio: Ratio) -> String {
    spread(ratio, 2)
}

fn spread(ratio: Ratio, digits: usize) -> String {
    let [median, least, most] =
        [ratio.median, ratio.least, ratio.most].map(|figure| number(figure, digits));
    format!("{median} ({least} … {most})")
}

/// A number with so many decimals, or a whole one with commas between thousands.
fn number(figure: f64, digits: usize) -> String {
    match digits {
        0 => count(figure),
        _ => format!("{figure:.digits$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(executed: Option<f64>) -> Results {
        let cost = KernelCost {
            key: "hit".to_owned(),
            executed_over_base: executed.map(|executed| Ratio::of([executed])),
            ..KernelCost::default()
        };
        Results {
            kernel: vec![cost],
            ..Results::default()
        }
    }

    #[test]
    fn how_still_the_machine_was_is_said_from_the_least_to_the_most() {
        let held_up = |per_second, share| HeldUp { per_second, share };
        assert_eq!(stillness(&[]), None);
        let said =
            stillness(&[held_up(12_000.0, 0.051), held_up(900.0, 0.004)]).expect("a sentence");
        assert!(
            said.contains("900 to 12,000 times a second, 0.4 to 5.1 % of the time"),
            "{said}"
        );
    }

    #[test]
    fn executed_instructions_are_shown_where_they_were_counted() {
        let text = text(&costs(Some(812.0)));
        assert!(text.contains("instructions over the base"), "{text}");
        assert!(text.contains("812"), "{text}");
    }

    #[test]
    fn where_executed_instructions_were_not_counted_it_is_said_why() {
        let mut results = costs(None);
        results.instructions_uncounted = Some("no such counter".to_owned());
        let text = text(&results);
        assert!(!text.contains("instructions over"), "{text}");
        assert!(
            text.contains("Executed instructions were not counted: no such counter"),
            "{text}"
        );
    }
}
