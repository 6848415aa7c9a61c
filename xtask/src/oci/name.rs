//! What an image may be called.

use anyhow::{Result, ensure};

/// The tag of `name`, which must be `REPOSITORY:TAG`.
///
/// The grammar is that of <https://github.com/distribution/reference>, in so far as a mistake would
/// be found only by the program that loads the archive.
pub(super) fn tag(name: &str) -> Result<&str> {
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, ""));
    ensure!(
        is_repository(repository) && is_tag(tag),
        "{name:?} is no image name: give REPOSITORY:TAG, such as localhost/zerohop:1, the repository in lower case"
    );
    Ok(tag)
}

fn is_repository(repository: &str) -> bool {
    repository.split('/').enumerate().all(|(index, part)| {
        let (part, port) = match part.split_once(':') {
            Some((host, port)) if index == 0 && repository.contains('/') => (host, port),
            _ => (part, "0"),
        };
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(is_word)
            && part.ends_with(is_word)
            && part.chars().all(|c| is_word(c) || "._-".contains(c))
            && !port.is_empty()
            && port.chars().all(|c| c.is_ascii_digit())
    })
}

fn is_tag(tag: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.starts_with(is_word)
        && tag.len() <= 128
        && tag.chars().all(|c| is_word(c) || ".-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn the_tag_is_what_follows_the_last_colon() {
        for (name, expected) in [
            ("localhost/zerohop:0.1.0", "0.1.0"),
            ("zerohop:latest", "latest"),
            ("registry.example:5000/team/zerohop:v1-a", "v1-a"),
        ] {
            assert_eq!(tag(name).expect(name), expected);
        }
    }

    #[test]
    fn what_a_loader_would_refuse_is_no_image_name() {
        for name in [
            "",
            "zerohop",
            "zerohop:",
            ":1",
            "Zerohop:1",
            "localhost/zerohop:a b",
            "localhost/zerohop:-1",
            "registry.example:5000/zerohop",
            "a//b:1",
            "/a:1",
            "a:b:1",
            "a@sha256:00",
        ] {
            tag(name).expect_err(name);
        }
    }
}
