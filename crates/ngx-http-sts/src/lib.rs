//! Security token exchange for NGINX.
//!
//! A request that comes with one security token goes on with the token that the backend
//! understands: the module exchanges it at a remote Security Token Service, on NGINX's event loop.
//!
//! | module | what it is |
//! |---|---|
//! | [`conf`] | the directives, from their text to checked exchanges |
//! | [`handler`] | what happens to a request in the phases |
//! | [`visit`] | one visit of a request to a location with an exchange |
//! | [`elsewhere`] | a visit to a location without one |
//! | [`admission`] | a request that was refused stays refused |
//! | [`context`] | what is known of a client's request, over internal redirects too |
//! | [`course`] | how far one request, or one subrequest, has come |
//! | [`values`] | what a request brings to its exchange |
//! | [`parameters`] | the extra parameters of a call |
//! | [`way`] | where the token of an exchange comes from |
//! | [`ask`] | what a request asks an STS for, and the call that gets it |
//! | [`minter`] | tokens that the gateway makes itself |
//! | [`call`] | one call, as it is counted |
//! | [`chain`] | exchanges whose results another one needs |
//! | [`carry`] | how tokens get out of a request and into it |
//! | [`cache`] | the tokens that all workers share |
//! | [`store`] | Redis or memcached behind it, which several nodes share |
//! | [`worker`] | how flights ([`sts_flight`]) run on NGINX |
//! | [`credentials`] | the gateway's credentials, as far as they are in files |
//! | [`afterwards`] | what shows only when a request is over |
//! | [`purge`] | forgetting tokens |
//! | [`jwks`] | the public keys of those that the gateway makes |
//! | [`counters`] | what is counted |
//! | [`status`] | `STSStatus`: the counters as text |
//! | [`report`] | what the error log says of failures |
//! | [`refusal`] | what the client gets when it does not work |
//! | [`variables`] | `$sts_status`, `$sts_error` and the target variables |
//! | [`http`] | the HTTP client |
//! | [`origin`] | where calls go: addresses, TLS, tunnels, connections |
//! | [`module`] | what NGINX calls |
//!
//! All that talks to C is [`sts_nginx`], here `crate::nginx`.
#![deny(unsafe_code)]

mod admission;
mod afterwards;
mod applied;
mod ask;
mod cache;
mod call;
mod callee;
mod carry;
mod chain;
mod conf;
mod context;
mod counters;
mod course;
mod credentials;
mod discovery;
mod elsewhere;
mod handler;
mod history;
mod http;
mod jwks;
mod minter;
mod module;
mod origin;
mod parameters;
mod purge;
mod refusal;
mod report;
mod request_header;
mod served;
mod shared_zone;
mod source;
mod status;
mod store;
mod sts;
mod suspect;
mod values;
mod variables;
mod visit;
mod way;
mod worker;

use sts_nginx as nginx;
