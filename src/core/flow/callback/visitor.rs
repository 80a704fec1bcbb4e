//! The data that a callback keeps from its request.

use crate::cognito::pool::Pool;
use crate::flow::context::RequestContext;
use crate::session::FlowId;

/// The data of a callback's request that is needed after the request is no longer available.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// The host of the request.
    pub host: String,
    /// The request's id, for the log and for pages.
    pub reference: String,
    /// Names of token cookies of an earlier session of this pool.
    pub token_parts: Vec<String>,
    /// `Set-Cookie` values that end sessions of other pools, and delete cookies of the other kind.
    pub without_others: Vec<String>,
    /// `Set-Cookie` values that delete the pending sign-in.
    pub without_flow: Vec<String>,
}

impl Visitor {
    /// The visitor whose request is the callback of a sign-in.
    pub(super) fn of(ctx: &RequestContext<'_>, pool: &Pool, id: &FlowId) -> Self {
        let mut without_flow = Vec::new();
        pool.cookies.end_flow(&ctx.cookies, id, &mut without_flow);
        Self {
            host: ctx.origin.host().to_owned(),
            reference: ctx.reference(),
            token_parts: pool.cookies.token_parts(&ctx.cookies),
            without_others: ctx.delete_other_sessions(Some(pool)),
            without_flow,
        }
    }
}
