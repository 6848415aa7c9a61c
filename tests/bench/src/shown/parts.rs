//! What stands between the marks of each page.

use comfy_table::Table;

use crate::{
    charts::{Chart, EFFICIENCY, GROWTH, LATENCY, OVERVIEW, command, count, time, times},
    page::Parts,
    report::{self, Section},
    results::{Results, RoundTrip},
    round_trip::over,
};

/// The charts that stand above tables, by the tables' names.
const ABOVE: [(&str, Chart); 3] = [
    ("round trips", LATENCY),
    ("throughput", EFFICIENCY),
    ("sizes", GROWTH),
];

/// The run, and every table with its chart.
pub(super) fn of_page(results: &Results) -> Parts {
    let mut parts = Parts::from([("run", run(results))]);
    for Section { name, table, .. } in report::sections(results) {
        let Some(table) = table else {
            parts.insert(name, NOT_MEASURED.to_owned());
            continue;
        };
        let chart = ABOVE.iter().find(|(below, _)| *below == name);
        let chart = chart.map(|(_, chart)| image(chart, "performance") + "\n\n");
        parts.insert(name, chart.unwrap_or_default() + &markdown(&table));
    }
    parts
}

const NOT_MEASURED: &str = "Not measured in this run.";

/// The one chart that says it all, with its figures in words.
pub(super) fn of_readme(results: &Results) -> Parts {
    let words = sentence(results).unwrap_or_else(|| NOT_MEASURED.to_owned());
    Parts::from([("overview", words)])
}

fn run(results: &Results) -> String {
    format!(
        "`{}`, {} UTC, on this machine:\n{}.\n{}",
        command(results),
        // To the minute.
        results
            .began
            .get(..16)
            .unwrap_or_default()
            .replace('T', " "),
        report::machine(&results.machine),
        report::stillness(&results.held_up).unwrap_or_default()
    )
}

/// None without a hit, the floor and CoreDNS.
fn sentence(results: &Results) -> Option<String> {
    let find = |key: &str| -> Option<&RoundTrip> {
        let mut kinds = results.round_trips.iter();
        kinds.find(|kind| kind.key == key && kind.times.count > 0)
    };
    let (hit, floor, core_dns) = (find("hit")?, find("floor")?, find("core_dns")?);
    let p50 = |kind: &RoundTrip| time(kind.times.p50 as f64);
    let p99 = |kind: &RoundTrip| time(kind.times.p99 as f64);
    Some(format!(
        "{}\n\nOf {} questions for a service's address, asked one after the other from a pod, half are answered within\n\
         {} and 99 % within {}. The median is {} times that of a program that only sends the packet back\n\
         ({}, and {}). CoreDNS behind kube-proxy's rules takes {}, and {}, in the same rounds.\n\
         (`{}`; how it is measured, all figures, and the targets:\n\
         [docs/performance.md](docs/performance.md))",
        image(&OVERVIEW, "docs/performance"),
        count(hit.times.count as f64),
        p50(hit),
        p99(hit),
        times(over(&hit.rounds, &floor.rounds, 0).median),
        p50(floor),
        p99(floor),
        p50(core_dns),
        p99(core_dns),
        command(results)
    ))
}

fn image(chart: &Chart, folder: &str) -> String {
    format!("![{}]({folder}/{})", chart.alternative, chart.file)
}

/// The table in Markdown: words to the left, numbers to the right.
fn markdown(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let texts = |row: &comfy_table::Row| -> Vec<String> {
        let cells = row.cell_iter();
        cells
            .map(|cell| cell.content().replace('|', "\\|"))
            .collect()
    };
    let columns = table.column_iter().count();
    let mut text = table
        .header()
        .map(|head| line(texts(head)))
        .unwrap_or_default();
    text += "|---|";
    text += &"---:|".repeat(columns.saturating_sub(1));
    text.push('\n');
    for row in table.row_iter() {
        let mut cells = texts(row);
        cells.resize(columns, String::new());
        text += &line(cells);
    }
    text
}
