//! Builds the BPF object of the floor programs and embeds it, as the agent's build script does with the datapath's.
//!
//! `AYA_BUILD_SKIP` embeds an empty object instead; `ZEROHOP_BPF_TOOLCHAIN` names the rustup toolchain to use.

use std::{env, fs, path::PathBuf};

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-env-changed=ZEROHOP_BPF_TOOLCHAIN");
    println!("cargo:rerun-if-env-changed=AYA_BUILD_SKIP");
    if env::var_os("AYA_BUILD_SKIP").is_some() {
        let folder =
            PathBuf::from(env::var_os("OUT_DIR").context("read OUT_DIR, which cargo sets")?);
        return fs::write(folder.join("bounce"), []).context("write an empty object");
    }
    let toolchain = env::var("ZEROHOP_BPF_TOOLCHAIN").unwrap_or_else(|_| "nightly".to_owned());
    let root_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../bounce-ebpf");
    let package = aya_build::Package {
        name: "bounce-ebpf",
        root_dir,
        ..Default::default()
    };
    aya_build::build_ebpf([package], aya_build::Toolchain::Custom(&toolchain))
        .context("build the floor programs' BPF object; `cargo xtask doctor` says what is missing")
}
