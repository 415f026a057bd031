//! Inline policies of users, groups and roles: Put, Get, List, Delete (IAM API reference,
//! PutUserPolicy and its like).

use std::sync::Arc;

use super::common::{Keys, check_document, encoded, limit, listed, no_such, nothing};
use super::holder::{Holder, permitted};
use super::input::{DOCUMENT, Input, NAME_128};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};
use crate::iam::PolicyKind;
use crate::iam::policy::size;

/// PutUserPolicy, PutGroupPolicy, PutRolePolicy.
pub async fn put<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text(H::NAME, &NAME_128);
        let policy = input.text("PolicyName", &NAME_128);
        let document = input.text("PolicyDocument", &DOCUMENT);
        input.done()?;
        let mut holder = permitted::<H>(call, change, &name, Keys::none())?;
        holder.modifiable()?;
        check_document(call, change, &document, PolicyKind::Identity)?;
        let inline = &mut holder.permissions_mut().inline;
        inline.insert(policy, document);
        if inline
            .values()
            .map(|document| size(document))
            .sum::<usize>()
            > H::INLINE
        {
            return Err(limit(format!(
                "Maximum policy size of {} bytes exceeded for {} {name}",
                H::INLINE,
                H::WORD
            )));
        }
        change.put(&holder)?;
        Ok(nothing())
    })
    .await
}

/// GetUserPolicy, GetGroupPolicy, GetRolePolicy.
pub async fn get<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.text(H::NAME, &NAME_128);
    let policy = input.text("PolicyName", &NAME_128);
    input.done()?;
    let holder = permitted::<H>(&call, &call.view()?, &name, Keys::none())?;
    let document = holder.permissions().inline.get(&policy);
    let document = document.ok_or_else(|| missing::<H>(&policy))?;
    Ok(Answer::Xml(vec![
        Element::of(H::NAME, holder.name()),
        Element::of("PolicyName", &policy),
        Element::of("PolicyDocument", encoded(document)),
    ]))
}

/// ListUserPolicies, ListGroupPolicies, ListRolePolicies.
pub async fn list<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.text(H::NAME, &NAME_128);
    let page = input.page();
    input.done()?;
    let holder = permitted::<H>(&call, &call.view()?, &name, Keys::none())?;
    let names = holder.permissions().inline.keys().cloned().collect();
    let cut = page.cut(names, String::clone);
    let cut = cut.map(|name| Element::of("member", name));
    Ok(Answer::Xml(listed("PolicyNames", cut)))
}

/// DeleteUserPolicy, DeleteGroupPolicy, DeleteRolePolicy.
pub async fn delete<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text(H::NAME, &NAME_128);
        let policy = input.text("PolicyName", &NAME_128);
        input.done()?;
        let mut holder = permitted::<H>(call, change, &name, Keys::none())?;
        holder.modifiable()?;
        let removed = holder.permissions_mut().inline.remove(&policy);
        removed.ok_or_else(|| missing::<H>(&policy))?;
        change.put(&holder)?;
        Ok(nothing())
    })
    .await
}

fn missing<H: Holder>(policy: &str) -> crate::api::ApiError {
    no_such(format!(
        "The {} policy with name {policy} cannot be found.",
        H::WORD
    ))
}
