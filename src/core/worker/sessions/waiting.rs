//! Requests that wait for the refresh of their session.

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::decision::{Attempt, HostEnv, RefreshId, Retry};
use crate::flow::refresh::Refresh;
use crate::http::Request;
use crate::session::Session;
use crate::shared::refreshes::{RefreshLeases, RefreshState};

/// A parked request.
pub struct Waiting {
    pub attempt: Attempt,
    pub request: Request,
    pub pool: Arc<Pool>,
    pub session: Session,
}

/// The parked requests whose wait is over. `of` asks for those of one refresh alone.
pub fn take_ready(
    parked: &mut Vec<Waiting>,
    renewals: &RefreshLeases,
    of: Option<RefreshId>,
    env: &HostEnv<'_>,
) -> Vec<Retry> {
    let mut ready = Vec::new();
    // Many requests of one session wait together, and to look is to read shared data.
    let mut looked: Vec<(RefreshId, bool)> = Vec::new();
    let asked_for = |waiting: &mut Waiting| of.is_none_or(|of| of == RefreshId::of(&waiting.session));
    let waiting: Vec<Waiting> = parked.extract_if(.., asked_for).collect();
    for waiting in waiting {
        let impatient = env.now.since(waiting.attempt.since) >= Refresh::hold(&waiting.pool);
        let watch = RefreshId::of(&waiting.session);
        let known = looked.iter().find(|(looked, _)| *looked == watch).map(|(_, under_way)| *under_way);
        let under_way = known.unwrap_or_else(|| {
            let renewal = renewals.look(&waiting.session, env.now, env.shared);
            looked.push((watch, renewal == RefreshState::UnderWay));
            renewal == RefreshState::UnderWay
        });
        if under_way && !impatient {
            parked.push(waiting);
        } else {
            ready.push((Attempt { impatient, ..waiting.attempt }, waiting.request));
        }
    }
    ready
}
