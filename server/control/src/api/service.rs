//! The services that one endpoint speaks for.

use http::{HeaderMap, header};

use super::call::Operation;
use super::{ec2, efs, iam, sts};

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon Elastic File System: REST and JSON.
    Efs,
    /// Amazon Elastic Compute Cloud: the query protocol of its own.
    Ec2,
    /// Identity and Access Management: the query protocol.
    Iam,
    /// Security Token Service: the query protocol.
    Sts,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Efs, Self::Ec2, Self::Iam, Self::Sts];

    /// Its name in credential scopes and policies.
    #[must_use]
    pub fn signing_name(self) -> &'static str {
        match self {
            Self::Efs => "elasticfilesystem",
            Self::Ec2 => "ec2",
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    /// The version of its API.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Efs => "2015-02-01",
            Self::Ec2 => "2016-11-15",
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
        }
    }

    /// The namespace of its XML.
    #[must_use]
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Efs => "",
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }

    /// Its operations. Those of EFS are found by method and path, the others by name.
    #[must_use]
    pub fn operations(self) -> &'static [Operation] {
        match self {
            Self::Efs => efs::OPERATIONS,
            Self::Ec2 => ec2::OPERATIONS,
            Self::Iam => iam::OPERATIONS,
            Self::Sts => sts::OPERATIONS,
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|service| service.signing_name() == name)
    }

    /// The service that a request means: by the scope of its signature, else by its path, its host
    /// or the version that it names. What is signed for a service that isn't here is for none.
    #[must_use]
    pub fn of(headers: &HeaderMap, path: &str, query: &str, body: &[u8]) -> Option<Self> {
        if let Some(scope) = signed_for(headers, query) {
            return Self::of_name(&scope);
        }
        if path.starts_with("/2015-02-01/") {
            return Some(Self::Efs);
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let first = host.and_then(|host| host.split(['.', ':']).next());
        if let Some(service) = first.and_then(Self::of_name) {
            return Some(service);
        }
        let version = [query.as_bytes(), body].into_iter().find_map(|words| {
            let mut pairs = form_urlencoded::parse(words.get(..words.len().min(4096))?);
            pairs.find_map(|(name, value)| (name == "Version").then(|| value.into_owned()))
        })?;
        Self::ALL
            .into_iter()
            .find(|service| service.version() == version)
    }
}

/// The service in the credential scope (AWS General Reference, "Elements of an AWS API request
/// signature"): KEY/DATE/REGION/SERVICE/aws4_request.
fn signed_for(headers: &HeaderMap, query: &str) -> Option<String> {
    let of_scope = |credential: &str| {
        let mut parts = credential.rsplit('/');
        (parts.next() == Some("aws4_request"))
            .then(|| parts.next().map(str::to_owned))
            .flatten()
    };
    let authorization = headers.get(header::AUTHORIZATION);
    if let Some(authorization) = authorization.and_then(|value| value.to_str().ok()) {
        let (_, rest) = authorization.split_once("Credential=")?;
        return of_scope(rest.split([',', ' ']).next()?);
    }
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, credential) = pairs.find(|(name, _)| name == "X-Amz-Credential")?;
    of_scope(&credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        pairs: &[(header::HeaderName, &str)],
        path: &str,
        query: &str,
        body: &str,
    ) -> Option<Service> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(name, value.parse().unwrap());
        }
        Service::of(&headers, path, query, body.as_bytes())
    }

    #[test]
    fn the_scope_of_the_signature_decides() {
        let signed = "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=00";
        assert_eq!(
            of(&[(header::AUTHORIZATION, signed)], "/2015-02-01/x", "", ""),
            Some(Service::Ec2)
        );
        let query = "X-Amz-Credential=AK%2F20260101%2Fus-east-1%2Fsts%2Faws4_request";
        assert_eq!(of(&[], "/", query, ""), Some(Service::Sts));
        let foreign = signed.replace("ec2", "s3");
        assert_eq!(
            of(
                &[(header::AUTHORIZATION, &foreign)],
                "/2015-02-01/x",
                "",
                ""
            ),
            None
        );
    }

    #[test]
    fn unsigned_requests_have_a_service_too() {
        assert_eq!(
            of(&[], "/2015-02-01/file-systems", "", ""),
            Some(Service::Efs)
        );
        assert_eq!(
            of(&[(header::HOST, "iam.amazonaws.com")], "/", "", ""),
            Some(Service::Iam)
        );
        assert_eq!(
            of(&[(header::HOST, "ec2.us-east-1.localhost:1")], "/", "", ""),
            Some(Service::Ec2)
        );
        assert_eq!(
            of(&[], "/", "", "Action=X&Version=2011-06-15"),
            Some(Service::Sts)
        );
        assert_eq!(
            of(&[], "/", "Action=X&Version=2010-05-08", ""),
            Some(Service::Iam)
        );
        assert_eq!(of(&[(header::HOST, "127.0.0.1:4599")], "/", "", ""), None);
    }
}
