//! Builds the BPF object and embeds it, if the agent may be built for this machine at all.
//!
//! `AYA_BUILD_SKIP` embeds an empty object instead, so that the agent can be type-checked and the tests
//! of its library be run without a BPF toolchain. `ZEROHOP_BPF_TOOLCHAIN` names the rustup toolchain to use.

#[path = "src/supported.rs"]
mod supported;

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let target =
        |variable| env::var(variable).with_context(|| format!("read {variable}, which cargo sets"));
    let architecture = target("CARGO_CFG_TARGET_ARCH")?;
    if let Some(refusal) = supported::refusal(&architecture, &target("CARGO_CFG_TARGET_OS")?) {
        bail!(refusal);
    }
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
