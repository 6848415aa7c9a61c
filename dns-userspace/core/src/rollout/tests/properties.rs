//! Simulated servers, whose kubelets and `reload` take as long as they may.

use proptest::prelude::*;

use super::*;

/// Seconds between two looks of `reload`, and until the plugin `kubernetes` has begun, at most.
const RELOAD: u64 = 45 + 5;

/// A server: its pod's volume, and the text that it has read.
#[derive(Debug, Clone)]
struct Simulated {
    made: u64,
    /// When its container was started again.
    started: Option<u64>,
    volume: usize,
    running: usize,
    next_sync: u64,
    next_reload: u64,
}

/// What chance decides: the text at each second of change, and what each server draws.
#[derive(Debug, Clone)]
struct Story {
    /// Seconds since the one before, and the text's number.
    changes: Vec<(u64, usize)>,
    syncs: Vec<u64>,
    reloads: Vec<u64>,
    /// When pods are replaced by new ones.
    restarts: Vec<u64>,
    /// When containers are started again.
    container_restarts: Vec<u64>,
    reload: bool,
}

fn story() -> impl Strategy<Value = Story> {
    let reload = any::<bool>();
    (
        prop::collection::vec((1_u64..250, 0_usize..4), 1..6),
        prop::collection::vec(1..=SYNC.as_secs(), 20),
        prop::collection::vec(1..=RELOAD, 40),
        prop::collection::vec(1_u64..1_200, 0..3),
        prop::collection::vec(1_u64..1_200, 0..4),
        reload,
    )
        .prop_map(
            |(changes, syncs, reloads, restarts, container_restarts, reload)| Story {
                changes,
                syncs,
                reloads,
                restarts,
                container_restarts,
                reload,
            },
        )
}

/// Four texts, each answered otherwise.
fn text(number: usize, reload: bool) -> String {
    corefile(10 + number as u32, if reload { "reload" } else { "" })
}

/// Tells the story second by second to the servers and to the judge, who must never answer by a text that a
/// server does not have.
fn tell(story: &Story) -> Result<(), TestCaseError> {
    let mut syncs = story.syncs.iter().cycle().copied();
    let mut reloads = story.reloads.iter().cycle().copied();
    let mut draw = move || (syncs.next().unwrap_or(1), reloads.next().unwrap_or(1));
    let mut pods: Vec<Simulated> = (0..2)
        .map(|_| {
            let (next_sync, next_reload) = draw();
            Simulated {
                made: 0,
                started: None,
                volume: 0,
                running: 0,
                next_sync,
                next_reload,
            }
        })
        .collect();
    let mut changes = Vec::new();
    let mut second = 0;
    for (pause, number) in &story.changes {
        second += pause;
        changes.push((second, *number));
    }
    let begin = 20_000;
    let mut config_map = 0;
    let mut changed = -10_000;
    let mut rollout = Rollout::new(options());
    let look = |text_number: usize, changed: i64, pods: &[Simulated]| {
        let starts = pods.iter().map(|pod| {
            // Those of the beginning are older than the first text.
            let made = match pod.made {
                0 => 9_000 - 20_000,
                made => made as i64,
            };
            start("coredns", made, pod.started.map(|second| second as i64))
        });
        seen(&[Running {
            starts: starts.collect(),
            ..servers(&text(text_number, story.reload), changed, 0)
        }])
    };
    // The first text is old, and its pods are newer than it, so that it is certain.
    rollout.observe(
        seen(&[servers(
            &text(0, story.reload),
            -(begin as i64),
            9_000 - 20_000,
        )]),
        at(0),
    );
    for second in 1..second + 400 {
        let mut has_changed = false;
        for (_, number) in changes.iter().filter(|(when, _)| *when == second) {
            config_map = *number;
            changed = second as i64;
            has_changed = true;
        }
        for pod in &mut pods {
            if second >= pod.next_sync {
                pod.volume = config_map;
                pod.next_sync = second + draw().0;
            }
            if story.reload && second >= pod.next_reload {
                pod.running = pod.volume;
                pod.next_reload = second + draw().1;
            }
        }
        if story.restarts.contains(&second) {
            for pod in &mut pods {
                *pod = Simulated {
                    made: second,
                    started: None,
                    volume: config_map,
                    running: config_map,
                    next_sync: second + draw().0,
                    next_reload: second + draw().1,
                };
            }
            has_changed = true;
        }
        if story.container_restarts.contains(&second) {
            for pod in &mut pods {
                pod.started = Some(second);
                pod.running = pod.volume;
                pod.next_reload = second + draw().1;
            }
            has_changed = true;
        }
        if has_changed {
            let seen = look(
                config_map,
                if changed < 0 {
                    -(begin as i64)
                } else {
                    changed
                },
                &pods,
            );
            rollout.observe(seen, at(second));
        }
        let answered = ttl(&mut rollout, second);
        for pod in &pods {
            if let Some(ttl) = answered {
                prop_assert_eq!(
                    ttl,
                    10 + pod.running as u32,
                    "in second {}: {:?}",
                    second,
                    pods
                );
            }
        }
    }
    // All is quiet: with `reload` everybody has the last text.
    if story.reload {
        prop_assert_eq!(
            ttl(&mut rollout, second + 400),
            Some(10 + config_map as u32)
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_is_ever_given_by_a_text_that_a_server_does_not_have(story in story()) {
        tell(&story)?;
    }
}
