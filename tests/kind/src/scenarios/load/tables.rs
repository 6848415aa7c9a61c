//! The results as tables for people and as figures.

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use pod::protocol::Connected;

use super::results::{Results, State, quantile_of};
use crate::report::Report;

impl Results {
    /// Prints the tables and notes their figures.
    pub(super) fn show(&self, report: &mut Report, pods: usize) {
        println!(
            "\n   {pods} pods, questions of the cluster's zones by A and AAAA. p50 and p99: the median over pods and rounds. \
             CoreDNS CPU: of\n   one processor. conntrack: entries of questions over UDP on all nodes, after it; \
             each pod asks from one port, and\n   connections from ports of their own"
        );
        let mut table = new_table(&[
            "questions/s",
            "zerohop",
            "answered/s",
            "mean µs",
            "p50 µs",
            "p99 µs",
            "lost",
            "by kernel",
            "CoreDNS CPU",
            "conntrack",
        ]);
        for rate in super::RATES {
            for state in [State::Attached, State::Detached] {
                let Some(row) = self.row(state, rate) else {
                    continue;
                };
                table.add_row([
                    rate.to_string(),
                    state.label().to_owned(),
                    format!("{:.0}", row.achieved),
                    format!("{:.1}", row.mean),
                    format!("{:.1}", row.p50),
                    format!("{:.1}", row.p99),
                    row.lost.to_string(),
                    format!("{:.1} %", row.kernel * 100.0),
                    format!("{:.1} %", row.cpu * 100.0),
                    format!("{:.0}", row.remembered),
                ]);
                let of = |what: &str| format!("{rate} questions/s, {}: {what}", state.label());
                report.quiet_figure(&of("answered"), row.achieved, "/s");
                report.quiet_figure(&of("mean"), row.mean, "µs");
                report.quiet_figure(&of("p50"), row.p50, "µs");
                report.quiet_figure(&of("p99"), row.p99, "µs");
                report.quiet_figure(&of("lost"), row.lost as f64, "");
                report.quiet_figure(&of("by kernel"), row.kernel * 100.0, "%");
                report.quiet_figure(&of("CoreDNS's share of a processor"), row.cpu * 100.0, "%");
                report.quiet_figure(&of("conntrack entries of DNS"), row.remembered, "");
            }
            if let (Some(with), Some(without)) = (
                self.row(State::Attached, rate),
                self.row(State::Detached, rate),
            ) {
                let times = |with: f64, without: f64| format!("{:.1} ×", without / with);
                table.add_row([
                    String::new(),
                    "ratio".to_owned(),
                    String::new(),
                    times(with.mean, without.mean),
                    times(with.p50, without.p50),
                    times(with.p99, without.p99),
                ]);
            }
        }
        print(&table);
        self.show_connections(report);
    }

    fn show_connections(&self, report: &mut Report) {
        println!(
            "\n   connections to a service at {} questions/s, as an application makes them: getaddrinfo of its name and \
             namespace\n   through the search path, then connect; both from the moment that the connection was due",
            super::WITH_CONNECTIONS
        );
        let mut table = new_table(&[
            "",
            "zerohop",
            "count",
            "failed",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
        ]);
        for (what, times) in [
            ("looked up", looked_up as fn(&Connected) -> &[f64]),
            ("connected", connected),
        ] {
            for state in [State::Attached, State::Detached] {
                let all = self.phases(state).flat_map(|phase| &phase.connected);
                let mut sorted: Vec<f64> = all.clone().flat_map(times).copied().collect();
                sorted.sort_by(f64::total_cmp);
                let failed: u64 = all.flat_map(|connected| connected.failed.values()).sum();
                let at = [0.5, 0.99, 0.999].map(|quantile| quantile_of(&sorted, quantile));
                table.add_row(
                    [what.to_owned(), state.label().to_owned()]
                        .into_iter()
                        .chain([sorted.len().to_string(), failed.to_string()])
                        .chain(at.map(|at| format!("{at:.1}"))),
                );
                for (name, at) in ["p50", "p99", "p99.9"].into_iter().zip(at) {
                    let what = format!("{what}, {}: {name}", state.label());
                    report.quiet_figure(&what, at, "µs");
                }
            }
        }
        print(&table);
    }
}

fn looked_up(connected: &Connected) -> &[f64] {
    &connected.looked_up
}

fn connected(connected: &Connected) -> &[f64] {
    &connected.connected
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(header);
    for column in table.column_iter_mut().filter(|column| column.index > 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn print(table: &Table) {
    for line in table.trim_fmt().lines() {
        println!("   {line}");
    }
}
