//! The directives of WS-Trust.

use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::profile::Protocol;
use sts_core::wstrust::endpoint_auth::EndpointAuth;
use sts_core::wstrust::settings::{Settings as Checked, WsTrust};
use sts_core::wstrust::words::{KeyType, SoapVersion, SourceElement, TokenAs, Version};

use crate::conf::argument::Problem;
use crate::conf::settings::inherit;

/// Each directive's own value; `None` where it was not written.
#[derive(Clone, Default)]
pub(crate) struct WsTrustSettings {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) auth: Option<EndpointAuth>,
    pub(crate) applies_to: Option<String>,
    pub(crate) token_type: Option<String>,
    pub(crate) value_type: Option<String>,
    pub(crate) version: Option<Version>,
    pub(crate) soap_version: Option<SoapVersion>,
    pub(crate) key_type: Option<KeyType>,
    pub(crate) token_as: Option<TokenAs>,
    pub(crate) source_elements: Option<Vec<SourceElement>>,
}

impl WsTrustSettings {
    /// What `STSExchange` takes the place of.
    pub(crate) fn inherit_exchange(&mut self, outer: &Self) {
        inherit(&mut self.endpoint, &outer.endpoint);
        inherit(&mut self.auth, &outer.auth);
        inherit(&mut self.applies_to, &outer.applies_to);
        inherit(&mut self.token_type, &outer.token_type);
        inherit(&mut self.value_type, &outer.value_type);
    }

    /// What goes with either syntax.
    pub(crate) fn inherit_common(&mut self, outer: &Self) {
        inherit(&mut self.version, &outer.version);
        inherit(&mut self.soap_version, &outer.soap_version);
        inherit(&mut self.key_type, &outer.key_type);
        inherit(&mut self.token_as, &outer.token_as);
        inherit(&mut self.source_elements, &outer.source_elements);
    }

    /// The protocol, and how the gateway proves who it is outside of the message.
    ///
    /// # Errors
    /// Settings contradict each other.
    pub(crate) fn protocol(&self) -> Result<(Protocol, ClientAuth), Problem> {
        let default = Checked::default();
        let (auth, username_token) = match &self.auth {
            Some(EndpointAuth::Transport(auth)) => (auth.clone(), None),
            Some(EndpointAuth::Message(token)) => (ClientAuth::none(), Some(token.clone())),
            None => (ClientAuth::none(), None),
        };
        let token_as = self.token_as.unwrap_or(default.token_as);
        let source_elements = self.source_elements.clone();
        let settings = Checked {
            version: self.version.unwrap_or(default.version),
            soap_version: self.soap_version.unwrap_or(default.soap_version),
            key_type: self.key_type.clone().unwrap_or(default.key_type),
            token_as,
            token_type: self.token_type.clone().unwrap_or(default.token_type),
            value_type: self.value_type.clone(),
            applies_to: self.applies_to.clone(),
            username_token,
            source_elements: source_elements
                .unwrap_or_else(|| SourceElement::default_list(token_as)),
        };
        let checked = WsTrust::new(settings).map_err(|error| error.to_string())?;
        Ok((Protocol::WsTrust(Box::new(checked)), auth))
    }
}
