//! The service model of EFS: operations, the members of their input, constraints, errors.
//!
//! Everything that comes in is checked against it before an operation sees it. A test compares it
//! with the model that AWS publishes for its SDKs.

mod errors;
mod operations;
mod pattern;
mod shapes;
mod validate;

pub use errors::ERRORS;
pub use operations::OPERATIONS;
pub use pattern::Pattern;
pub(super) use validate::{labels, validate};

/// What a value must be.
#[derive(Debug)]
pub enum Shape {
    /// Text of so many characters.
    Text {
        /// At least.
        min: usize,
        /// At most.
        max: usize,
        /// Of this form, if any.
        pattern: Option<&'static Pattern>,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number.
    Integer {
        /// At least.
        min: i64,
        /// At most.
        max: i64,
    },
    /// A number.
    Number {
        /// At least.
        min: f64,
    },
    /// True or false.
    Boolean,
    /// So many values.
    List {
        /// At least.
        min: usize,
        /// At most; `None` if the service model sets no bound.
        max: Option<usize>,
        /// What each must be.
        of: &'static Shape,
    },
    /// An object.
    Structure(&'static [Member]),
}

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the body's JSON object, by its name.
    Body,
    /// In the path, by its name in the template.
    Path,
    /// In the query, by this name.
    Query(&'static str),
}

/// A member of an input or of a structure.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Where it stands; in a structure, always [`Place::Body`].
    pub place: Place,
    /// Whether it must be there.
    pub required: bool,
    /// What it must be.
    pub shape: &'static Shape,
}

/// An operation.
#[derive(Debug)]
pub struct OperationModel {
    /// Its name.
    pub name: &'static str,
    /// The method.
    pub method: &'static str,
    /// The path, with parts in braces.
    pub path: &'static str,
    /// The status of success.
    pub status: u16,
    /// The members of its input.
    pub input: &'static [Member],
    /// The errors that it documents.
    pub errors: &'static [&'static str],
}
