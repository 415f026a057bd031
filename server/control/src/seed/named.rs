//! What has no name but its tag `Name`: VPCs, subnets, network ACLs, instances.

use serde_json::{Value, json};

use super::error::{At, Result, Trouble};
use super::sower::{Sower, has_tags, pairs};
use crate::api::Service::Ec2;
use crate::api::ec2::Resource;
use crate::ids;
use crate::records::{SecurityGroup, Tag, Vpc};

const NAME: &str = "Name";

impl Sower<'_> {
    /// The resource with this tag `Name`, if there is one: of a VPC, or anywhere.
    pub(super) fn named<R: Resource>(
        &self,
        name: &str,
        vpc: Option<&str>,
        counts: impl Fn(&R) -> bool,
    ) -> Result<Option<R>> {
        let view = self.view()?;
        let all = match vpc {
            Some(vpc) => view.all_by::<R>(("vpc", vpc))?,
            None => view.all::<R>()?,
        };
        let is_named = |found: &R| {
            let mut tags = found.tags().iter();
            tags.any(|tag| tag.key == NAME && tag.value == name) && counts(found)
        };
        let mut named = all.into_iter().filter(is_named);
        match (named.next(), named.next()) {
            (_, Some(_)) => Err(Trouble::new(format!(
                "more than one {} has the tag Name {name:?}",
                R::KIND
            ))),
            (found, None) => Ok(found),
        }
    }

    /// The resource with this id, or else this tag `Name`.
    pub(super) fn meant<R: Resource>(&self, word: &str, vpc: Option<&str>) -> Result<R> {
        if ids::is_id(word, R::PREFIX) {
            let found = self.view()?.get::<R>(word)?;
            return found.ok_or_else(|| Trouble::new(format!("there is no {word}")));
        }
        let found = self.named::<R>(word, vpc, |_| true)?;
        found.ok_or_else(|| Trouble::new(format!("no {} has the tag Name {word:?}", R::KIND)))
    }

    /// The id of a VPC that is named by its id or tag `Name`; without one, of the default VPC.
    pub(super) fn vpc_id(&self, word: Option<&str>) -> Result<String> {
        if let Some(word) = word {
            return Ok(self.meant::<Vpc>(word, None).member("VpcId")?.id);
        }
        let all = self.view()?.all::<Vpc>()?;
        let default = all.into_iter().find(|vpc| vpc.is_default);
        let default = default.ok_or_else(|| Trouble::new("there is no default VPC"))?;
        Ok(default.id)
    }

    /// The ids of security groups of a VPC that are named by their names, or by those.
    pub(super) fn group_ids(&self, words: &[String], vpc: &str) -> Result<Vec<String>> {
        words.iter().map(|word| self.group_id(word, vpc)).collect()
    }

    /// The id of a security group that is named by its name, or by that.
    pub(super) fn group_id(&self, name: &str, vpc: &str) -> Result<String> {
        if name.starts_with("sg-") {
            return Ok(name.to_owned());
        }
        let found = self.find_group(name, vpc)?;
        let found = found
            .ok_or_else(|| Trouble::new(format!("{vpc} has no security group named {name:?}")))?;
        Ok(found.id)
    }

    pub(super) fn find_group(&self, name: &str, vpc: &str) -> Result<Option<SecurityGroup>> {
        let all = self.view()?.all_by::<SecurityGroup>(("vpc", vpc))?;
        Ok(all.into_iter().find(|group| group.name == name))
    }

    /// Has a resource of EC2 have all these tags.
    pub(super) async fn resource_tags(
        &self,
        id: &str,
        there: &[Tag],
        wanted: &[Tag],
    ) -> Result<()> {
        if has_tags(&pairs(there), wanted) {
            return Ok(());
        }
        let input = json!({"ResourceId": [id], "Tag": wanted});
        let tagged = self.call(Ec2, "CreateTags", input).await;
        tagged.member("Tags").map(drop)
    }
}

/// A `TagSpecification` for what is made, or nothing if there are no tags.
pub(super) fn specification(kind: &str, tags: &[Tag]) -> Option<Value> {
    (!tags.is_empty()).then(|| json!([{"ResourceType": kind, "Tag": tags}]))
}

/// The tags of what has a `Name`, with that.
pub(super) fn with_name(name: &str, tags: &[Tag]) -> Result<Vec<Tag>> {
    if tags.iter().any(|tag| tag.key == NAME) {
        return Err(Trouble::new("the member Name is the tag Name")).member("Tags");
    }
    let mut all = vec![Tag {
        key: NAME.to_owned(),
        value: name.to_owned(),
    }];
    all.extend_from_slice(tags);
    Ok(all)
}
