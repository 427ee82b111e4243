//! `STSType`: what an exchange speaks.

use sts_core::mint;
use sts_core::oauth;
use sts_core::oauth::grant::Grant;

/// `STSType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Disabled,
    OAuth(&'static Grant),
    WsTrust,
    Jwt,
}

impl Kind {
    /// The word of `STSType`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::OAuth(grant) => grant.name,
            Self::WsTrust => "wstrust",
            Self::Jwt => mint::NAME,
        }
    }

    /// The words of `STSType` and `STSExchange`.
    pub(crate) fn words() -> Vec<(&'static str, Self)> {
        let grants = oauth::ALL.into_iter().map(Self::OAuth);
        let kinds = [Self::WsTrust].into_iter().chain(grants).chain([Self::Jwt, Self::Disabled]);
        kinds.map(|kind| (kind.word(), kind)).collect()
    }

    /// How the directives begin that only this type has; those without have only what is for any.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::OAuth(grant) => match grant.name.as_bytes() {
                b"cc" => "STSCC",
                b"otx" => "STSOTX",
                b"ropc" => "STSROPC",
                _ => "STS",
            },
            Self::WsTrust => "STSWSTrust",
            Self::Jwt => "STSJWT",
            Self::Disabled => "STS",
        }
    }
}
