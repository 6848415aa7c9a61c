//! The fault for which there is a circuit breaker, as it once was: replies of the kernel whose sums are whole where they
//! are to be finished. Real clients in machines behind pods, over links without checksum offload, get none of them.

use std::thread;

use anyhow::{Result, anyhow};
use tests::{Agent, Folder, Machine, Pod, Question, Resolver, hickory_proto::rr::RecordType};

use super::{C_ARES, GO, JAVA, LOOK_UP, NAMES, Programs, has_found, name_of, new_site};
use crate::site::{
    Answerer, LIMIT, SERVERS, Site, address, answer, full, ip, lacks, wait_attached,
};

/// How a client is started that looks names up, and an option of resolv.conf: time-outs are shorter than usual, that the
/// test is.
type Start = (Vec<String>, &'static str);

fn starts(programs: &Programs) -> Result<[Start; 5]> {
    let compile = |source, words: &str| -> Result<_> { Ok(vec![programs.compile(source, words)?]) };
    let classes = programs.compile(JAVA, "javac -d PROGRAM SOURCE")?;
    let server = format!("-Dserver=dns://{}", ip(SERVERS[0]));
    let java = ["java", &server, "-cp", &classes, "LookUp"];
    let musl = ("look_up_by_musl.c", LOOK_UP.1);
    Ok([
        (compile(LOOK_UP, "gcc -o PROGRAM SOURCE")?, "timeout:2"),
        // It asks again after half of that.
        (
            compile(musl, "musl-gcc -static -o PROGRAM SOURCE")?,
            "timeout:4",
        ),
        (
            compile(GO, "CGO_ENABLED=0 go build -o PROGRAM SOURCE")?,
            "timeout:2",
        ),
        // These two do not heed it.
        (
            compile(C_ARES, "gcc -o PROGRAM SOURCE -lcares")?,
            "timeout:5",
        ),
        (java.map(str::to_owned).to_vec(), "timeout:5"),
    ])
}

/// A machine behind a pod, and the client in it.
struct Client {
    start: Start,
    machine: Machine,
    pod: Pod,
}

impl Client {
    /// The client in a machine behind pod `number`, which finishes sums itself.
    fn new(site: &Site, agent: &Agent, number: u8, start: Start) -> Result<Self> {
        let pod = Pod::new(&site.node, number)?;
        let machine = Machine::behind(&pod)?;
        machine.bridge().set_checksum_offload(false)?;
        wait_attached(agent, pod.node_interface())?;
        Ok(Self {
            start,
            machine,
            pod,
        })
    }

    /// Finds these names.
    fn look_up(&self, names: &[String]) -> Result<()> {
        let (words, option) = &self.start;
        let mut resolver = Resolver::of_pod("shop", ip(SERVERS[0]));
        resolver.options.push((*option).to_owned());
        let all: Vec<&str> = words.iter().chain(names).map(String::as_str).collect();
        let output = self.machine.run_with_resolver(&resolver, &all)?;
        has_found(&all[words.len()..], &output);
        Ok(())
    }
}

/// All find these names, at once.
fn look_up(clients: &[Client], names: &[String]) -> Result<()> {
    thread::scope(|scope| {
        let start = |client| scope.spawn(move || Client::look_up(client, names));
        let running: Vec<_> = clients.iter().map(start).collect();
        running.into_iter().try_for_each(|client| {
            let ended = client.join();
            ended.map_err(|_| anyhow!("a client has not found all"))?
        })
    })
}

#[test]
fn clients_in_machines_are_answered_by_the_kernel_and_left_to_the_dns_service_once_its_sums_are_wrong()
-> Result<()> {
    let name = "clients_in_machines_are_answered_by_the_kernel_and_left_to_the_dns_service_once_its_sums_are_wrong";
    if lacks(name) {
        return Ok(());
    }
    let site = new_site()?;
    let programs = Programs(Folder::new()?);
    let agent = site.agent(&[])?;
    let numbered = (2..).zip(starts(&programs)?);
    let clients = numbered.map(|(number, start)| Client::new(&site, &agent, number, start));
    let clients: Vec<Client> = clients.collect::<Result<_>>()?;

    // Of more, some would still be watched in place of the next ones.
    look_up(&clients, &[name_of(NAMES)])?;
    let (status, report) = agent.full_status(LIMIT)?;
    assert_eq!((status.passed["repeat"], status.passed["unheard"]), (0, 0));
    assert_eq!((report.breaker.unheard, report.breaker.opened), (0, 0));

    for client in &clients {
        assert_eq!(client.machine.wrong_sums()?, 0, "{:?}", client.start);
        client.machine.bridge().spoil_sums()?;
    }
    let names: Vec<String> = (0..NAMES).map(name_of).collect();
    look_up(&clients, &names)?;
    let (_, report) = agent.full_status(LIMIT)?;
    let all = clients.len() as u64;
    assert_eq!((report.breaker.unheard, report.breaker.opened), (all, all));
    for client in &clients {
        let about = format!("{:?}", client.start);
        let mut unheard = report.breaker.first.iter();
        assert!(
            unheard.any(|one| one.interface == client.pod.node_interface()),
            "{about}"
        );
        let lost = client.machine.wrong_sums()?;
        println!("{about}: {lost} answers were lost");
        assert!(lost > 0, "{about}");
        // From now on the first try is answered.
        let question = Question::new(&full("s0"), RecordType::A);
        let own = client.machine.client(address(SERVERS[0]))?;
        let answer = answer(&own.resolve(&question)?)?;
        assert_eq!(answer.by, Answerer::Service, "{about}");
        assert_eq!(client.machine.wrong_sums()?, lost, "{about}");
    }
    // Three clients or more, and more than a tenth.
    agent.wait_for("clients of this node have probably not got", LIMIT)?;
    Ok(())
}
