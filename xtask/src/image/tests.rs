//! The image of this verb and the one that the Dockerfile makes are the same.

use super::*;

/// The instructions of the Dockerfile's last stage.
fn last_stage() -> Vec<String> {
    let path = workspace::root().join("Dockerfile");
    let text = fs::read_to_string(&path).expect("Dockerfile");
    let lines: Vec<&str> = text.lines().collect();
    let begin = lines.iter().rposition(|line| line.starts_with("FROM "));
    lines[begin.expect("FROM")..]
        .iter()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|&line| line.to_owned())
        .collect()
}

#[test]
fn the_dockerfile_makes_the_same_image() {
    let image = image("localhost/zerohop:1", Path::new("/dev/null"));
    let mut expected = vec!["FROM scratch".to_owned()];
    for (key, value) in &image.labels {
        expected.push(format!("LABEL {key}=\"{value}\""));
    }
    expected.push(format!("COPY --from=builder /image{PROGRAM} {PROGRAM}"));
    let entrypoint = serde_json::to_string(&image.entrypoint).expect("JSON");
    expected.push(format!("ENTRYPOINT {entrypoint}"));
    assert_eq!(last_stage(), expected);
}

#[test]
fn the_image_has_a_name_that_loaders_take_and_says_its_version() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let agent = folder.path().join("zerohop");
    fs::write(&agent, "a program").expect("write");
    write(&folder.path().join("image.tar"), &default_name(), &agent).expect("write the image");
    assert!(default_name().ends_with(VERSION));
    assert_eq!(labels()["org.opencontainers.image.version"], VERSION);
}
