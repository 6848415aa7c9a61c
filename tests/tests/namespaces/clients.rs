//! Real clients that lose every answer of the kernel, while those of the DNS service arrive: each is soon left to
//! the latter.

mod machines;

use std::{
    fs::OpenOptions,
    io::Write,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::OpenOptionsExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::Path,
    process::{Command, Output},
    thread,
};

use anyhow::{Context, Result, ensure};
use nix::fcntl::OFlag;
use tests::{Folder, Pod, Resolver, Tool, eventually, program, skip};

use crate::{
    catalogue::Service,
    site::{LIMIT, SERVERS, Site, full, ip, lacks},
};

/// The pod loses what has the kernel's TTL or hop limit: the DNS service's replies have one less, as if it were
/// one hop behind the node.
const LOSS: &str = "\
table inet loss {
    chain inwards {
        type filter hook input priority 0
        iifname eth0 udp sport 53 ip ttl 64 drop
        iifname eth0 udp sport 53 ip6 hoplimit 64 drop
    }
}
";

const LOOK_UP: (&str, &str) = ("look_up.c", include_str!("clients/look_up.c"));
const C_ARES: (&str, &str) = ("c_ares.c", include_str!("clients/c_ares.c"));
const GO: (&str, &str) = ("look_up.go", include_str!("clients/look_up.go"));
const JAVA: (&str, &str) = ("LookUp.java", include_str!("clients/LookUp.java"));
const SYSTEMD_RESOLVED: (&str, &str) = (
    "systemd_resolved.sh",
    include_str!("clients/systemd_resolved.sh"),
);

/// How many names are looked up, one after the other. The one whose repeat comes first has the most time-outs,
/// of a second each, until the agent has made sure of its repeats.
const NAMES: u8 = 20;

/// A site with the Services s0, s1 and on, one more than [`NAMES`], whose DNS service is one hop behind the node.
fn new_site() -> Result<Site> {
    let service = |number: u8| {
        let addresses = [
            format!("10.96.1.{number}"),
            format!("fd00:10:96::1:{number}"),
        ];
        Service::new(
            &format!("s{number}"),
            &addresses.each_ref().map(|text| &**text),
        )
    };
    let services: Vec<Service> = (0..=NAMES).map(service).collect();
    let site = Site::with_services(|node| Pod::new(node, 1), &services)?;
    site.node.set_sysctl("ipv4/ip_default_ttl", "63")?;
    let interface = site.pod.node_interface();
    let hop_limit = format!("ipv6/conf/{interface}/hop_limit");
    site.node.set_sysctl(&hop_limit, "63")?;
    Ok(site)
}

/// The full name of the Service of this number.
fn name_of(number: u8) -> String {
    full(&format!("s{number}")) + "."
}

/// A client has found each of these names.
fn has_found(names: &[&str], output: &Output) {
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    for name in names {
        let found = printed.contains(&format!("{name} found"));
        assert!(found, "{printed}{said}");
    }
}

/// The folder of clients' programs.
struct Programs(Folder);

impl Programs {
    /// Puts a client's file there, and returns its path.
    fn write(&self, (name, text): (&str, &str)) -> Result<String> {
        let path = self.0.write(name, text)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Compiles a client by `words`, in which SOURCE stands for its file and PROGRAM for what is made.
    fn compile(&self, source: (&str, &str), words: &str) -> Result<String> {
        let source = self.write(source)?;
        let made = format!("{source}.program");
        let words = words.replace("SOURCE", &source).replace("PROGRAM", &made);
        let output = Command::new("sh").args(["-c", &words]).output();
        let output = output.context("start a shell")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{words}: {said}");
        Ok(made)
    }
}

/// A site whose pod loses the kernel's answers, and a client's program.
struct Scene {
    site: Site,
    programs: Programs,
    resolver: Resolver,
}

impl Scene {
    fn new(server: &str) -> Result<Self> {
        let site = new_site()?;
        site.pod.namespace().run(&["nft", LOSS])?;
        Ok(Self {
            site,
            programs: Programs(Folder::new()?),
            resolver: Resolver::of_pod("shop", ip(server)),
        })
    }

    /// Runs a client by `words`, which finds each name, and in the end at once.
    fn judge(&self, words: &[&str]) -> Result<()> {
        let agent = self.site.agent(&[])?;
        let names: Vec<String> = (0..NAMES).map(name_of).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let pod = &self.site.pod;
        let output = pod.run_with_resolver(&self.resolver, &[words, &names].concat())?;
        has_found(&names, &output);
        let (status, report) = agent.full_status(LIMIT)?;
        assert_eq!((report.breaker.unheard, report.breaker.opened), (1, 1));
        let client = &report.breaker.first[0];
        assert_eq!(client.interface, pod.node_interface());
        // The last ones went to the DNS service at the first try.
        assert!(status.passed["unheard"] > 0, "{status:?}");
        // Another agent heeds it, and tells of it.
        agent.kill();
        let agent = self.site.agent(&[])?;
        eventually(LIMIT, "another agent to tell of the client", || {
            let (_, report) = agent.full_status(LIMIT)?;
            let breaker = report.breaker;
            ensure!((breaker.unheard, breaker.opened) == (1, 0), "{breaker:?}");
            Ok(())
        })
    }
}

/// Runs `test` at a new scene, or says that it cannot.
fn at_a_scene(name: &str, server: &str, test: impl FnOnce(&mut Scene) -> Result<()>) -> Result<()> {
    if lacks(name) {
        return Ok(());
    }
    test(&mut Scene::new(server)?)
}

#[test]
fn the_gnu_c_library_is_left_to_the_dns_service_when_answers_are_lost() -> Result<()> {
    let name = "the_gnu_c_library_is_left_to_the_dns_service_when_answers_are_lost";
    at_a_scene(name, SERVERS[0], |scene| {
        scene.judge(&[&scene.programs.compile(LOOK_UP, "gcc -o PROGRAM SOURCE")?])
    })
}

#[test]
fn musl_is_left_to_the_dns_service_when_answers_are_lost() -> Result<()> {
    let name = "musl_is_left_to_the_dns_service_when_answers_are_lost";
    at_a_scene(name, SERVERS[1], |scene| {
        scene.judge(&[&scene
            .programs
            .compile(LOOK_UP, "musl-gcc -static -o PROGRAM SOURCE")?])
    })
}

#[test]
fn c_ares_is_left_to_the_dns_service_when_answers_are_lost() -> Result<()> {
    let name = "c_ares_is_left_to_the_dns_service_when_answers_are_lost";
    at_a_scene(name, SERVERS[0], |scene| {
        scene.judge(&[&scene
            .programs
            .compile(C_ARES, "gcc -o PROGRAM SOURCE -lcares")?])
    })
}

#[test]
fn go_is_left_to_the_dns_service_when_answers_are_lost() -> Result<()> {
    let name = "go_is_left_to_the_dns_service_when_answers_are_lost";
    at_a_scene(name, SERVERS[1], |scene| {
        scene.judge(&[&scene
            .programs
            .compile(GO, "CGO_ENABLED=0 go build -o PROGRAM SOURCE")?])
    })
}

#[test]
fn java_is_left_to_the_dns_service_when_answers_are_lost() -> Result<()> {
    let name = "java_is_left_to_the_dns_service_when_answers_are_lost";
    at_a_scene(name, SERVERS[0], |scene| {
        let classes = scene.programs.compile(JAVA, "javac -d PROGRAM SOURCE")?;
        let server = format!("-Dserver=dns://{}", ip(SERVERS[0]));
        scene.judge(&["java", &server, "-cp", &classes, "LookUp"])
    })
}

/// The socket at which the pod's systemd-resolved says that it has started (sd_notify(3)).
fn notified(pod: &Pod) -> Result<UnixDatagram> {
    let address = SocketAddr::from_abstract_name("resolved")?;
    let socket = pod
        .namespace()
        .enter(|| Ok(UnixDatagram::bind_addr(&address)?))?;
    socket.set_read_timeout(Some(LIMIT))?;
    Ok(socket)
}

/// Hands what was said at the socket to the reader of the pipe, if there is one; nothing, if nothing is said in time.
fn tell(socket: &UnixDatagram, pipe: &Path) -> Result<()> {
    let mut said = [0; 512];
    let octets = socket.recv(&mut said).unwrap_or(0);
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let pipe = options.open(pipe).context("find systemd-resolved's pipe");
    pipe?.write_all(&[&said[..octets], b"\n"].concat())?;
    Ok(())
}

#[test]
fn systemd_resolved_is_left_to_the_dns_service_when_answers_are_lost() -> Result<()> {
    let name = "systemd_resolved_is_left_to_the_dns_service_when_answers_are_lost";
    let resolved = match program(Tool::SystemdResolved) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(reason) => {
            skip(name, &reason.to_string());
            return Ok(());
        }
    };
    at_a_scene(name, SERVERS[0], |scene| {
        scene.resolver.nameservers = vec![[127, 0, 0, 53].into()];
        let script = scene.programs.write(SYSTEMD_RESOLVED)?;
        let program = scene.programs.compile(LOOK_UP, "gcc -o PROGRAM SOURCE")?;
        let folder = scene.programs.0.path().to_string_lossy();
        let server = ip(SERVERS[0]).to_string();
        let socket = notified(&scene.site.pod)?;
        let pipe = scene.programs.0.path().join("notified");
        thread::scope(|scope| {
            let telling = scope.spawn(|| tell(&socket, &pipe));
            scene.judge(&["sh", &script, &folder, &resolved, &server, &program])?;
            telling.join().expect("it does not panic")
        })
    })
}
