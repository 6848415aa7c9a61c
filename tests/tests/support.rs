//! The support library itself, against the real kernel and the real programs, without the agent.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Result, ensure};
use tests::{
    ApiServer, Capture, CoreDns, End, Namespace, PacketSocket, Pins, Pod, Process, Question,
    Resolver, Tool, eventually,
    frame::{self, Checksum, udp_frame},
    hickory_proto::{op::ResponseCode, rr::RecordType},
    program, skip, skipped_without_root,
};

const SERVERS: [&str; 2] = ["10.96.0.10:53", "[fd00:10:96::a]:53"];

const COREFILE: &str = "\
.:53 {
    errors
    prometheus 127.0.0.1:9153
    file db.cluster.local cluster.local
}
";

const ZONE: &str = "\
$ORIGIN cluster.local.
@ 30 IN SOA ns.dns hostmaster 1 7200 1800 86400 30
web.shop.svc 30 IN A 10.96.0.80
web.shop.svc 30 IN AAAA fd00:10:96::80
";

struct Cluster {
    core_dns: CoreDns,
    pod: Pod,
}

fn cluster() -> Result<Cluster> {
    let node = Namespace::node("node")?;
    for server in SERVERS {
        node.add_loopback_address(address(server).ip())?;
    }
    let zones = [("db.cluster.local", ZONE)];
    let core_dns = CoreDns::start(&node, address(SERVERS[0]), COREFILE, &zones)?;
    let pod = Pod::new(&node, 1)?;
    Ok(Cluster { core_dns, pod })
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

fn lacks(test: &str, tools: &[Tool]) -> bool {
    if skipped_without_root(test) {
        return true;
    }
    let missing = tools.iter().find_map(|tool| program(*tool).err());
    if let Some(reason) = &missing {
        skip(test, &reason.to_string());
    }
    missing.is_some()
}

#[test]
fn a_pod_reaches_its_node_over_both_families_at_once() {
    if lacks("a_pod_reaches_its_node_over_both_families_at_once", &[]) {
        return;
    }
    let node = Namespace::node("node").expect("a node");
    let pod = Pod::new(&node, 1).expect("a pod");
    let gateways: [IpAddr; 2] = [pod.gateway_ipv4().into(), pod.gateway_ipv6().into()];
    for gateway in gateways {
        let server = node
            .enter(|| Ok(UdpSocket::bind((gateway, 0))?))
            .expect("a socket on the node");
        let address = server.local_addr().expect("its address");
        let client = pod.client(address).expect("a client in the pod");
        client.send(b"a word").expect("sent");
        let mut buffer = [0; 16];
        let limit = Some(Duration::from_millis(500));
        server.set_read_timeout(limit).expect("a limit");
        let octets = server.recv(&mut buffer).expect("the word arrives");
        assert_eq!(&buffer[..octets], b"a word", "{gateway}");
    }
}

#[test]
fn core_dns_answers_a_pod_over_both_families_and_counts_its_questions() {
    let name = "core_dns_answers_a_pod_over_both_families_and_counts_its_questions";
    if lacks(name, &[Tool::CoreDns]) {
        return;
    }
    let cluster = cluster().expect("a cluster");
    let before = cluster.core_dns.questions().expect("a count");
    for server in SERVERS {
        let client = cluster.pod.client(address(server)).expect("a client");
        let question = Question::new("web.shop.svc.cluster.local", RecordType::A).with_edns(1232);
        let answer = client.resolve(&question).expect("an answer");
        assert_eq!(answer.answers[0].data.to_string(), "10.96.0.80", "{server}");
    }
    let client = cluster.pod.client(address(SERVERS[0])).expect("a client");
    let missing = Question::new("nothing.shop.svc.cluster.local", RecordType::A);
    let answer = client.resolve(&missing).expect("an answer");
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    eventually(Duration::from_secs(2), "the third to be counted", || {
        ensure!(cluster.core_dns.questions()? == before + 3);
        Ok(())
    })
    .expect("three questions");
}

#[test]
fn dig_and_the_c_library_of_a_pod_use_its_own_resolver() {
    let name = "dig_and_the_c_library_of_a_pod_use_its_own_resolver";
    if lacks(name, &[Tool::CoreDns]) {
        return;
    }
    let cluster = cluster().expect("a cluster");
    let reply = cluster
        .pod
        .dig(&["@10.96.0.10", "web.shop.svc.cluster.local", "AAAA"])
        .expect("a reply");
    assert_eq!(reply.status, "NOERROR");
    assert_eq!(reply.data(), ["fd00:10:96::80"]);
    let resolver = Resolver::of_pod("shop", address(SERVERS[0]).ip());
    let output = cluster
        .pod
        .run_with_resolver(&resolver, &["getent", "ahostsv4", "web"])
        .expect("getent runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("10.96.0.80"), "{printed}");
}

#[test]
fn a_raw_reader_sees_sums_as_they_are_and_checksum_offload_changes_them() {
    let name = "a_raw_reader_sees_sums_as_they_are_and_checksum_offload_changes_them";
    if lacks(name, &[Tool::CoreDns]) {
        return;
    }
    let cluster = cluster().expect("a cluster");
    let socket = cluster.pod.packet_socket().expect("a packet socket");
    // Offload on: the server's kernel leaves the sum to hardware that a veth does not have.
    for (offload, expected) in [(true, Checksum::Unfinished), (false, Checksum::Right)] {
        cluster
            .pod
            .set_checksum_offload(End::Node, offload)
            .expect("ethtool switches it");
        let source = SocketAddr::new(cluster.pod.ipv4().into(), 40_000);
        let server = address(SERVERS[0]);
        let node_mac = cluster.pod.mac_address(End::Node).expect("an address");
        let question = Question::new("web.shop.svc.cluster.local", RecordType::A).encode();
        let frame = udp_frame(
            (socket.mac_address(), source),
            (node_mac, server),
            &question,
        );
        socket.send(&frame).expect("the frame is sent");
        let answer = socket
            .receive(Duration::from_secs(2), |datagram| datagram.source == server)
            .expect("an answer");
        assert_eq!(answer.checksum, expected, "offload {offload}");
        assert_eq!(answer.destination, source);
    }
}

#[test]
fn a_capture_shows_the_tags_that_a_raw_reader_does_not() {
    let name = "a_capture_shows_the_tags_that_a_raw_reader_does_not";
    if lacks(name, &[]) {
        return;
    }
    let node = Namespace::node("node").expect("a node");
    let pod = Pod::new(&node, 1).expect("a pod");
    let capture = Capture::start(pod.namespace(), "eth0").expect("a capture");
    let reader = pod.packet_socket().expect("a packet socket");
    let sender = PacketSocket::open(&node, pod.node_interface()).expect("a packet socket");
    let (source, destination) = (address("10.96.0.10:53"), address("10.244.1.2:40000"));
    let datagram = frame::udp(source, destination, b"an answer");
    let packet = frame::ip(source.ip(), destination.ip(), frame::UDP, &datagram);
    let inner = frame::vlan(7, frame::IPV4, &packet);
    let outer = frame::vlan(3, frame::VLAN, &inner);
    let whole = frame::ethernet(
        reader.mac_address(),
        sender.mac_address(),
        frame::SERVICE_VLAN,
        &outer,
    );
    sender.send(&whole).expect("the frame is sent");
    let limit = Duration::from_secs(2);
    let is_ours = |datagram: &frame::Datagram| datagram.source == source;
    let captured = capture.wait_for(limit, is_ours).expect("captured");
    assert_eq!(captured.tags, [(frame::SERVICE_VLAN, 3), (frame::VLAN, 7)]);
    let read = reader.receive(limit, is_ours).expect("read");
    assert_eq!(read.tags, [(frame::VLAN, 7)]);
}

#[test]
fn round_trips_are_measured_from_inside_the_pod() {
    let name = "round_trips_are_measured_from_inside_the_pod";
    if lacks(name, &[Tool::CoreDns]) {
        return;
    }
    let cluster = cluster().expect("a cluster");
    let client = cluster.pod.client(address(SERVERS[0])).expect("a client");
    let question = Question::new("web.shop.svc.cluster.local", RecordType::A);
    let latencies = client.measure(&question, 200).expect("answers");
    assert_eq!(latencies.count(), 200);
    assert!(latencies.median() > Duration::ZERO);
}

#[test]
fn a_frozen_server_is_silent_until_it_goes_on() {
    let name = "a_frozen_server_is_silent_until_it_goes_on";
    if lacks(name, &[Tool::CoreDns]) {
        return;
    }
    let cluster = cluster().expect("a cluster");
    let client = cluster.pod.client(address(SERVERS[0])).expect("a client");
    client.set_limit(Duration::from_millis(100)).expect("set");
    let question = Question::new("web.shop.svc.cluster.local", RecordType::A).encode();
    let process = cluster.core_dns.process();
    process
        .signal(nix::sys::signal::Signal::SIGSTOP)
        .expect("frozen");
    // The signal takes effect when each thread has seen it.
    eventually(Duration::from_secs(2), "silence", || {
        match client.ask(&question) {
            Ok(_) => Err(anyhow::anyhow!("it answers still")),
            Err(_) => Ok(()),
        }
    })
    .expect("silence");
    process
        .signal(nix::sys::signal::Signal::SIGCONT)
        .expect("going on");
    eventually(Duration::from_secs(2), "an answer", || {
        client.ask(&question)
    })
    .expect("an answer");
}

#[test]
fn namespaces_devices_and_processes_are_gone_when_dropped() {
    let name = "namespaces_devices_and_processes_are_gone_when_dropped";
    if lacks(name, &[]) {
        return;
    }
    let node = Namespace::node("node").expect("a node");
    let path = node.path();
    let pod = Pod::new(&node, 1).expect("a pod");
    let process: Process = node
        .spawn("a sleeper", &["sleep", "1000"])
        .expect("a process");
    let process_folder = format!("/proc/{}", process.id());
    drop(pod);
    assert!(node.run(&["ip", "link", "show", "veth1"]).is_err());
    drop(process);
    assert!(!std::path::Path::new(&process_folder).exists());
    drop(node);
    assert!(!path.exists());
}

#[test]
fn a_process_that_ends_early_says_so_with_its_output() {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "echo an early word; exit 3"]);
    let process = Process::spawn("the program", command).expect("started");
    let error = process
        .wait_for("ready", Duration::from_secs(10))
        .expect_err("it never prints that");
    let text = error.to_string();
    assert!(text.contains("an early word"), "{text}");
    assert!(text.contains("exit status: 3"), "{text}");
}

#[test]
fn pins_lie_on_the_bpf_file_system_and_are_gone_when_dropped() {
    let name = "pins_lie_on_the_bpf_file_system_and_are_gone_when_dropped";
    if lacks(name, &[]) {
        return;
    }
    let pins = Pins::new().expect("a folder");
    let path = pins.path().to_owned();
    std::fs::create_dir_all(path.join("links")).expect("folders can be made there");
    drop(pins);
    assert!(!path.exists());
}

#[test]
fn an_api_server_keeps_objects_over_a_restart() {
    let name = "an_api_server_keeps_objects_over_a_restart";
    let tools = [Tool::Etcd, Tool::KubeApiserver, Tool::Kubectl];
    if lacks(name, &tools) {
        return;
    }
    let node = Namespace::node("node").expect("a node");
    let mut server = ApiServer::start_in(&node).expect("an API server");
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: default}\n\
        spec: {clusterIP: 10.96.0.80, ports: [{port: 80}]}\n";
    server.apply(service).expect("created");
    server.kill();
    server.start().expect("started again");
    let patch = r#"{"metadata":{"labels":{"tier":"front"}}}"#;
    server
        .patch("service", "default", "web", patch)
        .expect("changed");
    let arguments = [
        "get",
        "service",
        "web",
        "-o",
        "jsonpath={.spec.clusterIP} {.metadata.labels.tier}",
    ];
    assert_eq!(
        server.kubectl(&arguments, "").expect("read"),
        "10.96.0.80 front"
    );
    server.delete("service", "default", "web").expect("deleted");
    assert!(server.kubectl(&arguments, "").is_err());
}
