//! One connection after the other, one request after the other.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openssl::ssl::{Ssl, SslAcceptor};
use tokio::io::AsyncReadExt;
use tokio_openssl::SslStream;

use super::call::{Call, TlsInfo, read_form};
use super::journal::TlsFailure;
use super::listen::Listener;
use super::stream::{Stream, Tapped, Wire};
use super::{Service, Shared, tls};
use crate::http::answer::Answer;
use crate::http::request::{self, BodyLength, Head};
use crate::script::Step;

mod channel;

use channel::{Channel, Ended};

/// How long the bytes of a client whose handshake failed are counted.
const AFTER_FAILED_HANDSHAKE: Duration = Duration::from_millis(500);

/// Accepts connections for ever.
pub(crate) async fn accept(
    listener: Listener,
    acceptor: Option<SslAcceptor>,
    service: Arc<dyn Service>,
    shared: Arc<Shared>,
) {
    loop {
        match listener.accept().await {
            Ok(wire) => {
                let connection = Connection::new(Arc::clone(&service), Arc::clone(&shared));
                tokio::spawn(connection.serve(wire, acceptor.clone()));
            }
            // The client is gone again, or there are no file descriptors: others may end.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// A connection's place in the journal, from its being accepted to its socket being closed.
struct Connection {
    number: u64,
    service: Arc<dyn Service>,
    shared: Arc<Shared>,
}

impl Connection {
    fn new(service: Arc<dyn Service>, shared: Arc<Shared>) -> Self {
        let number = shared.journal.change_connections(|connections| {
            connections.accepted += 1;
            connections.open += 1;
            connections.accepted
        });
        Self { number, service, shared }
    }

    async fn serve(self, wire: Wire, acceptor: Option<SslAcceptor>) {
        match self.serve_all(wire, acceptor).await {
            Ok(()) | Err(Ended::ByUs | Ended::WhileIdle) => {}
            Err(Ended::ByClient) => {
                self.shared.journal.change_connections(|connections| connections.aborted += 1);
            }
        }
        // The socket is closed by now; only then is the connection no longer counted as open.
    }

    async fn serve_all(&self, wire: Wire, acceptor: Option<SslAcceptor>) -> Result<(), Ended> {
        let mut channel = Channel::new(Stream::Plain(wire), Vec::new());
        let script = self.shared.scripts().for_accepted(self.number);
        if let Some(script) = script {
            channel.run(without_usual(script.steps), false).await?;
        }
        let tls = match acceptor {
            Some(acceptor) => {
                let tls;
                (channel, tls) = self.handshake(channel, &acceptor).await?;
                Some(tls)
            }
            None => None,
        };
        let script = self.shared.scripts().for_opened(self.number);
        if let Some(script) = script {
            channel.run(without_usual(script.steps), false).await?;
        }
        loop {
            self.wait_for_request(&mut channel).await?;
            let (call, keep_alive) = self.read_call(&mut channel, tls.as_ref()).await?;
            let call = self.shared.journal.call(call);
            let steps = self.steps(&call);
            let ends = channel.run(steps, call.method == "HEAD").await?;
            if ends || !keep_alive {
                return Err(channel.close().await);
            }
        }
    }

    async fn handshake(
        &self,
        channel: Channel,
        acceptor: &SslAcceptor,
    ) -> Result<(Channel, TlsInfo), Ended> {
        let Some(tapped) = channel.into_tapped() else { return Err(Ended::ByUs) };
        let mut stream = Ssl::new(acceptor.context())
            .and_then(|ssl| SslStream::new(ssl, tapped))
            .map_err(|_| Ended::ByUs)?;
        match Pin::new(&mut stream).accept().await {
            Ok(()) => {
                stream.get_mut().tap.turn_off();
                let info = tls::info(stream.ssl());
                self.shared.journal.handshake(info.clone());
                Ok((Channel::new(Stream::Tls(stream), Vec::new()), info))
            }
            Err(error) => {
                let rest = count_rest(stream.get_mut());
                let _ = tokio::time::timeout(AFTER_FAILED_HANDSHAKE, rest).await;
                let tap = &stream.get_ref().tap;
                self.shared.journal.tls_failure(TlsFailure {
                    connection: self.number,
                    error: error.to_string(),
                    received: tap.received,
                    application: tap.application,
                });
                Err(Ended::ByUs)
            }
        }
    }

    /// Waits for the first byte of a request, or to be told to end.
    async fn wait_for_request(&self, channel: &mut Channel) -> Result<(), Ended> {
        if channel.has_input() {
            return Ok(());
        }
        // Subscribed before it is counted as idle: a test that sees the count can end it.
        let mut end_idle = self.shared.end_idle();
        let _idle = Idle::new(&self.shared);
        tokio::select! {
            read = channel.fill() => match read {
                Ok(0) | Err(_) => Err(Ended::WhileIdle),
                Ok(_) => Ok(()),
            },
            Ok(()) = end_idle.changed() => {
                let end = *end_idle.borrow();
                Err(if end.by_reset { channel.reset() } else { channel.close().await })
            }
        }
    }

    /// Reads a call, and says whether the client wants to send more of them.
    async fn read_call(
        &self,
        channel: &mut Channel,
        tls: Option<&TlsInfo>,
    ) -> Result<(Call, bool), Ended> {
        match read_request(channel).await {
            Ok((head, body, chunked)) => {
                let keep_alive = head.keeps_alive();
                let content_type = head.values("content-type").next();
                let form = read_form(content_type, &body);
                let call = Call {
                    number: 0,
                    connection: self.number,
                    at: Instant::now(),
                    method: head.method,
                    target: head.target,
                    minor_version: head.minor_version,
                    headers: head.headers,
                    body,
                    chunked,
                    form,
                    tls: tls.cloned(),
                };
                Ok((call, keep_alive))
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.shared.journal.bad_request(error.to_string());
                let answer = Answer::new(400).closing().body(format!("{error}\n"));
                channel.run(vec![Step::Answer(answer)], false).await?;
                Err(channel.close().await)
            }
            Err(_) => Err(Ended::ByClient),
        }
    }

    /// What to do for this call: the script for it with the usual answer in its place, or the
    /// usual answer alone.
    fn steps(&self, call: &Call) -> Vec<Step> {
        let script = self.shared.scripts().for_call(call);
        let Some(script) = script else { return self.service.answer(call).steps };
        let mut steps = Vec::new();
        for step in script.steps {
            let Step::Usual(change) = step else {
                steps.push(step);
                continue;
            };
            steps.extend(self.service.answer(call).steps.into_iter().map(|step| match step {
                Step::Answer(answer) => Step::Answer((change.0)(answer)),
                other => other,
            }));
        }
        steps
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.journal.change_connections(|connections| connections.open -= 1);
    }
}

/// Counts a connection as idle as long as it lives.
struct Idle<'a>(&'a Shared);

impl<'a> Idle<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.journal.change_connections(|connections| connections.idle += 1);
        Self(shared)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.journal.change_connections(|connections| connections.idle -= 1);
    }
}

/// Before there is a request there is no usual answer.
fn without_usual(steps: Vec<Step>) -> Vec<Step> {
    steps.into_iter().filter(|step| !matches!(step, Step::Usual(_))).collect()
}

async fn read_request(channel: &mut Channel) -> io::Result<(Head, Vec<u8>, bool)> {
    let head = loop {
        if let Some((head, length)) = request::parse_head(channel.input())? {
            channel.take(length);
            break head;
        }
        channel.fill_more().await?;
    };
    let length = head.body_length()?;
    if head.expects_continue() && length != BodyLength::Exact(0) {
        channel.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = loop {
        match length {
            BodyLength::Exact(length) if channel.input().len() >= length => {
                break channel.take(length);
            }
            BodyLength::Exact(_) => {}
            BodyLength::Chunked => {
                if let Some((body, length)) = request::parse_chunked(channel.input())? {
                    channel.take(length);
                    break body;
                }
            }
        }
        channel.fill_more().await?;
    };
    Ok((head, body, length == BodyLength::Chunked))
}

/// Reads until the client closes, for the tap to count.
async fn count_rest(tapped: &mut Tapped) {
    let mut scratch = vec![0; 16384];
    while matches!(tapped.read(&mut scratch).await, Ok(count) if count > 0) {}
}
