//! The operations of IAM, called by clients that sign.

mod authorization;
mod keys;
mod policies;
mod roles;
mod simulate;
mod users;
