//! What the agent says of programs that run before ours.

use ::tests::AttachedInterface;
use anyhow::{Result, ensure};
use pod::protocol::Filtered;

/// What runs before ours is said, and that it is the very filter that we attached by `by`.
pub(super) fn reported(attached: &AttachedInterface, by: &str, filter: &Filtered) -> Result<()> {
    ensure!(
        !attached.first && names_filter(&attached.behind, by, filter.program),
        "program {} on {by} is not named: {attached:?}",
        filter.program
    );
    Ok(())
}

/// TCX programs are told by number, by whoever may not know names, too; filters of clsact by name.
fn names_filter(behind: &[String], by: &str, program: u32) -> bool {
    let number = format!("number {program}");
    let in_brackets = format!("({number})");
    behind.iter().any(|words| match by {
        "tcx" => words.ends_with(&in_brackets) || *words == format!("TCX program {number}"),
        _ => words.starts_with("tc filter") && words.contains("filter_leaving"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_about_the_very_filter_name_it() {
        let names = |words: &str, by| names_filter(&[words.to_owned()], by, 12);
        assert!(names("TCX program number 12", "tcx"));
        assert!(names("TCX program filter_leaving (number 12)", "tcx"));
        assert!(!names("TCX program number 120", "tcx"));
        assert!(!names("TCX program filter_leaving (number 112)", "tcx"));
        assert!(!names_filter(&[], "tcx", 12));
        assert!(names(
            "tc filter bpf filter_leaving (priority 1, handle 0x1)",
            "clsact"
        ));
        assert!(!names(
            "tc filter bpf zerohop (priority 1, handle 0x1)",
            "clsact"
        ));
    }
}
