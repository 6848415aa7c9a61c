//! Builds the BPF object and embeds it.
//!
//! `AYA_BUILD_SKIP` embeds an empty object instead, so that the agent can be type-checked and its pure
//! tests be run without a BPF toolchain. `ZEROHOP_BPF_TOOLCHAIN` names the rustup toolchain to use.

use std::{env, fs, path::PathBuf};

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-env-changed=ZEROHOP_BPF_TOOLCHAIN");
    println!("cargo:rerun-if-env-changed=AYA_BUILD_SKIP");
    if env::var_os("AYA_BUILD_SKIP").is_some() {
        let folder =
            PathBuf::from(env::var_os("OUT_DIR").context("read OUT_DIR, which cargo sets")?);
        return fs::write(folder.join("interceptor"), []).context("write an empty object");
    }
    let toolchain = env::var("ZEROHOP_BPF_TOOLCHAIN").unwrap_or_else(|_| "nightly".to_owned());
    let root_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../dns-ebpf");
    let package = aya_build::Package {
        name: "dns-ebpf",
        root_dir,
        ..Default::default()
    };
    aya_build::build_ebpf([package], aya_build::Toolchain::Custom(&toolchain))
        .context("build the BPF object; `cargo xtask doctor` says what is missing")
}
