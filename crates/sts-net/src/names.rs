//! How this machine finds names: `/etc/hosts` and `/etc/resolv.conf`, as `getaddrinfo` reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What `resolv.conf(5)` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// The servers to ask, at most three; the one of this machine where none is named.
    pub servers: Vec<SocketAddr>,
    search: Vec<String>,
    /// A name with at least that many dots is asked for as it stands first.
    dots: usize,
}

const MAX_SERVERS: usize = 3;
const DNS_PORT: u16 = 53;

impl ResolvConf {
    /// Reads the file's text; what is not understood is left out, as the C library does.
    pub fn parse(text: &str) -> Self {
        let mut conf = Self { servers: Vec::new(), search: Vec::new(), dots: 1 };
        let mut names_servers = false;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    names_servers = true;
                    let server = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    conf.servers.extend(server.map(|ip| SocketAddr::new(ip, DNS_PORT)));
                }
                // The last of the two counts.
                Some("search" | "domain") => {
                    conf.search = words.map(|word| word.trim_matches('.').to_owned()).collect();
                    conf.search.retain(|domain| !domain.is_empty());
                }
                Some("options") => {
                    let dots = words.find_map(|word| word.strip_prefix("ndots:")?.parse().ok());
                    conf.dots = dots.unwrap_or(conf.dots);
                }
                _ => {}
            }
        }
        conf.servers.truncate(MAX_SERVERS);
        if !names_servers {
            conf.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DNS_PORT));
        }
        conf
    }

    /// The names to ask for, one after the other, until one is known.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let mut candidates: Vec<_> =
            self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let own = if dots >= self.dots { 0 } else { candidates.len() };
        candidates.insert(own, name.to_owned());
        candidates
    }
}

/// Whether `hosts(5)` has the name, so that no server is asked for it. `localhost` never leaves the
/// machine (RFC 6761, section 6.3).
pub fn is_in_hosts(text: &str, name: &str) -> bool {
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    text.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).any(|word| word.eq_ignore_ascii_case(name))
    })
}

/// The addresses that `hosts(5)` has for a name, in its order. `localhost` has those of this machine also
/// where nothing is written of it.
pub fn addresses_in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    });
    let mut addresses: Vec<_> = addresses.collect();
    if addresses.is_empty() && is_in_hosts("", name) {
        addresses.extend([IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]);
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(text: &str) -> Vec<String> {
        ResolvConf::parse(text).servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn servers_of_both_families_are_read_in_order() {
        let text = "# made by hand\nnameserver 10.0.0.2\nnameserver fd00::1\n; end\n";
        assert_eq!(servers(text), ["10.0.0.2:53", "[fd00::1]:53"]);
    }

    #[test]
    fn more_than_three_servers_are_too_many_and_nonsense_is_left_out() {
        let text = "nameserver 1.1.1.1\nnameserver x\nnameserver\nnameserver 1.1.1.2\n\
                    nameserver 1.1.1.3\nnameserver 1.1.1.4\n";
        assert_eq!(servers(text), ["1.1.1.1:53", "1.1.1.2:53", "1.1.1.3:53"]);
    }

    #[test]
    fn without_a_server_it_is_the_one_of_this_machine() {
        assert_eq!(servers("search a.example\n"), ["127.0.0.1:53"]);
        assert_eq!(servers("nameserver fe80::1%eth0\n"), [""; 0]);
    }

    #[test]
    fn a_short_name_is_looked_for_in_the_search_domains_first() {
        let conf = ResolvConf::parse("search a.example b.example.\noptions timeout:1 ndots:2\n");
        assert_eq!(conf.candidates("sts.ns"), ["sts.ns.a.example", "sts.ns.b.example", "sts.ns"]);
        assert_eq!(
            conf.candidates("sts.ns.svc"),
            ["sts.ns.svc", "sts.ns.svc.a.example", "sts.ns.svc.b.example"]
        );
        assert_eq!(conf.candidates("sts."), ["sts"]);
    }

    #[test]
    fn without_search_domains_a_name_is_asked_for_as_it_stands() {
        assert_eq!(ResolvConf::parse("").candidates("sts"), ["sts"]);
    }

    #[test]
    fn names_of_the_hosts_file_are_found_in_any_place_and_case() {
        let text = "127.0.0.1 localhost\n10.1.1.1 gw STS.example # sts.old\n";
        assert!(is_in_hosts(text, "sts.example"));
        assert!(!is_in_hosts(text, "sts.old"));
        assert!(!is_in_hosts(text, "10.1.1.1"));
        assert!(is_in_hosts("", "localhost"));
    }

    #[test]
    fn the_hosts_file_tells_the_addresses_of_a_name() {
        let text = "10.1.1.1 gw STS.example # sts.old\nfd00::1 sts.example\nnonsense sts.example\n";
        let addresses = |name| -> Vec<_> {
            addresses_in_hosts(text, name).iter().map(ToString::to_string).collect()
        };
        assert_eq!(addresses("sts.example"), ["10.1.1.1", "fd00::1"]);
        assert_eq!(addresses("a.localhost"), ["127.0.0.1", "::1"]);
        assert!(addresses("sts.old").is_empty());
    }
}
