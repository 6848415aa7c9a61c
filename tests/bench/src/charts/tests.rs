//! Charts of a made-up run.

use super::{sample, *};

fn drawn(chart: &Chart, results: &Results) -> String {
    let svg = chart.svg(results).expect("a drawing");
    svg.unwrap_or_else(|| panic!("{}: nothing to draw", chart.file))
}

/// The words of a chart, in the order in which they are drawn. Fails if the SVG is not well-formed.
fn words(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).expect("well-formed XML");
    assert_eq!(document.root_element().tag_name().name(), "svg");
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    texts
        .map(|node| node.text().unwrap_or_default().trim().to_owned())
        .collect()
}

#[test]
fn every_chart_is_well_formed_and_says_where_its_figures_are_from() {
    for chart in &CHARTS {
        let svg = drawn(chart, &sample::results());
        assert!(
            !svg.contains("NaN") && !svg.contains("inf"),
            "{}",
            chart.file
        );
        let words = words(&svg);
        let caption = &words[2..4];
        assert_eq!(
            caption,
            [
                "Fast(R) Processor 3000 <64 cores>, 2 CPUs, 8.3 GB, Linux 6.18.44",
                "2026-01-02, cargo xtask bench --json run.json"
            ],
            "{}",
            chart.file
        );
    }
}

#[test]
fn the_same_run_is_drawn_alike() {
    for chart in &CHARTS {
        let once = drawn(chart, &sample::results());
        assert_eq!(once, drawn(chart, &sample::results()), "{}", chart.file);
    }
}

#[test]
fn the_overview_tells_the_figures_of_each_side_and_how_many_times_faster_a_hit_is() {
    let words = words(&drawn(&OVERVIEW, &sample::results()));
    assert_eq!(
        words[0],
        "A cluster name is answered 87 times faster than by CoreDNS"
    );
    for expected in [
        "the floor",
        "1.65 µs",
        "zerohop",
        "1.75 µs",
        "2.61 µs",
        "NodeLocal DNSCache",
        "CoreDNS",
        "152 µs",
        "498 µs",
    ] {
        assert!(words.iter().any(|word| word == expected), "{expected}");
    }
}

#[test]
fn labels_at_the_ends_of_lines_do_not_cover_each_other() {
    let svg = drawn(&LATENCY, &sample::results());
    let document = roxmltree::Document::parse(&svg).expect("well-formed XML");
    let names = [
        "CoreDNS",
        "NodeLocal DNSCache",
        "NSD",
        "zerohop",
        "the floor",
    ];
    let mut heights: Vec<i32> = document
        .descendants()
        .filter(|node| names.contains(&node.text().unwrap_or_default().trim()))
        .filter_map(|node| {
            node.parent_element()?
                .attribute("y")
                .or(node.attribute("y"))
        })
        .map(|height| height.parse().expect("a height"))
        .collect();
    heights.sort_unstable();
    heights.dedup();
    assert_eq!(heights.len(), names.len());
    let is_apart = |pair: &[i32]| pair[1] - pair[0] >= 30;
    assert!(heights.windows(2).all(is_apart), "{heights:?}");
}

#[test]
fn a_second_of_cpu_time_is_compared_with_core_dns() {
    let words = words(&drawn(&EFFICIENCY, &sample::results()));
    assert!(
        words[0].contains("32 times as many answers"),
        "{}",
        words[0]
    );
    assert!(words.iter().any(|word| word == "381,000 (32 × CoreDNS)"));
}

#[test]
fn sizes_stand_in_the_order_of_their_names() {
    let words = words(&drawn(&GROWTH, &sample::results()));
    let place = |label: &str| {
        words
            .iter()
            .position(|word| word == label)
            .expect("a label")
    };
    assert!(place("1k services") < place("10k services"));
    assert!(place("50k services") < place("100k endpoints"));
}

#[test]
fn a_size_without_round_trips_says_so_beside_its_memory() {
    let mut results = sample::results();
    results.sizes[0].hit = Default::default();
    let words = words(&drawn(&GROWTH, &results));
    assert!(words.iter().any(|word| word == "not measured"));
}

#[test]
fn what_no_size_has_measured_takes_no_room() {
    let mut results = sample::results();
    for size in &mut results.sizes {
        size.hit = Default::default();
    }
    let words = words(&drawn(&GROWTH, &results));
    assert_eq!(
        words[0],
        "What an agent takes in clusters of different sizes"
    );
    assert!(!words.iter().any(|word| word == "not measured"));
}

#[test]
fn nothing_is_drawn_of_a_part_that_was_not_measured() {
    for chart in &CHARTS {
        let svg = chart.svg(&Results::default()).expect("no error");
        assert_eq!(svg, None, "{}", chart.file);
    }
}
