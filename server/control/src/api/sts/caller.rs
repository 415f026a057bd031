//! GetCallerIdentity, which needs no permission, and GetAccessKeyInfo.

use std::sync::Arc;

use crate::api::iam::common::no_such;
use crate::api::iam::input::{ACCESS_KEY, Input};
use crate::api::iam::records::{AccessKey, Session};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Demand, Result};

/// GetCallerIdentity.
pub async fn identity(call: Arc<Call>) -> Result<Answer> {
    let caller = &call.caller;
    Ok(Answer::Xml(vec![
        Element::of("Arn", &caller.arn),
        Element::of("UserId", &caller.user_id),
        Element::of("Account", &caller.account),
    ]))
}

/// GetAccessKeyInfo: to which account a key belongs.
pub async fn key_info(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let id = input.text("AccessKeyId", &ACCESS_KEY);
    input.done()?;
    let view = call.view()?;
    let demand = Demand {
        action: "sts:GetAccessKeyInfo".to_owned(),
        resource: "*".to_owned(),
        ..Demand::default()
    };
    call.require(&view, demand)?;
    let known = view.get::<AccessKey>(&id)?.is_some() || view.get::<Session>(&id)?.is_some();
    if !known {
        return Err(no_such(format!(
            "The Access Key with id {id} cannot be found."
        )));
    }
    Ok(Answer::Xml(vec![Element::of(
        "Account",
        &call.control.settings.account_id,
    )]))
}
