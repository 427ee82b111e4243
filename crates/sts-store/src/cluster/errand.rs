//! One question to several nodes: which command goes where, and what becomes of those that another node
//! has.

use std::mem;

use crate::cluster::Redirection;
use crate::language::{Answer, Commands, StoreError};
use crate::resp::Reply;

/// How often one command is sent elsewhere because its slot has moved.
const MOVES: u8 = 3;

/// Commands that go to the nodes that have their names. What has names on several nodes is not done at
/// one moment.
pub struct Errand<N> {
    commands: Commands,
    /// What has come, for each command.
    replies: Vec<Option<Reply>>,
    /// What each command that has no reply yet has been through.
    ways: Vec<Way>,
    next: Vec<Step<N>>,
}

#[derive(Clone, Copy, Default)]
struct Way {
    moves: u8,
    was_asked: bool,
}

struct Step<N> {
    number: usize,
    node: N,
    asks: bool,
}

/// What goes to one node at once.
pub struct Parcel<N> {
    /// The node.
    pub node: N,
    /// In their order.
    pub commands: Commands,
    numbers: Vec<usize>,
    /// Each command has one before it, and so has its reply.
    asks: bool,
}

impl<N: Clone + PartialEq> Errand<N> {
    /// These commands, each to the node of its slot.
    pub fn new(commands: Commands, node: impl Fn(u16) -> N) -> Self {
        let slots = commands.slots().enumerate();
        let next = slots.map(|(number, slot)| Step { number, node: node(slot), asks: false });
        let next: Vec<_> = next.collect();
        Self {
            replies: next.iter().map(|_| None).collect(),
            ways: vec![Way::default(); next.len()],
            commands,
            next,
        }
    }

    /// What is to be sent now, one for each node; nothing when all replies are there.
    pub fn parcels(&mut self) -> Vec<Parcel<N>> {
        let mut groups: Vec<(N, bool, Vec<usize>)> = Vec::new();
        for Step { number, node, asks } in mem::take(&mut self.next) {
            match groups.iter_mut().find(|group| group.0 == node && group.1 == asks) {
                Some((_, _, numbers)) => numbers.push(number),
                None => groups.push((node, asks, vec![number])),
            }
        }
        let parcel = |(node, asks, mut numbers): (N, bool, Vec<usize>)| {
            // One that was sent on comes behind others that were not.
            numbers.sort_unstable();
            Parcel { node, commands: self.commands.some(&numbers, asks), numbers, asks }
        };
        groups.into_iter().map(parcel).collect()
    }

    /// What came for a parcel. `follow` is told where a command has to go instead, and says which node
    /// that is.
    ///
    /// # Errors
    /// The replies are none of this parcel, nodes send a command round and round, or `follow` fails.
    pub fn take<E: From<StoreError>>(
        &mut self,
        parcel: Parcel<N>,
        answer: Answer,
        mut follow: impl FnMut(&N, Redirection) -> Result<N, E>,
    ) -> Result<(), E> {
        let Answer::Redis(replies) = answer else { return Err(StoreError::Unexpected.into()) };
        let Parcel { node, numbers, asks, .. } = parcel;
        let width = 1 + usize::from(asks);
        if replies.len() != numbers.len() * width {
            return Err(StoreError::Unexpected.into());
        }
        let last_of_each = replies.into_iter().skip(width - 1).step_by(width);
        for (number, reply) in numbers.into_iter().zip(last_of_each) {
            let elsewhere = match &reply {
                Reply::Error(text) => Redirection::read(text),
                _ => None,
            };
            match elsewhere {
                Some(redirection) => {
                    let asks = redirection.asks;
                    self.send_on(number, asks)?;
                    let node = follow(&node, redirection)?;
                    self.next.push(Step { number, node, asks });
                }
                None => {
                    if let Some(place) = self.replies.get_mut(number) {
                        *place = Some(reply);
                    }
                }
            }
        }
        Ok(())
    }

    /// Once more, but not for ever.
    fn send_on(&mut self, number: usize, asks: bool) -> Result<(), StoreError> {
        let way = self.ways.get_mut(number).ok_or(StoreError::Unexpected)?;
        if asks && mem::replace(&mut way.was_asked, true) {
            return Err(StoreError::RoundAndRound);
        }
        way.moves += u8::from(!asks);
        if way.moves > MOVES { Err(StoreError::RoundAndRound) } else { Ok(()) }
    }

    /// The replies, in the order of the commands.
    ///
    /// # Errors
    /// Some are missing.
    pub fn answer(self) -> Result<Answer, StoreError> {
        let replies: Option<Vec<_>> = self.replies.into_iter().collect();
        replies.map(Answer::Redis).ok_or(StoreError::Unexpected)
    }
}
