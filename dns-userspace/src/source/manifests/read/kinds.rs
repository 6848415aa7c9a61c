//! The kinds that names are made from, and the versions in which they are read.

/// The kinds, with their API groups and versions, today's first. What is of use here of a kind is the same in all.
const KINDS: [(&str, &str, &[&str]); 4] = [
    ("Namespace", "", &["v1"]),
    ("Service", "", &["v1"]),
    ("Endpoints", "", &["v1"]),
    ("EndpointSlice", "discovery.k8s.io", &["v1", "v1beta1"]),
];

/// Whether names are made from a kind of that name, in whatever group.
pub(super) fn is_known(kind: &str) -> bool {
    KINDS.iter().any(|(known, ..)| *known == kind)
}

/// Whether names are made from objects of this kind; if so, why this version cannot be read. Without an `apiVersion`
/// it is today's.
pub(super) fn recognise(kind: &str, api_version: &str) -> Option<Result<(), String>> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    // One without a group may be meant, though no cluster would take it; one of another group is something else.
    let (_, of, versions) = KINDS.iter().find(|(known, of, _)| {
        let is_meant = group.is_empty() || group == *of;
        *known == kind && is_meant
    })?;
    if api_version.is_empty() || group == *of && versions.contains(&version) {
        return Some(Ok(()));
    }
    let slash = if of.is_empty() { "" } else { "/" };
    Some(Err(format!(
        "its apiVersion {api_version:?} is not known; write {of}{slash}{}",
        versions[0]
    )))
}
