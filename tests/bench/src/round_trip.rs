//! Part 1: round trips from a pod's namespace over one socket, one after the other.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;

use crate::{
    client::{ClosedLoop, Reply},
    distribution::histogram,
    machine,
    progress::Progress,
    question::{self, From, Kind},
    results::{Ratio, RoundTrip, Times},
    scene::Scene,
};

/// Before each slice: the caches are warm again, and what the kind before has left to be done (a server's collection
/// of garbage, for one) is over.
const WARM_UP: Duration = Duration::from_millis(10);

/// The two bounces.
const BOUNCES: [&str; 2] = ["floor_plain", "floor_peer"];

/// How many rounds, and how long each kind is asked in each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
}

impl Pace {
    /// A whole run's, or a quick one's.
    pub(crate) fn new(quick: bool) -> Self {
        match quick {
            true => Self {
                rounds: 12,
                slice: Duration::from_millis(40),
            },
            false => Self {
                rounds: 40,
                slice: Duration::from_millis(100),
            },
        }
    }
}

/// One kind while it is measured.
struct Lane {
    kind: Kind,
    client: ClosedLoop,
    expected: Reply,
    all: Histogram<u64>,
    rounds: Vec<[u64; 2]>,
    lost: u64,
}

/// Measures every kind. The faster of the two bounces comes once more, as `floor`.
///
/// # Errors
///
/// A reply is not what CoreDNS says, or a question to the kernel was passed on.
pub(crate) fn measure(scene: &Scene, pace: Pace) -> Result<Vec<RoundTrip>> {
    let mut lanes = question::all()
        .into_iter()
        .map(|kind| lane(scene, kind))
        .collect::<Result<Vec<_>>>()?;
    let progress = Progress::start("round trips", pace.rounds as u64)?;
    let before = scene.status()?;
    machine::on_cpu(machine::cpus()? - 1, || {
        for round in 0..pace.rounds {
            for place in order(round, lanes.len()) {
                let lane = &mut lanes[place];
                lane.measure(pace.slice)
                    .with_context(|| format!("measure {}", lane.kind.key))?;
            }
            progress.advance();
        }
        Ok(())
    })?;
    let after = scene.status()?;
    progress.finish();
    let asked: u64 = lanes
        .iter()
        .filter(|lane| lane.kind.from == From::Zerohop)
        .map(|lane| lane.all.len())
        .sum();
    let passed = after.passed_on() - before.passed_on();
    ensure!(
        passed * 1000 <= asked,
        "of {asked} questions that the kernel should answer {passed} were passed on: {:?}",
        after.passed
    );
    for lane in &lanes {
        if lane.lost > 0 {
            eprintln!("{}: {} questions were lost", lane.kind.key, lane.lost);
        }
    }
    results(lanes)
}

/// Every round begins with another kind, and goes the other way round than the one before, so that none always follows
/// the same.
fn order(round: usize, count: usize) -> Vec<usize> {
    let places = (0..count).map(|place| (place + round) % count);
    match round % 2 {
        0 => places.collect(),
        _ => places.rev().collect(),
    }
}

/// Opens the client, and asks CoreDNS what the reply has to mean.
fn lane(scene: &Scene, kind: Kind) -> Result<Lane> {
    let judge = Kind {
        from: From::Bare,
        server: (crate::scene::DNS_SERVICE, 53).into(),
        ..kind.clone()
    };
    let mut client = ClosedLoop::open(scene, &kind)?;
    let expected = match kind.is_bounce() {
        true => client.whole_reply()?,
        false => ClosedLoop::open(scene, &judge)?.whole_reply()?,
    };
    Ok(Lane {
        kind,
        client,
        expected,
        all: histogram()?,
        rounds: Vec::new(),
        lost: 0,
    })
}

impl Lane {
    /// One slice of one round.
    fn measure(&mut self, slice: Duration) -> Result<()> {
        let mut times = histogram()?;
        let reply = self.client.whole_reply()?;
        ensure!(
            reply == self.expected,
            "the reply is {reply:?}, where CoreDNS says {:?}",
            self.expected
        );
        self.lost += self.client.run(WARM_UP, &mut times)?;
        times.reset();
        self.lost += self.client.run(slice, &mut times)?;
        self.rounds
            .push([times.value_at_quantile(0.5), times.value_at_quantile(0.99)]);
        self.all.add(&times).context("add up the rounds")
    }
}

fn results(lanes: Vec<Lane>) -> Result<Vec<RoundTrip>> {
    let mut found: Vec<RoundTrip> = lanes
        .iter()
        .map(|lane| RoundTrip {
            key: lane.kind.key.to_owned(),
            label: lane.kind.label.to_owned(),
            times: Times::of(&lane.all),
            rounds: lane.rounds.clone(),
            ..RoundTrip::default()
        })
        .collect();
    let key = floor(&found);
    let floor = found.iter().find(|kind| kind.key == key);
    let floor = floor.context("no bounce was measured")?.clone();
    found.insert(
        0,
        RoundTrip {
            key: "floor".to_owned(),
            label: format!("the floor: {}", floor.label),
            ..floor.clone()
        },
    );
    for kind in &mut found {
        kind.p50_over_floor = over(&kind.rounds, &floor.rounds, 0);
        kind.p99_over_floor = over(&kind.rounds, &floor.rounds, 1);
    }
    Ok(found)
}

/// The key of the faster bounce; without figures, that of the bounce into the pod's end.
pub(crate) fn floor(found: &[RoundTrip]) -> &str {
    let bounces = found.iter().filter(|kind| BOUNCES.contains(&&*kind.key));
    let faster = bounces.min_by_key(|bounce| bounce.times.p50);
    faster.map_or(BOUNCES[1], |bounce| &bounce.key)
}

/// The quotients of two kinds' p50 (0) or p99 (1), round by round.
pub(crate) fn over(rounds: &[[u64; 2]], base: &[[u64; 2]], percentile: usize) -> Ratio {
    let figures = |rounds: &[[u64; 2]]| -> Vec<f64> {
        rounds
            .iter()
            .map(|round| round[percentile] as f64)
            .collect()
    };
    Ratio::between(figures(rounds), figures(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_takes_each_kind_once_and_no_two_begin_alike() {
        let rounds: Vec<Vec<usize>> = (0..4).map(|round| order(round, 5)).collect();
        for round in &rounds {
            let mut sorted = round.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
        }
        assert_eq!(rounds[0], [0, 1, 2, 3, 4]);
        assert_eq!(rounds[1], [0, 4, 3, 2, 1]);
        assert_eq!(rounds[2], [2, 3, 4, 0, 1]);
    }

    #[test]
    fn kinds_are_compared_with_the_floor_of_the_same_round() {
        let ratio = over(&[[20, 90], [60, 80]], &[[10, 30], [20, 40]], 0);
        assert_eq!((ratio.least, ratio.most), (2.0, 3.0));
        assert_eq!(over(&[[20, 90]], &[[10, 30]], 1).median, 3.0);
    }
}
