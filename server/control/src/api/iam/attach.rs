//! Managed policies of users, groups and roles: Attach, Detach, List; and permissions boundaries
//! (IAM API reference, AttachUserPolicy, PutUserPermissionsBoundary and their like).

use std::sync::Arc;

use super::common::{Keys, at_most, attachable, listed, no_such, nothing};
use super::holder::{Holder, permitted};
use super::input::{ARN, Input, NAME_128, POLICY_PATH};
use super::policies::name_of;
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};

/// Managed policies that one user, group or role may have.
const MOST: usize = 10;

/// AttachUserPolicy, AttachGroupPolicy, AttachRolePolicy. Attaching twice is no error.
pub async fn attach<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text(H::NAME, &NAME_128);
        let arn = input.text("PolicyArn", &ARN);
        input.done()?;
        let keys = Keys::none().with("iam:PolicyARN", &arn);
        let mut holder = permitted::<H>(call, change, &name, keys)?;
        holder.modifiable()?;
        attachable(change, &arn)?;
        let attached = &mut holder.permissions_mut().attached;
        if !attached.contains(&arn) {
            at_most(attached.len(), MOST, &format!("PoliciesPer{}", H::KIND))?;
            attached.push(arn);
            change.put(&holder)?;
        }
        Ok(nothing())
    })
    .await
}

/// DetachUserPolicy, DetachGroupPolicy, DetachRolePolicy.
pub async fn detach<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text(H::NAME, &NAME_128);
        let arn = input.text("PolicyArn", &ARN);
        input.done()?;
        let keys = Keys::none().with("iam:PolicyARN", &arn);
        let mut holder = permitted::<H>(call, change, &name, keys)?;
        holder.modifiable()?;
        let attached = &mut holder.permissions_mut().attached;
        let Some(at) = attached.iter().position(|there| *there == arn) else {
            return Err(no_such(format!("Policy {arn} was not found.")));
        };
        attached.remove(at);
        change.put(&holder)?;
        Ok(nothing())
    })
    .await
}

/// ListAttachedUserPolicies, ListAttachedGroupPolicies, ListAttachedRolePolicies.
pub async fn list<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.text(H::NAME, &NAME_128);
    let prefix = input.optional("PathPrefix", &POLICY_PATH);
    let page = input.page();
    input.done()?;
    let holder = permitted::<H>(&call, &call.view()?, &name, Keys::none())?;
    let mut attached = holder.permissions().attached.clone();
    if let Some(prefix) = prefix {
        attached.retain(|arn| {
            arn.split_once(":policy")
                .is_some_and(|(_, path)| path.starts_with(&prefix))
        });
    }
    let cut = page
        .cut(attached, |arn| name_of(arn).to_owned())
        .map(|arn| attached_element(&arn));
    Ok(Answer::Xml(listed("AttachedPolicies", cut)))
}

/// A member of `AttachedPolicies`.
#[must_use]
pub fn attached_element(arn: &str) -> Element {
    Element::new("member")
        .text("PolicyName", name_of(arn))
        .text("PolicyArn", arn)
}

/// PutUserPermissionsBoundary, PutRolePermissionsBoundary.
pub async fn put_boundary<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text(H::NAME, &NAME_128);
        let arn = input.text("PermissionsBoundary", &ARN);
        input.done()?;
        let keys = Keys::none().with("iam:PermissionsBoundary", &arn);
        let mut holder = permitted::<H>(call, change, &name, keys)?;
        holder.modifiable()?;
        attachable(change, &arn)?;
        holder.permissions_mut().boundary = Some(arn);
        change.put(&holder)?;
        Ok(nothing())
    })
    .await
}

/// DeleteUserPermissionsBoundary, DeleteRolePermissionsBoundary.
pub async fn delete_boundary<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text(H::NAME, &NAME_128);
        input.done()?;
        let mut holder = permitted::<H>(call, change, &name, Keys::none())?;
        holder.modifiable()?;
        if holder.permissions_mut().boundary.take().is_none() {
            let word = H::WORD;
            return Err(no_such(format!(
                "The {word} {name} has no permissions boundary."
            )));
        }
        change.put(&holder)?;
        Ok(nothing())
    })
    .await
}
