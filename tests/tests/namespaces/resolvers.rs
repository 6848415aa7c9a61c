//! Real resolvers in a pod: dig, host, the GNU C library's and musl's.

use std::{collections::BTreeSet, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use tests::{Agent, Folder, Resolver, eventually, skip};

use crate::site::{LIMIT, OTHER_SERVERS, SERVERS, Site, at_a_site, full, ip};

/// Prints the addresses that `getaddrinfo` finds, one a line.
const PROGRAM: &str = r#"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
int main(int count, char **words) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *one;
    int code = getaddrinfo(words[1], 0, &hints, &one);
    if (code) { fprintf(stderr, "%s\n", gai_strerror(code)); return 2; }
    for (; one; one = one->ai_next) {
        char text[INET6_ADDRSTRLEN];
        void *address = one->ai_family == AF_INET6
            ? (void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr
            : (void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr;
        puts(inet_ntop(one->ai_family, address, text, sizeof text));
    }
    return 0;
}
"#;

/// One library's way to look a name up.
struct Library {
    words: Vec<String>,
    /// The program's status when there is no such name.
    missing: i32,
}

impl Library {
    fn gnu() -> Self {
        Self {
            words: vec!["getent".to_owned(), "ahosts".to_owned()],
            missing: 2,
        }
    }

    fn musl(folder: &Folder) -> Result<Self> {
        let source = folder.write("look_up.c", PROGRAM)?;
        let binary: PathBuf = folder.path().join("look_up");
        let mut compiler = Command::new("musl-gcc");
        compiler.arg("-static").arg("-o").arg(&binary).arg(source);
        let output = compiler.output().context("start musl-gcc")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "musl-gcc: {said}");
        Ok(Self {
            words: vec![binary.to_string_lossy().into_owned()],
            missing: 2,
        })
    }

    /// The addresses that the name has for a program in the pod; none if there is no such name.
    fn look_up(&self, site: &Site, server: &str, name: &str) -> Result<BTreeSet<String>> {
        let resolver = Resolver::of_pod("shop", ip(server));
        let words = self.words.iter().map(String::as_str).chain([name]);
        let words: Vec<&str> = words.collect();
        let output = site.pod.run_with_resolver(&resolver, &words)?;
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        ensure!(
            code == Some(0) || code == Some(self.missing),
            "{words:?} ended with {code:?}: {said}"
        );
        let printed = String::from_utf8_lossy(&output.stdout);
        let first_words = printed.lines().filter_map(|line| line.split(' ').next());
        Ok(first_words.map(str::to_owned).collect())
    }
}

/// Runs `test`, and then says of how many questions the kernel and the DNS service are to have heard.
pub(crate) fn count(
    site: &Site,
    agent: &Agent,
    test: impl FnOnce() -> Result<()>,
) -> Result<(u64, u64, u64)> {
    let before = (agent.status()?, site.core_dns.questions()?);
    test()?;
    let after = agent.status()?;
    let answered = after.answered_in_kernel() - before.0.answered_in_kernel();
    let passed = after.passed_on() - before.0.passed_on();
    // The server counts a question just after it has answered it.
    let served = eventually(LIMIT, "the DNS service to count", || {
        let served = site.core_dns.questions()? - before.1;
        ensure!(served >= passed, "passed {passed}, served {served}");
        Ok(served)
    })?;
    Ok((answered, passed, served))
}

fn set(addresses: &[&str]) -> BTreeSet<String> {
    addresses.iter().map(|text| (*text).to_owned()).collect()
}

/// What every library must find, whoever answers.
fn judge(site: &Site, library: &Library) -> Result<()> {
    let agent = site.agent(&[])?;
    for server in SERVERS {
        let look_up = |name: &str| library.look_up(site, server, name);
        let (answered, passed, served) = count(site, &agent, || {
            let both = set(&["10.96.0.80", "fd00:10:96::80"]);
            assert_eq!(look_up("web")?, both, "by one label");
            assert_eq!(look_up("web.shop")?, both, "by the second search suffix");
            assert_eq!(look_up("web.shop.svc")?, both, "by the third");
            assert_eq!(look_up(&full("web"))?, both, "after all of them");
            let no_ipv6 = set(&["10.96.0.82"]);
            assert_eq!(look_up("old")?, no_ipv6, "NODATA for AAAA");
            assert_eq!(look_up("nothing")?, set(&[]), "neither is it a name");
            assert_eq!(look_up("many")?.len(), 20);
            Ok(())
        })?;
        // The last search suffixes lead out of the zone only for a name that is absent everywhere:
        // `nothing` itself, asked of the root, for both types.
        assert_eq!((passed, served), (2, 2), "by {server}");
        // A and AAAA: one try, two, three, four (the bare name last), one, three, one.
        assert_eq!(answered, 2 * (1 + 2 + 3 + 4 + 1 + 3 + 1), "by {server}");

        let (answered, passed, _) = count(site, &agent, || {
            let external = set(&["192.0.2.80", "2001:db8::80"]);
            assert_eq!(look_up("www.example.com")?, external);
            Ok(())
        })?;
        assert_eq!((answered, passed), (2 * 3, 2), "{server}: the walk is ours");
    }
    // And all the same where the kernel takes no part.
    for server in OTHER_SERVERS {
        let found = library.look_up(site, server, "web")?;
        assert_eq!(found, set(&["10.96.0.80", "fd00:10:96::80"]), "{server}");
    }
    Ok(())
}

#[test]
fn the_gnu_c_library_finds_what_there_is_and_the_kernel_tells_it() -> Result<()> {
    let name = "the_gnu_c_library_finds_what_there_is_and_the_kernel_tells_it";
    at_a_site(name, |site| judge(site, &Library::gnu()))
}

#[test]
fn musl_finds_what_there_is_and_the_kernel_tells_it() -> Result<()> {
    let name = "musl_finds_what_there_is_and_the_kernel_tells_it";
    if Command::new("musl-gcc").arg("--version").output().is_err() {
        skip(name, "needs musl-gcc (Debian's musl-tools)");
        return Ok(());
    }
    at_a_site(name, |site| {
        let folder = Folder::new()?;
        judge(site, &Library::musl(&folder)?)
    })
}

#[test]
fn host_walks_the_search_path_and_the_kernel_answers_it() -> Result<()> {
    let name = "host_walks_the_search_path_and_the_kernel_answers_it";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        for server in SERVERS {
            let resolver = Resolver::of_pod("shop", ip(server));
            let run = |words: &[&str]| -> Result<String> {
                let output = site.pod.run_with_resolver(&resolver, words)?;
                Ok(String::from_utf8_lossy(&output.stdout).into_owned())
            };
            let (_, passed, served) = count(site, &agent, || {
                let printed = run(&["host", "-t", "A", "web.shop"])?;
                let found = "web.shop.svc.cluster.local has address 10.96.0.80";
                assert!(printed.contains(found), "{printed}");
                let printed = run(&["host", "-t", "AAAA", "old"])?;
                assert!(printed.contains("has no AAAA record"), "{printed}");
                let printed = run(&["host", "-t", "A", "nothing.shop.svc.cluster.local."])?;
                assert!(printed.contains("NXDOMAIN"), "{printed}");
                Ok(())
            })?;
            assert_eq!((passed, served), (0, 0), "by {server}");
        }
        Ok(())
    })
}

#[test]
fn dig_with_its_cookie_gets_addresses_denials_and_its_own_spelling_from_the_kernel() -> Result<()> {
    let name = "dig_with_its_cookie_gets_addresses_denials_and_its_own_spelling_from_the_kernel";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        for server in SERVERS {
            let at = format!("@{}", ip(server));
            let dig = |arguments: &[&str]| site.pod.dig(&[&[&*at], arguments].concat());
            let (answered, passed, served) = count(site, &agent, || {
                let reply = dig(&["Web.Shop.SVC.cluster.local", "A"])?;
                assert_eq!(reply.data(), ["10.96.0.80"]);
                assert_eq!(reply.answers[0].name, "Web.Shop.SVC.cluster.local.");
                assert_eq!(reply.flags, ["qr", "aa", "rd"]);
                assert!(reply.has_edns);
                let reply = dig(&[&full("old"), "AAAA", "+noedns"])?;
                assert_eq!((&*reply.status, reply.answers.len()), ("NOERROR", 0));
                assert_eq!(reply.authorities[0].record_type, "SOA");
                assert!(!reply.has_edns);
                let reply = dig(&[&full("nothing"), "A", "+bufsize=4096"])?;
                assert_eq!(reply.status, "NXDOMAIN");
                let reply = dig(&[&full("large"), "A"])?;
                assert_eq!(reply.answers.len(), 40);
                Ok(())
            })?;
            assert_eq!((answered, passed, served), (4, 0, 0), "by {server}");
        }
        Ok(())
    })
}

#[test]
fn a_question_over_tcp_goes_to_the_dns_service() -> Result<()> {
    at_a_site("a_question_over_tcp_goes_to_the_dns_service", |site| {
        let agent = site.agent(&[])?;
        for server in SERVERS {
            let at = format!("@{}", ip(server));
            let reply = site.pod.dig(&[&at, "+tcp", &full("web"), "A"])?;
            assert_eq!(reply.data(), ["10.96.0.80"], "{server}");
        }
        let status = agent.status()?;
        assert_eq!(status.answered_in_kernel(), 0);
        assert!(status.passed["tcp"] > 0, "{status:?}");
        Ok(())
    })
}
