//! The duty to call for all nodes.

use std::rc::Rc;

use crate::host::Host;
use crate::store::{DETACHED, Store, StoreOf, ask};
use crate::token::Token;

/// The duty to call for all nodes. While it lasts it is renewed; dropping it gives it up. Neither holds up
/// what has it.
pub(crate) struct Duty<H: Host> {
    store: Rc<StoreOf<H>>,
    claim: Rc<Claim<H>>,
    /// While other nodes wait.
    renewing: Option<H::Task>,
}

type Claim<H> = <StoreOf<H> as Store>::Claim;

impl<H: Host> Duty<H> {
    pub(super) fn new(store: Rc<StoreOf<H>>, claim: Claim<H>) -> Self {
        let claim = Rc::new(claim);
        let renewing = StoreOf::<H>::is_lease(&claim)
            .then(|| H::spawn(renew::<H>(store.clone(), claim.clone())));
        Self { store, claim, renewing }
    }

    /// Puts the token into the store that the call has brought.
    pub(crate) fn keep(mut self, token: &Token, wanted: &H::Ask) {
        let Some(work) = self.store.clone().put(&self.claim, token, wanted) else { return };
        self.stop();
        detach::<H>(&self.store, work);
    }

    /// The STS has refused a token for good: one that lies there goes, too.
    pub(crate) fn refuse(mut self) {
        self.stop();
        detach::<H>(&self.store, self.store.clone().forget(&self.claim));
    }

    /// Renews no longer. Returns whether it did.
    fn stop(&mut self) -> bool {
        let renewing = self.renewing.take();
        renewing.iter().for_each(H::cancel);
        renewing.is_some()
    }
}

impl<H: Host> Drop for Duty<H> {
    fn drop(&mut self) {
        if self.stop() {
            detach::<H>(&self.store, self.store.clone().release(&self.claim));
        }
    }
}

/// Lets something be done that nothing waits for, within bounds.
fn detach<H: Host>(store: &Rc<StoreOf<H>>, work: super::Work<(), <StoreOf<H> as Store>::Error>) {
    let store = store.clone();
    // What a token is worth to other nodes is worth a moment of a worker that ends.
    let hold = H::Hold::default();
    H::spawn(async move {
        ask::<H, _>(&store, || work, DETACHED, hold).await;
    });
}

async fn renew<H: Host>(store: Rc<StoreOf<H>>, claim: Rc<Claim<H>>) {
    loop {
        let hold = H::Hold::default();
        H::release(&hold);
        H::sleep(StoreOf::<H>::HEARTBEAT, hold.clone()).await;
        ask::<H, _>(&store, || store.clone().renew(&claim), DETACHED, hold).await;
    }
}
