//! The source token as it stands in the message.

use super::fresh::Fresh;
use super::username_token::{Password, UsernameToken};
use crate::error::Failure;
use crate::jwt;
use crate::wstrust::names::{BASE64_BINARY, WSSE, WSU};
use crate::wstrust::settings::Settings;
use crate::wstrust::source::{self, Credentials};
use crate::wstrust::words::SourceAs;
use crate::wstrust::xml::write::Writer;

/// In one of its forms.
pub(super) enum Token<'a> {
    Binary {
        value_type: &'a str,
        bytes: &'a [u8],
    },
    /// A name with its password.
    Credentials(Credentials),
    Verbatim(&'a str),
    /// A JWT as Apache CXF has it.
    Wrapped(&'a str),
}

impl<'a> Token<'a> {
    /// What the settings make of the source.
    pub(super) fn read(settings: &'a Settings, source: &'a [u8]) -> Result<Self, Failure> {
        if settings.source_as == SourceAs::UsernameToken {
            return Credentials::decode(source, settings.token_as).map(Self::Credentials);
        }
        let Some(value_type) = &settings.value_type else {
            let element = source::check(source, &settings.source_elements, settings.token_as)?;
            return Ok(Self::Verbatim(element));
        };
        let jwt = std::str::from_utf8(source).ok().filter(|_| jwt::is_compact(source));
        if let Some(jwt) = jwt.filter(|_| settings.token_wrapper) {
            return Ok(Self::Wrapped(jwt));
        }
        Ok(Self::Binary { value_type, bytes: source })
    }

    pub(super) fn write(&'a self, fresh: &'a Fresh, xml: &mut Writer<'a>) {
        let (value_type, bytes) = match self {
            Self::Binary { value_type, bytes } => (*value_type, *bytes),
            Self::Credentials(credentials) => {
                let token = UsernameToken {
                    id: "ST-",
                    username: credentials.username(),
                    password: Password::Text(credentials.password()),
                    nonce: &fresh.source_nonce,
                    stands_alone: true,
                };
                return token.write(fresh, xml);
            }
            Self::Verbatim(element) => return xml.markup(element),
            // There is no default namespace around it, so it is in none.
            Self::Wrapped(token) => {
                xml.markup("<TokenWrapper>");
                xml.text(token);
                return xml.markup("</TokenWrapper>");
            }
        };
        // SOAP Message Security 1.1, section 6.3. Around it in the body there is neither namespace.
        xml.markup("<wsse:BinarySecurityToken xmlns:wsse=\"");
        xml.markup(WSSE);
        xml.markup("\" xmlns:wsu=\"");
        xml.markup(WSU);
        xml.markup("\" wsu:Id=\"BST-");
        xml.markup(&fresh.id);
        xml.markup("\" ValueType=\"");
        xml.text(value_type);
        xml.markup("\" EncodingType=\"");
        xml.markup(BASE64_BINARY);
        xml.markup("\">");
        xml.base64(bytes);
        xml.markup("</wsse:BinarySecurityToken>");
    }
}
