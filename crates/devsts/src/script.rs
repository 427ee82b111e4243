//! Misbehaviour on request.
//!
//! A [`Script`] is a list of steps that are taken instead of the usual answer; a [`When`] chooses
//! the calls it is for. When the steps are over, the next request of the connection is read, unless
//! a step closed it or the answer says that it ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::http::answer::Answer;
use crate::server::call::Call;

/// What to do instead of answering as usual, step by step.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) steps: Vec<Step>,
}

impl Script {
    /// No step: nothing is sent, the next request is read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits. Ends with the connection when the client closes it meanwhile.
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.then(Step::Wait(time))
    }

    /// Waits until the gate is opened, or the client closes the connection.
    #[must_use]
    pub fn hold(self, gate: &Gate) -> Self {
        self.then(Step::Hold(gate.clone()))
    }

    /// Never goes on; the connection stays open until the client closes it or the server stops.
    #[must_use]
    pub fn hang(self) -> Self {
        self.then(Step::Hang)
    }

    /// Of all that is sent from here on, sends only the first `bytes`.
    #[must_use]
    pub fn limit(self, bytes: usize) -> Self {
        self.then(Step::Limit(bytes))
    }

    /// Sends everything from here on in pieces of so many bytes, with a pause after each.
    #[must_use]
    pub fn drip(self, bytes: usize, pause: Duration) -> Self {
        self.then(Step::Drip(bytes.max(1), pause))
    }

    /// Sends the bytes as they are.
    #[must_use]
    pub fn send(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Send(bytes.into()))
    }

    /// Sends the answer.
    #[must_use]
    pub fn answer(self, answer: Answer) -> Self {
        self.then(Step::Answer(answer))
    }

    /// Answers as if there were no script.
    #[must_use]
    pub fn usual(self) -> Self {
        self.usual_as(|answer| answer)
    }

    /// Answers as if there were no script, but in another shape: chunked, with more headers …
    #[must_use]
    pub fn usual_as(self, change: impl Fn(Answer) -> Answer + Send + Sync + 'static) -> Self {
        self.then(Step::Usual(Change(Arc::new(change))))
    }

    /// Reads so many bytes and throws them away. Only of use before the request is read.
    #[must_use]
    pub fn read(self, bytes: usize) -> Self {
        self.then(Step::Read(bytes))
    }

    /// Closes the connection in good order: TLS `close_notify`, FIN, and no reset because of unread
    /// bytes.
    #[must_use]
    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    /// Closes the connection by FIN, under TLS without `close_notify`: a truncation.
    #[must_use]
    pub fn truncate(self) -> Self {
        self.then(Step::Truncate)
    }

    /// Resets the connection (RST). A unix socket knows no reset: there it is a plain close.
    #[must_use]
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Answer(Answer),
    Close,
    Drip(usize, Duration),
    Hang,
    Hold(Gate),
    Limit(usize),
    Read(usize),
    Reset,
    Send(Vec<u8>),
    Truncate,
    Usual(Change),
    Wait(Duration),
}

/// How the usual answer is changed.
#[derive(Clone)]
pub(crate) struct Change(pub(crate) Arc<dyn Fn(Answer) -> Answer + Send + Sync>);

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Change")
    }
}

/// Holds calls back until a test lets them go, all at once.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    #[expect(
        clippy::new_without_default,
        reason = "that a new gate is closed should be read, not guessed"
    )]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets all go that wait, and all that come.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn opened(&self) {
        // It fails only without a sender, and this is one.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

/// Which calls a script is for.
#[derive(Clone)]
pub struct When {
    test: Arc<dyn Fn(&Call) -> bool + Send + Sync>,
    skip: usize,
    times: usize,
}

impl When {
    /// All calls.
    pub fn any() -> Self {
        Self::matching(|_| true)
    }

    /// The n-th call that this server receives, counted from 1.
    pub fn call(number: u64) -> Self {
        Self::matching(move |call| call.number == number)
    }

    /// The calls on the n-th connection that this server accepted, counted from 1.
    pub fn connection(number: u64) -> Self {
        Self::matching(move |call| call.connection == number)
    }

    /// The calls for this subject token.
    pub fn subject(token: impl Into<String>) -> Self {
        let token = token.into();
        Self::matching(move |call| call.subject() == Some(token.as_str()))
    }

    /// The calls for subject tokens that begin so.
    pub fn subject_prefix(prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        Self::matching(move |call| call.subject().is_some_and(|token| token.starts_with(&prefix)))
    }

    /// The calls to this path, without query.
    pub fn path(path: impl Into<String>) -> Self {
        let path = path.into();
        Self::matching(move |call| call.path() == path)
    }

    /// The calls for which the test is true.
    pub fn matching(test: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Self {
        Self { test: Arc::new(test), skip: 0, times: usize::MAX }
    }

    /// Leaves the first `count` of them out.
    #[must_use]
    pub fn skip(self, count: usize) -> Self {
        Self { skip: count, ..self }
    }

    /// Is over after `count` of them.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        Self { times: count, ..self }
    }

    /// Whether it is the call's turn; counts it if so.
    fn takes(&mut self, call: &Call) -> bool {
        if self.times == 0 || !(self.test)(call) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When")
            .field("skip", &self.skip)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// The scripts of a server.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    calls: Vec<(When, Script)>,
    accepted: Vec<(Option<u64>, Script)>,
    opened: Vec<(Option<u64>, Script)>,
}

impl Scripts {
    pub(crate) fn on_call(&mut self, when: When, script: Script) {
        self.calls.push((when, script));
    }

    pub(crate) fn on_accept(&mut self, connection: Option<u64>, script: Script) {
        self.accepted.push((connection, script));
    }

    pub(crate) fn on_open(&mut self, connection: Option<u64>, script: Script) {
        self.opened.push((connection, script));
    }

    /// The first that was given for such a call and is not used up.
    pub(crate) fn for_call(&mut self, call: &Call) -> Option<Script> {
        self.calls.iter_mut().find_map(|(when, script)| when.takes(call).then(|| script.clone()))
    }

    pub(crate) fn for_accepted(&self, connection: u64) -> Option<Script> {
        for_connection(&self.accepted, connection)
    }

    pub(crate) fn for_opened(&self, connection: u64) -> Option<Script> {
        for_connection(&self.opened, connection)
    }
}

fn for_connection(scripts: &[(Option<u64>, Script)], number: u64) -> Option<Script> {
    scripts.iter().find(|(n, _)| n.is_none_or(|n| n == number)).map(|(_, script)| script.clone())
}
