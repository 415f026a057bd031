//! Points in time as the APIs write them. Nothing here asks a clock.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const UTC: TimeZone = TimeZone::UTC;

/// Seconds since 1970-01-01T00:00:00Z.
pub type Seconds = i64;

/// `2026-11-28T01:02:03Z`. A time outside of the years -9999 to 9999 is the nearest inside.
#[must_use]
pub fn iso8601(seconds: Seconds) -> String {
    timestamp(seconds)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// `20261128T010203Z`, as Signature Version 4 writes it.
#[must_use]
pub fn basic(seconds: Seconds) -> String {
    timestamp(seconds).strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn timestamp(seconds: Seconds) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Reads `YYYYMMDDTHHMMSSZ`, nothing else.
#[must_use]
pub fn parse_basic(text: &str) -> Option<Seconds> {
    let digit = |i: usize| {
        let byte = *text.as_bytes().get(i)?;
        byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
    };
    if text.len() != 16 || text.get(8..9) != Some("T") || text.get(15..) != Some("Z") {
        return None;
    }
    let two = |i: usize| Some(digit(i)? * 10 + digit(i + 1)?);
    let narrow = |value: i64| i8::try_from(value).ok();
    let year = i16::try_from(two(0)? * 100 + two(2)?).ok()?;
    let at = jiff::civil::DateTime::new(
        year,
        narrow(two(4)?)?,
        narrow(two(6)?)?,
        narrow(two(9)?)?,
        narrow(two(11)?)?,
        narrow(two(13)?)?,
        0,
    )
    .ok()?;
    Some(UTC.to_timestamp(at).ok()?.as_second())
}

/// Reads a date of a policy's condition: a W3C profile of ISO 8601 (`2026`, `2026-11`,
/// `2026-11-28`, with time and zone), or seconds since 1970.
///
/// Source: IAM user guide, "Date condition operators". The answer is in nanoseconds, as fractions
/// of seconds are compared.
#[must_use]
pub fn parse_condition_date(text: &str) -> Option<i128> {
    const NANOS: i128 = 1_000_000_000;
    let dashes = text
        .strip_prefix('-')
        .unwrap_or(text)
        .contains(['-', 'T', ':']);
    if !dashes && text.len() != 4 {
        return text
            .parse::<i64>()
            .ok()
            .map(|seconds| i128::from(seconds) * NANOS);
    }
    let day = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    if day.len() == 10 {
        let date: jiff::civil::Date = day.parse().ok()?;
        return Some(UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_nanosecond());
    }
    // "2026-11-28T01:02Z" has no seconds; jiff wants them.
    let full = match day
        .find(['Z', 'z', '+'])
        .or_else(|| day.rfind('-').filter(|at| *at > 10))
    {
        Some(at) if at == 16 => format!("{}:00{}", day.get(..at)?, day.get(at..)?),
        _ => day,
    };
    Some(full.parse::<Timestamp>().ok()?.as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_of_conditions_are_read_in_each_form() {
        let second = |text| parse_condition_date(text).map(|n| n / 1_000_000_000);
        assert_eq!(second("1970"), Some(0));
        assert_eq!(second("1970-02"), Some(31 * 86400));
        assert_eq!(second("1970-01-02"), Some(86400));
        assert_eq!(second("1970-01-01T00:01Z"), Some(60));
        assert_eq!(second("1970-01-01T00:00:30Z"), Some(30));
        assert_eq!(second("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(second("1970-01-01T01:00-01:00"), Some(7200));
        assert_eq!(
            parse_condition_date("1970-01-01T00:00:00.5Z"),
            Some(500_000_000)
        );
        assert_eq!(second("1364774400"), Some(1_364_774_400));
        for text in [
            "",
            "yesterday",
            "2026-13",
            "2026-02-30",
            "T",
            "2026-01-01T25:00:00Z",
            "é-é",
        ] {
            assert_eq!(parse_condition_date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_basic_form_round_trips(seconds in 0_i64..250_000_000_000) {
            prop_assert_eq!(parse_basic(&basic(seconds)), Some(seconds));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,24}") {
            let _ = parse_basic(&text);
            let _ = parse_condition_date(&text);
        }
    }
}
