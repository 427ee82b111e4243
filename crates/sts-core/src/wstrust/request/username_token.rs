//! A `wsse:UsernameToken` (Username Token Profile 1.1, section 3.1).

use super::fresh::Fresh;
use crate::wstrust::names::{BASE64_BINARY, PASSWORD_DIGEST, PASSWORD_TEXT, WSSE, WSU};
use crate::wstrust::xml::write::Writer;

/// What it is made of. Nonce and time are there with a password in clear, too: without them an STS
/// could not refuse a message that comes again.
pub(super) struct UsernameToken<'a> {
    /// With what its `wsu:Id` begins.
    pub(super) id: &'static str,
    pub(super) username: &'a [u8],
    pub(super) password: Password<'a>,
    pub(super) nonce: &'a [u8],
    /// There is no `wsse:Security` around it that declares its namespaces.
    pub(super) stands_alone: bool,
}

/// A password, in one of its types.
pub(super) enum Password<'a> {
    Digest(&'a str),
    Text(&'a [u8]),
}

impl<'a> UsernameToken<'a> {
    pub(super) fn write(self, fresh: &'a Fresh, xml: &mut Writer<'a>) {
        xml.markup("<wsse:UsernameToken");
        if self.stands_alone {
            xml.markup(" xmlns:wsse=\"");
            xml.markup(WSSE);
            xml.markup("\" xmlns:wsu=\"");
            xml.markup(WSU);
            xml.markup("\"");
        }
        xml.markup(" wsu:Id=\"");
        xml.markup(self.id);
        xml.markup(&fresh.id);
        xml.markup("\"><wsse:Username>");
        xml.secret(self.username);
        xml.markup("</wsse:Username><wsse:Password Type=\"");
        match self.password {
            Password::Digest(digest) => {
                xml.markup(PASSWORD_DIGEST);
                xml.markup("\">");
                xml.markup(digest);
            }
            Password::Text(password) => {
                xml.markup(PASSWORD_TEXT);
                xml.markup("\">");
                xml.secret(password);
            }
        }
        xml.markup("</wsse:Password><wsse:Nonce EncodingType=\"");
        xml.markup(BASE64_BINARY);
        xml.markup("\">");
        xml.base64(self.nonce);
        xml.markup("</wsse:Nonce><wsu:Created>");
        xml.markup(&fresh.created);
        xml.markup("</wsu:Created></wsse:UsernameToken>");
    }
}
