//! A walk through one node for a reader: what hangs where, and how a name lies in the kernel.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use comfy_table::{Table, presets::NOTHING};
use serde_json::Value;

use super::{Inspector, LAYOUT, PINS, entry::presentation, maps};
use crate::{node::Node, stage::Stage};

/// Octets shown in a line.
const OCTETS_SHOWN: usize = 24;

/// Walks through what bpftool shows of `name` on `node`.
///
/// # Errors
///
/// The cluster or bpftool refuses, or there is no entry of this name.
pub(crate) fn tour(stage: &Stage, node: &Node, name: &str) -> Result<()> {
    let inspector = Inspector::start(stage, node)?;
    let walked = walk(stage, &inspector, node, name);
    inspector.end()?;
    walked
}

fn walk(stage: &Stage, inspector: &Inspector, node: &Node, name: &str) -> Result<()> {
    println!(
        "Node {}, from its pod {}. `docs/inspection.md` explains what is shown.",
        node.name,
        inspector.pod_name()
    );
    show(&programs(inspector)?);
    show(&attachments(inspector)?);
    show(&all_maps(inspector)?);
    show(&entry(inspector, name)?);
    println!("\nThe same, decoded\n  $ zerohop lookup {name}");
    println!("{}", indented(&stage.agents.run(node, &["lookup", name])?));
    show(&counters(inspector)?);
    println!("\nThe same, decoded\n  $ zerohop status");
    println!("{}", indented(&stage.agents.run(node, &["status"])?));
    Ok(())
}

fn show(part: &str) {
    println!("\n{}", part.trim_end());
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn rows(heading: &str, commands: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    for row in rows {
        table.add_row(row);
    }
    let mut text = format!("{heading}\n");
    for command in commands {
        text.push_str(&format!("  $ {command}\n"));
    }
    text + &indented(&table.trim_fmt())
}

fn programs(inspector: &Inspector) -> Result<String> {
    let programs = inspector.programs()?;
    let shown = programs.into_iter().map(|program| {
        let btf = program
            .btf
            .map_or("no BTF".to_owned(), |btf| format!("BTF {btf}"));
        vec![
            program.id.to_string(),
            program.name,
            program.kind,
            format!("tag {}", program.tag),
            btf,
        ]
    });
    Ok(rows("Programs", &["bpftool -f prog show"], shown))
}

fn attachments(inspector: &Inspector) -> Result<String> {
    let programs = inspector.programs()?;
    let ids: Vec<u64> = programs.iter().map(|program| program.id).collect();
    let interfaces = inspector.pod_interfaces()?;
    let attached = inspector.attachments(&ids)?;
    let shown = attached.into_iter().map(|attachment| {
        let interface = interfaces
            .iter()
            .find(|interface| interface.index == attachment.interface)
            .map_or("an interface without a pod", |interface| &interface.name);
        let program = programs
            .iter()
            .find(|program| program.id == attachment.program)
            .map_or("", |program| &program.name);
        vec![
            attachment.interface.to_string(),
            interface.to_owned(),
            program.to_owned(),
            attachment.by,
        ]
    });
    let commands = [
        "bpftool -f link show",
        "bpftool net show",
        "ip link show type veth",
    ];
    Ok(rows("Where they hang", &commands, shown))
}

fn all_maps(inspector: &Inspector) -> Result<String> {
    let maps = inspector.maps()?;
    let shown = LAYOUT.iter().filter_map(|laid| {
        let map = maps.iter().find(|map| map.name == laid.name)?;
        let [key, value] = &map.types;
        let [key_octets, value_octets] = map.octets;
        Some(vec![
            map.name.clone(),
            map.kind.clone(),
            format!("{key} ({key_octets})"),
            format!("{value} ({value_octets})"),
            laid.what.to_owned(),
        ])
    });
    let commands = ["bpftool -f map show", "bpftool btf dump id NUMBER"];
    Ok(rows(
        "Maps, with the types and octets of key and value",
        &commands,
        shown,
    ))
}

fn entry(inspector: &Inspector, name: &str) -> Result<String> {
    let entry = inspector.entry(name)?;
    let mut text = format!(
        "The entry of {}\n  $ bpftool map dump pinned {PINS}/{}\n",
        presentation(&entry.key),
        entry.map
    );
    let fields = entry.shown.as_object().context("an entry without fields")?;
    for (part, value) in fields {
        for (field, value) in value.as_object().into_iter().flatten() {
            writeln!(
                text,
                "   {:<12} {}",
                format!("{part}.{field}"),
                short(value)
            )?;
        }
    }
    let slots = entry.slots.iter().map(|slot| {
        let records = slot.records.as_ref();
        vec![
            format!("type {}", slot.query_type),
            format!("{} answers", slot.answers),
            records.map_or("records in a section".to_owned(), |records| {
                format!("{} octets of records in the entry", records.len())
            }),
        ]
    });
    Ok(text + &rows("  its slots, read from the octets of rest", &[], slots))
}

/// A value as one line; of many octets the first.
fn short(value: &Value) -> String {
    let Some(octets) = value.as_array() else {
        return value.to_string();
    };
    let words: Vec<String> = octets
        .iter()
        .take(OCTETS_SHOWN)
        .map(Value::to_string)
        .collect();
    let more = if octets.len() > OCTETS_SHOWN {
        " …"
    } else {
        ""
    };
    format!("{}{more}", words.join(" "))
}

fn counters(inspector: &Inspector) -> Result<String> {
    let counters = inspector.counters()?;
    let shown = counters
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(label, count)| vec![label.to_owned(), count.to_string()]);
    let command = format!("bpftool map dump pinned {}", maps::path("COUNTERS"));
    Ok(rows(
        "Counters over all processors: answers by kind, and passes by reason",
        &[&command],
        shown,
    ))
}
