//! Patterns with `*` (any characters, also none) and `?` (exactly one character).
//!
//! Time is linear in the text for patterns without `?`, and text times pattern / 64 with it: what
//! stands between two stars is looked for once, from left to right, and never again.

use memchr::memmem;

/// One element of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// This character.
    Char(char),
    /// `?`.
    One,
    /// `*`.
    Many,
}

/// A run without stars.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Run {
    Literal(String),
    /// `None` is `?`.
    Mixed(Vec<Option<char>>),
}

impl Run {
    fn new(tokens: &[Token]) -> Self {
        let chars: Vec<Option<char>> = tokens
            .iter()
            .map(|token| match token {
                Token::Char(c) => Some(*c),
                Token::One | Token::Many => None,
            })
            .collect();
        match chars.iter().copied().collect::<Option<String>>() {
            Some(literal) => Self::Literal(literal),
            None => Self::Mixed(chars),
        }
    }

    /// What is left of `text` if it begins with the run.
    fn strip_prefix<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Literal(literal) => text.strip_prefix(literal.as_str()),
            Self::Mixed(chars) => {
                let mut rest = text.chars();
                for wanted in chars {
                    let c = rest.next()?;
                    if wanted.is_some_and(|wanted| wanted != c) {
                        return None;
                    }
                }
                Some(rest.as_str())
            }
        }
    }

    /// What is left of `text` if it ends with the run.
    fn strip_suffix<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Literal(literal) => text.strip_suffix(literal.as_str()),
            Self::Mixed(chars) => {
                let mut rest = text.chars();
                for wanted in chars.iter().rev() {
                    let c = rest.next_back()?;
                    if wanted.is_some_and(|wanted| wanted != c) {
                        return None;
                    }
                }
                Some(rest.as_str())
            }
        }
    }

    /// What follows the first occurrence of the run in `text`.
    fn after_first<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Literal(literal) => {
                let at = memmem::find(text.as_bytes(), literal.as_bytes())?;
                text.get(at + literal.len()..)
            }
            Self::Mixed(chars) => shift_and(chars, text),
        }
    }
}

/// The Shift-And search of Baeza-Yates and Gonnet: one bit for each character of the pattern.
fn shift_and<'t>(pattern: &[Option<char>], text: &'t str) -> Option<&'t str> {
    let words = pattern.len().div_ceil(64);
    let mut any = vec![0_u64; words];
    let mut masks: std::collections::HashMap<char, Vec<u64>> = std::collections::HashMap::new();
    for (i, wanted) in pattern.iter().enumerate() {
        let word = match wanted {
            None => any.get_mut(i / 64),
            Some(c) => masks
                .entry(*c)
                .or_insert_with(|| vec![0; words])
                .get_mut(i / 64),
        };
        if let Some(word) = word {
            *word |= 1 << (i % 64);
        }
    }
    let last = pattern.len().checked_sub(1)?;
    let mut state = vec![0_u64; words];
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let mask = masks.get(&c);
        let mut carry = 1;
        for (i, word) in state.iter_mut().enumerate() {
            let out = *word >> 63;
            let here = mask.and_then(|mask| mask.get(i)).copied().unwrap_or(0)
                | any.get(i).copied().unwrap_or(0);
            *word = ((*word << 1) | carry) & here;
            carry = out;
        }
        if state
            .get(last / 64)
            .is_some_and(|word| word >> (last % 64) & 1 == 1)
        {
            return Some(rest.as_str());
        }
    }
    None
}

/// A pattern, ready for matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
    first: Run,
    /// `None` if there is no star: then `first` must match all.
    rest: Option<(Vec<Run>, Run)>,
}

impl Glob {
    /// The pattern written `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::from_tokens(text.chars().map(wild).collect())
    }

    /// The pattern of these elements: for text whose stars may be meant literally.
    #[must_use]
    pub fn from_tokens(tokens: Vec<Token>) -> Self {
        let mut runs = tokens.split(|token| *token == Token::Many).map(Run::new);
        let first = runs.next().unwrap_or(Run::Literal(String::new()));
        let mut middle: Vec<Run> = runs.collect();
        let rest = middle.pop().map(|last| {
            middle.retain(|run| *run != Run::Literal(String::new()));
            (middle, last)
        });
        Self {
            tokens,
            first,
            rest,
        }
    }

    /// Whether the pattern matches the whole of `text`. Case matters.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some(text) = self.first.strip_prefix(text) else {
            return false;
        };
        let Some((middle, last)) = &self.rest else {
            return text.is_empty();
        };
        let Some(mut text) = last.strip_suffix(text) else {
            return false;
        };
        for run in middle {
            match run.after_first(text) {
                Some(after) => text = after,
                None => return false,
            }
        }
        true
    }

    /// Whether the last element is `*`.
    #[must_use]
    pub fn ends_in_star(&self) -> bool {
        self.tokens.last() == Some(&Token::Many)
    }

    /// The parts between the first five colons: six, if there are as many.
    #[must_use]
    pub fn split_colons(&self) -> Vec<Self> {
        self.tokens
            .splitn(6, |token| *token == Token::Char(':'))
            .map(|part| Self::from_tokens(part.to_vec()))
            .collect()
    }
}

/// The element that a character of a pattern stands for.
#[must_use]
pub fn wild(c: char) -> Token {
    match c {
        '*' => Token::Many,
        '?' => Token::One,
        c => Token::Char(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Slow and obviously right.
    fn model(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|n| model(rest, &text[n..])),
            Some(('?', rest)) => !text.is_empty() && model(rest, &text[1..]),
            Some((c, rest)) => text.first() == Some(c) && model(rest, &text[1..]),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn matching_agrees_with_the_model(pattern in "[ab*?é]{0,9}", text in "[abé]{0,12}") {
            let p: Vec<char> = pattern.chars().collect();
            let t: Vec<char> = text.chars().collect();
            prop_assert_eq!(Glob::new(&pattern).matches(&text), model(&p, &t), "{} {}", pattern, text);
        }

    }

    proptest! {
        #[test]
        fn long_runs_with_question_marks_agree_with_the_model(
            prefix in "a{0,3}", run in "[ab?]{60,140}", text in "[ab]{100,300}", at in 0_usize..100,
        ) {
            let planted: String = run.chars().map(|c| if c == '?' { 'b' } else { c }).collect();
            let text = format!("{}{planted}{}", &text[..at], &text[at..]);
            let pattern = format!("*{prefix}{run}*");
            let plain: Vec<Option<char>> = format!("{prefix}{run}").chars().map(|c| (c != '?').then_some(c)).collect();
            let t: Vec<char> = text.chars().collect();
            let expected = t.windows(plain.len()).any(|w| w.iter().zip(&plain).all(|(c, p)| p.is_none_or(|p| p == *c)));
            prop_assert_eq!(Glob::new(&pattern).matches(&text), expected);
        }
    }

    #[test]
    fn patterns_that_are_built_to_be_slow_are_not() {
        // A backtracking matcher needs more steps than there are atoms for these.
        let text = "a".repeat(2000);
        for pattern in [
            "*a".repeat(1500) + "b",
            "*a?".repeat(800) + "b*",
            format!("*{}b*", "a?".repeat(900)),
            format!("*{}b", "*".repeat(3000)),
        ] {
            assert!(!Glob::new(&pattern).matches(&text));
        }
        assert!(Glob::new(&"*a".repeat(2000)).matches(&text));
    }

    #[test]
    fn a_question_mark_is_one_character_of_any_length() {
        assert!(Glob::new("a?c").matches("aéc"));
        assert!(Glob::new("*?").matches("é"));
        assert!(!Glob::new("??").matches("é"));
    }

    #[test]
    fn stars_may_be_meant_literally() {
        let glob = Glob::from_tokens(vec![Token::Char('*'), Token::Many]);
        assert!(glob.matches("*x"));
        assert!(!glob.matches("x"));
    }
}
