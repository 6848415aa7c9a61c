//! bpf-linker and the LLVM in it: it reads the bitcode of a compiler with the same LLVM or an older
//! one, never of a newer one.

use std::{path::Path, process::Command};

/// The LLVM that bpf-linker is built with here.
pub(crate) const LINKER_LLVM: u32 = 22;

/// Where Debian puts that LLVM.
pub(crate) const LLVM_PREFIX: &str = "/usr/lib/llvm-22";

/// The major version of the LLVM that a bpf-linker was built with, or none if LLVM is linked in
/// statically and so cannot be told from outside.
pub(crate) fn llvm_of(linker: &Path) -> Option<u32> {
    let output = Command::new("ldd").arg(linker).output().ok()?;
    llvm_in(&String::from_utf8_lossy(&output.stdout))
}

fn llvm_in(libraries: &str) -> Option<u32> {
    let (_, after) = libraries
        .split_once("libLLVM.so.")
        .or_else(|| libraries.split_once("libLLVM-"))?;
    let digits = after.find(|c: char| !c.is_ascii_digit())?;
    after[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_llvm_of_a_linker_is_read_from_its_libraries() {
        let debian = "\tlibLLVM.so.22.1 => /usr/lib/llvm-22/lib/libLLVM.so.22.1 (0x00007f)\n";
        assert_eq!(llvm_in(debian), Some(22));
        assert_eq!(
            llvm_in("\tlibLLVM-17.so.1 => /usr/lib/libLLVM-17.so.1\n"),
            Some(17)
        );
        assert_eq!(llvm_in("\tlibc.so.6 => /lib/libc.so.6\n"), None);
        assert_eq!(llvm_in("not a dynamic executable"), None);
    }
}
