//! The names of what lies beside a destination while it is being made.

use std::hash::{BuildHasher, RandomState};

use crate::rel_path::COMPONENT_MAX_BYTES;

/// What a sibling of the destination is for; the word stands in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The tree or file being made, and for a moment after an exchange the old one.
    Staging,
    /// The old tree while the new one takes its name, where the two cannot be exchanged.
    Replaced,
    /// Says that such a replacement is under way.
    Marker,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Staging => "longshore-staging",
            Role::Replaced => "longshore-replaced",
            Role::Marker => "longshore-replacing",
        }
    }
}

/// Tells one run's siblings from another's; the three roles of one replacement share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(u64);

impl Token {
    /// Makes a token nobody has, by chance: the caller creates exclusively and tries again.
    pub(crate) fn random() -> Token {
        Token(RandomState::new().hash_one(std::process::id()))
    }
}

/// How much of a long destination name is kept in its siblings' names.
///
/// Far below the limit, since some file systems (eCryptfs: 143 bytes) have a lower one.
const SHORTENED_BYTES: usize = 32;

/// Room for a dot, the longest word between dots, and 16 hexadecimal digits.
const ADDED_BYTES: usize = 1 + 1 + 19 + 1 + 16;

const TOKEN_DIGITS: usize = 16;

/// The siblings of one destination name.
#[derive(Debug, Clone)]
pub(crate) struct Siblings {
    destination: Vec<u8>,
    form: Form,
}

/// How the destination's name appears in its siblings' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    /// Its beginning, and a hash that tells it from other names with that beginning.
    Shortened,
}

impl Siblings {
    pub(crate) fn of(destination: &[u8]) -> Siblings {
        let fits = destination.len() + ADDED_BYTES <= COMPONENT_MAX_BYTES;
        Siblings {
            destination: destination.to_vec(),
            form: if fits { Form::Whole } else { Form::Shortened },
        }
    }

    /// Uses short names from now on, because the file system refused a long one.
    ///
    /// Returns whether that changes anything.
    pub(crate) fn shorten(&mut self) -> bool {
        let changes = self.form == Form::Whole;
        self.form = Form::Shortened;
        changes
    }

    /// Returns the form of the names that are made from now on.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Returns the name of one sibling.
    pub(crate) fn name(&self, role: Role, form: Form, token: Token) -> Vec<u8> {
        let mut name = self.prefix(role, form);
        name.extend_from_slice(format!("{:016x}", token.0).as_bytes());
        name
    }

    /// Recognises a sibling's name in either form, whatever run made it.
    pub(crate) fn recognise(&self, name: &[u8]) -> Option<(Role, Form, Token)> {
        [Role::Staging, Role::Replaced, Role::Marker]
            .into_iter()
            .flat_map(|role| [(role, Form::Whole), (role, Form::Shortened)])
            .find_map(|(role, form)| {
                let digits = name.strip_prefix(self.prefix(role, form).as_slice())?;
                Some((role, form, parse_token(digits)?))
            })
    }

    /// The shortened form has 16 more digits after the word, so that it is never the whole form
    /// of another destination's name.
    fn prefix(&self, role: Role, form: Form) -> Vec<u8> {
        let word = role.word();
        match form {
            Form::Whole => [b".", &self.destination[..], b".", word.as_bytes(), b"."].concat(),
            Form::Shortened => {
                let hash = format!("{:016x}", fnv1a(&self.destination));
                let start = shortened(&self.destination);
                let hash = hash.as_bytes();
                [b".", start, b".", word.as_bytes(), b".", hash].concat()
            }
        }
    }
}

fn parse_token(digits: &[u8]) -> Option<Token> {
    let canonical = digits.len() == TOKEN_DIGITS
        && digits
            .iter()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let text = std::str::from_utf8(digits).ok()?;
    let value = u64::from_str_radix(text, 16).ok()?;
    canonical.then_some(Token(value))
}

/// Cuts at a character boundary: some file systems take only UTF-8.
fn shortened(name: &[u8]) -> &[u8] {
    let mut end = SHORTENED_BYTES.min(name.len());
    while end > 0 && name.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}

/// FNV-1a, because it must be the same in every build: a later release looks for these names.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(siblings: &Siblings, role: Role, token: u64) -> Vec<u8> {
        siblings.name(role, siblings.form(), Token(token))
    }

    #[test]
    fn a_sibling_is_recognised_by_its_own_destination_only() {
        let ours = Siblings::of(b"out");
        let ours_name = name(&ours, Role::Staging, 0xabc);
        assert_eq!(ours_name, b".out.longshore-staging.0000000000000abc");
        assert_eq!(
            ours.recognise(&ours_name),
            Some((Role::Staging, Form::Whole, Token(0xabc)))
        );
        assert_eq!(Siblings::of(b"ou").recognise(&ours_name), None);
        // The name of a staging directory can itself be a destination.
        let nested = name(&Siblings::of(&ours_name[1..]), Role::Staging, 1);
        assert_eq!(ours.recognise(&nested), None);
    }

    #[test]
    fn look_alikes_are_left_alone() {
        let ours = Siblings::of(b"out");
        for name in [
            ".out.longshore-staging.",
            ".out.longshore-staging.0000000000000ab",
            ".out.longshore-staging.0000000000000ABC",
            ".out.longshore-staging.+000000000000abc",
            "out.longshore-staging.0000000000000abc",
            ".out.longshore-staging.0000000000000abc.bak",
        ] {
            assert_eq!(ours.recognise(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn long_names_are_shortened_and_stay_apart() {
        for length in [216, 217, 218, 254, 255] {
            let destination = vec![b'n'; length];
            let siblings = Siblings::of(&destination);
            let long = name(&siblings, Role::Marker, 7);
            assert!(long.len() <= 255, "{length}");
            assert_eq!(
                siblings.recognise(&long),
                Some((Role::Marker, siblings.form(), Token(7)))
            );
            assert_eq!(Siblings::of(&destination[1..]).recognise(&long), None);
        }
    }

    #[test]
    fn shortening_on_demand_keeps_what_was_made_before_recognisable() {
        let mut siblings = Siblings::of(b"out");
        let before = name(&siblings, Role::Staging, 1);
        assert!(siblings.shorten());
        assert!(!siblings.shorten());
        let after = name(&siblings, Role::Staging, 1);
        assert_ne!(before, after);
        assert!(siblings.recognise(&before).is_some());
        assert!(Siblings::of(b"out").recognise(&after).is_some());
    }

    #[test]
    fn cuts_between_characters() {
        let name = "é".repeat(120);
        assert_eq!(shortened(&name.as_bytes()[1..]).len(), 31);
        assert_eq!(shortened(name.as_bytes()).len(), 32);
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(Token::random(), Token::random());
    }
}
