//! Distributions of round trips: the time within which each share of the questions is answered.

use anyhow::Result;

use super::{
    axis::{Axis, share},
    figure::time,
    sheet::{BOTTOM, Frame, Head, MARGIN, TOP, WIDTH, Words, dot, line, plot, sheet, words},
    side::{CORE_DNS, FLOOR, HIT, NODE_LOCAL, NSD, NXDOMAIN, Side},
};
use crate::results::{Results, Times};

const SIDES: [Side; 6] = [CORE_DNS, NODE_LOCAL, NSD, NXDOMAIN, HIT, FLOOR];

const HEIGHT: i32 = 520;
/// The room for the names right of the lines.
const RIGHT: i32 = 220;
/// The height of two lines of words.
const LABEL: i32 = 34;
/// How many points a line has.
const POINTS: usize = 150;

/// Draws it; none without round trips.
pub(super) fn draw(results: &Results) -> Result<Option<String>> {
    let measured = |side: &'static Side| -> Option<(&'static Side, &Times)> {
        let mut kinds = results.round_trips.iter();
        let kind = kinds.find(|kind| kind.key == side.key && kind.times.count > 0)?;
        (!kind.times.histogram.is_empty()).then_some((side, &kind.times))
    };
    let lines: Vec<_> = SIDES.iter().filter_map(measured).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let frame = Frame {
        left: MARGIN + 44,
        right: RIGHT,
        top: TOP + 34,
        bottom: BOTTOM + 50,
    };
    let svg = sheet(&head(&lines), results, HEIGHT, |area| {
        let curves: Vec<Vec<(f64, f64)>> = lines.iter().map(|(_, times)| curve(times)).collect();
        let values = curves.iter().flatten().map(|(_, value)| *value);
        let y = Axis::logarithmic(values, "µs from question to reply (logarithmic)");
        let x = Axis::shares("share of the questions that were answered within this time");
        let at = plot(area, frame, x, y)?;
        for ((side, _), curve) in lines.iter().zip(&curves) {
            let points = curve.iter().map(|(along, value)| at(*along, *value));
            line(area, points.collect(), side.colour, 2)?;
        }
        let ends: Vec<(i32, i32)> = curves
            .iter()
            .filter_map(|curve| curve.last().map(|(along, value)| at(*along, *value)))
            .collect();
        let bounds = [frame.top, HEIGHT - frame.bottom - LABEL / 3];
        let heights = apart(&ends.iter().map(|end| end.1).collect::<Vec<_>>(), bounds);
        for (((side, times), end), y) in lines.iter().zip(ends).zip(heights) {
            let begin = WIDTH - RIGHT + 24;
            dot(area, end, 3, side.colour)?;
            line(area, vec![end, (begin - 4, y)], side.colour, 1)?;
            words(area, side.name, (begin, y - 7), Words::new(13.0).bold())?;
            let figures = format!(
                "median {}, 99 % {}",
                time(times.p50 as f64),
                time(times.p99 as f64)
            );
            words(area, &figures, (begin, y + 9), Words::new(11.0))?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn head(lines: &[(&Side, &Times)]) -> Head {
    let find = |wanted: &Side| lines.iter().find(|(side, _)| side.key == wanted.key);
    Head {
        title: match (find(&HIT), find(&CORE_DNS)) {
            (Some((_, hit)), Some((_, core_dns))) => format!(
                "99 % of hits are back within {}; CoreDNS's median is {}",
                time(hit.p99 as f64),
                time(core_dns.p50 as f64)
            ),
            _ => "How long questions take".to_owned(),
        },
        below: "Questions from a pod, one after the other over one socket".to_owned(),
    }
}

/// Points of a line: the place of a share of the questions, and the microseconds within which it was answered.
fn curve(times: &Times) -> Vec<(f64, f64)> {
    let end = share(0.999);
    let counted: u64 = times.histogram.iter().map(|(_, count)| count).sum();
    let mut points = Vec::with_capacity(POINTS);
    let (mut place, mut below) = (0, 0);
    for point in 0..POINTS {
        let along = end * point as f64 / (POINTS - 1) as f64;
        let wanted = (1.0 - 10_f64.powf(-along)) * counted as f64;
        while place + 1 < times.histogram.len()
            && ((below + times.histogram[place].1) as f64) < wanted
        {
            below += times.histogram[place].1;
            place += 1;
        }
        points.push((along, times.histogram[place].0 as f64 / 1e3));
    }
    points
}

/// Heights for labels, each as near as may be to its own, so far apart that none covers another. They keep their order.
fn apart(wanted: &[i32], [top, bottom]: [i32; 2]) -> Vec<i32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|place| wanted[*place]);
    let mut heights = wanted.to_vec();
    let mut least = top;
    for place in &order {
        heights[*place] = heights[*place].max(least);
        least = heights[*place] + LABEL;
    }
    let mut most = bottom;
    for place in order.iter().rev() {
        heights[*place] = heights[*place].min(most);
        most = heights[*place] - LABEL;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_would_cover_each_other_are_moved_apart_and_stay_inside() {
        let heights = apart(&[290, 100, 295, 298], [0, 300]);
        assert_eq!(heights, [300 - 2 * LABEL, 100, 300 - LABEL, 300]);
    }

    #[test]
    fn a_curve_reads_each_share_from_the_histogram() {
        let times = Times {
            histogram: vec![(1_000, 900), (2_000, 90), (50_000, 10)],
            ..Times::default()
        };
        let curve = curve(&times);
        let value_at = |wanted: f64| {
            let point = curve.iter().find(|(along, _)| *along >= share(wanted));
            point.expect("a point").1
        };
        assert_eq!(
            (value_at(0.5), value_at(0.95), value_at(0.995)),
            (1.0, 2.0, 50.0)
        );
    }
}
