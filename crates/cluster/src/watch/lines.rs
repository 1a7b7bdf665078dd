//! Lines out of pieces, and what of a line may be shown.

/// Longest line that is kept; what follows up to its end is dropped and the line says so.
pub(super) const LINE_MAX_BYTES: usize = 1 << 20;

const CUT: &[u8] = " (line cut)".as_bytes();

/// Puts lines together. Pieces may end anywhere, inside a character too.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
    is_cut: bool,
}

impl Lines {
    /// Takes a piece and calls back for each line that it ends.
    pub(super) fn take(&mut self, mut piece: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (head, rest) = piece.split_at(end);
            self.keep(head);
            line(&self.begun);
            self.begun.clear();
            self.is_cut = false;
            piece = rest.get(1..).unwrap_or_default();
        }
        self.keep(piece);
    }

    /// Returns what is left behind the last line's end.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        self.is_cut = false;
        let rest = std::mem::take(&mut self.begun);
        (!rest.is_empty()).then_some(rest)
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.is_cut || piece.is_empty() {
            return;
        }
        let room = LINE_MAX_BYTES.saturating_sub(self.begun.len());
        self.begun
            .extend_from_slice(piece.get(..room).unwrap_or(piece));
        if piece.len() > room {
            self.begun.extend_from_slice(CUT);
            self.is_cut = true;
        }
    }
}

/// Makes a line fit for a terminal: of what was overwritten by carriage returns the last state, and of control characters nothing
/// but tabs and colours.
pub(super) fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut states = text.rsplit('\r');
    let state = states.find(|state| !state.is_empty()).unwrap_or_default();
    let mut shown = String::with_capacity(state.len());
    let mut rest = state;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '\u{1b}' => {
                let length = escape(rest);
                let sequence = rest.get(..length).unwrap_or_default();
                if is_colour(sequence) {
                    shown.push_str(sequence);
                }
                length
            }
            next => {
                if next == '\t' || !is_control(next) {
                    shown.push(next);
                }
                next.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    shown
}

/// Removes the colours of a line that has no other control characters, such as [`Event::Line`](super::Event::Line).
#[must_use]
pub fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, sequence) = rest.split_at(at);
        text.push_str(before);
        rest = sequence.get(escape(sequence)..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// Control characters, and the marks that turn the direction of text around.
fn is_control(one: char) -> bool {
    one.is_control() || matches!(one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Measures the escape sequence at the beginning, in bytes (ECMA-48): CSI up to its final byte, strings up to their end.
fn escape(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.get(1) {
        Some(b'[') => {
            let parameters = bytes.get(2..).unwrap_or_default();
            let count = parameters
                .iter()
                .take_while(|byte| matches!(byte, 0x20..=0x3f));
            let count = 2 + count.count();
            let has_final = bytes
                .get(count)
                .is_some_and(|byte| matches!(byte, 0x40..=0x7e));
            count + usize::from(has_final)
        }
        // OSC, DCS, SOS, PM and APC: up to BEL or ESC \, or to the end of the line.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let bell = text.find('\u{7}').map(|at| at + 1);
            let end = text.find("\u{1b}\\").map(|at| at + 2);
            let found = bell.into_iter().chain(end).min();
            found.unwrap_or(text.len())
        }
        Some(byte) if byte.is_ascii() => 2,
        _ => 1,
    }
}

fn is_colour(sequence: &str) -> bool {
    let inner = sequence
        .strip_prefix("\u{1b}[")
        .and_then(|rest| rest.strip_suffix('m'));
    inner.is_some_and(|inner| {
        inner
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b';')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.take(piece, |line| found.push(line.to_vec()));
        }
        found.extend(lines.rest());
        found
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_is_whole() {
        let long = vec![b'x'; LINE_MAX_BYTES + 10];
        let found = lines(&[&long, b"yyy\nnext\n"]);
        assert_eq!(found[0].len(), LINE_MAX_BYTES + CUT.len());
        assert!(found[0].ends_with(b"x (line cut)"));
        assert_eq!(found[1..], [b"next"]);
    }

    #[test]
    fn only_colours_and_tabs_pass() {
        let check = |line: &str, expected: &str| assert_eq!(clean(line.as_bytes()), expected);
        check("\u{1b}[1mbold\u{1b}[0m\tx", "\u{1b}[1mbold\u{1b}[0m\tx");
        check("a\u{1b}[2Jb\u{1b}[10;20Hc\u{1b}[?1049hd", "abcd");
        check("a\u{1b}]0;title\u{7}b\u{1b}]8;;http://x\u{1b}\\c", "abc");
        check("a\u{1b}cb\u{1b}", "ab");
        check("a\u{7}\u{8}\u{0}b\u{9b}31mc", "ab31mc");
        check("10%\r50%\r100%\r", "100%");
        check("text\r", "text");
        check("\r\r", "");
        check("safe\u{202e}txt", "safetxt");
        check("\u{1b}[", "");
    }

    #[test]
    fn colours_go_where_words_are_looked_for() {
        assert_eq!(
            plain("\u{1b}[1mTotal:\u{1b}[0m \u{1b}[96m5\u{1b}[0m"),
            "Total: 5"
        );
        assert_eq!(plain("nothing"), "nothing");
    }

    proptest! {
        #[test]
        fn any_pieces_make_the_same_lines(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200), cuts in prop::collection::vec(0..200_usize, 0..8)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(lines(&pieces), lines(&[&bytes]));
        }

        #[test]
        fn nothing_that_steers_a_terminal_is_left(line in ".*") {
            let shown = clean(line.as_bytes());
            let rest = plain(&shown);
            prop_assert!(rest.chars().all(|one| one == '\t' || !is_control(one)), "{rest:?}");
        }
    }
}
