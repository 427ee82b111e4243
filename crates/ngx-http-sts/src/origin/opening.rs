//! From the name of an origin to an open connection: which of its addresses is tried when.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;

use sts_net::hangs::Hangs;

use crate::nginx::address::SocketAddress;
use crate::nginx::peer::ConnectError;
use crate::nginx::timer::{self, Hold, Timer};
use crate::origin::connection::Connection;
use crate::origin::{OpenError, Origin};

/// Milliseconds that an address may hang while there is another one.
const MAX_PATIENCE: u64 = 2_000;

/// How often it is tried again to connect.
#[derive(Clone, Copy)]
pub(crate) struct Retries {
    pub(crate) times: u32,
    /// Milliseconds between two attempts.
    pub(crate) pause: u64,
}

impl Retries {
    /// What holds when nothing is configured.
    pub(crate) const DEFAULT: Self = Self { times: 1, pause: 300 };

    /// Whether there is time for another attempt.
    fn fit_before(self, end: u64) -> bool {
        timer::now() + self.pause < end
    }
}

thread_local! {
    static HANGS: RefCell<Hangs<SocketAddress>> = const { RefCell::new(Hangs::new()) };
}

/// Finds out where the name of an origin leads, if that may have changed since: an idle connection
/// to where it led is of no use then. What is found is known to the origin.
///
/// Boxed, because most calls do not need it: their task has to have no room for this.
pub(crate) fn look(origin: &Rc<Origin>, time: u64) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
    if origin.is_fresh() {
        return None;
    }
    let (origin, time) = (origin.clone(), time / 2);
    // That there is no address is said when a connection is opened.
    Some(Box::pin(async move { drop(origin.addresses(time).await) }))
}

/// Opens a connection, again where an attempt failed and another may do better: a name that is not
/// found, a connection that is refused, a handshake that fails. `time` is what one attempt may take, in
/// milliseconds, and `end` when all of it has to be over.
pub(crate) async fn open(
    origin: &Rc<Origin>,
    retries: Retries,
    time: u64,
    end: u64,
) -> Result<Connection, OpenError> {
    let mut left = retries.times;
    loop {
        match at_any_address(origin, time).await {
            Err(error) if left > 0 && error.may_pass() && retries.fit_before(end) => {
                left -= 1;
                Timer::new(retries.pause, Hold::default()).await;
            }
            opened => return opened,
        }
    }
}

/// Connects to the first address that takes the connection, and secures it. `time` is what all of it
/// may take, in milliseconds: an address that hangs leaves some to the next.
async fn at_any_address(origin: &Rc<Origin>, time: u64) -> Result<Connection, OpenError> {
    let mut addresses = origin.addresses(time / 2).await.map_err(OpenError::NoAddress)?;
    HANGS.with_borrow(|hangs| hangs.order(&mut addresses, timer::now()));
    let share = time / (addresses.len() as u64 + 1);
    let patience = share.min(MAX_PATIENCE);
    let mut last = OpenError::NoAddress("the name has none".into());
    for (index, address) in addresses.iter().enumerate() {
        let mut attempt = Attempt::begin(address, patience);
        let opening = pin!(Connection::open(address, origin));
        // The deadline of the call ends the last attempt.
        let opened = if index + 1 == addresses.len() {
            opening.await
        } else {
            let timer = pin!(Timer::new(patience, Hold::default()));
            let hangs = || Err(ConnectError::hangs(address, patience).into());
            timer::before(timer, opening).await.unwrap_or_else(hangs)
        };
        attempt.end(&opened);
        match opened {
            Err(OpenError::Connect(error)) if error.is_about_the_address() => {
                // A certificate that is refused says more than another address where nothing listens.
                if error.is_of_a_handshake() || !last.is_of_a_handshake() {
                    last = of_peer(origin, error);
                }
            }
            done => return done,
        }
    }
    Err(last)
}

/// What a failure to reach the peer says, which may be a proxy. What comes behind the connection, as
/// TLS, is between the gateway and the STS.
fn of_peer(origin: &Origin, error: ConnectError) -> OpenError {
    match error {
        ConnectError::Connect { .. } | ConnectError::Hangs { .. } if origin.is_proxy() => {
            OpenError::ToProxy(error)
        }
        error => error.into(),
    }
}

/// What becomes known of an address by trying it, also when the call ends meanwhile.
struct Attempt<'a> {
    address: &'a SocketAddress,
    started: u64,
    patience: u64,
    answered: bool,
}

impl<'a> Attempt<'a> {
    fn begin(address: &'a SocketAddress, patience: u64) -> Self {
        let started = timer::now();
        HANGS.with_borrow_mut(|hangs| hangs.begin(address, started, patience));
        Self { address, started, patience, answered: false }
    }

    fn end(&mut self, opened: &Result<Connection, OpenError>) {
        self.answered = match opened {
            Err(OpenError::Connect(error)) => error.is_an_answer(),
            _ => true,
        };
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        HANGS.with_borrow_mut(|hangs| {
            if self.answered {
                hangs.answered(self.address);
            } else if timer::now().saturating_sub(self.started) >= self.patience {
                hangs.hung(self.address, timer::now());
            }
        });
    }
}
