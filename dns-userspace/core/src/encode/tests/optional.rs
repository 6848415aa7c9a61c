//! Optional records: where they lie, and how an entry reads without them.

use super::*;

fn draft(sets: Vec<RecordSet>) -> Draft {
    encode(&node(sets), &forms()).0.unwrap()
}

fn addresses(count: u32, optional: bool) -> RecordSet {
    RecordSet {
        optional,
        ..set(RecordType::A, true, ipv4(count))
    }
}

fn texts(optional: bool) -> RecordSet {
    RecordSet {
        optional,
        ..set(RecordType::TXT, false, [text(1)])
    }
}

#[test]
fn optional_records_that_fit_the_entry_stay_in_it() {
    let fits = draft(vec![addresses(3, true)]);
    assert_eq!(*fits.limited(|_| unreachable!()), fits);
}

#[test]
fn optional_records_that_need_a_section_are_left_where_there_is_no_room_and_nothing_else_is() {
    let sets = vec![
        addresses(20, false),
        texts(false),
        set(RecordType::AAAA, true, ipv6(20)),
    ];
    for optional in 0..sets.len() {
        let mut sets = sets.clone();
        sets[optional].optional = true;
        sets.sort_by_key(|set| u16::from(set.query_type));
        let whole = draft(sets.clone());
        let asked: Vec<bool> = whole.sections().map(|section| section.optional).collect();
        let mut left = sets.clone();
        for set in left
            .iter_mut()
            .filter(|set| set.optional && set.query_type != RecordType::TXT)
        {
            *set = RecordSet::left(set.query_type);
        }
        assert_eq!(*whole.limited(|_| true), whole);
        // The text fits the entry.
        assert_eq!(asked, [optional == 0, optional == 2]);
        assert_eq!(lay_out(&whole.limited(|_| false)), lay_out(&draft(left)));
    }
}

#[test]
fn other_records_have_the_entry_before_optional_ones() {
    let (small, large) = (addresses(2, true), set(RecordType::AAAA, true, ipv6(3)));
    let whole = draft(vec![small.clone(), large.clone()]);
    let sections: Vec<bool> = whole.sections().map(|section| section.optional).collect();
    assert_eq!(sections, [true]);
    let without = draft(vec![RecordSet::left(RecordType::A), large]);
    assert_eq!(lay_out(&whole.limited(|_| false)), lay_out(&without));
}

#[test]
fn optional_records_share_no_section_with_others() {
    let sections = |optional| {
        draft(vec![addresses(20, optional)])
            .sections()
            .next()
            .unwrap()
    };
    assert_eq!(sections(true).octets, sections(false).octets);
    assert_ne!(sections(true).mark(), sections(false).mark());
}

fn lay_out(draft: &Draft) -> ([u8; ENTRY_LEN], Vec<Section>) {
    let mut key = 0;
    let (entry, sections) = draft.lay_out(|_| {
        key += 1;
        key
    });
    (
        entry,
        sections.into_iter().map(|(_, section)| section).collect(),
    )
}
