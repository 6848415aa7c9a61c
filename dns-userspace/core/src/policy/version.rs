//! What depends on the DNS server's version (specification §20).

/// The rules of one version of CoreDNS; what is not known of it is `None`, and the names that depend on it
/// are left to the DNS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Whether a label that is made from an IPv6 address and ends in a dash gets a zero appended
    /// (1.12.3 and later).
    pub zero_appended: Option<bool>,
    /// Whether the address of an endpoint has a name only if the endpoint has a `hostname`
    /// (1.11.4 and 1.12.0).
    pub reverse_needs_hostname: Option<bool>,
    /// The most CNAME records of an answer from within the zone; longer chains are denied.
    pub chain: u8,
    /// Chains longer than `chain` and up to this are uncertain, and left to the DNS service.
    pub chain_uncertain: u8,
    /// Whether the version's answers are known; if not, nothing is answered.
    pub certified: bool,
}

/// The first release whose rules are not known: those before it have been compared.
const NOT_YET_KNOWN: (u16, u16, u16) = (1, 16, 0);

impl Default for Rules {
    /// The rules of 1.12.3 and later, as far as they are known.
    fn default() -> Self {
        Self {
            zero_appended: Some(true),
            reverse_needs_hostname: Some(false),
            chain: 11,
            chain_uncertain: 11,
            certified: true,
        }
    }
}

impl Rules {
    /// What holds for every version that is supported.
    pub const UNKNOWN: Self = Self {
        zero_appended: None,
        reverse_needs_hostname: None,
        chain: 8,
        chain_uncertain: 11,
        certified: true,
    };

    /// The rules of the version that an image's tag names, vendors' additions aside, such as
    /// `registry.example:5000/coredns/coredns:v1.11.4-eksbuild.33`. An image of something else than CoreDNS
    /// has versions of its own, and those are unknown.
    #[must_use]
    pub fn of_image(image: &str) -> Self {
        let named = image.split_once('@').map_or(image, |(named, _)| named);
        let last = named.rsplit_once('/').map_or(named, |(_, last)| last);
        match last.split_once(':') {
            Some((name, tag)) if name.contains("coredns") => Self::of_version(tag),
            _ => Self::UNKNOWN,
        }
    }

    /// The rules of a version such as `1.12.0` or `v1.11.4-eksbuild.33`.
    #[must_use]
    pub fn of_version(text: &str) -> Self {
        let Some(version) = release(text).filter(|version| *version < NOT_YET_KNOWN) else {
            return Self::UNKNOWN;
        };
        let chain = if version >= (1, 12, 1) { 11 } else { 8 };
        Self {
            zero_appended: Some(version >= (1, 12, 3)),
            reverse_needs_hostname: Some(matches!(version, (1, 11, 4) | (1, 12, 0))),
            chain,
            chain_uncertain: chain,
            // Before, ExternalName services had further names (specification §20).
            certified: version >= (1, 11, 0),
        }
    }
}

/// The numbers of a released version, whatever a vendor put behind them; none for versions on the way to a
/// release, and other texts.
fn release(text: &str) -> Option<(u16, u16, u16)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text
        .find(|sign: char| !sign.is_ascii_digit() && sign != '.')
        .unwrap_or(text.len());
    let (numbers, added) = text.split_at_checked(end)?;
    let added = added.trim_start_matches(['-', '_', '+', '.']);
    if ["alpha", "beta", "dev", "pre", "rc"]
        .iter()
        .any(|sign| added.starts_with(sign))
    {
        return None;
    }
    let mut numbers = numbers.split('.').map(str::parse);
    let version = (
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    );
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_version_is_known_by_its_tag_whatever_the_vendor_added() {
        for (image, version) in [
            ("registry.k8s.io/coredns/coredns:v1.11.3", "1.11.3"),
            ("rancher/hardened-coredns:v1.12.1-build20250401", "1.12.1"),
            (
                "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1.11.4-eksbuild.33",
                "1.11.4",
            ),
            ("localhost:5000/coredns:1.12.3", "1.12.3"),
            ("coredns/coredns:1.15.0@sha256:0123", "1.15.0"),
            ("rancher/mirrored-coredns-coredns:1.12.0", "1.12.0"),
        ] {
            assert_eq!(
                Rules::of_image(image),
                Rules::of_version(version),
                "{image}"
            );
            assert_ne!(Rules::of_image(image), Rules::UNKNOWN, "{image}");
        }
    }

    #[test]
    fn an_image_that_does_not_tell_a_version_of_coredns_gets_what_holds_for_all() {
        for image in [
            "coredns/coredns",
            "coredns/coredns:latest",
            "coredns/coredns:1.12",
            "coredns/coredns:1.12.1-rc1",
            "coredns/coredns:1.12.1.4",
            "localhost:5000/coredns",
            "quay.io/openshift/origin@sha256:0123",
            "registry.k8s.io/dns/k8s-dns-node-cache:1.26.4",
            "",
        ] {
            assert_eq!(Rules::of_image(image), Rules::UNKNOWN, "{image}");
        }
    }

    #[test]
    fn rules_change_with_the_versions_of_the_specification() {
        let of = |text| {
            let rules = Rules::of_version(text);
            (
                rules.zero_appended,
                rules.reverse_needs_hostname,
                rules.chain,
                rules.certified,
            )
        };
        for (text, expected) in [
            ("1.10.1", (Some(false), Some(false), 8, false)),
            ("1.11.0", (Some(false), Some(false), 8, true)),
            ("1.11.3", (Some(false), Some(false), 8, true)),
            ("1.11.4", (Some(false), Some(true), 8, true)),
            ("1.12.0", (Some(false), Some(true), 8, true)),
            ("1.12.1", (Some(false), Some(false), 11, true)),
            ("1.12.2", (Some(false), Some(false), 11, true)),
            ("1.12.3", (Some(true), Some(false), 11, true)),
            ("1.15.0", (Some(true), Some(false), 11, true)),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
        assert_eq!(Rules::of_version("1.15.0"), Rules::default());
    }

    #[test]
    fn releases_after_those_that_were_compared_get_what_holds_for_all() {
        for text in ["1.16.0", "1.16.0-rc1", "1.20.3-eksbuild.1", "2.0.0"] {
            assert_eq!(Rules::of_version(text), Rules::UNKNOWN, "{text}");
        }
        assert_eq!(Rules::of_version("1.15.9"), Rules::default());
    }
}
