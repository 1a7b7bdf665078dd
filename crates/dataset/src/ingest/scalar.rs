//! What unquoted text means: to YAML 1.2, by which documents are judged here, and to YAML 1.1, which the ingestor reads.

use super::node::{Kind, Value};

/// Resolves an unquoted scalar by the core schema of YAML 1.2. Dates are told apart, as both sides make objects of them.
pub(super) fn resolve(text: &str) -> Value {
    if is_null(text) {
        return Value::Null;
    }
    if let Some(boolean) = core_boolean(text) {
        return Value::Boolean(boolean);
    }
    if let Some(number) = core_number(text) {
        return Value::Number(number);
    }
    match is_date(text) {
        true => Value::Date,
        false => Value::Text(text.to_owned()),
    }
}

/// Names the type that a YAML 1.1 reader gives to an unquoted scalar.
pub(super) fn legacy_kind(text: &str) -> Kind {
    if is_null(text) {
        Kind::Null
    } else if is_legacy_boolean(text) {
        Kind::Boolean
    } else if is_legacy_integer(text) || is_legacy_float(text) || special_float(text).is_some() {
        Kind::Number
    } else if is_date(text) {
        Kind::Date
    } else {
        Kind::Text
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn core_boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// `y` and `n` are booleans in the specification, though not to every reader.
fn is_legacy_boolean(text: &str) -> bool {
    const WORDS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    let lower = text.to_ascii_lowercase();
    let mut capitalised = lower.clone();
    if let Some(first) = capitalised.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    WORDS.contains(&lower.as_str())
        && (text == lower || text == capitalised || text == text.to_ascii_uppercase())
}

fn core_number(text: &str) -> Option<f64> {
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(number) = special_float(text) {
        return Some(number);
    }
    // The grammar of the core schema, which is narrower than that of `f64`.
    let (mantissa, exponent) = match unsigned(text).split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(unsigned(exponent))),
        None => (unsigned(text), None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let sound = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    if sound { text.parse().ok() } else { None }
}

fn radix(digits: &str, radix: u32) -> Option<f64> {
    if digits.is_empty() {
        return None;
    }
    digits.chars().try_fold(0.0, |value, digit| {
        digit
            .to_digit(radix)
            .map(|digit| value * f64::from(radix) + f64::from(digit))
    })
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => match text.strip_prefix('+').unwrap_or(text) {
            ".inf" | ".Inf" | ".INF" => Some(f64::INFINITY),
            _ => None,
        },
    }
}

fn is_legacy_integer(text: &str) -> bool {
    let text = unsigned(text);
    let all = |digits: &str, wanted: fn(u8) -> bool| {
        !digits.is_empty() && digits.bytes().all(|byte| byte == b'_' || wanted(byte))
    };
    if let Some(digits) = text.strip_prefix("0b") {
        return all(digits, |byte| matches!(byte, b'0' | b'1'));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, |byte| byte.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix('0') {
        return digits.is_empty() || all(digits, |byte| matches!(byte, b'0'..=b'7'));
    }
    let first_digit = text.starts_with(|first: char| first.is_ascii_digit());
    first_digit && (all(text, |byte| byte.is_ascii_digit()) || is_sexagesimal(text))
}

/// A number in base 60, such as `12:30:45`.
fn is_sexagesimal(text: &str) -> bool {
    let mut places = text.split(':');
    let head = places.next().unwrap_or("");
    let mut minutes = places.peekable();
    minutes.peek().is_some()
        && head
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_digit())
        && minutes
            .all(|place| matches!(place.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']))
}

/// A float of YAML 1.1 has a point, and its exponent has a sign.
fn is_legacy_float(text: &str) -> bool {
    let Some((whole, rest)) = unsigned(text).split_once('.') else {
        return false;
    };
    let digits = |part: &str| {
        part.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_digit())
    };
    let starts = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let signed = |exponent: &str| {
        exponent.strip_prefix(['+', '-']).is_some_and(|power| {
            !power.is_empty() && power.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    if exponent.is_none() && starts(whole) && is_sexagesimal(whole) {
        return digits(fraction);
    }
    let begins = if whole.is_empty() {
        starts(fraction)
    } else {
        starts(whole)
    };
    begins && digits(whole) && digits(fraction) && exponent.is_none_or(signed)
}

/// Recognises `2024-01-31`, alone or with a time of day after it, whether or not the calendar has such a day.
pub(super) fn is_date(text: &str) -> bool {
    let mut rest = Scan(text);
    if !(rest.digits(4, 4) && rest.byte(b'-')) {
        return false;
    }
    let month_digits = rest.count_digits();
    if !(rest.digits(1, 2) && rest.byte(b'-')) {
        return false;
    }
    let day_digits = rest.count_digits();
    if !rest.digits(1, 2) {
        return false;
    }
    if rest.0.is_empty() {
        return month_digits == 2 && day_digits == 2;
    }
    if !(rest.byte(b'T') || rest.byte(b't') || rest.blanks()) {
        return false;
    }
    let clock = rest.digits(1, 2)
        && rest.byte(b':')
        && rest.digits(2, 2)
        && rest.byte(b':')
        && rest.digits(2, 2);
    clock && {
        if rest.byte(b'.') {
            rest.digits(0, usize::MAX);
        }
        rest.blanks();
        rest.0.is_empty() || rest.zone()
    }
}

/// What is left of a text that is being matched.
struct Scan<'a>(&'a str);

impl Scan<'_> {
    fn count_digits(&self) -> usize {
        self.0.bytes().take_while(u8::is_ascii_digit).count()
    }

    /// Takes all digits, if they are as many as wanted.
    fn digits(&mut self, least: usize, most: usize) -> bool {
        let count = self.count_digits();
        if count < least || count > most {
            return false;
        }
        self.0 = self.0.get(count..).unwrap_or("");
        true
    }

    fn byte(&mut self, byte: u8) -> bool {
        match self.0.strip_prefix(char::from(byte)) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn blanks(&mut self) -> bool {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let some = rest.len() < self.0.len();
        self.0 = rest;
        some
    }

    fn zone(&mut self) -> bool {
        if self.byte(b'Z') {
            return self.0.is_empty();
        }
        (self.byte(b'+') || self.byte(b'-'))
            && self.digits(1, 2)
            && (self.0.is_empty() || (self.byte(b':') && self.digits(2, 2)))
            && self.0.is_empty()
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: &[&str], core: Kind, legacy: Kind) {
        for text in texts {
            let found = match resolve(text) {
                Value::Null => Kind::Null,
                Value::Boolean(_) => Kind::Boolean,
                Value::Number(_) => Kind::Number,
                Value::Date => Kind::Date,
                Value::Text(_) => Kind::Text,
                other => panic!("{other:?}"),
            };
            assert_eq!((found, legacy_kind(text)), (core, legacy), "{text:?}");
        }
    }

    #[test]
    fn both_readers_agree_on_what_is_common() {
        check(&["", "~", "null", "Null", "NULL"], Kind::Null, Kind::Null);
        check(
            &["true", "True", "TRUE", "false"],
            Kind::Boolean,
            Kind::Boolean,
        );
        check(
            &[
                "0", "-12", "+7", "1.5", "-0.5", ".5", "1.", "1.5e+3", ".inf", "-.INF", "+.inf",
                ".nan", "0x1F", "007",
            ],
            Kind::Number,
            Kind::Number,
        );
        check(
            &[
                "a", "tRUE", "nULL", "1a", "-", ".", "+", "e5", "1e", "--1", "0xg", "0o", "1:2:3:",
                "a:b",
            ],
            Kind::Text,
            Kind::Text,
        );
        check(
            &[
                "2024-01-01",
                "2024-13-45",
                "2024-1-1 1:02:03",
                "2024-01-01T10:00:00.5Z",
                "2024-01-01 10:00:00 +5:30",
            ],
            Kind::Date,
            Kind::Date,
        );
        check(
            &[
                "2024-1-1",
                "2024-01-01T10:00",
                "2024-01-01x",
                "24-01-01",
                "2024/01/01",
            ],
            Kind::Text,
            Kind::Text,
        );
    }

    #[test]
    fn they_disagree_where_the_format_warns() {
        check(
            &["yes", "No", "ON", "off", "y", "N"],
            Kind::Text,
            Kind::Boolean,
        );
        check(
            &[
                "12:30:45",
                "1:00",
                "1_000",
                "0b101",
                "1_0.5",
                "190:20:30.15",
            ],
            Kind::Text,
            Kind::Number,
        );
        check(&["1e5", "089", "1.5e3", "0o17"], Kind::Number, Kind::Text);
        check(&["yEs", "oN", "12:60", "12:345"], Kind::Text, Kind::Text);
    }

    #[test]
    fn numbers_have_their_value() {
        for (text, value) in [
            ("0x1F", 31.0),
            ("0o17", 15.0),
            ("448.0", 448.0),
            ("-1.5e3", -1500.0),
            ("007", 7.0),
        ] {
            assert_eq!(resolve(text), Value::Number(value), "{text}");
        }
    }
}
