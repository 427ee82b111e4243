//! `STSJWKS`: the public keys of exchanges that mint, for those that verify their tokens (RFC 7517,
//! section 5).

use std::cell::OnceCell;
use std::rc::Rc;

use sts_core::jose;

use crate::minter::Minter;
use crate::nginx::content::{Answer, Content, Made};
use crate::nginx::request::{OutOfMemory, Request};
use crate::served::Served;

/// For how long a set may be used again: a key that is next should stand in it for longer than that before
/// it signs.
const CACHE_CONTROL: &str = "public, max-age=300";

/// The exchanges whose keys a location shows, known when all blocks are merged.
#[derive(Default)]
pub(crate) struct Published(pub(crate) OnceCell<Vec<Rc<Minter>>>);

/// Answers the requests of a location with `STSJWKS`.
pub(crate) struct Jwks;

impl Content for Jwks {
    fn make(request: Request<'_>) -> Result<Made, OutOfMemory> {
        let answer = |status, body: &str| {
            Ok(Made::Answer(Answer { status, content_type: "text/plain", body: body.to_owned() }))
        };
        if !matches!(request.method(), b"GET" | b"HEAD") {
            // RFC 9110, section 15.5.6.
            request.add_header("Allow", "GET, HEAD")?;
            return answer(405, "only GET and HEAD read keys\n");
        }
        let published = request.location().and_then(|location| location.publishes.clone());
        let Some(minters) = published.as_ref().and_then(|published| published.0.get()) else {
            return answer(404, "no keys\n");
        };
        request.add_header("Cache-Control", CACHE_CONTROL)?;
        let body = jose::set(minters.iter().flat_map(|minter| minter.public_keys()));
        // RFC 7517, section 8.5.2.
        let content_type = "application/jwk-set+json";
        Ok(Made::Answer(Answer { status: 200, content_type, body }))
    }
}
