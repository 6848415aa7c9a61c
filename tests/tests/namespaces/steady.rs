//! Real clients that get their answers, or lose them by a fault of their own: the circuit breaker answers them all the
//! while. `tests/tests/datapath/steady.rs` has more of them, on a clock of its own.

use std::{
    collections::VecDeque,
    io::ErrorKind,
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::socket::{setsockopt, sockopt::RcvBuf};
use tests::{Agent, Folder, Pod, Question, Status, hickory_proto::rr::RecordType};

use crate::site::{
    Answerer, LIMIT, SERVERS, Site, address, answer, at_a_site, full, ip, wait_attached,
};

/// How long a client asks: a sign comes after a second, and counts seven later.
const LENGTH: Duration = Duration::from_secs(12);

/// No circuit has been opened; returns how many questions the kernel has answered, and how many it has passed, since
/// `before`.
fn stayed_closed(agent: &Agent, before: &Status) -> Result<(u64, u64)> {
    let (status, report) = agent.full_status(LIMIT)?;
    let first = &report.breaker.first;
    let counts = (report.breaker.opened, report.breaker.unheard);
    assert_eq!(counts, (0, 0), "{first:?}, {:?}", status.passed);
    assert_eq!(status.passed["unheard"], 0);
    let answered = status.answered_in_kernel() - before.answered_in_kernel();
    let passed = status.passed_on() - before.passed_on();
    println!("{answered} answered, {passed} passed: {:?}", status.passed);
    Ok((answered, passed))
}

/// Runs all at once, each on a thread of its own.
fn at_once<T: Sync>(all: &[T], run: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let start = |one| {
            let run = &run;
            scope.spawn(move || run(one))
        };
        let running: Vec<_> = all.iter().map(start).collect();
        running.into_iter().try_for_each(|one| {
            let ended = one.join();
            ended.map_err(|_| anyhow!("a client panicked"))?
        })
    })
}

/// Makes pods 2 and on, one for each of `all`.
fn pods<T: Copy>(site: &Site, agent: &Agent, all: &[T]) -> Result<Vec<(Pod, T)>> {
    let make = |(number, one): (u8, &T)| {
        let pod = Pod::new(&site.node, number)?;
        wait_attached(agent, pod.node_interface())?;
        Ok((pod, *one))
    };
    (2..).zip(all).map(make).collect()
}

#[test]
fn dnsperf_is_answered_by_the_kernel_while_its_ids_come_round_and_as_fast_as_it_asks() -> Result<()>
{
    let name = "dnsperf_is_answered_by_the_kernel_while_its_ids_come_round_and_as_fast_as_it_asks";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        let folder = Folder::new()?;
        // A power of two, as the number of its IDs is: each comes again with the name that it had.
        let asked = (0..16).map(|number| match number {
            0 => full("web") + " A\n",
            1 => full("many") + " A\n",
            number => full(&format!("absent-{number}")) + " A\n",
        });
        let questions = folder.write("questions", &asked.collect::<String>())?;
        let questions = questions.to_str().context("a path in UTF-8")?;
        let server = ip(SERVERS[0]).to_string();
        // So that 65,536 IDs last four seconds, and without a limit.
        for more in [["-l", "13", "-Q", "16384"], ["-l", "4", "-q", "20"]] {
            let before = agent.status()?;
            let words = ["dnsperf", "-s", &server, "-d", questions];
            let printed = site.pod.namespace().run(&[&words[..], &more].concat())?;
            println!("{printed}");
            let (answered, passed) = stayed_closed(&agent, &before)?;
            assert!(answered > 10_000, "{printed}");
            assert!(passed * 100 < answered, "{passed} of {answered}");
        }
        Ok(())
    })
}

#[test]
fn one_socket_that_asks_in_a_closed_loop_under_one_id_is_answered_by_the_kernel() -> Result<()> {
    let name = "one_socket_that_asks_in_a_closed_loop_under_one_id_is_answered_by_the_kernel";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        // How many names, and the pause: of a thousand and a millisecond, each comes again after a second.
        let loops = pods(site, &agent, &[(8, 0), (1_000, 1)])?;
        let before = agent.status()?;
        at_once(&loops, |(pod, (names, pause))| {
            let client = pod.client(address(SERVERS[0]))?;
            let (start, pause) = (Instant::now(), Duration::from_millis(*pause));
            let mut number = 0;
            while start.elapsed() < LENGTH {
                let name = full(&format!("looped-{}", number % names));
                let mut question = Question::new(&name, RecordType::A);
                question.id = 1;
                client.resolve(&question)?;
                number += 1;
                thread::sleep(pause);
            }
            println!("{number} questions for {names} names");
            Ok(())
        })?;
        let (answered, passed) = stayed_closed(&agent, &before)?;
        assert!(passed * 100 < answered, "{passed} of {answered}");
        Ok(())
    })
}

/// A client that asks 5,000 questions a second, and repeats those that its buffer has lost.
#[derive(Clone, Copy)]
struct Throttled {
    /// Octets of the socket's buffer.
    buffer: usize,
    /// After how long it asks again under the same ID, and how often it asks in all.
    time_out: Duration,
    tries: u32,
}

/// A question that waits for its answer.
#[derive(Clone, Copy)]
struct Waiting {
    name: u32,
    tries: u32,
}

impl Throttled {
    /// Asks from the pod; says how many questions it has sent, and how many answers it has read.
    fn ask(self, pod: &Pod) -> Result<(u64, u64)> {
        let socket = pod.namespace().enter(|| {
            let socket = UdpSocket::bind(("0.0.0.0", 0))?;
            socket.connect(SERVERS[0])?;
            Ok(socket)
        })?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, RcvBuf, &self.buffer)?;
        // By ID, and in the order in which they are due.
        let mut waiting = vec![None::<Waiting>; 65_536];
        let mut due = VecDeque::<(Instant, u16)>::new();
        let (mut asked, mut sent, mut read) = (0_u32, 0, 0);
        let start = Instant::now();
        for turn in 1.. {
            if start.elapsed() > LENGTH {
                break;
            }
            let schedule = start.elapsed().as_millis() as u64 * 5;
            while sent < schedule {
                let is_due = |(at, _): &mut (Instant, u16)| *at <= Instant::now();
                let (id, one) = match due.pop_front_if(is_due) {
                    Some((_, id)) => match waiting[usize::from(id)].take() {
                        Some(one) if one.tries < self.tries => (id, one),
                        _ => continue,
                    },
                    None => {
                        asked += 1;
                        let id = (asked % 65_536) as u16 ^ 0x5a5a;
                        let name = asked % 200;
                        (id, Waiting { name, tries: 0 })
                    }
                };
                let name = full(&format!("busy-{}", one.name));
                let mut question = Question::new(&name, RecordType::A);
                question.id = id;
                socket.send(&question.encode())?;
                sent += 1;
                let tries = one.tries + 1;
                waiting[usize::from(id)] = Some(Waiting { tries, ..one });
                due.push_back((Instant::now() + self.time_out, id));
            }
            // So seldom that the buffer is full most of the time.
            if turn % 23 == 0 {
                read += Self::read(&socket, &mut waiting)?;
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok((sent, read))
    }

    /// Reads what the buffer holds; says how many answers.
    fn read(socket: &UdpSocket, waiting: &mut [Option<Waiting>]) -> Result<u64> {
        let (mut buffer, mut read) = ([0; 512], 0);
        loop {
            match socket.recv(&mut buffer) {
                Ok(octets) => {
                    ensure!(octets > 12, "an answer of {octets} octets");
                    let id = u16::from_be_bytes([buffer[0], buffer[1]]);
                    waiting[usize::from(id)] = None;
                    read += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(read),
                Err(error) => return Err(error).context("read answers"),
            }
        }
    }
}

#[test]
fn throttled_clients_whose_buffers_overflow_are_answered_by_the_kernel() -> Result<()> {
    let name = "throttled_clients_whose_buffers_overflow_are_answered_by_the_kernel";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        // The kernel makes more of the small one: room for a few answers, so that not even the first eight fit.
        let (small, large) = (1_000, 16_000);
        let throttled = |buffer, seconds, tries| Throttled {
            buffer,
            time_out: Duration::from_secs(seconds),
            tries,
        };
        let kinds = [
            throttled(large, 1, 4),
            throttled(small, 1, 4),
            throttled(large, 5, 2),
            throttled(small, 5, 2),
        ];
        let pods = pods(site, &agent, &kinds)?;
        let before = agent.status()?;
        at_once(&pods, |(pod, throttled)| {
            let (sent, read) = throttled.ask(pod)?;
            println!("{}: {sent} sent, {read} read", pod.node_interface());
            let about = format!("{sent} sent, {read} read");
            ensure!(sent > 50_000 && read > 500 && read * 2 < sent, about);
            Ok(())
        })?;
        let (answered, passed) = stayed_closed(&agent, &before)?;
        assert!(passed * 100 < answered, "{passed} of {answered}");
        Ok(())
    })
}

#[test]
fn pollers_that_ask_once_a_second_are_answered_by_the_kernel() -> Result<()> {
    let name = "pollers_that_ask_once_a_second_are_answered_by_the_kernel";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        // How many names, and whether each is asked for under the same ID.
        let kinds = [(1, true), (1, false), (6, true), (6, false)];
        let pods = pods(site, &agent, &kinds)?;
        let before = agent.status()?;
        at_once(&pods, |(pod, (names, same_ids))| {
            let client = pod.client(address(SERVERS[0]))?;
            let start = Instant::now();
            let mut last = Vec::new();
            for round in 1..=LENGTH.as_secs() {
                last.clear();
                for number in 0..*names {
                    let name = full(&format!("polled-{number}"));
                    for (record_type, id) in [(RecordType::A, 0), (RecordType::AAAA, 1)] {
                        let mut question = Question::new(&name, record_type);
                        if *same_ids {
                            question.id = 2 * number + id;
                        }
                        last.push(answer(&client.resolve(&question)?)?.by);
                    }
                }
                let next = start + Duration::from_secs(round);
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            let by_kernel = last.iter().filter(|by| **by == Answerer::Kernel);
            println!("{names} names, same IDs {same_ids}: {last:?}");
            ensure!(by_kernel.count() > 0, "{names} names, {same_ids}");
            Ok(())
        })?;
        let (answered, passed) = stayed_closed(&agent, &before)?;
        assert!(passed < answered, "{passed} of {answered}");
        Ok(())
    })
}
