//! The operations of IAM and STS, called as the front calls them.
