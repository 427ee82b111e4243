//! The harness of the end-to-end tests: it runs a real NGINX and talks to it.
//!
//! A test writes its configuration inline, starts NGINX with [`nginx::Builder`], sends requests and
//! looks at what comes back. Whatever the test itself looks at, it also fails when NGINX's error log
//! has an alert, when a worker dies, when shutting down takes too long or when a registered secret
//! is in the error log: see [`nginx::Nginx`].
//!
//! | module | what it is |
//! |---|---|
//! | [`nginx`] | configures, starts, signals, watches and stops NGINX |
//! | [`http1`] | an HTTP/1.1 client that leaves control of every byte to the test |
//! | [`http2`] | an HTTP/2 client, by prior knowledge over plain TCP |
//! | [`scene`] | NGINX between a development STS and a backend, as most tests want it |
//! | [`response`] | what a client got |
//! | [`clients`] | gRPC and HTTP/3 by libraries of Python |
//! | [`dns`] | a name server that knows a few names |
//! | [`documents`] | the examples of the documents |
//! | [`faults`] | each row of the table of failures |
//! | [`hostile`] | requests by which a client tries to have a value of its own read as a token |
//! | [`php`] | a PHP that tells what it received |
//! | [`parallel`] | many requests at once |
//! | [`memory`] | the zones in a worker's memory, as a debugger sees them |
//! | [`interop`] | servers of others, each started by a script |
//! | [`ports`] | TCP ports that no other process uses |
//! | [`proxy`] | an HTTP proxy between NGINX and the STS |
//! | [`relay`] | a way to a server on which messages are held up |
//! | [`stores`] | Redis and memcached |
//! | [`upstream`] | backends that speak SCGI, uwsgi, gRPC |
//! | [`readers`] | backends in many frameworks that tell what they read |
//! | [`wait`] | waiting for a condition, with a deadline |
//! | [`xmlsec`] | signatures of XML, by the judgement of xmlsec1 |
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test harness reports by panicking"
)]
#![warn(missing_docs)]

pub mod clients;
pub mod dns;
pub mod documents;
pub mod faults;
pub mod hostile;
pub mod http1;
pub mod http2;
pub mod interop;
pub mod memory;
pub mod nginx;
pub mod parallel;
pub mod php;
pub mod ports;
pub mod proxy;
pub mod readers;
pub mod relay;
pub mod response;
pub mod scene;
pub mod stores;
pub mod upstream;
pub mod wait;
pub mod xmlsec;
