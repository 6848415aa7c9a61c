//! The C library as an archive, from which programs are linked that run in an empty image.

use std::{path::Path, process::Command};

use super::state::{Repair, Thing};

const WHAT: &str = "libc.a";
const PURPOSE: &str = "links programs for images";

/// Debian's package of it; elsewhere it is often called glibc-static.
const PACKAGE: &str = "libc6-dev";

/// Looks where the linker would.
pub(super) fn inspect() -> Thing {
    let output = Command::new("gcc")
        .arg(format!("-print-file-name={WHAT}"))
        .output();
    let answer = output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    from_answer(&answer)
}

/// What gcc's answer means: a path if there is such a file, else only the name again.
fn from_answer(answer: &str) -> Thing {
    if Path::new(answer).is_absolute() {
        return Thing::here(WHAT, PURPOSE, String::new(), answer);
    }
    let command = format!("apt-get install {PACKAGE}");
    Thing::missing(
        WHAT,
        PURPOSE,
        "not found",
        Repair::Package(PACKAGE),
        command,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcc_repeats_the_name_of_a_file_that_it_does_not_find() {
        assert_eq!(from_answer("/usr/lib/libc.a").repair(), None);
        for answer in ["libc.a", ""] {
            let package = Repair::Package("libc6-dev");
            assert_eq!(from_answer(answer).repair(), Some(&package));
        }
    }
}
