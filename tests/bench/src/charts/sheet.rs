//! The sheet that a chart is drawn on: a white card with a title, and below the chart a line that says where the
//! figures are from. Colours are those of Okabe and Ito, which the colour-blind tell apart.

use anyhow::Result;
use plotters::{
    chart::ChartBuilder,
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea as _},
    element::{Circle, PathElement, Rectangle},
    prelude::SVGBackend,
    style::{
        Color as _, FontDesc, FontFamily, FontStyle, RGBColor, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::axis::Axis;
use crate::{report::machine, results::Results};

pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);
pub(super) const GREY: RGBColor = RGBColor(118, 118, 118);
/// Words that are to be read first, and others.
pub(super) const DARK: RGBColor = RGBColor(31, 35, 40);
pub(super) const DIM: RGBColor = RGBColor(89, 99, 110);
const LINE: RGBColor = RGBColor(222, 226, 230);

/// How wide a sheet is, in pixels.
pub(super) const WIDTH: i32 = 860;
/// The room beside everything.
pub(super) const MARGIN: i32 = 24;
/// Where the title, and what stands below it, end.
pub(super) const TOP: i32 = 74;
/// What the lines below the chart take.
pub(super) const BOTTOM: i32 = 56;

/// plotters takes the height of a line where SVG takes that of letters, and divides.
const LINE_HEIGHT: f64 = 1.24;

/// A drawing area in pixels.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What stands over a chart.
pub(super) struct Head {
    /// What it says.
    pub(super) title: String,
    /// What is shown.
    pub(super) below: String,
}

/// How words are set.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub(super) size: f64,
    pub(super) colour: RGBColor,
    pub(super) is_bold: bool,
    pub(super) side: HPos,
}

impl Words {
    /// Dark ones, from the left.
    pub(super) const fn new(size: f64) -> Self {
        Self {
            size,
            colour: DARK,
            is_bold: false,
            side: HPos::Left,
        }
    }

    pub(super) const fn dim(self) -> Self {
        Self {
            colour: DIM,
            ..self
        }
    }

    pub(super) const fn bold(self) -> Self {
        Self {
            is_bold: true,
            ..self
        }
    }

    /// Which part of the words lies at the given point.
    pub(super) const fn at(self, side: HPos) -> Self {
        Self { side, ..self }
    }
}

/// The margins of a plot on its sheet, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

/// Draws a sheet, and returns it as SVG.
pub(super) fn sheet(
    head: &Head,
    results: &Results,
    height: i32,
    draw: impl FnOnce(&Area<'_>) -> Result<()>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let size = (WIDTH as u32, height as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        words(&area, &head.title, (MARGIN, 30), Words::new(18.0).bold())?;
        words(&area, &head.below, (MARGIN, 54), Words::new(13.0).dim())?;
        let small = Words::new(11.0).dim();
        for (line, text) in caption(results).iter().enumerate() {
            let y = height - 32 + 16 * line as i32;
            words(&area, text, (MARGIN, y), small)?;
        }
        draw(&area)?;
        area.present()?;
    }
    Ok(svg)
}

/// Sets words whose middle has the height of `at`.
pub(super) fn words(area: &Area<'_>, text: &str, at: (i32, i32), words: Words) -> Result<()> {
    let weight = match words.is_bold {
        true => FontStyle::Bold,
        false => FontStyle::Normal,
    };
    let font = FontDesc::new(FontFamily::SansSerif, words.size * LINE_HEIGHT, weight);
    let style = TextStyle::from(font)
        .color(&words.colour)
        .pos(Pos::new(words.side, VPos::Center));
    Ok(area.draw_text(text, &style, at)?)
}

pub(super) fn line(
    area: &Area<'_>,
    points: Vec<(i32, i32)>,
    colour: RGBColor,
    width: u32,
) -> Result<()> {
    Ok(area.draw(&PathElement::new(points, colour.stroke_width(width)))?)
}

pub(super) fn bar(
    area: &Area<'_>,
    from: (i32, i32),
    to: (i32, i32),
    colour: RGBColor,
) -> Result<()> {
    Ok(area.draw(&Rectangle::new([from, to], colour.filled()))?)
}

pub(super) fn dot(area: &Area<'_>, at: (i32, i32), radius: i32, colour: RGBColor) -> Result<()> {
    Ok(area.draw(&Circle::new(at, radius, colour.filled()))?)
}

/// Draws a grid with its axes, and returns where on the sheet a pair of values lies.
pub(super) fn plot<'a>(
    area: &Area<'a>,
    frame: Frame,
    x: Axis,
    y: Axis,
) -> Result<impl Fn(f64, f64) -> (i32, i32) + use<'a>> {
    let ends = |axis: &Axis| axis.ends[0]..axis.ends[1];
    let chart = ChartBuilder::on(area)
        .margin_left(frame.left)
        .margin_right(frame.right)
        .margin_top(frame.top)
        .margin_bottom(frame.bottom)
        .build_cartesian_2d(ends(&x), ends(&y))?;
    let (right, bottom) = (
        WIDTH - frame.right,
        area.dim_in_pixel().1 as i32 - frame.bottom,
    );
    let small = Words::new(12.0).dim();
    for (place, label) in &x.ticks {
        let (at, _) = chart.backend_coord(&(*place, y.ends[0]));
        line(area, vec![(at, frame.top), (at, bottom)], LINE, 1)?;
        words(area, label, (at, bottom + 14), small.at(HPos::Center))?;
    }
    for (place, label) in &y.ticks {
        let (_, at) = chart.backend_coord(&(x.ends[0], *place));
        line(area, vec![(frame.left, at), (right, at)], LINE, 1)?;
        words(area, label, (frame.left - 8, at), small.at(HPos::Right))?;
    }
    let middle = (frame.left + right) / 2;
    words(area, x.name, (middle, bottom + 34), small.at(HPos::Center))?;
    // The name of the upright axis lies above it, where it is read without turning the head.
    words(area, y.name, (frame.left - 40, frame.top - 16), small)?;
    Ok(move |along, up| chart.backend_coord(&(x.place(along), y.place(up))))
}

/// Where the figures are from: the machine, and the run.
fn caption(results: &Results) -> [String; 2] {
    let day = results.began.split('T').next().unwrap_or_default();
    [
        machine(&results.machine),
        format!("{day}, {}", command(results)),
    ]
}

/// The command of the run as a person gives it: without the folders of the machine it ran on.
pub(crate) fn command(results: &Results) -> String {
    let words = results.command.split_whitespace();
    let names = words.map(|word| word.rsplit('/').next().unwrap_or(word));
    names.collect::<Vec<_>>().join(" ")
}
