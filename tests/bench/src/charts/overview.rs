//! The one chart that says it all: half of the questions, and 99 of 100, by who answers.

use anyhow::Result;
use plotters::style::text_anchor::HPos;

use super::{
    axis::Axis,
    figure::{time, times},
    sheet::{BOTTOM, Frame, Head, MARGIN, TOP, WIDTH, Words, dot, line, plot, sheet, words},
    side::{CORE_DNS, FLOOR, HIT, NODE_LOCAL, Side},
};
use crate::{
    results::{Results, RoundTrip},
    round_trip::over,
};

const SIDES: [Side; 4] = [FLOOR, HIT, NODE_LOCAL, CORE_DNS];

/// The height of a row.
const ROW: i32 = 48;
/// Where the plot begins, and the room for figures right of it.
const LEFT: i32 = 310;
const RIGHT: i32 = 190;
/// What the ticks and the axis's name take.
const TICKS: i32 = 50;

/// Draws it; none without a hit.
pub(super) fn draw(results: &Results) -> Result<Option<String>> {
    let measured = |side: &'static Side| -> Option<(&'static Side, &RoundTrip)> {
        let mut kinds = results.round_trips.iter();
        let kind = kinds.find(|kind| kind.key == side.key && kind.times.count > 0)?;
        Some((side, kind))
    };
    let rows: Vec<_> = SIDES.iter().filter_map(measured).collect();
    let Some((_, hit)) = rows.iter().find(|(side, _)| side.key == HIT.key) else {
        return Ok(None);
    };
    let bottom = BOTTOM + TICKS;
    let top = TOP + 26;
    let height = top + ROW * rows.len() as i32 + bottom;
    let svg = sheet(&head(&rows, hit), results, height, |area| {
        let figures = rows
            .iter()
            .flat_map(|(_, kind)| [kind.times.p50, kind.times.p99]);
        let x = Axis::logarithmic(
            figures.map(microseconds),
            "µs from question to reply (logarithmic)",
        );
        let frame = Frame {
            left: LEFT,
            right: RIGHT,
            top,
            bottom,
        };
        let at = plot(area, frame, x, Axis::rows(rows.len()))?;
        let columns = [WIDTH - MARGIN - 86, WIDTH - MARGIN];
        let small = Words::new(12.0).dim().at(HPos::Right);
        for (column, name) in columns.into_iter().zip(["median", "99 % within"]) {
            words(area, name, (column, top - 12), small)?;
        }
        for (row, (side, kind)) in rows.iter().enumerate() {
            let middle = row as f64 + 0.5;
            let figures = [kind.times.p50, kind.times.p99];
            let [half, most] = figures.map(|figure| at(microseconds(figure), middle));
            let y = half.1;
            words(area, side.name, (MARGIN, y - 8), Words::new(14.0).bold())?;
            words(area, side.detail, (MARGIN, y + 10), Words::new(12.0).dim())?;
            line(area, vec![half, most], side.colour, 3)?;
            dot(area, half, 7, side.colour)?;
            dot(area, most, 4, side.colour)?;
            for (column, figure) in columns.into_iter().zip(figures) {
                let style = Words::new(14.0).at(HPos::Right);
                let style = if side.key == HIT.key {
                    style.bold()
                } else {
                    style
                };
                words(area, &time(figure as f64), (column, y), style)?;
            }
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn head(rows: &[(&Side, &RoundTrip)], hit: &RoundTrip) -> Head {
    let core_dns = rows.iter().find(|(side, _)| side.key == CORE_DNS.key);
    Head {
        title: match core_dns {
            Some((_, core_dns)) => format!(
                "A cluster name is answered {} times faster than by CoreDNS",
                times(over(&core_dns.rounds, &hit.rounds, 0).median)
            ),
            None => format!("A cluster name is answered within {}", time(hit.times.p50 as f64)),
        },
        below: "A of a service asked from a pod, one question after the other. Large dot: median, small dot: 99 % within"
            .to_owned(),
    }
}

fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}
