//! Users, groups and roles: what has policies.

use std::sync::Arc;

use super::common::{Keys, date, encoded, exists, listed, no_such, nothing, require, tags_element};
use super::input::{Input, PATH_PREFIX, Page};
use super::records::{Group, Permissions, Role, Tag, User};
use crate::api::xml::Element;
use crate::api::{Answer, ApiError, Call, Result};
use crate::iam::policy::quota;
use crate::store::{Change, Record, View};

/// `PermissionsBoundary`, if there is one.
fn boundary_element(permissions: &Permissions) -> Option<Element> {
    let arn = permissions.boundary.as_ref()?;
    let element = Element::new("PermissionsBoundary")
        .text("PermissionsBoundaryType", "Policy")
        .text("PermissionsBoundaryArn", arn);
    Some(element)
}

/// Something that has policies: a user, a group or a role.
pub trait Holder: Record + Clone + Send + 'static {
    /// `User`, `Group`, `Role`.
    const KIND: &'static str;
    /// `UserName`, ...
    const NAME: &'static str;
    /// `Users`, `Groups`, `Roles`.
    const PLURAL: &'static str;
    /// In messages: `user`, `group`, `role`.
    const WORD: &'static str;
    /// Characters that all its inline policies may have together.
    const INLINE: usize;

    /// Its name as it was given.
    fn name(&self) -> &str;
    /// Its path.
    fn path(&self) -> &str;
    /// Gives it another name and another path.
    fn move_to(&mut self, name: String, path: String);
    /// Its unique id.
    fn id(&self) -> &str;
    /// Its ARN.
    fn arn(&self, account: &str) -> String;
    /// Its policies.
    fn permissions(&self) -> &Permissions;
    /// The same, to be changed.
    fn permissions_mut(&mut self) -> &mut Permissions;
    /// Its tags; groups have none.
    fn tags(&self) -> &[Tag];
    /// Refuses changes of what belongs to a service.
    ///
    /// # Errors
    /// UnmodifiableEntity.
    fn modifiable(&self) -> Result<()> {
        Ok(())
    }
    /// As it stands in answers; `whole` with tags and boundary, which lists leave out.
    fn element(&self, name: &'static str, account: &str, whole: bool) -> Element;
}

/// What is the same field in all of them.
macro_rules! fields {
    () => {
        fn name(&self) -> &str {
            &self.name
        }

        fn path(&self) -> &str {
            &self.path
        }

        fn move_to(&mut self, name: String, path: String) {
            self.key = name.to_ascii_lowercase();
            self.name = name;
            self.path = path;
        }

        fn id(&self) -> &str {
            &self.id
        }

        fn arn(&self, account: &str) -> String {
            self.arn(account)
        }

        fn permissions(&self) -> &Permissions {
            &self.permissions
        }

        fn permissions_mut(&mut self) -> &mut Permissions {
            &mut self.permissions
        }
    };
}

impl Holder for User {
    const KIND: &'static str = "User";
    const NAME: &'static str = "UserName";
    const PLURAL: &'static str = "Users";
    const WORD: &'static str = "user";
    const INLINE: usize = quota::USER_INLINE;

    fields!();

    fn tags(&self) -> &[Tag] {
        &self.tags
    }

    fn element(&self, name: &'static str, account: &str, whole: bool) -> Element {
        let element = Element::new(name)
            .text("Path", &self.path)
            .text("UserName", &self.name)
            .text("UserId", &self.id)
            .text("Arn", self.arn(account))
            .text("CreateDate", date(self.created));
        if !whole {
            return element;
        }
        let element = element.children(boundary_element(&self.permissions));
        if self.tags.is_empty() {
            element
        } else {
            element.child(tags_element(&self.tags))
        }
    }
}

impl Holder for Group {
    const KIND: &'static str = "Group";
    const NAME: &'static str = "GroupName";
    const PLURAL: &'static str = "Groups";
    const WORD: &'static str = "group";
    const INLINE: usize = quota::GROUP_INLINE;

    fields!();

    fn tags(&self) -> &[Tag] {
        &[]
    }

    fn element(&self, name: &'static str, account: &str, _whole: bool) -> Element {
        Element::new(name)
            .text("Path", &self.path)
            .text("GroupName", &self.name)
            .text("GroupId", &self.id)
            .text("Arn", self.arn(account))
            .text("CreateDate", date(self.created))
    }
}

impl Holder for Role {
    const KIND: &'static str = "Role";
    const NAME: &'static str = "RoleName";
    const PLURAL: &'static str = "Roles";
    const WORD: &'static str = "role";
    const INLINE: usize = quota::ROLE_INLINE;

    fields!();

    fn tags(&self) -> &[Tag] {
        &self.tags
    }

    fn modifiable(&self) -> Result<()> {
        if self.service.is_none() {
            return Ok(());
        }
        let message = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only \
             modifiable by AWS",
            self.name
        );
        Err(ApiError::new(400, "UnmodifiableEntity", message))
    }

    fn element(&self, name: &'static str, account: &str, whole: bool) -> Element {
        let element = Element::new(name)
            .text("Path", &self.path)
            .text("RoleName", &self.name)
            .text("RoleId", &self.id)
            .text("Arn", self.arn(account))
            .text("CreateDate", date(self.created))
            .text("AssumeRolePolicyDocument", encoded(&self.trust));
        let description = Some(&self.description).filter(|text| !text.is_empty());
        let element = element
            .optional("Description", description)
            .text("MaxSessionDuration", self.max_session);
        if !whole {
            return element;
        }
        let element = element.children(boundary_element(&self.permissions));
        let element = if self.tags.is_empty() {
            element
        } else {
            element.child(tags_element(&self.tags))
        };
        element.child(Element::new("RoleLastUsed"))
    }
}

/// The ARN that a holder has, or would have if it existed.
pub fn arn_of<H: Holder>(call: &Call, found: Option<&H>, name: &str) -> String {
    let account = &call.control.settings.account_id;
    match found {
        Some(holder) => holder.arn(account),
        None => format!("arn:aws:iam::{account}:{}/{name}", H::WORD),
    }
}

/// The holder of this name, spelled as it was given.
///
/// # Errors
/// Those of the store.
pub fn find<H: Holder>(view: &View, name: &str) -> Result<Option<H>> {
    Ok(view
        .get::<H>(&name.to_ascii_lowercase())?
        .filter(|found| found.name() == name))
}

/// The holder of this name, if the caller has the permission of the call on it.
///
/// # Errors
/// AccessDenied, NoSuchEntity.
pub fn permitted<H: Holder>(call: &Call, view: &View, name: &str, keys: Keys) -> Result<H> {
    let found = find::<H>(view, name)?;
    let own = found.as_ref().map(|holder| {
        let boundary = holder.permissions().boundary.as_deref();
        Keys::of(holder.tags()).maybe("iam:PermissionsBoundary", boundary)
    });
    let mut all = own.unwrap_or_default();
    all = all.and(keys);
    require(call, view, &arn_of(call, found.as_ref(), name), all)?;
    found.ok_or_else(|| missing::<H>(name))
}

/// NoSuchEntity for a user, group or role.
#[must_use]
pub fn missing<H: Holder>(name: &str) -> ApiError {
    no_such(format!("The {} with name {name} cannot be found.", H::WORD))
}

/// Refuses a name that another has.
///
/// # Errors
/// EntityAlreadyExists.
pub fn is_free<H: Holder>(view: &View, holder: &H) -> Result<()> {
    if view.get::<H>(holder.key())?.is_none() {
        return Ok(());
    }
    let (kind, name) = (H::KIND, holder.name());
    Err(exists(format!("{kind} with name {name} already exists.")))
}

/// What a list of all of a kind (a word of ARNs) is asked for: those below a path, a page of them.
///
/// # Errors
/// ValidationError, AccessDenied.
pub fn below_path(call: &Call, word: &str) -> Result<(View, String, Page)> {
    let mut input = Input::of(call)?;
    let prefix = input
        .optional("PathPrefix", &PATH_PREFIX)
        .unwrap_or_else(|| "/".to_owned());
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    let account = &call.control.settings.account_id;
    let all = format!("arn:aws:iam::{account}:{word}{prefix}");
    require(call, &view, &all, Keys::none())?;
    Ok((view, prefix, page))
}

/// ListUsers, ListGroups, ListRoles.
pub async fn list<H: Holder>(call: Arc<Call>) -> Result<Answer> {
    let (view, prefix, page) = below_path(&call, H::WORD)?;
    let account = &call.control.settings.account_id;
    let mut found = view.all::<H>()?;
    found.retain(|holder| holder.path().starts_with(&prefix));
    let cut = page.cut(found, |holder| holder.key().to_owned());
    let cut = cut.map(|holder| holder.element("member", account, false));
    Ok(Answer::Xml(listed(H::PLURAL, cut)))
}

/// UpdateUser, UpdateGroup: another name, another path. What refers to it by the old key is to
/// `follow` to the new one.
///
/// # Errors
/// AccessDenied, NoSuchEntity, EntityAlreadyExists.
pub fn update<H: Holder>(
    call: &Call,
    change: &mut Change,
    (name, new_name, new_path): (String, Option<String>, Option<String>),
    follow: impl FnOnce(&mut Change, &str, &str) -> Result<()>,
) -> Result<Answer> {
    let mut holder = permitted::<H>(call, change, &name, Keys::none())?;
    let old = holder.key().to_owned();
    let path = new_path.unwrap_or_else(|| holder.path().to_owned());
    holder.move_to(new_name.unwrap_or(name), path);
    let there = arn_of(call, Some(&holder), holder.name());
    require(call, change, &there, Keys::of(holder.tags()))?;
    if holder.key() != old {
        is_free(change, &holder)?;
        follow(change, &old, holder.key())?;
        change.remove::<H>(&old)?;
    }
    change.put(&holder)?;
    Ok(nothing())
}
