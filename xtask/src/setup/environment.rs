//! What the children of a verb find in their environment.

use std::{
    env,
    ffi::{OsStr, OsString},
    iter,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::toolchain::{TOOLCHAIN_VARIABLE, Toolchain};
use crate::{
    tools::{Tool, Tools},
    workspace,
};

/// The result of [`super::ready`]: what was found, and how children are told of it.
pub(crate) struct Environment {
    toolchain: Option<Toolchain>,
    tools: Tools,
    variables: Vec<(&'static str, OsString)>,
}

impl Environment {
    pub(super) fn new(toolchain: Option<Toolchain>, tools: Tools) -> Self {
        let mut variables = Vec::new();
        if let Some(toolchain) = &toolchain {
            variables.push((TOOLCHAIN_VARIABLE, OsString::from(&toolchain.name)));
            if let Some(crates) = toolchain.bootstrap() {
                variables.push(("RUSTC_BOOTSTRAP", OsString::from(crates)));
            }
        }
        for (tool, path) in tools.iter() {
            match tool.variable() {
                Some(name) => variables.push((name, path.into())),
                None => {
                    let folder = path.parent().unwrap_or(Path::new("/"));
                    let path = env::var_os("PATH").unwrap_or_default();
                    variables.push(("PATH", path_starting_with(folder, &path)));
                }
            }
        }
        Self {
            toolchain,
            tools,
            variables,
        }
    }

    /// Tells children also of these.
    pub(crate) fn add(&mut self, variables: Vec<(&'static str, PathBuf)>) {
        let variables = variables.into_iter();
        self.variables
            .extend(variables.map(|(name, path)| (name, path.into())));
    }

    /// A call of cargo in the repository's root, with this environment.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = workspace::cargo();
        self.apply(&mut command);
        command
    }

    /// A call of the cargo that belongs to the BPF object's toolchain, if that was among the needs.
    pub(crate) fn cargo_of_bpf_toolchain(&self) -> Option<Command> {
        let toolchain = self.toolchain.as_ref()?;
        let mut command = Command::new(toolchain.sysroot.join("bin/cargo"));
        workspace::forget_cargo_run(&mut command);
        self.apply(&mut command);
        // rustup's own choice for xtask would send the subcommands to another toolchain.
        for name in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC"] {
            command.env_remove(name);
        }
        command
            .current_dir(workspace::root())
            .env("PATH", self.path_with_toolchain(toolchain));
        Some(command)
    }

    /// Gives a command this environment.
    pub(crate) fn apply(&self, command: &mut Command) {
        for (name, value) in &self.variables {
            command.env(name, value);
        }
    }

    /// `PATH` with the toolchain's own programs first, then the linker.
    fn path_with_toolchain(&self, toolchain: &Toolchain) -> OsString {
        let path = self
            .variables
            .iter()
            .find(|(name, _)| *name == "PATH")
            .map_or_else(
                || env::var_os("PATH").unwrap_or_default(),
                |(_, path)| path.clone(),
            );
        path_starting_with(&toolchain.sysroot.join("bin"), &path)
    }

    /// Where a tool is that was among the needs.
    ///
    /// # Errors
    ///
    /// It was not among the needs.
    pub(crate) fn tool(&self, tool: Tool) -> Result<&Path> {
        self.tools.path(tool)
    }

    /// The toolchain for the BPF object, if that was among the needs.
    pub(crate) fn toolchain(&self) -> Option<&Toolchain> {
        self.toolchain.as_ref()
    }
}

/// `path` with `folder` first.
fn path_starting_with(folder: &Path, path: &OsStr) -> OsString {
    let folders = iter::once(folder.to_path_buf()).chain(env::split_paths(path));
    // A folder with a colon in its name cannot be said in PATH; the others still can.
    env::join_paths(folders).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linkers_folder_comes_first_on_the_path() {
        let path = path_starting_with(Path::new("/cache/bin"), OsStr::new("/bin:/usr/bin"));
        assert_eq!(path, "/cache/bin:/bin:/usr/bin");
    }
}
