//! Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`.
//!
//! Only in policies of Version 2012-10-17; in older ones they are plain text. What a variable
//! stands for is text, never a wildcard. Source: IAM user guide, "IAM policy elements: Variables
//! and tags".

use super::context::Context;
use super::glob::{Token, wild};

/// A piece of a string with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `${*}`, `${?}`, `${$}`: this character itself.
    Literal(char),
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// A string with variables in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    /// Takes a string apart; `None` if it has no variable.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut found = false;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else {
                break;
            };
            plain.push_str(before);
            found = true;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(match name {
                "*" => Piece::Literal('*'),
                "?" => Piece::Literal('?'),
                "$" => Piece::Literal('$'),
                name => {
                    let (key, default) = match name.split_once(',') {
                        Some((key, default)) => (key.trim(), Some(default.trim())),
                        None => (name.trim(), None),
                    };
                    let default = default.map(|quoted| {
                        quoted
                            .strip_prefix('\'')
                            .and_then(|inner| inner.strip_suffix('\''))
                            .unwrap_or(quoted)
                            .to_owned()
                    });
                    Piece::Variable {
                        key: key.to_owned(),
                        default,
                    }
                }
            });
            rest = tail;
        }
        if !found {
            return None;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Some(Self(pieces))
    }

    /// The pattern that it becomes in a request. `None` if a variable has no value, no default, or
    /// several values: then the element that it stands in matches nothing.
    #[must_use]
    pub fn tokens(&self, context: &Context) -> Option<Vec<Token>> {
        let mut tokens = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => tokens.extend(text.chars().map(wild)),
                Piece::Literal(c) => tokens.push(Token::Char(*c)),
                Piece::Variable { key, default } => {
                    let value = value(context, key, default.as_deref())?;
                    tokens.extend(value.chars().map(Token::Char));
                }
            }
        }
        Some(tokens)
    }

    /// The text that it becomes in a request, where wildcards mean nothing.
    #[must_use]
    pub fn text(&self, context: &Context) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Literal(c) => text.push(*c),
                Piece::Variable { key, default } => {
                    text.push_str(value(context, key, default.as_deref())?);
                }
            }
        }
        Some(text)
    }
}

fn value<'v>(context: &'v Context, key: &str, default: Option<&'v str>) -> Option<&'v str> {
    match context.get(key) {
        Some([one]) => Some(one),
        Some(_) => None,
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::glob::Glob;

    fn context() -> Context {
        let mut context = Context::new();
        context.set("aws:username", "alice*");
        context.set_list("aws:TagKeys", ["a".to_owned(), "b".to_owned()]);
        context
    }

    #[test]
    fn a_variable_is_replaced_by_its_value() {
        let template = Template::parse("home/${aws:UserName}/*").unwrap();
        assert_eq!(template.text(&context()).unwrap(), "home/alice*/*");
        let glob = Glob::from_tokens(template.tokens(&context()).unwrap());
        assert!(glob.matches("home/alice*/x"));
        assert!(
            !glob.matches("home/alicex/x"),
            "a value is never a wildcard"
        );
    }

    #[test]
    fn a_default_stands_in_for_a_missing_key() {
        let template = Template::parse("${aws:PrincipalTag/team, 'company-wide'}").unwrap();
        assert_eq!(template.text(&context()).unwrap(), "company-wide");
        assert_eq!(
            Template::parse("${aws:nothing}").unwrap().text(&context()),
            None
        );
        assert_eq!(
            Template::parse("${aws:TagKeys}").unwrap().text(&context()),
            None
        );
        assert_eq!(
            Template::parse("${aws:TagKeys, 'x'}")
                .unwrap()
                .text(&context()),
            None
        );
    }

    #[test]
    fn special_characters_can_be_written() {
        let template = Template::parse("a${*}b${?}c${$}{x}").unwrap();
        assert_eq!(template.text(&context()).unwrap(), "a*b?c${x}");
        let glob = Glob::from_tokens(template.tokens(&context()).unwrap());
        assert!(glob.matches("a*b?c${x}") && !glob.matches("axbyc${x}"));
    }

    #[test]
    fn what_is_not_closed_is_text() {
        assert_eq!(Template::parse("a${b"), None);
        assert_eq!(Template::parse("plain"), None);
        assert_eq!(Template::parse("$ {a}"), None);
        let half = Template::parse("${aws:username}${b").unwrap();
        assert_eq!(half.text(&context()).unwrap(), "alice*${b");
    }
}
