//! Requests that wait for the refresh of their session.

use std::rc::Rc;

use crate::cognito::pool::Pool;
use crate::decision::{Asked, Ready, Surroundings, Watch};
use crate::flow::refresh::Refresh;
use crate::http::Request;
use crate::session::Session;
use crate::shared::refreshes::{Renewal, Renewals};

/// A parked request.
pub struct Waiting {
    pub asked: Asked,
    pub request: Request,
    pub pool: Rc<Pool>,
    pub session: Session,
}

/// The parked requests whose wait is over. `of` asks for those of one refresh alone.
pub fn take_ready(
    parked: &mut Vec<Waiting>,
    renewals: &Renewals,
    of: Option<Watch>,
    around: &Surroundings<'_>,
) -> Vec<Ready> {
    let mut ready = Vec::new();
    // Many requests of one session wait together, and to look is to read shared data.
    let mut looked: Vec<(Watch, bool)> = Vec::new();
    let asked_for = |waiting: &mut Waiting| of.is_none_or(|of| of == Watch::of(&waiting.session));
    let waiting: Vec<Waiting> = parked.extract_if(.., asked_for).collect();
    for waiting in waiting {
        let impatient = around.now.since(waiting.asked.since) >= Refresh::hold(&waiting.pool);
        let watch = Watch::of(&waiting.session);
        let known = looked.iter().find(|(looked, _)| *looked == watch).map(|(_, under_way)| *under_way);
        let under_way = known.unwrap_or_else(|| {
            let renewal = renewals.look(&waiting.session, around.now, around.shared);
            looked.push((watch, renewal == Renewal::UnderWay));
            renewal == Renewal::UnderWay
        });
        if under_way && !impatient {
            parked.push(waiting);
        } else {
            ready.push((Asked { impatient, ..waiting.asked }, waiting.request));
        }
    }
    ready
}
