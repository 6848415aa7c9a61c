//! Over real packets, by the kernel's statistics of each program.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _},
};

use anyhow::{Context as _, Result, ensure};
use aya::{
    programs::SchedClassifier,
    sys::{Stats, enable_stats},
};

use super::{Instructions, Pace, Series, bounce};
use crate::{
    client::ClosedLoop,
    progress::Progress,
    question::{self, From, Kind},
    scene::{Bounce, SINK, Scene},
};

/// Packets that nobody counts, before each slice: the caches are warm again.
const WARM_UP: u32 = 200;

/// One kind of packet, and the program that it meets.
struct Lane<'a> {
    program: &'a SchedClassifier,
    client: ClosedLoop,
    has_reply: bool,
    series: Series,
}

/// Measures the mean time of a run in each round.
pub(super) fn measure(
    scene: &Scene,
    agent: &SchedClassifier,
    pace: Pace,
    instructions: &mut Instructions,
    progress: &Progress,
) -> Result<Vec<Series>> {
    let mut lanes = lanes(scene, agent)?;
    // The kernel counts as long as this is open.
    let _counting =
        enable_stats(Stats::RunTime).context("let the kernel count (BPF_ENABLE_STATS)")?;
    for _ in 0..pace.rounds {
        for lane in &mut lanes {
            lane.measure(pace.packets, instructions)
                .with_context(|| format!("measure {}", lane.series.key))?;
        }
        progress.advance();
    }
    let has_reply: Vec<_> = lanes
        .iter()
        .map(|lane| (lane.series.key, lane.has_reply))
        .collect();
    for lane in &mut lanes {
        let base = has_reply.iter().find(|(key, _)| *key == lane.series.base);
        // The kernel's instructions are those of a packet's whole way, so that both must go the same one.
        if base.is_some_and(|(_, has_reply)| *has_reply != lane.has_reply) {
            lane.series.executed.clear();
        }
    }
    Ok(lanes.into_iter().map(|lane| lane.series).collect())
}

fn lanes<'a>(scene: &'a Scene, agent: &'a SchedClassifier) -> Result<Vec<Lane<'a>>> {
    let lane = |key, label, base, program, kind: &Kind, has_reply| {
        anyhow::Ok(Lane {
            program,
            client: ClosedLoop::open(scene, kind)?,
            has_reply,
            series: Series::new(key, label, base),
        })
    };
    let asked = |key: &str| question::kind(key).with_context(|| format!("find the question {key}"));
    let (plain, peer) = (bounce(scene, Bounce::Plain)?, bounce(scene, Bounce::Peer)?);
    let empty = bounce(scene, Bounce::Empty)?;
    let to_sink = |from, port| Kind {
        from,
        server: (SINK, port).into(),
        ..question::external()
    };
    Ok(vec![
        lane(
            "floor",
            "bounce, bpf_redirect_peer",
            "",
            peer,
            &asked("floor_peer")?,
            true,
        )?,
        lane(
            "floor_plain",
            "bounce, bpf_redirect",
            "floor",
            plain,
            &asked("floor_plain")?,
            true,
        )?,
        lane(
            "hit",
            "A of a service",
            "floor",
            agent,
            &asked("hit")?,
            true,
        )?,
        lane(
            "nodata",
            "no such records",
            "floor",
            agent,
            &asked("nodata")?,
            true,
        )?,
        lane(
            "nxdomain_3",
            "no such name, depth 3",
            "floor",
            agent,
            &asked("nxdomain_3")?,
            true,
        )?,
        lane(
            "pass",
            "passed on after the look-up",
            "floor",
            agent,
            &to_sink(From::Zerohop, 53),
            false,
        )?,
        lane(
            "empty",
            "empty program",
            "",
            empty,
            &to_sink(From::Empty, 9),
            false,
        )?,
        lane(
            "udp",
            "UDP to another port",
            "empty",
            agent,
            &to_sink(From::Zerohop, 9),
            false,
        )?,
    ])
}

impl Lane<'_> {
    fn measure(&mut self, packets: u32, instructions: &mut Instructions) -> Result<()> {
        self.put(WARM_UP)?;
        let before = Counts::of(self.program)?;
        let ((), executed) = instructions.of(packets, || self.put(packets))?;
        let after = Counts::of(self.program)?;
        let runs = after.runs - before.runs;
        ensure!(
            runs >= u64::from(packets) && runs <= u64::from(packets) + 10,
            "for {packets} packets the program has run {runs} times"
        );
        let time = (after.nanoseconds - before.nanoseconds) as f64;
        self.series.rounds.push(time / runs as f64);
        self.series.executed.extend(executed);
        Ok(())
    }

    fn put(&mut self, packets: u32) -> Result<()> {
        match self.has_reply {
            true => self.client.ask(packets),
            false => self.client.send(packets),
        }
    }
}

/// What the kernel has counted of a program.
struct Counts {
    nanoseconds: u64,
    runs: u64,
}

impl Counts {
    fn of(program: &SchedClassifier) -> Result<Self> {
        let descriptor = program.fd()?.as_fd().as_raw_fd();
        let path = format!("/proc/self/fdinfo/{descriptor}");
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let number = |name| number_in(&text, name).with_context(|| format!("find {name}"));
        Ok(Self {
            nanoseconds: number("run_time_ns")?,
            runs: number("run_cnt")?,
        })
    }
}

/// A number of what the kernel says of an open file, such as a program.
fn number_in(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key == name).then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_whole_names() {
        let text = "pos:\t0\nprog_jited:\t1\nrun_time_ns:\t1200\nrun_cnt:\t7\n";
        assert_eq!(number_in(text, "run_time_ns"), Some(1200));
        assert_eq!(number_in(text, "run_cnt"), Some(7));
        assert_eq!(number_in(text, "run"), None);
    }
}
