//! Amazon Cognito: user pools, their endpoints and cookies, and who somebody is by their tokens.

pub mod attributes;
pub mod identity;
pub mod pool;
pub mod user_pool;
