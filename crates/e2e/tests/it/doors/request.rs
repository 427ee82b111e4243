//! What clients ask for.

use e2e::http1::{Connection, Request};
use e2e::nginx::Nginx;
use e2e::{http2, parallel::in_parallel};

use super::configuration::{Carry, Configuration};

/// What a client sends in the place of the target.
pub(crate) const FORGED: &str = "forged";

const FORM: &str = "application/x-www-form-urlencoded";

/// HTTP/1.1 requests at once.
const CLIENTS: usize = 4;

/// The source token, by what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Good,
    /// The same, after some time.
    Slow,
    /// By each STS.
    Refused,
    /// The first STS fails.
    DownAtFirst,
    /// Only exchange A is refused.
    RefusedByA,
    Missing,
    /// Two tokens at once.
    Twice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    /// None, and only the head of the answer is asked for.
    Head,
    Form,
    /// A chunk that is none.
    BrokenForm,
    /// A chunk that is too large.
    TooLargeForm,
    Put,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) source: Source,
    pub(crate) body: Body,
    /// Chosen among the locations that there are.
    pub(crate) entry: usize,
    /// Whether it sends something in the place of the target.
    pub(crate) forges: bool,
    /// Whether it has the header that an `if` looks for.
    pub(crate) with_if: bool,
    /// Whether it has the header that an `STSBypass` looks for.
    pub(crate) bypasses: bool,
    pub(crate) http2: bool,
    /// Whether the client leaves before it is answered.
    pub(crate) leaves: bool,
}

/// One of a configuration's requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'c> {
    pub(crate) number: usize,
    ask: Ask,
    configuration: &'c Configuration,
}

impl<'c> Asked<'c> {
    pub(crate) fn new(number: usize, ask: Ask, configuration: &'c Configuration) -> Self {
        Self { number, ask, configuration }
    }

    /// The location that it asks for.
    pub(crate) fn entry(&self) -> usize {
        let entries = self.configuration.entries();
        entries[self.ask.entry % entries.len()]
    }

    /// What tells it apart from all others.
    pub(crate) fn id(&self) -> String {
        format!("x{}", self.number)
    }

    /// The source, as far as it can be sent.
    pub(crate) fn source(&self) -> Source {
        match (self.ask.source, self.configuration.carry) {
            // A newer NGINX refuses two `Authorization` by itself, and the trail leaves only one
            // parameter in a query.
            (Source::Twice, Carry::Authorization | Carry::Query) => Source::Missing,
            (source, _) => source,
        }
    }

    pub(crate) fn body(&self) -> Body {
        self.ask.body
    }

    pub(crate) fn forges(&self) -> bool {
        self.ask.forges && self.configuration.carry != Carry::Authorization
    }

    pub(crate) fn with_if(&self) -> bool {
        self.ask.with_if
    }

    pub(crate) fn bypasses(&self) -> bool {
        self.ask.bypasses
    }

    /// Whether it comes by HTTP/2, which has no chunks that could be broken.
    pub(crate) fn is_http2(&self) -> bool {
        self.ask.http2 && !self.is_broken() && !self.ask.leaves
    }

    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.ask.body, Body::BrokenForm | Body::TooLargeForm)
    }

    /// Whether the source stands in the body.
    fn is_in_form(&self) -> bool {
        self.configuration.carry == Carry::Form && self.ask.body == Body::Form
    }

    pub(crate) fn only_reads(&self) -> bool {
        matches!(self.ask.body, Body::None | Body::Head)
    }

    /// The source token, which no other request has.
    pub(crate) fn token(&self) -> String {
        let word = match self.source() {
            Source::Good | Source::Missing | Source::Twice => "good",
            Source::Slow => "wait-5",
            Source::Refused => "refuse",
            Source::DownAtFirst => "down",
            Source::RefusedByA => "half",
        };
        format!("{word}.{}", self.id())
    }

    fn tokens(&self) -> Vec<String> {
        match self.source() {
            Source::Missing => Vec::new(),
            Source::Twice => vec![self.token(), format!("{}.again", self.token())],
            _ => vec![self.token()],
        }
    }

    fn method(&self) -> &'static str {
        match self.ask.body {
            Body::None => "GET",
            Body::Head => "HEAD",
            Body::Form | Body::BrokenForm | Body::TooLargeForm => "POST",
            Body::Put => "PUT",
        }
    }

    /// The path.
    pub(crate) fn path(&self) -> String {
        let uri = self.configuration.uri(self.entry());
        if self.ask.body == Body::Put { uri + &self.id() } else { uri }
    }

    fn target(&self) -> String {
        let mut parameters = Vec::new();
        if self.configuration.carry == Carry::Query {
            parameters.extend(self.tokens().iter().map(|token| format!("src={token}")));
            if self.forges() {
                parameters.push(format!("target={FORGED}"));
            }
        }
        format!("{}?{}", self.path(), parameters.join("&"))
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("x-id", self.id())];
        let forged = self.forges().then(|| FORGED.to_owned());
        match self.configuration.carry {
            Carry::Headers | Carry::Form => {
                if !self.is_in_form() {
                    headers.extend(self.tokens().into_iter().map(|token| ("x-source", token)));
                }
                headers.extend(forged.map(|forged| ("x-target", forged)));
            }
            Carry::Authorization => {
                let tokens = self.tokens().into_iter();
                headers.extend(tokens.map(|token| ("authorization", format!("Bearer {token}"))));
            }
            Carry::Cookies => {
                let sources = self.tokens().into_iter().map(|token| format!("src={token}"));
                let forged = forged.map(|forged| format!("target={forged}"));
                let cookies: Vec<String> = sources.chain(forged).collect();
                if !cookies.is_empty() {
                    headers.push(("cookie", cookies.join("; ")));
                }
            }
            Carry::Query => {}
        }
        if self.ask.with_if {
            headers.push(("x-if", "1".to_owned()));
        }
        if self.ask.bypasses {
            headers.push(("x-bypass", "1".to_owned()));
        }
        if self.method() == "POST" {
            headers.push(("content-type", FORM.to_owned()));
        }
        headers
    }

    /// The body, as it is sent.
    fn content(&self) -> Vec<u8> {
        let text = match self.ask.body {
            Body::None | Body::Head => String::new(),
            Body::Form if self.is_in_form() => {
                let sources = self.tokens().into_iter().map(|token| format!("src={token}&"));
                sources.collect::<String>() + "rest=of-it"
            }
            Body::Form => "rest=of-it".to_owned(),
            Body::BrokenForm => "zz\r\n".to_owned(),
            Body::TooLargeForm => "ffff\r\nx".to_owned(),
            Body::Put => self.id(),
        };
        text.into_bytes()
    }

    fn start(&self, nginx: &Nginx) -> Connection {
        let mut request = nginx.request(self.method(), &self.target());
        for (name, value) in self.headers() {
            request = request.header(name, value);
        }
        if self.is_broken() {
            request = request.header("Transfer-Encoding", "chunked");
        }
        let request = request.header("Connection", "close").body(self.content());
        Request::start(request)
    }

    fn answer(&self, nginx: &Nginx) -> Option<u16> {
        let mut connection = self.start(nginx);
        if self.ask.leaves {
            connection.reset();
            return None;
        }
        let response = match self.ask.body {
            Body::Head => connection.read_response_to_head(),
            _ => connection.read_response(),
        };
        Some(response.status)
    }
}

/// Sends all, those by HTTP/1.1 some at a time and those by HTTP/2 on one connection at once, and
/// returns the status of each; nothing where the client has left.
///
/// # Panics
/// When one is not answered.
pub(crate) fn send_all(nginx: &Nginx, all: &[Asked<'_>]) -> Vec<Option<u16>> {
    let (second, first): (Vec<&Asked<'_>>, Vec<&Asked<'_>>) =
        all.iter().partition(|asked| asked.is_http2());
    let mut statuses = vec![None; all.len()];
    let by_http2 = send_by_http2(nginx, &second);
    let by_http1 = in_parallel(CLIENTS, first.len(), |at| first[at].answer(nginx));
    for (asked, status) in second.iter().zip(by_http2).chain(first.iter().zip(by_http1)) {
        statuses[asked.number] = status;
    }
    statuses
}

fn send_by_http2(nginx: &Nginx, all: &[&Asked<'_>]) -> Vec<Option<u16>> {
    if all.is_empty() {
        return Vec::new();
    }
    let mut connection: http2::Connection = nginx.connect_http2();
    let start = |asked: &&Asked<'_>| {
        let headers = asked.headers();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let content = asked.content();
        let target = asked.target();
        let mut stream = connection.start(asked.method(), &target, &headers, content.is_empty());
        if !content.is_empty() {
            // A request that is refused may be answered before its body comes.
            let _ = stream.try_send_body(content);
        }
        stream
    };
    let streams: Vec<http2::Stream> = all.iter().map(start).collect();
    streams.into_iter().map(|stream| Some(stream.response().status)).collect()
}
