//! Any release of CoreDNS, built as its authors publish it: where versions differ, tests compare with several.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::{Tool, cache_folder, is_program, recipe};
use crate::progress;

/// Where the program is published.
const MODULE: &str = "github.com/coredns/coredns";

/// A release of CoreDNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    version: String,
}

impl Release {
    /// Reads a version such as `1.12.4`, with or without a leading v.
    ///
    /// # Errors
    ///
    /// Anything else: the text becomes part of a path and of a command.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let version = text.trim_start_matches('v');
        let numbers: Vec<&str> = version.split('.').collect();
        ensure!(
            numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok()),
            "{text:?} is no release of CoreDNS; write it like 1.12.4"
        );
        Ok(Self {
            version: version.to_owned(),
        })
    }

    /// Looks for the program without building it.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        if self.version == recipe::of(Tool::CoreDns).version {
            return super::find(Tool::CoreDns);
        }
        let wanted = self.wanted().ok()?;
        is_program(&wanted).then_some(wanted)
    }

    /// Finds the program, or builds it from the Go module proxy.
    ///
    /// # Errors
    ///
    /// The build fails, or the cache folder cannot be written.
    pub(crate) fn ensure(&self) -> Result<PathBuf> {
        if let Some(found) = self.find() {
            return Ok(found);
        }
        if self.version == recipe::of(Tool::CoreDns).version {
            return super::build(Tool::CoreDns);
        }
        let cache = cache_folder()?;
        let wanted = self.wanted()?;
        fs::create_dir_all(&cache)
            .with_context(|| format!("create the folder {}", cache.display()))?;
        let _lock = recipe::lock(&cache.join("coredns.lock"))?;
        // Another run may have built it while this one waited.
        if is_program(&wanted) {
            return Ok(wanted);
        }
        let scratch = cache.join(format!("coredns-{}.partial", self.version));
        recipe::clear(&scratch)?;
        let built = self.install(&cache, &scratch);
        let placed = built.and_then(|()| place(&scratch, &wanted));
        let cleared = recipe::clear(&scratch);
        placed.and(cleared)?;
        Ok(wanted)
    }

    fn wanted(&self) -> Result<PathBuf> {
        let folder = format!("coredns-{}", self.version);
        Ok(cache_folder()?.join(folder).join(Tool::CoreDns.file_name()))
    }

    fn install(&self, cache: &Path, scratch: &Path) -> Result<()> {
        let version = &self.version;
        let what = format!("building coredns {version} (once; about 3 minutes)");
        let log = cache.join("log").join(format!("coredns-{version}.log"));
        let mut command = Command::new("go");
        command
            .env("CGO_ENABLED", "0")
            .env("GOBIN", scratch)
            .args(["install", "-trimpath", "-ldflags", "-s -w"])
            .arg(format!("{MODULE}@v{version}"));
        progress::run(&what, &mut command, &log)
    }
}

fn place(scratch: &Path, wanted: &Path) -> Result<()> {
    let built = scratch.join(Tool::CoreDns.file_name());
    if let Some(folder) = wanted.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("create the folder {}", folder.display()))?;
    }
    fs::rename(&built, wanted)
        .with_context(|| format!("move {} to {}", built.display(), wanted.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_three_numbers() {
        for text in ["1.12.4", "v1.12.4"] {
            let wanted = Release::parse(text)
                .expect(text)
                .wanted()
                .expect("a cache folder");
            assert!(
                wanted.ends_with("zerohop/coredns-1.12.4/coredns"),
                "{wanted:?}"
            );
        }
        for text in [
            "",
            "1.12",
            "latest",
            "1.12.4/../x",
            "1.12.4-eksbuild.1",
            "1.2.3.4",
        ] {
            assert!(Release::parse(text).is_err(), "{text}");
        }
    }
}
