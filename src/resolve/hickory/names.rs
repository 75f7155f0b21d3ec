//! The names to look up: search domains, and the names of HTTPS records.

use hickory_resolver::net::NetError;
use hickory_resolver::proto::op;
pub(super) use hickory_resolver::proto::rr::Name as DnsName;
use hickory_resolver::proto::rr::RecordType;

/// The port whose HTTPS records have the host's own name.
pub(super) const HTTPS_PORT: u16 = 443;

/// The search list of a configuration.
#[derive(Debug)]
pub(super) struct Search {
    /// The search domains in their order; `None` leaves the search to hickory.
    domains: Option<Vec<DnsName>>,
    ndots: usize,
    /// Whether a name without dots is looked up as it stands, although there are search domains.
    tries_single_labels: bool,
}

/// The names that a name may stand for, in the order in which they are tried.
pub(super) struct Candidates {
    pub(super) first: DnsName,
    pub(super) others: Vec<DnsName>,
    /// The name as it stands. It is one of the candidates, unless it is not to be tried.
    pub(super) complete: DnsName,
}

impl Search {
    pub(super) fn new(search: Vec<DnsName>, ndots: usize, tries_single_labels: bool) -> Self {
        Self { domains: Some(search), ndots, tries_single_labels }
    }

    /// Leaves the search to hickory.
    pub(super) fn of_hickory() -> Self {
        Self { domains: None, ndots: 0, tries_single_labels: true }
    }

    /// Returns the names that `name` may stand for.
    pub(super) fn candidates(&self, name: &DnsName) -> Candidates {
        let mut complete = name.clone();
        complete.set_fqdn(true);
        let only = |name: DnsName| Candidates { first: name.clone(), others: Vec::new(), complete: name };
        if name.is_fqdn() || name.is_localhost() {
            return only(complete);
        }
        let Some(domains) = &self.domains else { return only(name.clone()) };
        let mut others: Vec<DnsName> = Vec::with_capacity(domains.len() + 1);
        // A domain that makes the name too long is skipped.
        for candidate in domains.iter().filter_map(|domain| name.clone().append_domain(domain).ok()) {
            if !others.contains(&candidate) {
                others.push(candidate);
            }
        }
        // A name of n labels has n - 1 dots.
        let dots = usize::from(name.num_labels()).saturating_sub(1);
        if dots >= self.ndots || others.is_empty() {
            others.retain(|candidate| *candidate != complete);
            return Candidates { first: complete.clone(), others, complete };
        }
        // If the root is a search domain, the name as it stands is among them.
        if (dots > 0 || self.tries_single_labels) && !others.contains(&complete) {
            others.push(complete.clone());
        }
        Candidates { first: others.remove(0), others, complete }
    }
}

/// Parses a name. It may be one that is no valid host name (`my_db`, or a label that is not valid punycode), since the DNS may know it all the same.
///
/// # Errors
///
/// The text is no name.
pub(super) fn parse(host: &str) -> Result<DnsName, NetError> {
    Ok(DnsName::from_str_relaxed(host)?)
}

/// Returns the name of the HTTPS records for a port (RFC 9460 §9.1); `None` if it would be too long.
pub(super) fn of_service(host: &DnsName, port: u16) -> Option<DnsName> {
    if port == HTTPS_PORT {
        return Some(host.clone());
    }
    host.prepend_label("_https").ok()?.prepend_label(format!("_{port}")).ok()
}

pub(super) fn query(name: DnsName, record_type: RecordType) -> op::Query {
    op::Query::query(name, record_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(search: &Search, name: &str) -> String {
        let Candidates { first, others, .. } = search.candidates(&parse(name).unwrap());
        [first].iter().chain(&others).map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn domains(domains: &[&str]) -> Vec<DnsName> {
        domains.iter().map(|domain| parse(domain).unwrap()).collect()
    }

    #[test]
    fn a_name_with_enough_dots_is_taken_as_it_stands_first() {
        let search = Search::new(domains(&["a.example", "b.example."]), 1, true);
        assert_eq!(candidates(&search, "www.example"), "www.example. www.example.a.example. www.example.b.example.");
        assert_eq!(candidates(&search, "www"), "www.a.example. www.b.example. www.");
        let search = Search::new(domains(&["a.example"]), 2, true);
        assert_eq!(candidates(&search, "www.example"), "www.example.a.example. www.example.");
    }

    #[test]
    fn each_name_is_tried_once() {
        let search = Search::new(domains(&["a.example", "A.example", "."]), 1, true);
        assert_eq!(candidates(&search, "www"), "www.a.example. www.");
        assert_eq!(candidates(&Search::new(domains(&["."]), 1, true), "www"), "www.");
        assert_eq!(candidates(&Search::new(Vec::new(), 1, true), "www"), "www.");
    }

    #[test]
    fn the_root_among_the_domains_is_the_name_as_it_stands_in_its_place() {
        let search = Search::new(domains(&["a.example", ".", "b.example"]), 1, true);
        assert_eq!(candidates(&search, "www"), "www.a.example. www. www.b.example.");
        assert_eq!(candidates(&search, "www.x"), "www.x. www.x.a.example. www.x.b.example.");
    }

    #[test]
    fn a_name_without_dots_is_not_tried_as_it_stands_where_it_is_not_to_be() {
        let search = Search::new(domains(&["a.example"]), 2, false);
        assert_eq!(candidates(&search, "www"), "www.a.example.");
        assert_eq!(candidates(&search, "www."), "www.");
        assert_eq!(candidates(&search, "www.x"), "www.x.a.example. www.x.");
        assert_eq!(candidates(&Search::new(Vec::new(), 1, false), "www"), "www.", "there is no other");
    }

    #[test]
    fn a_final_dot_and_localhost_are_never_searched() {
        let search = Search::new(domains(&["a.example"]), 5, true);
        assert_eq!(candidates(&search, "www."), "www.");
        assert_eq!(candidates(&search, "www.example."), "www.example.");
        assert_eq!(candidates(&search, "LOCALHOST"), "localhost.");
        assert_eq!(candidates(&search, "db.localhost"), "db.localhost.");
        assert_eq!(candidates(&Search::of_hickory(), "www"), "www");
    }

    #[test]
    fn a_domain_that_makes_the_name_too_long_is_left_out() {
        let label = "x".repeat(60);
        let long = format!("{label}.{label}.{label}");
        let search = Search::new(domains(&[&long, "a.example"]), 1, true);
        assert_eq!(candidates(&search, &label), format!("{label}.{long}. {label}.a.example. {label}."));
        assert_eq!(candidates(&search, &format!("{label}.{label}")).split(' ').count(), 2);
    }

    #[test]
    fn the_records_of_another_port_have_a_name_of_their_own() {
        let name = |host: &str, port| of_service(&parse(host).unwrap(), port).map(|name| name.to_string());
        assert_eq!(name("example.com.", 443).unwrap(), "example.com.");
        assert_eq!(name("example.com.", 8443).unwrap(), "_8443._https.example.com.");
        assert_eq!(name("www", 8443).unwrap(), "_8443._https.www");
        assert_eq!(name(&"x.".repeat(125), 8443), None);
    }
}
