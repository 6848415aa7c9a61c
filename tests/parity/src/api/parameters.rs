//! What a request asks for, behind the question mark.

/// The parameters of a list or a watch (Kubernetes API concepts).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) watch: bool,
    pub(super) send_initial_events: bool,
    pub(super) allow_watch_bookmarks: bool,
    /// As given: empty and `0` mean something of their own.
    pub(super) resource_version: String,
    pub(super) timeout_seconds: Option<u64>,
    pub(super) limit: usize,
    pub(super) r#continue: String,
    pub(super) label_selector: String,
    pub(super) field_selector: String,
}

impl Parameters {
    /// Reads the query of a URL. Parameters that are not known are passed over, as a server does.
    pub(super) fn read(query: &str) -> Self {
        let mut read = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            let yes = matches!(value.as_str(), "1" | "true");
            match name {
                "watch" => read.watch = yes,
                "sendInitialEvents" => read.send_initial_events = yes,
                "allowWatchBookmarks" => read.allow_watch_bookmarks = yes,
                "resourceVersion" => read.resource_version = value,
                "timeoutSeconds" => read.timeout_seconds = value.parse().ok(),
                "limit" => read.limit = value.parse().unwrap_or(0),
                "continue" => read.r#continue = value,
                "labelSelector" => read.label_selector = value,
                "fieldSelector" => read.field_selector = value,
                _ => {}
            }
        }
        read
    }
}

/// Undoes the escapes of a URL's query (RFC 3986 §2.1, and `+` for a space).
fn decode(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let escaped = match (first, after) {
            (b'%', [high, low, behind @ ..]) => {
                let digit = |octet: &u8| char::from(*octet).to_digit(16);
                digit(high)
                    .zip(digit(low))
                    .map(|(high, low)| ((high * 16 + low) as u8, behind))
            }
            _ => None,
        };
        match (escaped, first) {
            (Some((octet, behind)), _) => {
                octets.push(octet);
                rest = behind;
            }
            (None, b'+') => octets.push(b' '),
            (None, other) => octets.push(*other),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_a_client_is_understood() {
        let read = Parameters::read(
            "allowWatchBookmarks=true&fieldSelector=status.phase%21%3DFailed&watch=true\
             &resourceVersion=&timeoutSeconds=341&sendInitialEvents=true&unknown=1",
        );
        assert!(read.watch && read.send_initial_events && read.allow_watch_bookmarks);
        assert_eq!(read.field_selector, "status.phase!=Failed");
        assert_eq!(read.timeout_seconds, Some(341));
        assert_eq!(read.resource_version, "");
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(decode("a%2"), "a%2");
        assert_eq!(decode("%zz+b"), "%zz b");
    }
}
