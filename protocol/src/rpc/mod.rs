//! ONC-RPC version 2 (RFC 5531): the headers around every call and reply.

mod auth;
mod call;
mod reply;

pub use auth::{AuthFlavor, AuthSys, AuthSysError, MAX_AUTH_BODY, MAX_GIDS, OpaqueAuth};
pub use call::{Call, CallError, RPC_VERSION};
pub use reply::{AuthStat, ReplyHeader};
