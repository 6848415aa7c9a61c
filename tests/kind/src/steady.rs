//! Questions at a steady rate from a pod while something happens to the cluster.

use anyhow::{Context as _, Result, ensure};
use pod::protocol::Loaded;

use crate::{
    pods::{PROGRAM, Pod},
    report::Report,
};

/// For how long is asked at most, in seconds.
const LONGEST: &str = "180";

/// Asks `server` for `names` (type A) on schedule, `rate` times a second, from before `happens` until after it.
pub(crate) fn asked_while(
    pod: &Pod,
    server: &str,
    rate: u32,
    names: &[&str],
    happens: impl FnOnce() -> Result<()>,
) -> Result<Loaded> {
    let rate = rate.to_string();
    let mut words = vec![PROGRAM, "load", "--server", server, "--rate", &rate];
    words.extend(["--seconds", LONGEST, "--until-input-ends"]);
    words.extend(names.iter().flat_map(|name| ["--name", name]));
    let asking = pod.begin(&words)?;
    asking.wait_until_under_way()?;
    happens()?;
    serde_json::from_str(&asking.finish()?).context("read what became of the questions")
}

/// Reports what became of questions for names that exist, and checks that none was lost or answered wrongly.
pub(crate) fn judge(report: &mut Report, during: &str, loaded: &Loaded) {
    let share = 100.0 * loaded.by_kernel as f64 / loaded.answered.max(1) as f64;
    report.figure(
        &format!("{during}: questions asked"),
        loaded.sent as f64,
        "",
    );
    let held_up = loaded.held_up;
    report.figure(
        &format!("{during}: the client itself was held up"),
        held_up,
        "s",
    );
    report.figure(&format!("{during}: lost"), loaded.lost as f64, "");
    report.figure(&format!("{during}: answered in the kernel"), share, "%");
    report.figure(&format!("{during}: latency p50"), loaded.p50, "µs");
    report.figure(&format!("{during}: latency p99"), loaded.p99, "µs");
    report.figure(&format!("{during}: latency max"), loaded.max / 1e3, "ms");
    report.check(&format!("{during}: no question is lost"), || {
        ensure!(
            loaded.sent > 0 && loaded.lost == 0,
            "{} of {} questions were lost; the first were sent at {:?} (ns of UNIX time)",
            loaded.lost,
            loaded.sent,
            loaded.lost_at
        );
        Ok(())
    });
    report.check(&format!("{during}: every reply has records"), || {
        ensure!(
            loaded.with_answers == loaded.answered,
            "{} of {} replies have; response codes {:?}",
            loaded.with_answers,
            loaded.answered,
            loaded.response_codes
        );
        Ok(())
    });
}
