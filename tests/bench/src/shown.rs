//! Shows an earlier run to readers: charts, and the measured parts of the pages that hold them.

mod parts;

#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{charts::CHARTS, page, results::Results};

/// Where the charts lie, and the pages, in the repository.
const CHART_FOLDER: &str = "docs/performance";
const PAGE: &str = "docs/performance.md";
const README: &str = "README.md";

/// Draws the charts of the run in `file` and rewrites the measured parts of the pages, all in the repository at `root`,
/// and says of each file what became of it. Either all of them change or none.
///
/// # Errors
///
/// The file is no JSON of the bench, a page has not the marks that it needs, or a file cannot be written.
pub(crate) fn show(file: &Path, root: &Path) -> Result<String> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("read {}, which `--json` writes", file.display()))?;
    let results: Results = serde_json::from_str(&text).with_context(|| {
        format!(
            "understand {}; write it again by `cargo xtask bench --json FILE`, for the bench may have changed",
            file.display()
        )
    })?;
    let pages = [
        (PAGE, parts::of_page(&results)),
        (README, parts::of_readme(&results)),
    ];
    let mut filled = Vec::new();
    for (name, parts) in pages {
        let path = root.join(name);
        let before = fs::read_to_string(&path).with_context(|| format!("read {name}"))?;
        let after = page::fill(&before, &parts).with_context(|| format!("fill {name}"))?;
        filled.push((name, path, after));
    }
    let mut charts = Vec::new();
    for chart in &CHARTS {
        charts.push((chart, chart.svg(&results)?));
    }

    let folder = root.join(CHART_FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("make the folder {CHART_FOLDER}"))?;
    let mut said = String::new();
    for (chart, svg) in charts {
        let name = format!("{CHART_FOLDER}/{}", chart.file);
        let path = folder.join(chart.file);
        said += &match svg {
            Some(svg) => {
                fs::write(&path, svg).with_context(|| format!("write {name}"))?;
                format!("{name}: drawn\n")
            }
            None => {
                let parts = chart.parts;
                let before = remove(&path).with_context(|| format!("remove {name}"))?;
                format!("{name}: nothing to draw{before}, for the run has not measured {parts}\n")
            }
        };
    }
    for (name, path, text) in filled {
        fs::write(path, text).with_context(|| format!("write {name}"))?;
        said += &format!("{name}: filled\n");
    }
    Ok(said)
}

/// A chart of another run must not stand beside tables of this one.
fn remove(path: &Path) -> Result<&'static str> {
    if !path.exists() {
        return Ok("");
    }
    fs::remove_file(path)?;
    Ok(", and that of an earlier run is removed")
}
