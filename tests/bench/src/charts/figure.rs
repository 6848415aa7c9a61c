//! Figures as people read them.

/// Nanoseconds as micro- or milliseconds of three significant digits.
pub(crate) fn time(nanoseconds: f64) -> String {
    let microseconds = nanoseconds / 1e3;
    match microseconds {
        short if short < 999.5 => format!("{} µs", three_digits(short)),
        long => format!("{} ms", three_digits(long / 1e3)),
    }
}

/// A whole number with commas between thousands.
pub(crate) fn count(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    match number < 0.0 {
        true => format!("-{text}"),
        false => text,
    }
}

/// How many times as much, with two digits that mean something.
pub(crate) fn times(ratio: f64) -> String {
    match ratio {
        small if small < 1.995 => format!("{small:.2}"),
        middle if middle < 9.95 => format!("{middle:.1}"),
        large => count(large),
    }
}

/// A number of at most three significant digits, without a fraction from a hundred on.
pub(super) fn three_digits(number: f64) -> String {
    match number.abs() {
        small if small < 9.995 => format!("{number:.2}"),
        middle if middle < 99.95 => format!("{number:.1}"),
        _ => count(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_the_unit_that_fits() {
        let shown = [850.0, 1_754.0, 9_999.0, 152_400.0, 999_700.0, 12_340_000.0].map(time);
        let expected = [
            "0.85 µs", "1.75 µs", "10.0 µs", "152 µs", "1.00 ms", "12.3 ms",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn thousands_are_divided_by_commas() {
        let shown = [0.0, 999.4, 1_000.0, 512_345.6, -1_234_567.0].map(count);
        assert_eq!(shown, ["0", "999", "1,000", "512,346", "-1,234,567"]);
    }

    #[test]
    fn a_quotient_near_one_keeps_its_second_decimal() {
        let shown = [1.06, 1.5, 4.44, 31.4, 1_200.0].map(times);
        assert_eq!(shown, ["1.06", "1.50", "4.4", "31", "1,200"]);
    }
}
