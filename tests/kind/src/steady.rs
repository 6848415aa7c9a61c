//! Questions at a steady rate from a pod while something happens to the cluster.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use pod::protocol::Loaded;

use crate::{
    pods::{PROGRAM, Pod},
    report::Report,
    stage::Stage,
};

/// For how long is asked at most, in seconds: longer than anything that happens meanwhile may take.
const LONGEST: &str = "3600";

/// The share of the questions that must have been asked.
const LEAST: f64 = 0.5;

/// What became of questions at a steady rate.
pub(crate) struct Steadily {
    /// Of the pod's.
    pub(crate) loaded: Loaded,
    /// How many questions of all pods on its node the kernel passed meanwhile, by reason, if that could be asked.
    passed: Result<BTreeMap<String, u64>>,
}

/// Asks the DNS service for addresses of `names` of the service's own family on schedule, `per_second` times a second,
/// from before `happens` until after it.
///
/// # Errors
///
/// What `happens` says; or far fewer questions were asked, so that nothing would be known.
pub(crate) fn asked_while(
    stage: &Stage,
    pod: &Pod,
    per_second: u32,
    names: &[&str],
    happens: impl FnOnce() -> Result<()>,
) -> Result<Steadily> {
    let passed = || Ok(stage.agents.status(&pod.node)?.passed);
    let before = passed();
    let server = stage.dns_server();
    let rate = per_second.to_string();
    let mut words = vec![PROGRAM, "load", "--server", &server, "--rate", &rate];
    words.extend(["--seconds", LONGEST, "--until-input-ends"]);
    // Every service has addresses of the family that the DNS service has.
    let record_type = if server.starts_with('[') { "AAAA" } else { "A" };
    words.extend(["--type", record_type]);
    words.extend(names.iter().flat_map(|name| ["--name", name]));
    let asking = pod.begin(&words)?;
    asking.wait_until_under_way()?;
    happens()?;
    let loaded: Loaded =
        serde_json::from_str(&asking.finish()?).context("read what became of the questions")?;
    ensure!(
        loaded.sent as f64 >= LEAST * f64::from(per_second) * loaded.seconds,
        "{} questions in {:.1} s are far fewer than {per_second} a second: the client was not let run",
        loaded.sent,
        loaded.seconds
    );
    let passed = before.and_then(|before: BTreeMap<String, u64>| {
        let mut meanwhile: BTreeMap<String, u64> = passed()?;
        for (reason, count) in &mut meanwhile {
            *count = count.saturating_sub(before.get(reason).copied().unwrap_or(0));
        }
        meanwhile.retain(|_, count| *count > 0);
        Ok(meanwhile)
    });
    Ok(Steadily { loaded, passed })
}

/// Reports what became of questions for names that exist, and checks that none was lost or answered wrongly.
pub(crate) fn judge(report: &mut Report, during: &str, steadily: &Steadily) {
    let Steadily { loaded, passed } = steadily;
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
    let passed = match passed {
        Ok(passed) => format!("the kernel passed on that node meanwhile {passed:?}"),
        Err(error) => format!("why the kernel passed any is not known: {error:#}"),
    };
    report.check(&format!("{during}: no question is lost"), || {
        ensure!(
            loaded.sent > 0 && loaded.lost == 0,
            "{} of {} questions were lost; the first were sent at {:?} (ns of UNIX time); {passed}",
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
