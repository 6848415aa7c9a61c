//! A small repository, and a made-up run that is shown in it.

use std::path::PathBuf;

use ::tests::Folder;

use super::*;
use crate::charts::sample;

/// A repository with both pages.
struct Repository {
    folder: Folder,
    run: PathBuf,
}

impl Repository {
    fn new(results: &Results) -> Self {
        let folder = Folder::new().expect("a folder");
        let run = serde_json::to_string(results).expect("JSON");
        let run = folder.write("run.json", &run).expect("a file");
        fs::create_dir(folder.path().join("docs")).expect("a folder");
        let repository = Self { folder, run };
        repository.put(README, &places(&["overview"]));
        let mut names = vec!["run"];
        names.extend(
            crate::report::sections(results)
                .iter()
                .map(|part| part.name),
        );
        repository.put(PAGE, &places(&names));
        repository
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("a page");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("a file")
    }

    fn show(&self) -> Result<String> {
        show(&self.run, self.folder.path())
    }
}

/// A page with a place for each of these.
fn places(names: &[&str]) -> String {
    let place =
        |name: &&str| format!("<!-- measured: begin {name} -->\n<!-- measured: end {name} -->\n");
    names.iter().map(place).collect()
}

#[test]
fn charts_tables_and_targets_of_a_run_come_into_the_repository() {
    let repository = Repository::new(&sample::results());
    let said = repository.show().expect("a drawing");
    assert_eq!(said.matches(": drawn\n").count(), CHARTS.len(), "{said}");
    let page = repository.text(PAGE);
    for expected in [
        "`cargo xtask bench --json run.json`, 2026-01-02 03:04 UTC, on this machine:",
        "](performance/latency.svg)",
        "| what hit does (hit) | 1.75 | 2.61 |",
        "| CoreDNS behind kube-proxy's rules: p50 over a hit's | ≥ 40 × | 86.7 × | 152.00 and 1.75 µs | met |",
        "| 10k services, 100k endpoints (synthetic) | 1,000 | 0.90 | 4.10 |",
        "Not measured in this run.",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    let readme = repository.text(README);
    assert!(readme.contains("](docs/performance/overview.svg)"));
    assert!(readme.contains("half are answered within\n1.75 µs and 99 % within 2.61 µs"));
}

#[test]
fn showing_a_run_twice_changes_nothing() {
    let repository = Repository::new(&sample::results());
    let names: Vec<String> = CHARTS
        .iter()
        .map(|chart| format!("{CHART_FOLDER}/{}", chart.file))
        .chain([PAGE.to_owned(), README.to_owned()])
        .collect();
    let read = || {
        names
            .iter()
            .map(|name| repository.text(name))
            .collect::<Vec<_>>()
    };
    repository.show().expect("a drawing");
    let once = read();
    repository.show().expect("a drawing");
    assert_eq!(read(), once);
}

#[test]
fn an_empty_part_draws_nothing_and_says_so() {
    let mut results = sample::results();
    results.sizes.clear();
    let repository = Repository::new(&results);
    fs::create_dir_all(repository.folder.path().join(CHART_FOLDER)).expect("a folder");
    let growth = format!("{CHART_FOLDER}/growth.svg");
    repository.put(&growth, "of another run");
    let said = repository.show().expect("a drawing");
    assert!(
        said.contains(
            "docs/performance/growth.svg: nothing to draw, and that of an earlier run is removed, \
             for the run has not measured size\n"
        ),
        "{said}"
    );
    assert!(!repository.folder.path().join(growth).exists());
}

#[test]
fn a_page_without_marks_is_an_error_that_says_what_to_do_and_nothing_is_written() {
    let repository = Repository::new(&sample::results());
    repository.put(README, "# zerohop\n");
    let before = repository.text(PAGE);
    let error = repository.show().expect_err("a complaint");
    assert_eq!(
        format!("{error:#}"),
        "fill README.md: there is no place for `overview`: put the two lines \
         `<!-- measured: begin overview -->` and `<!-- measured: end overview -->` where it shall stand"
    );
    assert_eq!(repository.text(PAGE), before);
    assert!(!repository.folder.path().join(CHART_FOLDER).exists());
}

#[test]
fn a_file_that_is_no_run_is_an_error_that_says_how_to_make_one() {
    let repository = Repository::new(&sample::results());
    repository.put("run.json", "{}");
    let error = format!("{:#}", repository.show().expect_err("a complaint"));
    assert!(error.contains("cargo xtask bench --json FILE"), "{error}");
}
