//! What the contestants are asked to do.

use std::time::Duration;

use crate::contestant::{Contestant, MINTED_ES256, MINTED_RS256};

/// One race: all entrants get the same load, in turns.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) location: &'static str,
    /// Bytes of a token.
    pub(crate) token: usize,
    /// The gateway makes the token itself.
    pub(crate) is_minted: bool,
    pub(crate) tokens: Tokens,
    pub(crate) connections: usize,
    /// The time over which they send their first requests.
    pub(crate) spread: Duration,
    pub(crate) entrants: &'static [Entrant],
    /// Numbers of workers.
    pub(crate) workers: &'static [usize],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// So many, all of which have been exchanged before.
    Warm(u64),
    /// Every one is new.
    New,
}

/// What serves the requests. The first of a race is what the others are compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrant {
    Gateway(Contestant),
    /// The same NGINX with the module loaded, where it exchanges nothing.
    Bystander,
    /// The STS without a gateway.
    Sts,
}

use Contestant::{AuthRequest, Limit, Lua, Module, Njs};
use Entrant::{Bystander, Gateway, Sts};

const ALL: &[Entrant] =
    &[Gateway(Limit), Gateway(Module), Gateway(AuthRequest), Gateway(Lua), Gateway(Njs)];
const WITH_STS: &[Entrant] =
    &[Sts, Gateway(Module), Gateway(AuthRequest), Gateway(Lua), Gateway(Njs)];
/// Those that have no `proxy_cache`, which keeps no answer that stands behind a key and a head of more
/// than 64 KiB.
const WITHOUT_FILES: &[Entrant] = &[Gateway(Limit), Gateway(Module), Gateway(Lua)];
const BOTH: &[usize] = &[1, 2];
const ONE: &[usize] = &[1];

const BASE: Scenario = Scenario {
    name: "",
    about: "",
    location: "exchange",
    token: 250,
    is_minted: false,
    tokens: Tokens::Warm(1),
    connections: 64,
    spread: Duration::ZERO,
    entrants: ALL,
    workers: BOTH,
};

const fn hit(name: &'static str, token: usize, warm: u64, workers: &'static [usize]) -> Scenario {
    Scenario { name, about: "from the cache", token, tokens: Tokens::Warm(warm), workers, ..BASE }
}

const fn miss(name: &'static str, token: usize, workers: &'static [usize]) -> Scenario {
    Scenario {
        name,
        about: "every token is new, the STS answers at once",
        token,
        tokens: Tokens::New,
        workers,
        ..BASE
    }
}

const fn mint(
    name: &'static str,
    about: &'static str,
    location: &'static str,
    tokens: Tokens,
) -> Scenario {
    let entrants = &[Gateway(Limit), Gateway(Module)];
    Scenario { name, about, location, tokens, is_minted: true, entrants, workers: ONE, ..BASE }
}

/// All races, those that share their NGINX behind each other.
pub(crate) const RACES: &[Scenario] = &[
    hit("hit, 1 token, 250 B", 250, 1, BOTH),
    hit("hit, 10,000 tokens, 250 B", 250, 10_000, BOTH),
    hit("hit, 1 token, 1 KiB", 1024, 1, BOTH),
    hit("hit, 10,000 tokens, 1 KiB", 1024, 10_000, BOTH),
    miss("miss, 250 B", 250, BOTH),
    miss("miss, 1 KiB", 1024, BOTH),
    Scenario {
        name: "miss, STS of 50 ms",
        about: "256 connections, which begin one after the other within 50 ms; the ratio is to the same \
                load on the STS itself",
        location: "exchange-50",
        tokens: Tokens::New,
        connections: 256,
        spread: Duration::from_millis(50),
        entrants: WITH_STS,
        ..BASE
    },
    Scenario {
        name: "no exchange",
        about: "a location that exchanges nothing, in an NGINX without the module and in one with it",
        location: "plain",
        entrants: &[Gateway(Limit), Bystander],
        ..BASE
    },
    mint("mint, hit", "made by the gateway, from the cache", MINTED_ES256, Tokens::Warm(1)),
    mint("mint, miss, ES256", "every token is made for its request", MINTED_ES256, Tokens::New),
    mint("mint, miss, RS256", "the same with RSA of 2048 bits", MINTED_RS256, Tokens::New),
    hit("hit, 4 KiB", 4 * 1024, 1, ONE),
    hit("hit, 16 KiB", 16 * 1024, 1, ONE),
    Scenario { entrants: WITHOUT_FILES, ..hit("hit, 64 KiB", 64 * 1024, 1, ONE) },
    miss("miss, 4 KiB", 4 * 1024, ONE),
    miss("miss, 16 KiB", 16 * 1024, ONE),
    Scenario { entrants: WITHOUT_FILES, ..miss("miss, 64 KiB", 64 * 1024, ONE) },
];

impl Scenario {
    /// A round, and how many there are. What else happens on a machine comes and goes within seconds:
    /// of many short rounds few are hit by it. With a slow STS a round has to have many of its waits.
    pub(crate) fn effort(&self, quick: bool) -> (Duration, usize) {
        let is_slow =
            self.location != BASE.location && self.tokens == Tokens::New && !self.is_minted;
        match (quick, is_slow) {
            (true, _) => (Duration::from_millis(250), 3),
            (false, true) => (Duration::from_millis(800), 7),
            (false, false) => (Duration::from_millis(250), 21),
        }
    }
}

impl Entrant {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gateway(contestant) => contestant.name(),
            Self::Bystander => "with the module",
            Self::Sts => "the STS itself",
        }
    }

    /// The contestant, when NGINX takes part.
    pub(crate) const fn contestant(self) -> Option<Contestant> {
        match self {
            Self::Gateway(contestant) => Some(contestant),
            Self::Bystander => Some(Module),
            Self::Sts => None,
        }
    }

    /// Whether it calls the STS for a new token.
    pub(crate) const fn exchanges(self) -> bool {
        !matches!(self, Self::Gateway(Limit) | Self::Bystander)
    }
}
