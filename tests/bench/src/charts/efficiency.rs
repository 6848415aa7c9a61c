//! What a second of CPU time is good for, all CPU time of the machine counted.

use anyhow::Result;

use super::{
    axis::Axis,
    figure::{count, times},
    sheet::{BOTTOM, DARK, Frame, Head, MARGIN, TOP, Words, bar, line, plot, sheet, words},
    side::{CORE_DNS, FLOOR, HIT, NODE_LOCAL, NSD, Side},
};
use crate::results::{Results, Throughput};

const SIDES: [Side; 5] = [FLOOR, HIT, NSD, NODE_LOCAL, CORE_DNS];

/// The height of a row, and of its bar.
const ROW: i32 = 46;
const BAR: i32 = 22;
/// Where the bars begin, and the room for a figure at their ends.
const LEFT: i32 = 310;
const RIGHT: i32 = 220;

/// Draws it; none without hits.
pub(super) fn draw(results: &Results) -> Result<Option<String>> {
    let measured = |side: &'static Side| -> Option<(&'static Side, &Throughput)> {
        let mut ways = results.throughput.iter();
        let way = ways.find(|way| way.key == side.key)?;
        (way.answers_per_cpu_second.median > 0.0).then_some((side, way))
    };
    let rows: Vec<_> = SIDES.iter().filter_map(measured).collect();
    let Some((_, hit)) = rows.iter().find(|(side, _)| side.key == HIT.key) else {
        return Ok(None);
    };
    let core_dns = rows.iter().find(|(side, _)| side.key == CORE_DNS.key);
    let least = core_dns.map(|(_, way)| way.answers_per_cpu_second.median);
    let frame = Frame {
        left: LEFT,
        right: RIGHT,
        top: TOP,
        bottom: BOTTOM + 8,
    };
    let height = frame.top + ROW * rows.len() as i32 + frame.bottom;
    let svg = sheet(&head(hit, least), results, height, |area| {
        let most = rows.iter().map(|(_, way)| way.answers_per_cpu_second.most);
        let at = plot(
            area,
            frame,
            Axis::from_zero(most, ""),
            Axis::rows(rows.len()),
        )?;
        for (row, (side, way)) in rows.iter().enumerate() {
            let figure = way.answers_per_cpu_second;
            let middle = row as f64 + 0.5;
            let (begin, y) = at(0.0, middle);
            let (end, _) = at(figure.median, middle);
            words(area, side.name, (MARGIN, y - 8), Words::new(14.0).bold())?;
            words(area, side.detail, (MARGIN, y + 10), Words::new(12.0).dim())?;
            bar(area, (begin, y - BAR / 2), (end, y + BAR / 2), side.colour)?;
            let spread = [figure.least, figure.most].map(|figure| at(figure, middle));
            line(area, spread.to_vec(), DARK, 1)?;
            let after = spread[1].0.max(end) + 8;
            let is_other = side.key != CORE_DNS.key;
            let ratio = least
                .filter(|_| is_other)
                .map(|least| format!(" ({} × CoreDNS)", times(figure.median / least)));
            let text = count(figure.median) + &ratio.unwrap_or_default();
            words(area, &text, (after, y), Words::new(14.0))?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn head(hit: &Throughput, least: Option<f64>) -> Head {
    let hit = hit.answers_per_cpu_second.median;
    Head {
        title: match least {
            Some(least) => format!(
                "A second of CPU time gives {} times as many answers as with CoreDNS",
                times(hit / least)
            ),
            None => format!("A second of CPU time gives {} answers", count(hit)),
        },
        below: "Answers per CPU-second of the whole machine, client included; thin line: least and most of the rounds"
            .to_owned(),
    }
}
