//! A configuration as NGINX reads it.
//!
//! Each location appends its name to a trail, which is a parameter of the query and so belongs to one
//! request or subrequest: where the query goes along it tells a backend by which locations a request
//! has come.

use e2e::nginx::Builder;

use super::configuration::{
    Carry, Configuration, Content, Edge, OtherMethods, Page, PageTo, Proxy,
};

/// Puts it into an NGINX that is to be started.
pub(crate) fn put_into(builder: Builder, configuration: &Configuration) -> Builder {
    let writer = Writer(configuration);
    let mut builder = builder.http(&writer.http()).server(&writer.server());
    for number in 0..configuration.locations.len() {
        if let Some(page) = writer.page(number) {
            let uri = configuration.uri(number);
            builder = builder.file(&format!("html{uri}index.html"), page);
        }
    }
    builder
}

/// The server, as it is shown when the test fails.
pub(crate) fn server(configuration: &Configuration) -> String {
    Writer(configuration).server()
}

struct Writer<'c>(&'c Configuration);

impl Writer<'_> {
    fn http(&self) -> String {
        let maps = (0..self.0.locations.len()).map(|number| {
            format!("map $host $to_l{number} {{ default {}; }}\n", self.0.uri(number))
        });
        let types = "types { text/html html; }\n".to_owned();
        maps.chain([types]).collect()
    }

    fn server(&self) -> String {
        let Configuration { rules, carry, recursive, pages, locations } = self.0;
        let mut text = "%%LISTEN_H2%%\nclient_max_body_size 1k;\n".to_owned();
        text += match carry {
            Carry::Headers => {
                "STSAcceptSourceTokenIn header name=X-Source&type=;
                 STSPassTargetTokenIn header name=X-Target&type=;\n"
            }
            Carry::Authorization => "STSAcceptSourceTokenIn header; STSPassTargetTokenIn header;\n",
            Carry::Cookies => {
                "STSAcceptSourceTokenIn cookie name=src; STSPassTargetTokenIn cookie name=target;\n"
            }
            Carry::Query => {
                "STSAcceptSourceTokenIn query name=src; STSPassTargetTokenIn query name=target;\n"
            }
            Carry::Form => {
                "STSAcceptSourceTokenIn header name=X-Source&type=;
                 STSAcceptSourceTokenIn post name=src;
                 STSPassTargetTokenIn header name=X-Target&type=;\n"
            }
        };
        text += &format!("{}\n", rules.text());
        text += &self.pages(None, pages);
        text += on(*recursive, "recursive_error_pages");
        text += "location = /stub { STSType disabled; stub_status; }\n";
        for (number, location) in locations.iter().enumerate() {
            if location.within.is_none() {
                text += &self.location(number);
            }
        }
        text
    }

    fn location(&self, number: usize) -> String {
        let location = &self.0.locations[number];
        let name = Configuration::name(number);
        let kept = match self.0.carry {
            Carry::Query => "src=$arg_src&target=$arg_target&",
            _ => "",
        };
        let mut text = format!(
            "location {} {{\nset $args \"{kept}t=$arg_t.{name}\";\n{}\n",
            self.0.uri(number),
            location.rules.text(),
        );
        text += &self.pages(Some(number), &location.pages);
        text += on(location.recursive, "recursive_error_pages");
        text += on(location.intercepts, "proxy_intercept_errors");
        if location.satisfies_any {
            text += "satisfy any; allow all;\n";
        }
        match location.other_methods {
            None => {}
            Some(OtherMethods::Allowed) => text += "limit_except GET { allow all; }\n",
            Some(OtherMethods::Denied) => text += "limit_except GET { deny all; }\n",
        }
        for (directive, edge) in [
            ("auth_request", location.auth_request),
            ("mirror", location.mirror),
            ("addition_types *; add_before_body", location.before),
            ("addition_types *; add_after_body", location.after),
        ] {
            // Both may stand in one location.
            let directive = match (&location.before, directive.split_once("; ")) {
                (Some(_), Some((_, "add_after_body"))) => "add_after_body",
                _ => directive,
            };
            if let Some(to) = edge.and_then(|edge| self.0.target(Some(number), edge, false)) {
                text += &format!("{directive} {};\n", self.0.uri(to));
            }
        }
        if let Some(rules) = location.when_if {
            text += &format!("if ($http_x_if) {{ {} }}\n", rules.text());
        }
        text += &self.content(number, &location.content);
        for inner in 0..self.0.locations.len() {
            if self.0.locations[inner].within == Some(number) {
                text += &self.location(inner);
            }
        }
        text + "}\n"
    }

    fn content(&self, number: usize, content: &Content) -> String {
        match content {
            Content::Proxy(proxy) => self.proxy(number, proxy),
            Content::File | Content::NoFile => String::new(),
            Content::Page(_) => "ssi on;\n".to_owned(),
            Content::TryFiles(edge) => {
                let to = self.way(Some(number), *edge, true);
                format!("try_files /none$uri {};\n", to.unwrap_or_else(|| "=404".to_owned()))
            }
            Content::Index(edge) => match self.0.target(Some(number), *edge, false) {
                Some(to) => format!("index none.html {};\n", self.0.uri(to)),
                None => "index none.html;\n".to_owned(),
            },
            Content::Return(status) => format!("return {status};\n"),
            Content::Rewrite(edge) => match self.0.target(Some(number), *edge, false) {
                Some(to) => format!("rewrite ^ {} last;\n", self.0.uri(to)),
                None => "return 404;\n".to_owned(),
            },
            Content::Written => {
                "root %%PREFIX%%/written; dav_methods PUT; create_full_put_path on;\n".to_owned()
            }
        }
    }

    fn proxy(&self, number: usize, proxy: &Proxy) -> String {
        let name = Configuration::name(number);
        let mut asked = Vec::new();
        if let Some(status) = proxy.status {
            asked.push(format!("_status={status}"));
        }
        let to = proxy.leads_to.and_then(|edge| self.way(Some(number), edge, true));
        if let Some(to) = to {
            asked.push(format!("_accel={}", to.replace('?', "%3F").replace('&', "%26")));
        }
        let body: String =
            proxy.includes.iter().filter_map(|edge| self.include(number, *edge)).collect();
        if !body.is_empty() {
            let encoded = ["%", " ", "\"", "#", "&", "?", "=", "<", ">", "!"]
                .iter()
                .fold(body, |body, one| body.replace(one, &format!("%{:02X}", one.as_bytes()[0])));
            asked.push(format!("_type=text/html&_body={encoded}"));
        }
        let target = match asked.is_empty() {
            true => String::new(),
            false => format!("/{name}?{}&$args", asked.join("&")),
        };
        let ssi = on(!proxy.includes.is_empty(), "ssi");
        // A subrequest has the length of its request's body, but perhaps not the body.
        let body = match self.0.has_subrequests() {
            true => "proxy_pass_request_body off; proxy_set_header Content-Length ''; ",
            false => "",
        };
        format!(
            "{ssi}{body}proxy_set_header X-Location {name}; proxy_set_header X-Trail $arg_t;
             proxy_pass %%BACKEND%%{target};\n"
        )
    }

    /// The file of a location.
    fn page(&self, number: usize) -> Option<String> {
        match &self.0.locations[number].content {
            Content::Page(includes) => {
                let includes = includes.iter().filter_map(|edge| self.include(number, *edge));
                Some(format!("page {}\n", includes.collect::<String>()))
            }
            Content::File => Some("file\n".to_owned()),
            _ => None,
        }
    }

    fn include(&self, from: usize, edge: Edge) -> Option<String> {
        let to = self.way(Some(from), edge, false)?;
        Some(format!("<!--# include virtual=\"{to}\" -->"))
    }

    /// The URI that a way leads to, or the name of a location.
    fn way(&self, from: Option<usize>, edge: Edge, named: bool) -> Option<String> {
        let to = self.0.target(from, edge, named)?;
        let query = match self.0.carry {
            _ if !edge.with_query || self.0.locations[to].is_named => "",
            Carry::Query => "?t=$arg_t&src=$arg_src",
            _ => "?t=$arg_t",
        };
        Some(self.0.uri(to) + query)
    }

    fn pages(&self, from: Option<usize>, pages: &[Page]) -> String {
        pages.iter().filter_map(|page| self.error_page(from, page)).collect()
    }

    fn error_page(&self, from: Option<usize>, page: &Page) -> Option<String> {
        let to = match page.to {
            PageTo::Location(edge) => self.way(from, edge, true)?,
            PageTo::Variable(edge) => format!("$to_l{}", self.0.target(from, edge, true)?),
            PageTo::SameAgain if self.0.may_lead_back() => "$request_uri".to_owned(),
            PageTo::SameAgain => return None,
            PageTo::NoFile => "/none.html".to_owned(),
        };
        Some(format!("error_page {} {} {to};\n", page.codes, page.form))
    }
}

fn on(is_on: bool, directive: &'static str) -> &'static str {
    match directive {
        _ if !is_on => "",
        "recursive_error_pages" => "recursive_error_pages on;\n",
        "proxy_intercept_errors" => "proxy_intercept_errors on;\n",
        _ => "ssi on;\n",
    }
}
