//! TagUser, UntagUser, ListUserTags, and the same for roles, policies and instance profiles.

use std::sync::Arc;

use super::common::{Keys, limit, nothing, tags_element, truncation};
use super::holder::permitted;
use super::input::{ARN, Cut, Input, NAME_128};
use super::policies;
use super::records::{InstanceProfile, ManagedPolicy, Role, Tag, User};
use crate::api::{Answer, Call, Result};
use crate::store::{Record, View};

/// Tags of one thing.
const MOST: usize = 50;

/// Something that has tags.
pub trait Tagged: Record + Send + 'static {
    /// The parameter that names it.
    const NAME: &'static str;
    /// Its kind, for the quota's name.
    const KIND: &'static str;

    /// The thing, if the caller has the permission of the call on it.
    ///
    /// # Errors
    /// AccessDenied, NoSuchEntity, and those of things that a service owns, if it is to change.
    fn find(call: &Call, view: &View, input: &mut Input, keys: Keys) -> Result<Self>;
    /// Its tags.
    fn tags(&mut self) -> &mut Vec<Tag>;
}

impl Tagged for User {
    const NAME: &'static str = "UserName";
    const KIND: &'static str = "User";

    fn find(call: &Call, view: &View, input: &mut Input, keys: Keys) -> Result<Self> {
        let name = input.text(<Self as Tagged>::NAME, &NAME_128);
        input.done()?;
        permitted(call, view, &name, keys)
    }

    fn tags(&mut self) -> &mut Vec<Tag> {
        &mut self.tags
    }
}

impl Tagged for Role {
    const NAME: &'static str = "RoleName";
    const KIND: &'static str = "Role";

    fn find(call: &Call, view: &View, input: &mut Input, keys: Keys) -> Result<Self> {
        let name = input.text(<Self as Tagged>::NAME, &NAME_128);
        input.done()?;
        permitted(call, view, &name, keys)
    }

    fn tags(&mut self) -> &mut Vec<Tag> {
        &mut self.tags
    }
}

impl Tagged for ManagedPolicy {
    const NAME: &'static str = "PolicyArn";
    const KIND: &'static str = "Policy";

    fn find(call: &Call, view: &View, input: &mut Input, keys: Keys) -> Result<Self> {
        let arn = input.text(<Self as Tagged>::NAME, &ARN);
        input.done()?;
        policies::own(call, view, &arn, keys)
    }

    fn tags(&mut self) -> &mut Vec<Tag> {
        &mut self.tags
    }
}

impl Tagged for InstanceProfile {
    const NAME: &'static str = "InstanceProfileName";
    const KIND: &'static str = "InstanceProfile";

    fn find(call: &Call, view: &View, input: &mut Input, keys: Keys) -> Result<Self> {
        let name = input.text(<Self as Tagged>::NAME, &NAME_128);
        input.done()?;
        super::instance_profiles::permitted(call, view, &name, keys)
    }

    fn tags(&mut self) -> &mut Vec<Tag> {
        &mut self.tags
    }
}

/// TagUser and its like: a key that is there gets the new value.
pub async fn tag<T: Tagged>(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let new = input.tags();
        if new.is_empty() {
            input.refuse("Tags", "null", "Member must not be null");
        }
        let keys = Keys::none().request_tags(&new);
        let mut thing = T::find(call, change, &mut input, keys)?;
        let tags = thing.tags();
        for tag in new {
            match tags
                .iter_mut()
                .find(|there| there.key.eq_ignore_ascii_case(&tag.key))
            {
                Some(there) => *there = tag,
                None => tags.push(tag),
            }
        }
        if tags.len() > MOST {
            return Err(limit(format!(
                "Cannot exceed quota for TagsPer{}: {MOST}",
                T::KIND
            )));
        }
        change.put(&thing)?;
        Ok(nothing())
    })
    .await
}

/// UntagUser and its like: keys that aren't there are no error.
pub async fn untag<T: Tagged>(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let gone = input.tag_keys();
        let keys = Keys::none().tag_keys(gone.clone());
        let mut thing = T::find(call, change, &mut input, keys)?;
        thing
            .tags()
            .retain(|tag| !gone.iter().any(|key| key.eq_ignore_ascii_case(&tag.key)));
        change.put(&thing)?;
        Ok(nothing())
    })
    .await
}

/// ListUserTags and its like.
pub async fn list<T: Tagged>(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let page = input.page();
    let mut thing = T::find(&call, &call.view()?, &mut input, Keys::none())?;
    let Cut { items, marker } = page.cut(thing.tags().clone(), |tag| tag.key.to_ascii_lowercase());
    let mut answer = vec![tags_element(&items)];
    answer.extend(truncation(marker));
    Ok(Answer::Xml(answer))
}
