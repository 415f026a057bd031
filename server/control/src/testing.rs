//! An account in memory, and clients that really sign: for tests of the operations.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::actions;
use crate::api::{Caller, Demand, Gate, Judgement, Request, Service, Unauthenticated, answer};
use crate::authorize::IamGate;
use crate::control::{Control, Settings};
use crate::data_plane::{
    self, DataPlane, DataPlaneError, FaultRequest, FileStep, FileWish, Metered,
    MountTargetActivity, Subscription,
};
use crate::faults::Faults;
use crate::store::{Store, View};

/// The account of all tests.
pub(crate) const ACCOUNT: &str = "123456789012";

/// When all calls are made, unless a test says otherwise: 2026-11-28T00:00:00Z.
pub(crate) const NOW: u64 = 1_795_824_000;

struct NoData;

impl DataPlane for NoData {
    fn create_tree(&self, _file_system: &str) -> Result<(), DataPlaneError> {
        Ok(())
    }

    fn remove_tree(&self, _file_system: &str) -> Result<(), DataPlaneError> {
        Ok(())
    }

    fn metered(&self, _file_system: &str) -> Result<Metered, DataPlaneError> {
        Ok(Metered {
            bytes: 6144,
            at: UNIX_EPOCH,
        })
    }

    fn activity(&self) -> Vec<MountTargetActivity> {
        Vec::new()
    }

    fn explain(
        &self,
        _file_system: &str,
        wish: &FileWish,
    ) -> Result<Vec<FileStep>, DataPlaneError> {
        Ok(vec![FileStep {
            allowed: wish.uid == 0,
            because: format!("nothing is at {}", wish.path),
        }])
    }

    fn is_empty(&self, _file_system: &str) -> Result<bool, DataPlaneError> {
        Ok(true)
    }

    fn make_directory(
        &self,
        _: &str,
        path: &str,
        _: (u32, u32),
        _: u32,
    ) -> Result<(), DataPlaneError> {
        if path.contains("/file/") {
            return Err(DataPlaneError("/file is no directory".to_owned()));
        }
        Ok(())
    }

    fn lead(&self, _: &str, _: Option<&str>) -> Result<(), DataPlaneError> {
        Ok(())
    }

    fn fault(&self, _request: FaultRequest) -> Result<Value, DataPlaneError> {
        Ok(Value::Null)
    }

    fn reset(&self, _file_systems: &[String]) -> Result<(), DataPlaneError> {
        Ok(())
    }
}

/// The real gate. It also sees that only what there is is asked for: actions on the resources, and
/// with the condition keys, that AWS documents.
struct CheckedGate(IamGate);

impl Gate for CheckedGate {
    fn authenticate(
        &self,
        view: &View,
        request: &Request,
        service: Service,
    ) -> Result<Caller, Unauthenticated> {
        self.0.authenticate(view, request, service)
    }

    fn authorize(
        &self,
        view: &View,
        request: &Request,
        caller: &Caller,
        demand: &Demand,
    ) -> Judgement {
        let keys = demand.keys.iter().map(|(key, _)| key.as_str());
        if let Some(objection) = actions::objection(&demand.action, &demand.resource, keys) {
            panic!("{objection}");
        }
        self.0.authorize(view, request, caller, demand)
    }
}

/// An account.
pub(crate) struct World {
    pub(crate) control: Arc<Control>,
    subscription: Option<Subscription>,
}

/// Everything is served as soon as it is published.
fn serve(subscription: &Subscription) {
    let (settled, mut targets) = (subscription.settled.clone(), subscription.targets.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            while targets.changed().await.is_ok() {
                let version = Some(targets.borrow_and_update().version);
                settled.send_replace(data_plane::Settled {
                    version,
                    ..Default::default()
                });
            }
        });
    });
}

/// What a call was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Who calls, and when.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    control: Arc<Control>,
    credentials: Option<Credentials>,
    now: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::start(true)
    }

    /// One whose mount targets nobody serves.
    pub(crate) fn unserved() -> Self {
        Self::start(false)
    }

    fn start(is_served: bool) -> Self {
        let database = redb::Database::builder()
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .unwrap();
        let store = Store::open(Arc::new(database)).unwrap();
        let settings = Settings {
            account_id: ACCOUNT.to_owned(),
            ..Settings::default()
        };
        let gate = Arc::new(CheckedGate(IamGate::new(settings.clone())));
        let (publisher, subscription) = data_plane::channel();
        let subscription = is_served.then_some(subscription);
        if let Some(subscription) = &subscription {
            serve(subscription);
        }

        // Waiting blocks, which a thread of a runtime must not.
        let start = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let started = Control::start(
                settings,
                store,
                Arc::new(NoData),
                publisher,
                gate,
                Faults::default(),
            );
            runtime.unwrap().block_on(started).unwrap()
        };
        let control = std::thread::scope(|scope| scope.spawn(start).join().unwrap());
        Self {
            control,
            subscription,
        }
    }

    /// What is to be served at present.
    pub(crate) fn published(&self) -> Arc<data_plane::MountTargets> {
        let subscription = self.subscription.as_ref().unwrap();
        Arc::clone(&subscription.targets.borrow())
    }

    /// The root user.
    pub(crate) fn root(&self) -> Client {
        self.client(Some(("test", "test", None)))
    }

    /// Somebody who signs nothing.
    pub(crate) fn unsigned(&self) -> Client {
        self.client(None)
    }

    pub(crate) fn client(&self, key: Option<(&str, &str, Option<&str>)>) -> Client {
        Client {
            control: Arc::clone(&self.control),
            credentials: key.map(|(id, secret, token)| {
                Credentials::new(id, secret, token.map(str::to_owned), None, "test")
            }),
            now: NOW,
        }
    }

    /// A new user with an access key, and these statements as a policy if there are any.
    pub(crate) async fn user(&self, name: &str, statements: &str) -> Client {
        let root = self.root();
        root.iam("CreateUser", &[("UserName", name)]).await.ok();
        if !statements.is_empty() {
            let policy = document(statements);
            let put = [
                ("UserName", name),
                ("PolicyName", "own"),
                ("PolicyDocument", &policy),
            ];
            root.iam("PutUserPolicy", &put).await.ok();
        }
        let key = root
            .iam("CreateAccessKey", &[("UserName", name)])
            .await
            .ok();
        self.client(Some((
            &key.text("AccessKeyId"),
            &key.text("SecretAccessKey"),
            None,
        )))
    }

    /// The client with the credentials in an answer of STS.
    pub(crate) fn session(&self, reply: &Reply) -> Client {
        let (id, secret) = (reply.text("AccessKeyId"), reply.text("SecretAccessKey"));
        self.client(Some((&id, &secret, Some(&reply.text("SessionToken")))))
    }
}

/// A policy of these statements.
pub(crate) fn document(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)
}

impl Client {
    /// The same some seconds later.
    pub(crate) fn later(&self, seconds: u64) -> Self {
        Self {
            now: self.now + seconds,
            ..self.clone()
        }
    }

    pub(crate) async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Reply {
        self.query("iam", "2010-05-08", action, parameters).await
    }

    pub(crate) async fn sts(&self, action: &str, parameters: &[(&str, &str)]) -> Reply {
        self.query("sts", "2011-06-15", action, parameters).await
    }

    pub(crate) async fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> Reply {
        self.query("ec2", "2016-11-15", action, parameters).await
    }

    async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Reply {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action)
            .append_pair("Version", version);
        form.extend_pairs(parameters);
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        self.send(service, "POST", "/", kind, &form.finish()).await
    }

    pub(crate) async fn efs(&self, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let path = format!("/2015-02-01/{path}");
        self.send(
            "elasticfilesystem",
            method,
            &path,
            "application/json",
            &body,
        )
        .await
    }

    async fn send(
        &self,
        service: &str,
        method: &str,
        target: &str,
        kind: &str,
        body: &str,
    ) -> Reply {
        let uri = format!("http://{service}.localhost:4599{target}");
        let host = format!("{service}.localhost:4599");
        let mut built = http::Request::builder()
            .method(method)
            .uri(&uri)
            .header("content-type", kind)
            .header("user-agent", "tests/1")
            .header("host", host)
            .body(())
            .unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(self.now);
        if let Some(credentials) = &self.credentials {
            let identity = credentials.clone().into();
            let params = v4::SigningParams::builder()
                .identity(&identity)
                .region("us-east-1")
                .name(service)
                .time(at)
                .settings(SigningSettings::default())
                .build()
                .unwrap()
                .into();
            let headers: HeaderMap = built.headers().clone();
            let headers = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
            let signable = SignableBody::Bytes(body.as_bytes());
            let request = SignableRequest::new(method, &uri, headers, signable).unwrap();
            let (instructions, _) = sign(request, &params).unwrap().into_parts();
            instructions.apply_to_request_http1x(&mut built);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for (name, value) in built.headers() {
            let name = HeaderName::from_bytes(name.as_str().as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let request = Request {
            id: "00000000-0000-4000-8000-000000000000".to_owned(),
            received: at,
            peer: SocketAddr::from(([127, 0, 0, 1], 40000)),
            method: method.parse().unwrap(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        };
        let response = answer(&self.control, request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Reply {
            status,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

impl Reply {
    /// The answer of a call that must succeed.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.status < 300, "{self:?}");
        self
    }

    /// The status and code of a call that must fail.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String) {
        assert!(self.status >= 300, "{self:?}");
        let code = match serde_json::from_str::<Value>(&self.body) {
            Ok(body) => body["ErrorCode"].as_str().unwrap().to_owned(),
            Err(_) => self.text("Code"),
        };
        (self.status, code)
    }

    /// Fails unless the call failed so, with a message that contains these words.
    #[track_caller]
    pub(crate) fn fails(&self, status: u16, code: &str, words: &str) {
        assert_eq!(self.error(), (status, code.to_owned()), "{self:?}");
        let message = match serde_json::from_str::<Value>(&self.body) {
            Ok(body) => body["Message"].as_str().unwrap_or_default().to_owned(),
            Err(_) => self.text("Message"),
        };
        assert!(message.contains(words), "{message}");
    }

    /// The text of the first element of this name.
    #[track_caller]
    pub(crate) fn text(&self, element: &str) -> String {
        let all = self.texts(element);
        all.first()
            .unwrap_or_else(|| panic!("no {element} in {}", self.body))
            .clone()
    }

    /// The texts of all elements of this name.
    pub(crate) fn texts(&self, element: &str) -> Vec<String> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let pieces = self.body.split(&open).skip(1);
        let texts = pieces.filter_map(|piece| piece.split_once(&close));
        texts.map(|(text, _)| unescape(text)).collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn unescape(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(text.to_owned(), |text, (entity, plain)| {
            text.replace(entity, plain)
        })
}
