//! Requests, signed and ready to be written.

use std::net::SocketAddr;
use std::time::SystemTime;

use anyhow::Result;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// DescribeFileSystems, of all.
    Describe,
    /// CreateFileSystem, with a new creation token each time.
    Create,
}

impl Operation {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Describe => "DescribeFileSystems",
            Self::Create => "CreateFileSystem",
        }
    }
}

/// Signs with the credentials `test`/`test` for us-east-1.
#[derive(Clone, Copy, Debug)]
pub struct Signer {
    address: SocketAddr,
}

impl Signer {
    /// For the server at this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// A request as it goes over the wire; `number` makes it another than all before.
    ///
    /// # Errors
    /// Those of signing.
    pub fn request(&self, operation: Operation, number: u64) -> Result<Vec<u8>> {
        let host = self.address.to_string();
        let uri = format!("http://{host}/2015-02-01/file-systems");
        let (method, body) = match operation {
            Operation::Describe => ("GET", String::new()),
            Operation::Create => (
                "POST",
                format!(
                    r#"{{"CreationToken":"load-{number}","Tags":[{{"Key":"Name","Value":"load"}}]}}"#
                ),
            ),
        };
        let mut request = http::Request::builder()
            .method(method)
            .uri(&uri)
            .header("host", host)
            .header("content-type", "application/json")
            .header("amz-sdk-invocation-id", format!("load-{number}"))
            .body(())?;
        let identity = Credentials::new("test", "test", None, None, "load").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("elasticfilesystem")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers: Vec<(String, String)> = request
            .headers()
            .iter()
            .map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned())))
            .collect::<Result<_>>()?;
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new(
            method,
            uri.as_str(),
            pairs,
            SignableBody::Bytes(body.as_bytes()),
        )?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        let mut wire = format!("{method} /2015-02-01/file-systems HTTP/1.1\r\n").into_bytes();
        for (name, value) in request.headers() {
            wire.extend_from_slice(name.as_str().as_bytes());
            wire.extend_from_slice(b": ");
            wire.extend_from_slice(value.as_bytes());
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        wire.extend_from_slice(body.as_bytes());
        Ok(wire)
    }
}
