//! What all operations do that describe: filters, names, pages.

use super::filter::Filters;
use super::unless_dry_run;
use super::{Answer, Call, Element, Form, Result, form, invalid_value, refused, require, short};
use crate::store::View;

/// What a call that describes works with, once its caller may: the records, and the filters.
pub(super) fn describing(call: &Call) -> Result<(Form, View, Filters)> {
    let form = form(call)?;
    let view = call.view()?;
    require(call, &view, "*".to_owned(), Vec::new())?;
    unless_dry_run(&form)?;
    let filters = Filters::read(&form)?;
    Ok((form, view, filters))
}

/// The answer to a call that describes: those that the filters keep, a page of them.
///
/// `named`: the parameter that names some. `all` has everything that could be named: those that
/// `keep` keeps are shown.
pub(super) fn described<T>(
    form: &Form,
    all: Vec<T>,
    keep: impl Fn(&T) -> bool,
    id: impl Fn(&T) -> &str,
    (parameter, missing): (&str, impl Fn(&str) -> super::ApiError),
    set: &'static str,
    show: impl Fn(&T) -> Element,
) -> Result<Answer> {
    let named = form.list(parameter);
    if !named.is_empty() && form.get("MaxResults").is_some() {
        let message =
            format!("The parameter {parameter} cannot be used with the parameter MaxResults");
        return Err(refused("InvalidParameterCombination", message));
    }
    let known: std::collections::HashSet<&str> = all.iter().map(&id).collect();
    if let Some(unknown) = named.iter().find(|name| !known.contains(name.as_str())) {
        return Err(missing(unknown));
    }
    let named: std::collections::HashSet<String> = named.into_iter().collect();
    let mut kept = all;
    kept.retain(|one| (named.is_empty() || named.contains(id(one))) && keep(one));
    paged(form, kept, id, set, show)
}

/// A page of results, in the order of their ids.
pub(super) fn paged<T>(
    form: &Form,
    mut all: Vec<T>,
    id: impl Fn(&T) -> &str,
    set: &'static str,
    show: impl Fn(&T) -> Element,
) -> Result<Answer> {
    all.sort_by(|one, other| id(one).cmp(id(other)));
    let size: usize = match form.get("MaxResults") {
        None => usize::MAX,
        Some(size) => {
            let number = size.parse().ok().filter(|size| (5..=1000).contains(size));
            number.ok_or_else(|| invalid_value("maxResults", size, "Expecting 5 to 1000."))?
        }
    };
    let after = match form.get("NextToken") {
        None | Some("") => None,
        Some(token) => Some(read_token(token)?),
    };
    let is_seen = |one: &&T| after.as_deref().is_some_and(|after| id(one) <= after);
    let mut rest = all.iter().skip_while(is_seen);
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let next = rest.next().and(page.last()).map(|last| token(id(last)));
    let items = page.into_iter().map(show);
    let set = Element::new("").list(set, "item", items).into_children();
    let next = next.map(|next| Element::of("nextToken", next));
    Ok(Answer::Xml(set.into_iter().chain(next).collect()))
}

/// A token says which result was the last: it goes on after that also when that is gone.
fn token(last: &str) -> String {
    last.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn read_token(token: &str) -> Result<String> {
    let wrong = || {
        refused(
            "InvalidNextToken",
            format!("The token '{}' is invalid", short(token)),
        )
    };
    let digits: Vec<u32> = token
        .chars()
        .map_while(|digit| digit.to_digit(16))
        .collect();
    if digits.len() != token.chars().count() || !digits.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let bytes = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit));
    let bytes: Vec<u8> = bytes.filter_map(|byte| u8::try_from(byte).ok()).collect();
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_given() {
        assert_eq!(read_token(&token("vpc-0a1b")).unwrap(), "vpc-0a1b");
        for wrong in ["0", "zz", "ä", "ff", "vpc-1"] {
            assert_eq!(read_token(wrong).unwrap_err().code, "InvalidNextToken");
        }
    }
}
