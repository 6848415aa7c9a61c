//! What grows with the cluster, and what does not: memory, the time to the first answers, a hit's round trip.

use anyhow::Result;
use plotters::style::RGBColor;

use super::{
    axis::Axis,
    figure::{three_digits, time, times},
    sheet::{
        Area, BLUE, BOTTOM, Frame, GREEN, Head, MARGIN, ORANGE, SKY, TOP, WIDTH, Words, bar, plot,
        sheet, words,
    },
};
use crate::results::{Results, Size};

/// The height of a bar with the room below it, and that between rows.
const BAR: i32 = 15;
const GAP: i32 = 14;
/// The room for the sizes' names, and right of the bars for their figures.
const NAMES: i32 = 166;
const FIGURES: i32 = 62;
/// What the panels' heads take.
const HEADS: i32 = 62;

/// One bar of each row.
struct Series {
    name: &'static str,
    colour: RGBColor,
    /// The value, and how it is told; none where it was not measured.
    value: fn(&Size) -> Option<(f64, String)>,
}

/// Bars of one unit, side by side with others.
struct Panel {
    name: &'static str,
    series: &'static [Series],
    /// What it takes of the width, and its figures of that.
    width: i32,
    figures: i32,
}

const PANELS: [Panel; 3] = [
    Panel {
        name: "memory, MB",
        series: &[
            Series {
                name: "agent, peak",
                colour: SKY,
                value: |size| megabytes(size.agent_peak_octets),
            },
            Series {
                name: "agent, steady",
                colour: BLUE,
                value: |size| megabytes(size.agent_steady_octets),
            },
            Series {
                name: "maps in the kernel",
                colour: GREEN,
                value: |size| megabytes(size.map_octets),
            },
        ],
        width: 218,
        figures: FIGURES - 14,
    },
    Panel {
        name: "to all answers, seconds",
        series: &[
            Series {
                name: "from the agent's start",
                colour: ORANGE,
                value: |size| seconds(size.start_to_answering),
            },
            Series {
                name: "from the last list",
                colour: BLUE,
                value: |size| seconds(size.lists_to_answering),
            },
        ],
        width: 204,
        figures: FIGURES - 14,
    },
    Panel {
        name: "a hit's median round trip",
        series: &[Series {
            name: "in brackets: over the floor's",
            colour: BLUE,
            value: |size| {
                let floor = match size.hit_over_floor.median {
                    none if none <= 0.0 => String::new(),
                    ratio => format!(" ({} ×)", times(ratio)),
                };
                let p50 = size.hit.p50 as f64;
                (size.hit.count > 0).then(|| (p50, time(p50) + &floor))
            },
        }],
        width: 224,
        figures: FIGURES + 58,
    },
];

/// Draws it; none without sizes.
pub(super) fn draw(results: &Results) -> Result<Option<String>> {
    let mut sizes: Vec<&Size> = results.sizes.iter().collect();
    sizes.sort_by_key(|size| size.services + size.endpoints);
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else {
        return Ok(None);
    };
    let most = PANELS.iter().map(|panel| panel.series.len()).max();
    let row = BAR * most.unwrap_or(1) as i32 + GAP;
    let top = TOP + HEADS;
    let bottom = BOTTOM + 4;
    let height = top + row * sizes.len() as i32 + bottom;
    let svg = sheet(&head(first, last), results, height, |area| {
        for (place, size) in sizes.iter().enumerate() {
            name(area, size, top + row * place as i32 + row / 2)?;
        }
        let mut left = MARGIN + NAMES;
        for panel in PANELS.iter().filter(|panel| panel.is_measured(&sizes)) {
            let frame = Frame {
                left,
                right: WIDTH - left - panel.width + panel.figures,
                top,
                bottom,
            };
            panel.draw(area, frame, &sizes, row)?;
            left += panel.width;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// What a row is: the size in up to three lines, and where its objects are from.
fn name(area: &Area<'_>, size: &Size, middle: i32) -> Result<()> {
    let (services, endpoints) = size.label.split_once(", ").unwrap_or((&size.label, ""));
    let source = format!("({})", size.source);
    let lines = [services, endpoints, &source];
    let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let mut y = middle - 8 * (lines.len() as i32 - 1);
    for (line, text) in lines.into_iter().enumerate() {
        let style = match line {
            0 => Words::new(13.0).bold(),
            _ => Words::new(12.0).dim(),
        };
        words(area, text, (MARGIN, y), style)?;
        y += 16;
    }
    Ok(())
}

impl Panel {
    /// Whether there is anything to draw.
    fn is_measured(&self, sizes: &[&Size]) -> bool {
        let mut values = sizes.iter().flat_map(|size| {
            let values = self.series.iter();
            values.filter_map(|series| (series.value)(size))
        });
        values.next().is_some()
    }

    fn draw(&self, area: &Area<'_>, frame: Frame, sizes: &[&Size], row: i32) -> Result<()> {
        let above = frame.top - HEADS + 8;
        words(
            area,
            self.name,
            (frame.left, above),
            Words::new(13.0).bold(),
        )?;
        for (line, series) in self.series.iter().enumerate() {
            let y = above + 17 + 14 * line as i32;
            bar(
                area,
                (frame.left, y - 4),
                (frame.left + 8, y + 4),
                series.colour,
            )?;
            words(
                area,
                series.name,
                (frame.left + 14, y),
                Words::new(11.0).dim(),
            )?;
        }
        let values = sizes.iter().flat_map(|size| {
            let values = self.series.iter().filter_map(|series| (series.value)(size));
            values.map(|(value, _)| value)
        });
        let at = plot(
            area,
            frame,
            Axis::from_zero(values, ""),
            Axis::rows(sizes.len()),
        )?;
        for (place, size) in sizes.iter().enumerate() {
            let middle = frame.top + row * place as i32 + row / 2;
            let begin = middle - BAR * self.series.len() as i32 / 2;
            for (line, series) in self.series.iter().enumerate() {
                let y = begin + BAR * line as i32;
                let Some((value, text)) = (series.value)(size) else {
                    let style = Words::new(11.0).dim();
                    words(area, "not measured", (frame.left, y + BAR / 2), style)?;
                    continue;
                };
                let (end, _) = at(value, 0.0);
                let end = end.max(frame.left + 1);
                bar(area, (frame.left, y + 1), (end, y + BAR - 2), series.colour)?;
                words(area, &text, (end + 5, y + BAR / 2), Words::new(11.0))?;
            }
        }
        Ok(())
    }
}

fn head(first: &Size, last: &Size) -> Head {
    let hits = [first, last].map(|size| size.hit.p50 as f64);
    let are_measured = first.hit.count > 0 && last.hit.count > 0;
    Head {
        title: match are_measured {
            true => format!(
                "A hit takes {} in the smallest cluster, {} in the largest",
                time(hits[0]),
                time(hits[1])
            ),
            false => "What an agent takes in clusters of different sizes".to_owned(),
        },
        below: "One node's agent, following clusters of different sizes".to_owned(),
    }
}

fn megabytes(octets: u64) -> Option<(f64, String)> {
    let megabytes = octets as f64 / 1e6;
    (octets > 0).then(|| (megabytes, three_digits(megabytes)))
}

fn seconds(seconds: f64) -> Option<(f64, String)> {
    (seconds > 0.0).then(|| (seconds, three_digits(seconds)))
}
