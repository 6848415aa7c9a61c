//! What a packet may cost the verifier, and what a name may cost in memory.

use aya::maps::MapInfo;
use dns_ebpf::answer::{
    Control, ControlRecord, Destination, ENTRY_LEN, Entry, FORM_LEN, Form, Key, SECTION_LENGTHS,
    Section, ZONE_LEN, Zone,
};
use tests::skipped_without_root;

use crate::{
    cluster::Cluster,
    test_run::{Kernel, Program},
};

/// The verifier gives up after a million; a fifth leaves room for other kernels' verifiers.
const VERIFIED_MAX: u32 = 200_000;
/// The head of a hash map's element (`struct htab_elem`), and what its allocator adds.
const ELEMENT_HEAD: usize = 48;
const ALLOCATOR_HEAD: usize = 8;

#[test]
fn every_program_takes_the_verifier_less_than_its_budget() {
    if skipped_without_root("every_program_takes_the_verifier_less_than_its_budget") {
        return;
    }
    let kernel = Kernel::new(&Cluster::standard());
    let mut over = Vec::new();
    for program in Program::ALL {
        let name = program.name();
        let info = kernel.object.program(name).expect("a program").info();
        let verified = info
            .expect("the program's description")
            .verified_instruction_count()
            .expect("Linux 5.16 counts them");
        println!("{name}: {verified} verified instructions");
        over.extend((verified >= VERIFIED_MAX).then_some(name));
    }
    assert!(over.is_empty(), "{over:?}");
}

#[test]
fn keys_and_values_have_their_documented_sizes() {
    assert_eq!(
        (
            size_of::<Key<40>>(),
            size_of::<Key<64>>(),
            size_of::<Key<256>>()
        ),
        (40, 64, 256)
    );
    assert_eq!((size_of::<Entry>(), ENTRY_LEN), (136, 136));
    assert_eq!((size_of::<Form>(), FORM_LEN), (32, 32));
    assert_eq!((size_of::<Zone>(), ZONE_LEN), (96, 96));
    assert_eq!((size_of::<Destination>(), size_of::<Control>()), (20, 64));
    assert_eq!(size_of::<ControlRecord>(), 128);
    let sections = [
        size_of::<Section<192>>(),
        size_of::<Section<448>>(),
        size_of::<Section<960>>(),
        size_of::<Section<1472>>(),
    ];
    assert_eq!(sections, SECTION_LENGTHS);
}

#[test]
fn an_element_fills_its_allocators_size_class() {
    // The key and value sizes are chosen so that each element ends at, or closely below, a size of the
    // kernel's allocator: 256, 256, 512; 256, 512, 1024, 2048.
    let element = |key: usize, value: usize| {
        let key = key.next_multiple_of(8);
        ELEMENT_HEAD + key + value.next_multiple_of(8) + ALLOCATOR_HEAD
    };
    let entries = [40, 64, 256].map(|key| element(key, ENTRY_LEN));
    assert_eq!(entries, [232, 256, 448]);
    let sections = SECTION_LENGTHS.map(|value| element(4, value));
    assert_eq!(sections, [256, 512, 1024, 1536]);
}

#[test]
fn the_kernels_maps_are_as_wide_as_the_layout_says() {
    if skipped_without_root("the_kernels_maps_are_as_wide_as_the_layout_says") {
        return;
    }
    let object = dns_userspace::datapath::object::unloaded(
        dns_userspace::datapath::object::Sizes::default(),
    )
    .expect("the kernel makes the maps");
    let mut empty = 0;
    for (name, key, value) in [
        ("ENTRIES_40", 40, ENTRY_LEN),
        ("ENTRIES_64", 64, ENTRY_LEN),
        ("ENTRIES_256", 256, ENTRY_LEN),
        ("SECTIONS_192", 4, 192),
        ("SECTIONS_448", 4, 448),
        ("SECTIONS_960", 4, 960),
        ("SECTIONS_1472", 4, 1472),
        ("FORMS", 4, FORM_LEN),
        ("ZONES", 4, ZONE_LEN),
        ("DESTINATIONS", 20, 4),
        ("UNKNOWN", 20, 8),
        ("INTERFACES", 4, 4),
        ("COUNTERS", 4, 8),
        ("CONTROL", 4, 128),
        ("CHANGES", 4, 2048),
    ] {
        let info = info(&object, name);
        let sizes = (info.key_size() as usize, info.value_size() as usize);
        assert_eq!(sizes, (key, value), "{name}");
        empty += memory(&object, name);
    }
    println!("an empty table takes {empty} octets");
    // 16 octets an element for the hash's buckets, and little else.
    assert!(empty < 12 << 20, "an empty table takes {empty} octets");
}

fn data<'object>(object: &'object aya::Ebpf, name: &str) -> &'object aya::maps::MapData {
    use aya::maps::Map;
    match object.map(name) {
        Some(
            Map::HashMap(data) | Map::LruHashMap(data) | Map::Array(data) | Map::PerCpuArray(data),
        ) => data,
        other => panic!("{name}: {other:?}"),
    }
}

fn info(object: &aya::Ebpf, name: &str) -> MapInfo {
    data(object, name).info().expect("the map's description")
}

/// What the kernel says that a map takes.
fn memory(object: &aya::Ebpf, name: &str) -> u64 {
    use std::os::fd::{AsFd as _, AsRawFd as _};
    let number = data(object, name).fd().as_fd().as_raw_fd();
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"))
        .expect("the map's descriptor");
    let line = text.lines().find_map(|line| line.strip_prefix("memlock:"));
    line.and_then(|octets| octets.trim().parse().ok())
        .expect("its memory")
}
