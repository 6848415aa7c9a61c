//! For which machines the agent may be built. The build script asks; here it is only tested.

/// Why it may not be built for a machine, in a sentence; none: it may.
pub(crate) fn refusal(architecture: &str, system: &str) -> Option<String> {
    (architecture != "x86_64" || system != "linux").then(|| {
        format!(
            "zerohop is built for x86-64 with Linux and not for {architecture} with {system}: that no pod gets a torn answer \
             rests on the order in which x86-64 loads from memory (ARCHITECTURE.md, \"Reading what is being written\"); build \
             it with --target x86_64-unknown-linux-gnu, for the nodes that are of that kind"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_x86_64_with_linux_is_built_for_and_others_are_refused_with_the_reason() {
        assert_eq!(refusal("x86_64", "linux"), None);
        for (architecture, system) in [
            ("aarch64", "linux"),
            ("riscv64", "linux"),
            ("s390x", "linux"),
            ("x86", "linux"),
            ("x86_64", "macos"),
        ] {
            let refusal = refusal(architecture, system).expect(architecture);
            for part in [architecture, system, "the order in which", "--target"] {
                assert!(refusal.contains(part), "{part}: {refusal}");
            }
        }
    }
}
