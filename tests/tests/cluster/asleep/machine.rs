//! A virtual machine that is a node, asleep: what its kernel answers and denies after that.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use dns_core::permission::{DENIALS, LEASE, WAITING};
use tests::{
    ApiServer, Namespace, Sleep, Tool, VirtualMachine, eventually_every, program, skip,
    skipped_without_root,
};

use crate::scene::{KUBE_DNS, LIMIT, corefile};

/// How long it sleeps: longer than every deadline lasts.
const SLEEP: u64 = 8;
/// How often the machine, which is emulated and has one processor, is looked at.
const LOOK: Duration = Duration::from_millis(300);
/// Between the look at its clock and its pause.
const SHELL: Duration = Duration::from_millis(500);
/// The host's loopback, as the machine sees it.
const HOST: &str = "10.0.2.2";

/// A machine, and the API server beside it.
struct Node {
    machine: VirtualMachine,
    api: ApiServer,
}

/// How a name is answered from a moment on, in milliseconds of the machine's CLOCK_BOOTTIME.
#[derive(Clone, Debug)]
struct Asked {
    at: u64,
    name: String,
    how: String,
}

impl Node {
    /// A machine whose kernel answers and denies these services of `default`, and in whose pod they are asked for all the
    /// time.
    fn new(present: &[&str], absent: &[&str]) -> Result<Self> {
        let host = Namespace::new("host")?;
        let api = ApiServer::start_in(&host)?;
        eventually_every(LOOK, LIMIT, "kube-system to exist", || api.apply(KUBE_DNS))?;
        for service in present {
            make(&api, service)?;
        }
        let kubeconfig = kubeconfig(&api)?;
        let agent = program(Tool::Zerohop)?;
        let corefile = corefile("");
        let certificate = fs::read_to_string(api.certificate()).context("read the certificate")?;
        let files = [
            ("kubeconfig", kubeconfig.as_str()),
            ("certificate", &certificate),
            ("corefile", &corefile),
        ];
        let machine = VirtualMachine::node(&host, &agent, &files)?;
        let mut node = Self { machine, api };
        let names = [present, absent].concat();
        let names: Vec<String> = names.iter().map(|service| full(service)).collect();
        node.machine.run(&format!("ask {}", names.join(" ")))?;
        for (services, how) in [(present, "answered"), (absent, "denied")] {
            for service in services {
                node.wait_until(service, how)?;
            }
        }
        Ok(node)
    }

    /// All that was noted so far, in order.
    fn asked(&mut self) -> Result<Vec<Asked>> {
        let printed = self.machine.run("cat /asked")?;
        let lines = printed.lines().map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [at, name, how] = words[..] else {
                anyhow::bail!("the machine noted {line:?}");
            };
            let at = at.parse().with_context(|| format!("read {line:?}"))?;
            let (name, how) = (name.to_owned(), how.to_owned());
            Ok(Asked { at, name, how })
        });
        lines.collect()
    }

    /// Waits until a service's name is answered like this.
    fn wait_until(&mut self, service: &str, how: &str) -> Result<()> {
        let name = full(service);
        let waited = eventually_every(LOOK, 3 * LIMIT, &format!("{name} to be {how}"), || {
            let asked = self.asked()?;
            let last = asked.iter().rfind(|asked| asked.name == name);
            let is = last.is_some_and(|last| last.how == how);
            ensure!(is, "it is {last:?}");
            Ok(())
        });
        waited.with_context(|| self.machine.run("cat /agent.log").unwrap_or_default())
    }

    /// What is noted from the moment `at` on, until `come` is answered and `gone` denied.
    fn asked_since(&mut self, at: u64, [come, gone]: [&str; 2]) -> Result<Vec<Asked>> {
        self.wait_until(come, "answered")?;
        self.wait_until(gone, "denied")?;
        let mut asked = self.asked()?;
        asked.retain(|asked| asked.at >= at);
        Ok(asked)
    }

    /// CLOCK_BOOTTIME in milliseconds.
    fn now(&mut self) -> Result<u64> {
        let uptime = self.machine.run("cat /proc/uptime")?;
        let seconds = uptime.split_whitespace().next().unwrap_or_default();
        let seconds: f64 = seconds
            .parse()
            .with_context(|| format!("read {uptime:?}"))?;
        Ok((seconds * 1000.0) as u64)
    }
}

fn full(service: &str) -> String {
    format!("{service}.default.svc.cluster.local")
}

fn make(api: &ApiServer, service: &str) -> Result<()> {
    api.apply(&format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: {service}, namespace: default}}, spec: {{ports: [{{port: 80}}]}}}}"
    ))
}

/// What changes while the machine sleeps for the nth time: a service that comes, and one that goes.
fn changing(number: usize) -> [String; 2] {
    ["come", "gone"].map(|kind| format!("{kind}-{number}"))
}

/// For how long a name was answered in that way after the moment `at`, in which it was, in milliseconds.
fn lasted(asked: &[Asked], at: u64, service: &str) -> u64 {
    let name = full(service);
    let next = asked.iter().find(|asked| asked.name == name);
    next.map_or(u64::MAX, |next| next.at - at)
}

/// After the machine has slept: nothing is answered or denied by what was known before.
fn judge_woken(asked: &[Asked], [come, gone]: [&str; 2]) -> Result<()> {
    let woke = asked.iter().position(|asked| asked.how == "woke");
    let woken = &asked[woke.context("it has not noticed that it slept")?..];
    for (service, wrong) in [(come, "denied"), (gone, "answered")] {
        let name = full(service);
        let mut all = woken.iter().filter(|asked| asked.name == name);
        let wrong = all.find(|asked| asked.how == wrong);
        ensure!(wrong.is_none(), "{wrong:?} among {woken:?}");
    }
    let back = woken.iter().find(|asked| asked.how == "answered");
    if let (Some(first), Some(back)) = (woken.first(), back) {
        println!("the kernel answers again after {} ms", back.at - first.at);
    }
    Ok(())
}

/// After the machine was paused, which its clocks do not show: what was permitted before holds for as long as that.
fn judge_paused(asked: &[Asked], at: u64, [come, gone]: [&str; 2]) -> Result<()> {
    let woke = asked.iter().find(|asked| asked.how == "woke");
    ensure!(woke.is_none(), "its clocks show the pause: {woke:?}");
    let [denied, answered] = [come, gone].map(|service| lasted(asked, at, service));
    println!("denied for {denied} ms and answered for {answered} ms after the pause");
    for (lasted, ahead) in [(denied, DENIALS), (answered, LEASE)] {
        let most = ahead + WAITING + SHELL;
        ensure!(
            u128::from(lasted) < most.as_millis(),
            "{lasted} ms: {asked:?}"
        );
    }
    Ok(())
}

#[test]
fn a_machine_that_wakes_answers_and_denies_nothing_by_what_it_knew_before() -> Result<()> {
    let name = "a_machine_that_wakes_answers_and_denies_nothing_by_what_it_knew_before";
    if skipped_without_root(name) {
        return Ok(());
    }
    if let Err(reason) = VirtualMachine::kernel() {
        skip(name, &reason.to_string());
        return Ok(());
    }
    let sleeps = [Sleep::Freeze, Sleep::Memory, Sleep::Pause];
    let changing: Vec<[String; 2]> = (0..sleeps.len()).map(changing).collect();
    let of = |kind: usize| -> Vec<&str> {
        let all = changing.iter().map(|services| services[kind].as_str());
        all.collect()
    };
    let mut node = Node::new(&of(1), &of(0))?;
    for (sleep, services) in sleeps.into_iter().zip(&changing) {
        let [come, gone] = [&*services[0], &*services[1]];
        node.wait_until(come, "denied")?;
        node.wait_until(gone, "answered")?;
        let at = node.now()?;
        let Node { machine, api } = &mut node;
        let slept = machine.sleep(sleep, SLEEP, || {
            make(api, come)?;
            api.delete("service", "default", gone)
        });
        slept.with_context(|| format!("{sleep:?}"))?;
        let asked = node.asked_since(at, [come, gone])?;
        println!("{sleep:?}:");
        match sleep {
            Sleep::Freeze | Sleep::Memory => judge_woken(&asked, [come, gone]),
            Sleep::Pause => judge_paused(&asked, at, [come, gone]),
        }
        .with_context(|| format!("{sleep:?}"))?;
    }
    Ok(())
}

/// What a client in the machine needs, with the server's certificate in it.
fn kubeconfig(api: &ApiServer) -> Result<String> {
    let path = api.kubeconfig();
    let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let mut kubeconfig: serde_json::Value = serde_json::from_slice(&text)?;
    let cluster = &mut kubeconfig["clusters"][0]["cluster"];
    cluster["server"] = format!("https://{HOST}:{}", ApiServer::PORT).into();
    cluster["tls-server-name"] = "127.0.0.1".into();
    cluster["certificate-authority"] = "/certificate".into();
    Ok(kubeconfig.to_string())
}
