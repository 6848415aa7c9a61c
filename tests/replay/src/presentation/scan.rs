//! Octets and words of presentation format, with escapes resolved.

/// An octet, and whether it was written by an escape: an escaped dot ends no label, an escaped space no word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Octet {
    Plain(u8),
    Escaped(u8),
}

/// Resolves `\DDD` (decimal) and `\X`.
pub(super) fn octets(text: &str) -> Result<Vec<Octet>, String> {
    let mut found = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((octet, after)) = rest.split_first() {
        rest = after;
        if *octet != b'\\' {
            found.push(Octet::Plain(*octet));
            continue;
        }
        let (escaped, after) = escape(rest)?;
        found.push(Octet::Escaped(escaped));
        rest = after;
    }
    Ok(found)
}

/// The octet after a backslash, and what follows it.
fn escape(rest: &[u8]) -> Result<(u8, &[u8]), String> {
    match rest {
        [first, second, third, after @ ..] if first.is_ascii_digit() => {
            let digits = [*first, *second, *third];
            let number = std::str::from_utf8(&digits)
                .ok()
                .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
                .and_then(|digits| digits.parse::<u8>().ok())
                .ok_or("an escape is not three digits up to 255")?;
            Ok((number, after))
        }
        [first, ..] if first.is_ascii_digit() => {
            Err("an escape ends before its third digit".to_owned())
        }
        [first, after @ ..] => Ok((*first, after)),
        [] => Err("it ends with a backslash".to_owned()),
    }
}

/// Words, separated by spaces; a word in quotes may hold spaces and may be empty.
pub(super) fn words(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quoted = false;
    for octet in octets(text)? {
        match octet {
            Octet::Plain(b'"') if quoted => {
                found.extend(word.take());
                quoted = false;
            }
            Octet::Plain(b'"') => {
                found.extend(word.replace(Vec::new()));
                quoted = true;
            }
            Octet::Plain(b' ' | b'\t') if !quoted => found.extend(word.take()),
            Octet::Plain(octet) | Octet::Escaped(octet) => {
                word.get_or_insert_default().push(octet);
            }
        }
    }
    if quoted {
        return Err("a quoted string does not end".to_owned());
    }
    found.extend(word);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_by_spaces_outside_quotes() {
        let told = |text| words(text).unwrap();
        assert_eq!(told(r#""1.1.0""#), [b"1.1.0"]);
        assert_eq!(told(r#""a b" "" c"#), [&b"a b"[..], b"", b"c"]);
        assert_eq!(told(r#""a\"b\032" c\ d"#), [&b"a\"b "[..], b"c d"]);
        assert!(told("  ").is_empty());
        assert!(words(r#""open"#).is_err());
    }
}
