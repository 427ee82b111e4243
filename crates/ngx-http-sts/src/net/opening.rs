//! From the name of a destination to an open connection: which of its addresses is tried when.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;

use sts_net::hangs::Hangs;

use crate::net::connection::Connection;
use crate::net::{CallError, Destination, Limit};
use crate::nginx::address::SocketAddress;
use crate::nginx::peer::ConnectError;
use crate::nginx::timer::{self, Hold, Timer};

/// Milliseconds that an address may hang while there is another one.
const MAX_PATIENCE: u64 = 2_000;

thread_local! {
    static HANGS: RefCell<Hangs<SocketAddress>> = const { RefCell::new(Hangs::new()) };
}

/// Finds out where the name of the destination leads, if that may have changed since: an idle connection
/// to where it led is of no use then. What is found is known to the destination.
///
/// Boxed, because most calls do not need it: their task has to have no room for this.
pub(super) fn look(
    destination: &Rc<Destination>,
    limit: &Limit,
) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
    if destination.is_fresh() {
        return None;
    }
    let (destination, time) = (destination.clone(), limit.timeout / 2);
    // That there is no address is said when a connection is opened.
    Some(Box::pin(async move { drop(destination.addresses(time).await) }))
}

/// Opens a connection, again where an attempt failed and another may do better: a name that is not
/// found, a connection that is refused, a handshake that fails. Nothing was sent then.
pub(super) async fn open(
    destination: &Rc<Destination>,
    limit: &Limit,
    end: u64,
) -> Result<Connection, CallError> {
    let mut left = limit.retries.times;
    loop {
        match at_any_address(destination, limit.timeout).await {
            Err(error) if left > 0 && error.may_pass() && limit.retries.fit_before(end) => {
                left -= 1;
                Timer::new(limit.retries.pause, Hold::default()).await;
            }
            opened => return opened,
        }
    }
}

/// Connects to the first address that takes the connection, and secures it. `time` is what all of it
/// may take, in milliseconds: an address that hangs leaves some to the next.
async fn at_any_address(destination: &Rc<Destination>, time: u64) -> Result<Connection, CallError> {
    let mut addresses = destination.addresses(time / 2).await.map_err(CallError::NoAddress)?;
    HANGS.with_borrow(|hangs| hangs.order(&mut addresses, timer::now()));
    let share = time / (addresses.len() as u64 + 1);
    let patience = share.min(MAX_PATIENCE);
    let mut last = CallError::NoAddress("the name has none".into());
    for (index, address) in addresses.iter().enumerate() {
        let mut attempt = Attempt::begin(address, patience);
        let opening = pin!(Connection::open(address, destination));
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
            Err(CallError::Connect(error)) if error.is_about_the_address() => last = error.into(),
            done => return done,
        }
    }
    Err(last)
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

    fn end(&mut self, opened: &Result<Connection, CallError>) {
        self.answered = match opened {
            Err(CallError::Connect(error)) => error.is_an_answer(),
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
