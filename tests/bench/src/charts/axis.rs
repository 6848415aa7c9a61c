//! Axes: which values they span, where their ticks stand, and where on them a value lies.

use super::figure::count;

/// An axis of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// Where it begins and ends, in places.
    pub(super) ends: [f64; 2],
    /// Its ticks: the place of each, and what stands at it.
    pub(super) ticks: Vec<(f64, String)>,
    /// What it counts, with its unit.
    pub(super) name: &'static str,
    is_logarithmic: bool,
}

impl Axis {
    /// A logarithmic axis on which all of these positive values lie, with ticks at 1, 2 and 5.
    pub(super) fn logarithmic(values: impl IntoIterator<Item = f64>, name: &'static str) -> Self {
        let (least, most) = values
            .into_iter()
            .fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        let steps: Vec<f64> = (-3..12)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)))
            .collect();
        // A little room, so that no mark lies on the frame.
        let first = steps.iter().rposition(|step| step * 1.05 <= least);
        let last = steps.iter().position(|step| *step >= most * 1.05);
        let first = first.unwrap_or(0).min(steps.len() - 2);
        let last = last.unwrap_or(steps.len() - 1).max(first + 1);
        let ticks = &steps[first..=last];
        Self {
            ends: [ticks[0].log10(), ticks[ticks.len() - 1].log10()],
            ticks: ticks
                .iter()
                .map(|tick| (tick.log10(), label(*tick)))
                .collect(),
            name,
            is_logarithmic: true,
        }
    }

    /// An axis from zero to a little more than the largest of these values, without ticks: the values stand beside
    /// what is drawn.
    pub(super) fn from_zero(values: impl IntoIterator<Item = f64>, name: &'static str) -> Self {
        let most = values.into_iter().fold(f64::MIN_POSITIVE, f64::max);
        Self {
            ends: [0.0, most * 1.02],
            ticks: Vec::new(),
            name,
            is_logarithmic: false,
        }
    }

    /// Shares of all questions, up to 99.9 %: each tenfold fewer of the slowest take as much room.
    pub(super) fn shares(name: &'static str) -> Self {
        let ticks = [0.0, 0.5, 0.9, 0.99, 0.999];
        Self {
            ends: [0.0, share(0.999)],
            ticks: ticks
                .iter()
                .map(|tick| {
                    (
                        share(*tick),
                        format!("{} %", (tick * 1000.0).round() / 10.0),
                    )
                })
                .collect(),
            name,
            is_logarithmic: false,
        }
    }

    /// An axis of so many rows, the first one on top.
    pub(super) fn rows(count: usize) -> Self {
        Self {
            ends: [count as f64, 0.0],
            ticks: Vec::new(),
            name: "",
            is_logarithmic: false,
        }
    }

    /// Where a value lies.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self.is_logarithmic {
            true => value.max(f64::MIN_POSITIVE).log10().max(self.ends[0]),
            false => value,
        }
    }
}

/// A tick of a logarithmic axis.
fn label(tick: f64) -> String {
    match tick {
        small if small < 1.0 => small.to_string(),
        large => count(large),
    }
}

/// The place of a share below 1 on [`Axis::shares`].
pub(super) fn share(share: f64) -> f64 {
    // Minus zero would be shown as such.
    (-(1.0 - share).log10()).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| &**label).collect()
    }

    #[test]
    fn a_logarithmic_axis_spans_its_values_and_little_more() {
        let axis = Axis::logarithmic([1.7, 620.0], "");
        assert_eq!(
            labels(&axis),
            [
                "1", "2", "5", "10", "20", "50", "100", "200", "500", "1,000"
            ]
        );
        assert_eq!(axis.ends, [0.0, 3.0]);
    }

    #[test]
    fn an_axis_of_one_value_or_none_has_a_length() {
        for axis in [
            Axis::logarithmic([1.0], ""),
            Axis::logarithmic([], ""),
            Axis::from_zero([], ""),
        ] {
            assert!(axis.ends[0] < axis.ends[1], "{:?}", axis.ends);
        }
    }

    #[test]
    fn nothing_lies_left_of_a_logarithmic_axis() {
        let axis = Axis::logarithmic([10.0, 100.0], "");
        assert_eq!(axis.place(0.0), axis.ends[0]);
    }

    #[test]
    fn shares_end_where_one_of_a_thousand_is_slower() {
        let axis = Axis::shares("");
        assert_eq!(labels(&axis), ["0 %", "50 %", "90 %", "99 %", "99.9 %"]);
        assert!((axis.ends[1] - 3.0).abs() < 1e-9);
    }
}
