//! Policies in, decisions out. Pure: no clock, no store.
//!
//! A document is read once ([`policy::Policy::parse`]) and asked often ([`evaluate::evaluate`]).

pub mod condition;
pub mod context;
pub mod evaluate;
pub mod file_system_policy;
pub mod glob;
pub mod json;
pub mod managed;
pub mod policy;
pub mod principal;
pub mod principal_element;
pub mod variables;

pub use context::Context;
pub use evaluate::{
    Attached, Because, Decision, Layer, Policies, Request, evaluate, evaluate_trust,
};
pub use policy::{MalformedPolicy, Policy, PolicyKind};
pub use principal::Principal;
