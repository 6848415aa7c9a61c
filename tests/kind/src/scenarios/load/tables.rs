//! The results as tables for people and as figures.

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use pod::protocol::Connected;

use super::{
    results::{Results, State, quantile_of},
    round::PORTS,
};
use crate::report::Report;

impl Results {
    /// Prints the tables and notes their figures.
    pub(super) fn show(&self, report: &mut Report, pods: usize) {
        println!(
            "\n   {pods} pods, questions of the cluster's zones by A and AAAA; mean, p50 and p99 over all pods and rounds. held \
             up: the share\n   of the time for which the asking pods themselves were not let run. CoreDNS CPU: of one \
             processor. conntrack: entries of\n   questions over UDP on all nodes, after it; each pod asks from {PORTS} \
             ports in turn, and connections from ports of their own"
        );
        let mut table = new_table(&[
            "questions/s",
            "zerohop",
            "answered/s",
            "mean µs",
            "p50 µs",
            "p99 µs",
            "lost",
            "held up",
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
                    format!("{:.1} %", row.held_up * 100.0),
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
                report.quiet_figure(&of("pods held up"), row.held_up * 100.0, "%");
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
        self.show_saved(report);
    }

    /// What zerohop saves, in one line for each resource.
    fn show_saved(&self, report: &mut Report) {
        let lowest = super::RATES[0];
        let spent = |state| self.core_dns_per_thousand(state);
        let remembered = |state| self.remembered_per_thousand(state, lowest);
        println!();
        if let (Some(with), Some(without)) = (spent(State::Attached), spent(State::Detached)) {
            let what = format!(
                "saved of CoreDNS's processor time by 1,000 questions ({without:.1} detached, {with:.1} attached)"
            );
            report.figure(&what, without - with, "ms");
        }
        if let (Some(with), Some(without)) =
            (remembered(State::Attached), remembered(State::Detached))
        {
            let what = format!(
                "saved of conntrack's entries by 1,000 questions, at {lowest} questions/s ({without:.0} detached, {with:.0} \
                 attached)"
            );
            report.figure(&what, without - with, "");
        }
    }

    fn show_connections(&self, report: &mut Report) {
        println!(
            "\n   connections to a service at {} questions/s, as an application makes them: getaddrinfo of its name and \
             namespace\n   through the search path, then connect. held up: left out, because the client itself was not let run when it was \
             due",
            super::WITH_CONNECTIONS
        );
        let mut table = new_table(&[
            "",
            "zerohop",
            "count",
            "failed",
            "held up",
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
                let held_up: u64 = all.clone().map(|connected| connected.held_up).sum();
                let failed: u64 = all.flat_map(|connected| connected.failed.values()).sum();
                let at = [0.5, 0.99, 0.999].map(|quantile| quantile_of(&sorted, quantile));
                table.add_row(
                    [what.to_owned(), state.label().to_owned()]
                        .into_iter()
                        .chain(
                            [sorted.len(), failed as usize, held_up as usize]
                                .map(|count| count.to_string()),
                        )
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
