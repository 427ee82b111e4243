//! What the module's directives say in a block, and what is in force in the blocks within it.

/// The exchanges of a configuration. The first two are at one STS and differ in the audience that they
/// ask for; the third is at an STS of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    A,
    B,
    Second,
}

impl Exchange {
    pub(crate) const ALL: [Self; 3] = [Self::A, Self::B, Self::Second];

    /// The audience that it asks for.
    pub(crate) fn audience(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::Second => "c",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Disabled,
    Makes(Exchange),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Return,
    Pass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Rewrite,
    Access,
    PreContent,
}

/// Why a request has no token, as far as it decides on the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no source: `STSOnMissing` decides.
    Missing,
    /// The STS refused it, or failed: `STSOnError` decides.
    Failed,
    /// The request itself is wrong, which no policy allows.
    Wrong,
}

/// What is written in one block, or what is in force there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) kind: Option<Kind>,
    pub(crate) on_error: Option<Policy>,
    pub(crate) on_missing: Option<Policy>,
    pub(crate) phase: Option<Phase>,
    /// Whether a request with the header `X-Bypass` is not exchanged.
    pub(crate) bypass: Option<bool>,
}

impl Rules {
    /// What is in force where these are written, in a block in which others are in force.
    pub(crate) fn within(self, outer: Self) -> Self {
        Self {
            kind: self.kind.or(outer.kind),
            on_error: self.on_error.or(outer.on_error),
            on_missing: self.on_missing.or(outer.on_missing),
            phase: self.phase.or(outer.phase),
            bypass: self.bypass.or(outer.bypass),
        }
    }

    pub(crate) fn exchange(self) -> Option<Exchange> {
        match self.kind {
            Some(Kind::Makes(exchange)) => Some(exchange),
            Some(Kind::Disabled) | None => None,
        }
    }

    pub(crate) fn phase(self) -> Phase {
        self.phase.unwrap_or(Phase::PreContent)
    }

    /// Whether a request without a token for this reason goes on.
    pub(crate) fn passes(self, fault: Fault) -> bool {
        let policy = match fault {
            Fault::Missing => self.on_missing.or(self.on_error),
            Fault::Failed => self.on_error,
            Fault::Wrong => None,
        };
        policy == Some(Policy::Pass)
    }

    /// Whether a request that was refused for this reason may come here.
    pub(crate) fn admits(self, fault: Fault) -> bool {
        self.kind == Some(Kind::Disabled) || self.passes(fault)
    }

    /// As it stands in a block.
    pub(crate) fn text(self) -> String {
        let word = |policy| if policy == Policy::Pass { "pass" } else { "return" };
        let mut text = match self.kind {
            None => String::new(),
            Some(Kind::Disabled) => "STSType disabled; ".to_owned(),
            Some(Kind::Makes(exchange)) => exchange.text(),
        };
        if let Some(policy) = self.on_error {
            text += &format!("STSOnError {}; ", word(policy));
        }
        if let Some(policy) = self.on_missing {
            text += &format!("STSOnMissing {}; ", word(policy));
        }
        text += match self.phase {
            None => "",
            Some(Phase::Rewrite) => "STSPhase rewrite; ",
            Some(Phase::Access) => "STSPhase access; ",
            Some(Phase::PreContent) => "STSPhase precontent; ",
        };
        text += match self.bypass {
            None => "",
            Some(true) => "STSBypass $http_x_bypass; ",
            Some(false) => "STSBypass 0; ",
        };
        text
    }
}

impl Exchange {
    fn text(self) -> String {
        let audience = self.audience();
        match self {
            Self::A | Self::B => {
                format!("%%EXCHANGE%% STSRequestParameter audience {audience}; ")
            }
            Self::Second => format!(
                "STSExchange otx %%SECOND%% auth=client_secret_basic&client_id=otxclient\
                 &client_secret=2Federate&params=audience%3D{audience}; "
            ),
        }
    }
}
