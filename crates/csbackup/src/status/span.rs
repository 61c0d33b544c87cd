//! Spans of time for people.

/// A span of time in the unit that suits it, as in `40 minutes`, `31 hours` or `12 days`; rounded down.
pub fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_has_the_unit_that_suits_it() {
        let shown = [0, 1, 119, 120, 7_199, 7_200, 172_799, 172_800, u64::MAX].map(span);
        let expected = [
            "0 seconds",
            "1 second",
            "119 seconds",
            "2 minutes",
            "119 minutes",
            "2 hours",
            "47 hours",
            "2 days",
            "213503982334601 days",
        ];
        assert_eq!(shown, expected);
    }
}
