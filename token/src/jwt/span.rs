//! Time spans in the texts of explanations and refusals.

/// Formats a number of seconds in its largest unit of which there are at least two, rounded down: `59 s`, `2 min`,
/// `36 h`, `20 days` or `15 years`.
pub(crate) fn span(seconds: u64) -> String {
    const YEAR: u64 = 31_556_952;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ if seconds < 2 * YEAR => format!("{} days", seconds / 86_400),
        _ => format!("{} years", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_one_unit() {
        let spans = [0, 119, 120, 7_199, 7_200, 172_799, 172_800, 63_113_903, 63_113_904, 495_063_870];
        let texts =
            ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days", "730 days", "2 years", "15 years"];
        assert_eq!(spans.map(span), texts);
        assert_eq!(span(u64::MAX), "584554049253 years");
    }
}
