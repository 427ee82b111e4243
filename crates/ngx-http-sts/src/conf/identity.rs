//! What makes exchanges differ.

use std::rc::Rc;

use http::HeaderName;
use sts_core::client_auth::ClientAuth;
use sts_core::encoding::Encoding;
use sts_core::endpoint::Endpoint;
use sts_core::options::Template;
use sts_core::profile::{Profile, Protocol};

use crate::conf::Carrier;
use crate::conf::actor_token::ActorToken;
use crate::conf::grant::Username;
use crate::conf::minting::MintIdentity;
use crate::conf::text::Text;
use crate::parameters::Parameter;
use crate::request_header::RequestHeader;

/// Two locations have the same exchange when they ask the same STS for the same, with a source token
/// from the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExchangeId(pub(super) usize);

/// What makes exchanges differ.
#[derive(PartialEq, Eq)]
pub(crate) enum Identity {
    Call(Box<CallIdentity>),
    Mint(MintIdentity),
}

/// Those that call an STS.
#[derive(PartialEq, Eq)]
pub(crate) struct CallIdentity {
    protocol: Protocol,
    endpoint: Endpoint,
    auth: ClientAuth,
    client_id: Option<Template>,
    username: Option<Template>,
    parameters: Vec<(String, Template)>,
    /// Value, type, and whether there may be none.
    actor: Option<(Template, String, bool)>,
    /// Those that count.
    headers: Vec<(HeaderName, Template)>,
    /// How the STS is found, and by what it is known to be the one.
    contact: [u8; 32],
    source: Rc<str>,
    source_encoding: Option<Encoding>,
    /// The server, and the names of the locations whose results it needs.
    needs: Option<(usize, Rc<Vec<String>>)>,
}

/// What a call takes from the request, and how.
pub(super) struct OfRequest<'a> {
    pub(super) client_id: Option<&'a Text>,
    pub(super) username: Option<&'a Username>,
    pub(super) parameters: &'a [Parameter],
    pub(super) headers: &'a [RequestHeader],
}

impl CallIdentity {
    /// Each part is taken apart, so that a new one has to be decided on here.
    pub(super) fn new(
        profile: &Profile,
        contact: [u8; 32],
        carrier: &Carrier,
        of_request: &OfRequest<'_>,
        needs: Option<(usize, Rc<Vec<String>>)>,
    ) -> Self {
        let Profile { protocol, endpoint, auth, client_id: _ } = profile;
        let OfRequest { client_id, username, parameters, headers } = of_request;
        let username_template = |username: &&Username| {
            let Username { text, authenticated: _ } = username;
            text.template.clone()
        };
        let parameter_template =
            |Parameter { name, text, place: _ }: &Parameter| (name.clone(), text.template.clone());
        let actor_template = |actor: &ActorToken| {
            let ActorToken { text, token_type, is_optional, place: _ } = actor;
            (text.template.clone(), token_type.clone(), *is_optional)
        };
        let header_template = |RequestHeader { name, text, is_in_key }: &RequestHeader| {
            is_in_key.then(|| (name.clone(), text.template.clone()))
        };
        Self {
            protocol: protocol.clone(),
            endpoint: endpoint.clone(),
            auth: auth.clone(),
            client_id: client_id.map(|text| text.template.clone()),
            username: username.as_ref().map(username_template),
            parameters: parameters.iter().map(parameter_template).collect(),
            actor: carrier.actor.as_deref().map(actor_template),
            headers: headers.iter().filter_map(header_template).collect(),
            contact,
            source: carrier.source_text.clone(),
            source_encoding: carrier.source_encoding,
            needs,
        }
    }
}
