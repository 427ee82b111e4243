//! Agents as Microsoft Entra ID has them: a blueprint, which is a client with a secret or key of its own,
//! gets a token for one of its agents, and that token is the agent's client assertion (RFC 7521,
//! section 4.2). Nothing else is an agent's.

use super::assertion::{JWT_BEARER, Jwt, now};
use super::client::Client;
use super::client_auth::present;
use super::token::{ISSUER, Issuer};
use super::token_endpoint::{Refusal, Typed, one_value};
use crate::server::call::Call;

/// The parameter by which a blueprint names the agent.
const AGENT: &str = "fmi_path";

/// What such a token is for, and the scope that asks for it.
const AUDIENCE: &str = "api://AzureADTokenExchange";
const SCOPE: &str = "api://AzureADTokenExchange/.default";

/// The client assertion that a client asks for, where it asks for one of an agent of its own.
pub(super) fn asked(
    call: &Call,
    blueprint: &str,
    clients: &[Client],
) -> Result<Option<Typed>, Refusal> {
    let Some(agent) = one_value(call, AGENT)? else { return Ok(None) };
    if one_value(call, "scope")? != Some(SCOPE) {
        let description = format!("a token for an agent has the scope {SCOPE}");
        return Err(Refusal::new(400, "invalid_scope", &description));
    }
    let is_it = |client: &Client| client.id == agent && client.is_agent_of(blueprint);
    if clients.iter().any(is_it) {
        return Ok(Some(assertion(agent, blueprint)));
    }
    Err(Refusal::new(400, "unauthorized_client", "the client is not the blueprint of this agent"))
}

fn assertion(agent: &str, blueprint: &str) -> Typed {
    let claims = [("iss", ISSUER), ("sub", agent), ("azp", blueprint), ("aud", AUDIENCE)];
    let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Typed { kind: "JWT", token_type: "Bearer", claims }
}

/// The agent that a call says it is of, if it is one; and whether its assertion proves that.
pub(super) fn authenticate<'c>(
    call: &Call,
    clients: &'c [Client],
    issuer: &Issuer,
) -> Option<Result<&'c Client, Refusal>> {
    let id = present(call, "client_id")?;
    let (agent, blueprint) = clients
        .iter()
        .filter(|client| client.id == id)
        .find_map(|client| Some((client, client.blueprint.as_deref()?)))?;
    let proved = check(call, id, blueprint, issuer).map(|()| agent);
    Some(
        proved.map_err(|problem| {
            Refusal::invalid_client(&format!("the agent is refused: {problem}"))
        }),
    )
}

fn check(call: &Call, agent: &str, blueprint: &str, issuer: &Issuer) -> Result<(), String> {
    let kind = present(call, "client_assertion_type").ok_or("there is no client_assertion_type")?;
    if kind != JWT_BEARER {
        return Err("client_assertion_type is not that of a JWT".to_owned());
    }
    let assertion = present(call, "client_assertion").ok_or("there is no client_assertion")?;
    if present(call, "client_secret").is_some() || call.header("authorization").is_some() {
        return Err("it authenticates in another way, too".to_owned());
    }
    let jwt = Jwt::parse(assertion).ok_or("its assertion is no JWT")?;
    if !jwt.is_signed_by(issuer.key(), "ES256").unwrap_or(false) {
        return Err("its assertion was not issued here".to_owned());
    }
    if !jwt.is_for(AUDIENCE) {
        return Err("aud is not that of such tokens".to_owned());
    }
    if jwt.text("azp")? != blueprint {
        return Err("its assertion is of another blueprint".to_owned());
    }
    if jwt.text("sub")? != agent {
        return Err("its assertion is another agent's".to_owned());
    }
    jwt.check_times(now(), None).map(|_| ())
}
