//! Amazon Cognito: user pools, their endpoints and cookies, and the identities in their tokens.

pub mod attributes;
pub mod identity;
pub mod issuer;
pub mod pool;
pub mod sign_in_params;
pub mod user_pool;
