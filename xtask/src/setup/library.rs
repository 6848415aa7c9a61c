//! Libraries of the system that programs are linked with.

use std::{path::Path, process::Command};

use super::state::{Repair, Thing};

/// A library.
pub(super) struct Library {
    file: &'static str,
    purpose: &'static str,
    package: &'static str,
}

/// The C library as an archive, from which programs are linked that run in an empty image. Outside Debian its package is
/// often called glibc-static.
pub(super) const LIBC: Library = Library {
    file: "libc.a",
    purpose: "links programs for images",
    package: "libc6-dev",
};

/// A resolver of its own in many programs.
pub(super) const C_ARES: Library = Library {
    file: "libcares.so",
    purpose: "c-ares's resolver",
    package: "libc-ares-dev",
};

/// Looks where the linker would.
pub(super) fn inspect(library: &Library) -> Thing {
    let output = Command::new("gcc")
        .arg(format!("-print-file-name={}", library.file))
        .output();
    let answer = output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    from_answer(library, &answer)
}

/// What gcc's answer means: a path if there is such a file, else only the name again.
fn from_answer(library: &Library, answer: &str) -> Thing {
    let Library {
        file,
        purpose,
        package,
    } = library;
    if Path::new(answer).is_absolute() {
        return Thing::here(file, purpose, String::new(), answer);
    }
    let command = format!("apt-get install {package}");
    Thing::missing(
        file,
        purpose,
        "not found",
        Repair::Package(package),
        command,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcc_repeats_the_name_of_a_file_that_it_does_not_find() {
        assert_eq!(from_answer(&LIBC, "/usr/lib/libc.a").repair(), None);
        for answer in ["libc.a", ""] {
            let package = Repair::Package("libc6-dev");
            assert_eq!(from_answer(&LIBC, answer).repair(), Some(&package));
        }
    }
}
