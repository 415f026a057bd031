//! "Can X do Y?", answered with the layer and the rule that decide. The judges are those of real
//! requests.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Demand;
use crate::api::iam::records::{Role, User};
use crate::authorize;
use crate::blocking::blocking;
use crate::boxed::BoxFuture;
use crate::control::{Control, now};
use crate::data_plane::{FileOperation, FileWish};
use crate::iam::file_system_policy::DEFAULT;
use crate::identity::Identity;
use crate::network::{Compiler, World};
use crate::records::{AccessPoint, FileSystem, MountTarget, Tag};
use crate::store::{StoreError, View};

/// The port that a client's connection comes from, unless a question names one: of those that
/// Linux takes for mounts with `noresvport`, as EFS recommends.
pub const CLIENT_PORT: u16 = 40_000;

/// What is asked. A client and a mount target, with an operation and a path if files are meant;
/// or a principal and an action of the API; or all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Question {
    /// The client's address: in its VPC, or as this machine sees it.
    pub client: Option<Ipv4Addr>,
    /// The port that its connection comes from; [`CLIENT_PORT`] unless given.
    pub port: Option<u16>,
    /// The mount target's id.
    pub mount_target: Option<String>,
    /// The user id that the client asserts.
    pub uid: Option<u32>,
    /// The group id that it asserts.
    pub gid: Option<u32>,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
    /// What it wants to do.
    pub op: Option<FileOperation>,
    /// To what, from the root of the file system.
    pub path: Option<String>,
    /// Who calls the API: a user's or role's name or ARN, or `root`.
    pub principal: Option<String>,
    /// The action, `efs:DeleteFileSystem`.
    pub api: Option<String>,
    /// An id of EFS, or an ARN; `*` unless given.
    pub resource: Option<String>,
}

/// What one layer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Its name.
    pub layer: String,
    /// Whether it allows.
    pub allowed: bool,
    /// Why.
    pub because: String,
}

/// What all layers say: all that were asked, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Whether it is allowed.
    pub allowed: bool,
    /// What each layer says.
    pub layers: Vec<Said>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// It is none.
    #[error("{0}")]
    Question(String),
    /// The records can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn question(why: impl Into<String>) -> ExplainError {
    ExplainError::Question(why.into())
}

impl Control {
    /// Answers a question. May block.
    ///
    /// # Errors
    /// [`ExplainError`].
    pub fn explain(&self, asked: &Question) -> Result<Explanation, ExplainError> {
        let view = self.store.view()?;
        let mut layers = Vec::new();
        let is_about_files = asked.op.is_some() || asked.path.is_some();
        if asked.client.is_some() || asked.mount_target.is_some() || is_about_files {
            let target = asked
                .mount_target
                .as_deref()
                .ok_or_else(|| question("which mount target?"))?;
            let target = view
                .get::<MountTarget>(target)?
                .ok_or_else(|| question(format!("there is no mount target {target}")))?;
            if let Some(client) = asked.client {
                let port = asked.port.unwrap_or(CLIENT_PORT);
                network(&view, &target, SocketAddrV4::new(client, port), &mut layers)?;
            } else if !is_about_files {
                return Err(question("which client?"));
            }
            if is_about_files {
                self.files(asked, &target, &mut layers)?;
            }
        }
        if asked.principal.is_some() || asked.api.is_some() {
            layers.push(self.api(&view, asked)?);
        }
        if layers.is_empty() {
            return Err(question(
                "ask for a client and a mount target, or for a principal and an action of the API",
            ));
        }
        Ok(Explanation {
            allowed: layers.iter().all(|said| said.allowed),
            layers,
        })
    }

    fn files(
        &self,
        asked: &Question,
        target: &MountTarget,
        layers: &mut Vec<Said>,
    ) -> Result<(), ExplainError> {
        let (Some(operation), Some(path)) = (asked.op, asked.path.clone()) else {
            return Err(question(
                "an operation needs a path, and a path an operation",
            ));
        };
        let (Some(uid), Some(gid)) = (asked.uid, asked.gid) else {
            return Err(question("which uid and gid?"));
        };
        if asked.groups.len() > 16 {
            return Err(question("AUTH_SYS has room for 16 groups"));
        }
        let wish = FileWish {
            uid,
            gid,
            groups: asked.groups.clone(),
            operation,
            path,
        };
        let steps = self.data_plane.explain(&target.file_system, &wish);
        let steps = steps.map_err(|error| question(error.to_string()))?;
        layers.extend(steps.into_iter().map(|step| Said {
            layer: "Unix permissions".to_owned(),
            allowed: step.allowed,
            because: step.because,
        }));
        Ok(())
    }

    fn api(&self, view: &View, asked: &Question) -> Result<Said, ExplainError> {
        let (Some(principal), Some(action)) = (&asked.principal, &asked.api) else {
            return Err(question(
                "a principal needs an action of the API, and that a principal",
            ));
        };
        let identity = identity(view, &self.settings.account_id, principal)?;
        let demand = self.demand(view, action, asked.resource.as_deref().unwrap_or("*"))?;
        let peer = asked.client.unwrap_or(Ipv4Addr::LOCALHOST);
        let now = i64::try_from(now() / 1000).unwrap_or(i64::MAX);
        let context = authorize::request_context(&self.settings, &identity, now, IpAddr::V4(peer));
        let decision = authorize::judge(view, &self.settings, &identity, context, &demand)?;
        Ok(Said {
            layer: "IAM".to_owned(),
            allowed: decision.allowed,
            because: decision.because.to_string(),
        })
    }

    /// What the API would ask of the permission rules.
    fn demand(&self, view: &View, action: &str, named: &str) -> Result<Demand, ExplainError> {
        let (service, name) = action
            .split_once(':')
            .ok_or_else(|| question("an action is SERVICE:ACTION, as efs:DeleteFileSystem"))?;
        let service = match service {
            "efs" => "elasticfilesystem",
            other => other,
        };
        let (region, account) = (&self.settings.region, &self.settings.account_id);
        let arn = |kind: &str, id: &str| {
            format!("arn:aws:elasticfilesystem:{region}:{account}:{kind}/{id}")
        };
        let id = named.rsplit_once('/').map_or(named, |(_, id)| id);
        let mut demand = Demand {
            action: format!("{service}:{name}"),
            resource: named.to_owned(),
            ..Demand::default()
        };
        let mut tags: Vec<Tag> = Vec::new();
        if id.starts_with("fsap-") {
            demand.resource = arn("access-point", id);
            let known = view.get::<AccessPoint>(id)?;
            tags = known.map(|known| known.tags).unwrap_or_default();
        } else if id.starts_with("fs-") || id.starts_with("fsmt-") {
            // A mount target's file system is what is asked for.
            let target = view.get::<MountTarget>(id)?;
            let id = target.map_or_else(|| id.to_owned(), |target| target.file_system);
            demand.resource = arn("file-system", &id);
            if let Some(known) = view.get::<FileSystem>(&id)? {
                // Only what it grants is asked for here: to mount, to write, to be root.
                let default = || name.starts_with("Client").then(|| DEFAULT.to_owned());
                demand.resource_policy = known.policy.or_else(default);
                tags = known.tags;
            }
        } else if named != "*" && !named.starts_with("arn:") {
            return Err(question(format!(
                "{named} is neither an id of EFS nor an ARN"
            )));
        }
        demand.keys = tags
            .into_iter()
            .map(|tag| (format!("aws:ResourceTag/{}", tag.key), vec![tag.value]))
            .collect();
        Ok(demand)
    }
}

fn network(
    view: &View,
    target: &MountTarget,
    client: SocketAddrV4,
    layers: &mut Vec<Said>,
) -> Result<(), ExplainError> {
    let world = World::read(view)?;
    let reachability = Compiler::new(&world).reachability(target);
    layers.extend(reachability.steps(client).into_iter().map(|step| Said {
        layer: step.layer.to_string(),
        allowed: step.allowed,
        because: step.because.to_string(),
    }));
    Ok(())
}

fn identity(view: &View, account: &str, named: &str) -> Result<Identity, ExplainError> {
    let root = format!("arn:aws:iam::{account}:root");
    if named == "root" || named == root {
        return Ok(Identity::root(account));
    }
    let is_arn = named.starts_with("arn:");
    let name = named.rsplit_once('/').map_or(named, |(_, name)| name);
    let key = name.to_ascii_lowercase();
    let user = view.get::<User>(&key)?;
    let meant = |arn: String, own: &str| if is_arn { arn == named } else { own == named };
    if let Some(user) = user.filter(|user| meant(user.arn(account), &user.name)) {
        return Ok(Identity::user(&user, account));
    }
    let role = view.get::<Role>(&key)?;
    if let Some(role) = role.filter(|role| meant(role.arn(account), &role.name)) {
        return Ok(Identity::role(&role, account, "explained"));
    }
    Err(question(format!("there is no user or role {named}")))
}

/// As [`Control::explain`], where nothing may block.
///
/// # Errors
/// [`ExplainError`].
pub fn explain(
    control: &Arc<Control>,
    asked: Question,
) -> BoxFuture<'_, Result<Explanation, ExplainError>> {
    Box::pin(async move {
        let control = Arc::clone(control);
        let done = blocking(Box::new(move || control.explain(&asked))).await;
        done.unwrap_or_else(|error| Err(question(error)))
    })
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
