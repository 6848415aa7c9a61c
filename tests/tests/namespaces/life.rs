//! The agent's life: killed, frozen, stopped, started again, started twice.

use std::time::Instant;

use anyhow::{Result, ensure};
use tests::{
    Agent, Question,
    hickory_proto::{op::ResponseCode, rr::RecordType},
};

use crate::{
    asker::Asker,
    catalogue::{self, Service},
    site::{Answerer, LIMIT, SERVERS, Site, ask, at_a_site, full, wait_attached},
};

#[test]
fn after_a_kill_the_kernel_answers_until_the_lease_ends_and_then_the_dns_service() -> Result<()> {
    let name = "after_a_kill_the_kernel_answers_until_the_lease_ends_and_then_the_dns_service";
    at_a_site(name, |site| {
        for hook in ["tcx", "clsact"] {
            let agent = site.agent(&["--hook", hook])?;
            let asker = Asker::start(&site.pod)?;
            asker.wait_for_next(Answerer::Kernel)?;
            assert_eq!(asker.count(Answerer::Service), 0, "{hook}");
            agent.kill();
            asker.wait_for_next(Answerer::Kernel)?;
            asker.wait_for_next(Answerer::Service)?;
            let by_kernel = asker.count(Answerer::Kernel);
            asker.wait_for_next(Answerer::Service)?;
            assert_eq!(asker.count(Answerer::Kernel), by_kernel, "{hook}");
            asker.stop()?;
            assert!(agent.status()?.passed["lease"] > 0, "{hook}");
        }
        Ok(())
    })
}

#[test]
fn a_frozen_agent_loses_its_lease_and_gets_it_back_when_it_goes_on() -> Result<()> {
    let name = "a_frozen_agent_loses_its_lease_and_gets_it_back_when_it_goes_on";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        let asker = Asker::start(&site.pod)?;
        asker.wait_for_next(Answerer::Kernel)?;
        agent.pause()?;
        asker.wait_for_next(Answerer::Service)?;
        assert_eq!(agent.status()?.lease_seconds, Some(0.0));
        agent.resume()?;
        asker.wait_for_next(Answerer::Kernel)?;
        asker.stop()
    })
}

#[test]
fn a_restarted_agent_adopts_the_maps_and_removes_what_vanished_meanwhile() -> Result<()> {
    let name = "a_restarted_agent_adopts_the_maps_and_removes_what_vanished_meanwhile";
    at_a_site(name, |site| {
        for hook in ["tcx", "clsact"] {
            site.manifests
                .write("all.yaml", &catalogue::manifests(&catalogue::services()))?;
            let agent = site.agent(&["--hook", hook])?;
            let answer = site.ask(&full("old"), RecordType::A)?;
            assert_eq!((answer.by, answer.data.len()), (Answerer::Kernel, 1));
            let asker = Asker::start(&site.pod)?;
            asker.wait_for_next(Answerer::Kernel)?;
            agent.kill();
            let mut left = catalogue::services();
            left.retain(|service| !service.manifest().contains("name: old,"));
            site.manifests
                .write("all.yaml", &catalogue::manifests(&left))?;
            let agent = site.agent(&["--hook", hook])?;
            let loaded = agent.wait_for("the datapath is loaded", LIMIT)?;
            assert!(loaded.contains("adopted=true"), "{loaded}");
            asker.wait_for_next(Answerer::Kernel)?;
            // Both lists are complete, so nobody has to be asked for the name that vanished.
            let answer = site.wait_for(Answerer::Kernel, &full("old"))?;
            assert_eq!(answer.code, ResponseCode::NXDomain, "{hook}");
            asker.stop()?;
            agent.terminate()?;
        }
        Ok(())
    })
}

/// Services with so many addresses that each takes a section of the largest kind.
fn large(count: u8) -> Vec<Service> {
    let services =
        (1..=5).map(|number| Service::headless(&format!("large-{number}"), number, count));
    services.collect()
}

/// Asks for each of these services once. Returns how many were not answered in the kernel; what the kernel answers is whole.
fn ask_for_large(site: &Site, counts: &[u8]) -> Result<u64> {
    let mut passed = 0;
    for number in 1..=5 {
        let question = Question::new(&full(&format!("large-{number}")), RecordType::A);
        let answer = ask(&site.pod, SERVERS[0], &question.with_edns(1400))?;
        match answer.by {
            Answerer::Kernel => {
                let whole = counts
                    .iter()
                    .any(|count| answer.data.len() == usize::from(*count));
                ensure!(whole, "{answer:?}");
            }
            Answerer::Service => passed += 1,
        }
    }
    Ok(passed)
}

/// How many questions were passed because of the moment in which they came, for there was no agent, or an entry was being
/// written; or by chance.
fn passed_for_the_moment(agent: &Agent) -> Result<u64> {
    let status = agent.status()?;
    let count = |reason| status.passed.get(reason).copied().unwrap_or_default();
    Ok(count("lease") + count("changing") + status.passed_by_chance())
}

#[test]
fn an_agent_that_starts_on_nearly_full_sections_refuses_nothing_and_every_name_stays_answered()
-> Result<()> {
    let name = "an_agent_that_starts_on_nearly_full_sections_refuses_nothing_and_every_name_stays_answered";
    at_a_site(name, |site| {
        // Eight sections of the largest kind, of which the five services take five.
        let arguments = ["--sections", "32"];
        let mut earlier = 70;
        let write = |count| {
            let manifests = catalogue::manifests(&large(count));
            site.manifests.write("all.yaml", &manifests)
        };
        write(earlier)?;
        let mut agent = site.agent(&arguments)?;
        // The same as before, and all changed meanwhile.
        for count in [earlier, 75] {
            let before = passed_for_the_moment(&agent)?;
            agent.kill();
            write(count)?;
            agent = site.spawn_agent(&arguments)?;
            let began = Instant::now();
            let mut passed = 0;
            while agent.process().time_of("answering questions").is_none() {
                ensure!(began.elapsed() < LIMIT, agent.process().last_lines());
                passed += ask_for_large(site, &[earlier, count])?;
            }
            wait_attached(&agent, site.pod.node_interface())?;
            let excused = passed_for_the_moment(&agent)? - before;
            assert!(
                passed <= excused,
                "{passed} were passed, {excused} for the moment: {:?}",
                agent.status()?.passed
            );
            assert_eq!(ask_for_large(site, &[count])?, 0, "{count}");
            let lines = agent.process().lines();
            let full: Vec<_> = lines.iter().filter(|line| line.contains("full")).collect();
            assert!(full.is_empty(), "{full:?}");
            assert!(lines.iter().any(|line| line.contains("adopted=true")));
            earlier = count;
        }
        Ok(())
    })
}

#[test]
fn maps_of_another_size_are_replaced_and_nobody_loses_a_look_up() -> Result<()> {
    let name = "maps_of_another_size_are_replaced_and_nobody_loses_a_look_up";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        let asker = Asker::start(&site.pod)?;
        asker.wait_for_next(Answerer::Kernel)?;
        agent.kill();
        let agent = site.agent(&["--entries", "512", "--sections", "256"])?;
        let loaded = agent.wait_for("the datapath is loaded", LIMIT)?;
        assert!(loaded.contains("adopted=false"), "{loaded}");
        asker.wait_for_next(Answerer::Kernel)?;
        asker.stop()
    })
}

#[test]
fn on_sigterm_the_dns_service_answers_at_once() -> Result<()> {
    at_a_site("on_sigterm_the_dns_service_answers_at_once", |site| {
        let agent = site.agent(&[])?;
        let asker = Asker::start(&site.pod)?;
        asker.wait_for_next(Answerer::Kernel)?;
        agent.terminate()?;
        let answer = site.ask(&full("web"), RecordType::A)?;
        assert_eq!(answer.by, Answerer::Service, "the agent has ended");
        asker.wait_for_next(Answerer::Service)?;
        let _agent = site.agent(&[])?;
        asker.wait_for_next(Answerer::Kernel)?;
        asker.stop()
    })
}

#[test]
fn a_second_agent_is_refused_and_the_first_goes_on() -> Result<()> {
    at_a_site("a_second_agent_is_refused_and_the_first_goes_on", |site| {
        let first = site.agent(&[])?;
        let second = site.spawn_agent(&[])?;
        let status = second.process().wait(LIMIT)?;
        let said = second.process().last_lines();
        assert_eq!(status.code(), Some(1), "{said}");
        let holder = format!("is in use by process {} (zerohop)", first.process().id());
        assert!(said.contains(&holder), "{said}");
        assert!(
            said.contains("only one agent may use a pin directory"),
            "{said}"
        );
        let answer = site.ask(&full("web"), RecordType::A)?;
        assert_eq!(answer.by, Answerer::Kernel);
        Ok(())
    })
}
