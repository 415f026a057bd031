//! Conditions: operator, key, values; and what they say of a request.
//!
//! Source: IAM user guide, "IAM JSON policy elements: Condition operators", "Conditions with
//! multiple context keys or values", "Set operators for multivalued context keys".

use std::net::IpAddr;

use ipnet::IpNet;

use super::context::Context;
use super::glob::Glob;
use super::variables::Template;
use crate::arn::ArnPattern;
use crate::time::parse_condition_date;

/// What kind of comparison. Each can be negated, but those of order and `Null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    String,
    StringIgnoreCase,
    StringLike,
    /// `ArnEquals` and `ArnLike` are the same.
    Arn,
    Numeric(Order),
    Date(Order),
    Bool,
    Binary,
    Ip,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds<T: PartialOrd + Copy>(self, left: T, right: T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// `ForAllValues:` or `ForAnyValue:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    All,
    Any,
}

/// A condition operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operator {
    kind: Kind,
    negated: bool,
    quantifier: Option<Quantifier>,
    if_exists: bool,
}

const OPERATORS: [(&str, Kind, bool); 27] = [
    ("StringEquals", Kind::String, false),
    ("StringNotEquals", Kind::String, true),
    ("StringEqualsIgnoreCase", Kind::StringIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Kind::StringIgnoreCase, true),
    ("StringLike", Kind::StringLike, false),
    ("StringNotLike", Kind::StringLike, true),
    ("ArnEquals", Kind::Arn, false),
    ("ArnLike", Kind::Arn, false),
    ("ArnNotEquals", Kind::Arn, true),
    ("ArnNotLike", Kind::Arn, true),
    ("NumericEquals", Kind::Numeric(Order::Equal), false),
    ("NumericNotEquals", Kind::Numeric(Order::Equal), true),
    ("NumericLessThan", Kind::Numeric(Order::Less), false),
    (
        "NumericLessThanEquals",
        Kind::Numeric(Order::LessOrEqual),
        false,
    ),
    ("NumericGreaterThan", Kind::Numeric(Order::Greater), false),
    (
        "NumericGreaterThanEquals",
        Kind::Numeric(Order::GreaterOrEqual),
        false,
    ),
    ("DateEquals", Kind::Date(Order::Equal), false),
    ("DateNotEquals", Kind::Date(Order::Equal), true),
    ("DateLessThan", Kind::Date(Order::Less), false),
    ("DateLessThanEquals", Kind::Date(Order::LessOrEqual), false),
    ("DateGreaterThan", Kind::Date(Order::Greater), false),
    (
        "DateGreaterThanEquals",
        Kind::Date(Order::GreaterOrEqual),
        false,
    ),
    ("Bool", Kind::Bool, false),
    ("BinaryEquals", Kind::Binary, false),
    ("IpAddress", Kind::Ip, false),
    ("NotIpAddress", Kind::Ip, true),
    ("Null", Kind::Null, false),
];

impl Operator {
    fn parse(name: &str) -> Option<Self> {
        let (quantifier, name) = match name.split_once(':') {
            None => (None, name),
            Some(("ForAllValues", name)) => (Some(Quantifier::All), name),
            Some(("ForAnyValue", name)) => (Some(Quantifier::Any), name),
            Some(_) => return None,
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (_, kind, negated) = OPERATORS.iter().find(|(known, _, _)| *known == name)?;
        (!(if_exists && *kind == Kind::Null)).then_some(Self {
            kind: *kind,
            negated: *negated,
            quantifier,
            if_exists,
        })
    }
}

/// A value of a policy, ready to be compared.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Pattern(Glob),
    Arn(ArnPattern),
    /// Text with variables: compared as the operator says once they have values.
    Template(Template),
    Number(f64),
    /// Nanoseconds since 1970.
    Date(i128),
    Bool(bool),
    Net(IpNet),
}

impl Value {
    fn parse(kind: Kind, text: &str, variables: bool) -> Option<Self> {
        let template = if variables {
            Template::parse(text)
        } else {
            None
        };
        Some(match kind {
            Kind::String | Kind::StringIgnoreCase => match template {
                Some(template) => Self::Template(template),
                None => Self::Text(text.to_owned()),
            },
            Kind::StringLike => match template {
                Some(template) => Self::Template(template),
                None => Self::Pattern(Glob::new(text)),
            },
            Kind::Arn => match template {
                Some(template) => Self::Template(template),
                None => Self::Arn(ArnPattern::literal(text)),
            },
            Kind::Bool => match template {
                Some(template) => Self::Template(template),
                None => Self::Bool(parse_bool(text)?),
            },
            Kind::Null => Self::Bool(parse_bool(text)?),
            Kind::Numeric(_) => Self::Number(parse_number(text)?),
            Kind::Date(_) => Self::Date(parse_condition_date(text)?),
            Kind::Binary => Self::Text(text.to_owned()),
            Kind::Ip => Self::Net(parse_net(text)?),
        })
    }

    /// Whether a value of the request matches, before any negation.
    fn matches(&self, kind: Kind, actual: &str, context: &Context) -> bool {
        match (self, kind) {
            (Self::Text(text), Kind::StringIgnoreCase) => equal_ignoring_case(text, actual),
            (Self::Text(text), _) => text == actual,
            (Self::Pattern(glob), _) => glob.matches(actual),
            (Self::Arn(pattern), _) => pattern.matches_by_parts(actual),
            (Self::Template(template), Kind::StringLike) => template
                .tokens(context)
                .is_some_and(|tokens| Glob::from_tokens(tokens).matches(actual)),
            (Self::Template(template), Kind::Arn) => {
                template.tokens(context).is_some_and(|tokens| {
                    ArnPattern::new(Glob::from_tokens(tokens)).matches_by_parts(actual)
                })
            }
            (Self::Template(template), Kind::StringIgnoreCase) => template
                .text(context)
                .is_some_and(|text| equal_ignoring_case(&text, actual)),
            (Self::Template(template), Kind::Bool) => template
                .text(context)
                .and_then(|text| parse_bool(&text))
                .is_some_and(|wanted| parse_bool(actual) == Some(wanted)),
            (Self::Template(template), _) => {
                template.text(context).is_some_and(|text| text == actual)
            }
            (Self::Number(wanted), Kind::Numeric(order)) => {
                parse_number(actual).is_some_and(|actual| order.holds(actual, *wanted))
            }
            (Self::Date(wanted), Kind::Date(order)) => {
                parse_condition_date(actual).is_some_and(|actual| order.holds(actual, *wanted))
            }
            (Self::Bool(wanted), _) => parse_bool(actual) == Some(*wanted),
            (Self::Net(net), _) => actual
                .parse::<IpAddr>()
                .is_ok_and(|address| net.contains(&address.to_canonical())),
            (Self::Number(_) | Self::Date(_), _) => false,
        }
    }
}

fn equal_ignoring_case(a: &str, b: &str) -> bool {
    a.chars()
        .flat_map(char::to_lowercase)
        .eq(b.chars().flat_map(char::to_lowercase))
}

fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn parse_number(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse::<f64>()
        .ok()
        .filter(|number| plain && number.is_finite())
}

fn parse_net(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Why a condition can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionError {
    /// There is no such operator.
    Operator,
    /// A value isn't what the operator compares.
    Value,
}

/// One operator with one key and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    operator: Operator,
    key: String,
    written: String,
    values: Vec<Value>,
}

impl Condition {
    /// Reads `"StringEquals": {"key": values}`. `variables`: whether `${...}` means something.
    ///
    /// # Errors
    /// If the operator is unknown, or a value is none that it compares.
    pub fn parse<'v>(
        operator: &str,
        key: &str,
        values: impl IntoIterator<Item = &'v str>,
        variables: bool,
    ) -> Result<Self, ConditionError> {
        let operator = Operator::parse(operator).ok_or(ConditionError::Operator)?;
        let values = values
            .into_iter()
            .map(|text| Value::parse(operator.kind, text, variables).ok_or(ConditionError::Value))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            operator,
            key: key.to_ascii_lowercase(),
            written: key.to_owned(),
            values,
        })
    }

    /// The condition key, as it is written.
    #[must_use]
    pub fn written_key(&self) -> &str {
        &self.written
    }

    /// Whether the condition holds in a request.
    #[must_use]
    pub fn holds(&self, context: &Context) -> bool {
        let Operator {
            kind,
            negated,
            quantifier,
            if_exists,
        } = self.operator;
        let actual = context.get(&self.key);
        if kind == Kind::Null {
            return self
                .values
                .iter()
                .any(|value| *value == Value::Bool(actual.is_none()));
        }
        let Some(actual) = actual else {
            return match quantifier {
                _ if if_exists => true,
                Some(Quantifier::All) => true,
                Some(Quantifier::Any) => false,
                None => negated,
            };
        };
        let matches = |actual: &String| {
            self.values
                .iter()
                .any(|value| value.matches(kind, actual, context))
        };
        match quantifier {
            Some(Quantifier::All) => actual.iter().all(|actual| matches(actual) != negated),
            Some(Quantifier::Any) => actual.iter().any(|actual| matches(actual) != negated),
            None => actual.iter().any(matches) != negated,
        }
    }
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
