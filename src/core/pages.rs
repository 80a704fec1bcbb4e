//! The pages that people see: what they say and what they look like.

pub mod design;
pub mod messages;
pub mod page;
