//! How long answers may be kept: the `ttl` of the records, and what the `cache` plugin makes of it.

/// The SOA record of a denial is kept no longer than this, in seconds (specification §11).
const SOA_MAX: u32 = 300;
/// Lifetime of the TXT record `dns-version`, in seconds (specification §8).
const VERSION: u32 = 28_800;

/// Lifetimes in seconds, as they are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lifetimes {
    /// Of records made from objects.
    pub records: u32,
    /// Of the SOA record of a denial, and so of the denial in a resolver's cache (RFC 2308 §5).
    pub denial: u32,
    /// Of the zone's own SOA record as an answer.
    pub soa: u32,
    /// Of the TXT record `dns-version`.
    pub version: u32,
    /// MINIMUM of the SOA record: the plugin's `ttl`, uncapped.
    pub minimum: u32,
}

/// What the `cache` plugin does to the lifetimes of one reply: all become the smallest one, raised to a floor
/// and then lowered to a ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capping {
    /// Floor and ceiling of answers, in seconds.
    pub success: (u32, u32),
    /// Floor and ceiling of denials, in seconds.
    pub denial: (u32, u32),
}

impl Capping {
    /// No `cache`: every lifetime stays as it is.
    pub const NONE: Self = Self {
        success: (0, u32::MAX),
        denial: (0, u32::MAX),
    };

    /// `cache SECONDS`.
    #[must_use]
    pub fn of_seconds(seconds: u32) -> Self {
        Self {
            success: (5, seconds),
            denial: (5, seconds),
        }
    }
}

impl Lifetimes {
    /// The lifetimes of a zone with this `ttl`, whose replies pass through this cache or through none.
    #[must_use]
    pub fn new(ttl: u32, cache: Option<Capping>) -> Self {
        let within = |lifetime: u32, bounds: Option<(u32, u32)>| match bounds {
            // As the cache does: the floor first, then the ceiling.
            Some((floor, ceiling)) => lifetime.max(floor).min(ceiling),
            None => lifetime,
        };
        let success = cache.map(|cache| cache.success);
        let denial = cache.map(|cache| cache.denial);
        Self {
            records: within(ttl, success),
            denial: within(ttl.min(SOA_MAX), denial),
            soa: within(ttl.min(SOA_MAX), success),
            version: within(VERSION, success),
            minimum: ttl,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ttl: u32, cache: Option<u32>) -> (u32, u32, u32) {
        let lifetimes = Lifetimes::new(ttl, cache.map(Capping::of_seconds));
        (lifetimes.records, lifetimes.denial, lifetimes.version)
    }

    #[test]
    fn lifetimes_are_those_that_were_seen_with_each_ttl_and_cache() {
        assert_eq!(of(30, Some(30)), (30, 30, 30));
        assert_eq!(of(60, Some(30)), (30, 30, 30));
        assert_eq!(of(0, Some(30)), (5, 5, 30));
        assert_eq!(of(5, Some(30)), (5, 5, 30));
        assert_eq!(of(30, Some(10)), (10, 10, 10));
        assert_eq!(of(30, Some(3)), (3, 3, 3), "a ceiling below the floor");
        assert_eq!(of(60, None), (60, 60, 28_800));
        assert_eq!(of(3600, None), (3600, 300, 28_800));
    }
}
