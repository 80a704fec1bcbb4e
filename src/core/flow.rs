//! The flows: everything that can happen to a request except simply forwarding it. Each takes values and returns
//! values; [`crate::worker::authenticator`] calls them.

pub mod bearer;
pub mod callback;
pub mod context;
pub mod destination;
pub mod failure;
pub mod forward;
pub mod link_params;
pub mod me;
pub mod new_tokens;
pub mod other_host;
pub mod own_path;
pub mod refresh;
pub mod refusal;
pub mod resource_metadata;
pub mod sign_in;
pub mod sign_out;
pub mod step_up;
