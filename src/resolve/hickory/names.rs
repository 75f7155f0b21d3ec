//! Which names to ask for.

use std::sync::Arc;

use hickory_resolver::net::NetError;
use hickory_resolver::proto::op;
pub(super) use hickory_resolver::proto::rr::Name as DnsName;
use hickory_resolver::proto::rr::RecordType;

/// The search list of a configuration.
#[derive(Debug)]
pub(super) struct Search {
    /// In their order; `None` leaves the search to hickory.
    domains: Option<Vec<DnsName>>,
    ndots: usize,
}

impl Search {
    pub(super) fn new(domain: Option<DnsName>, search: Vec<DnsName>, ndots: usize) -> Self {
        Self { domains: Some(domain.into_iter().chain(search).collect()), ndots }
    }

    /// That of hickory itself.
    pub(super) fn of_hickory() -> Self {
        Self { domains: None, ndots: 0 }
    }

    /// The names that `name` may stand for, in the order in which they are to be tried.
    pub(super) fn candidates(&self, name: &DnsName) -> Arc<[DnsName]> {
        let mut complete = name.clone();
        complete.set_fqdn(true);
        if name.is_fqdn() || name.is_localhost() {
            return [complete].into();
        }
        let Some(domains) = &self.domains else {
            return [name.clone()].into();
        };
        // A name that grows too long by a domain is none.
        let searched = domains.iter().filter_map(|domain| name.clone().append_domain(domain).ok());
        let mut candidates: Vec<DnsName> = Vec::with_capacity(domains.len() + 1);
        for candidate in searched {
            if !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
        // A name of n labels has n - 1 dots.
        let stands_first = usize::from(name.num_labels()) > self.ndots;
        candidates.insert(if stands_first { 0 } else { candidates.len() }, complete);
        candidates.into()
    }
}

/// # Errors
///
/// If it is none.
pub(super) fn parse(host: &str) -> Result<DnsName, NetError> {
    Ok(DnsName::from_utf8(host)?)
}

/// The names of the HTTPS records for a port (RFC 9460 §9.1).
///
/// # Errors
///
/// If one of them is too long to be a name.
pub(super) fn of_service(hosts: &Arc<[DnsName]>, port: u16) -> Result<Arc<[DnsName]>, NetError> {
    if port == 443 {
        return Ok(Arc::clone(hosts));
    }
    let name = |host: &DnsName| host.prepend_label("_https")?.prepend_label(format!("_{port}"));
    Ok(hosts.iter().map(name).collect::<Result<_, _>>()?)
}

pub(super) fn query(name: DnsName, record_type: RecordType) -> op::Query {
    op::Query::query(name, record_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(search: &Search, name: &str) -> String {
        let names = search.candidates(&parse(name).unwrap());
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn domains(domains: &[&str]) -> Vec<DnsName> {
        domains.iter().map(|domain| parse(domain).unwrap()).collect()
    }

    #[test]
    fn a_name_with_enough_dots_is_taken_as_it_stands_first() {
        let search = Search::new(None, domains(&["a.example", "b.example."]), 1);
        assert_eq!(candidates(&search, "www.example"), "www.example. www.example.a.example. www.example.b.example.");
        assert_eq!(candidates(&search, "www"), "www.a.example. www.b.example. www.");
        let search = Search::new(None, domains(&["a.example"]), 2);
        assert_eq!(candidates(&search, "www.example"), "www.example.a.example. www.example.");
    }

    #[test]
    fn the_domain_is_searched_first_and_once() {
        let search = Search::new(domains(&["b.example"]).pop(), domains(&["a.example", "B.example"]), 1);
        assert_eq!(candidates(&search, "www"), "www.b.example. www.a.example. www.");
    }

    #[test]
    fn a_final_dot_and_localhost_are_never_searched() {
        let search = Search::new(None, domains(&["a.example"]), 5);
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
        let search = Search::new(None, domains(&[&long, "a.example"]), 1);
        assert_eq!(candidates(&search, &label), format!("{label}.{long}. {label}.a.example. {label}."));
        assert_eq!(candidates(&search, &format!("{label}.{label}")).split(' ').count(), 2);
    }

    #[test]
    fn the_records_of_another_port_have_a_name_of_their_own() {
        let hosts: Arc<[DnsName]> = domains(&["example.com.", "www.example.com"]).into();
        let names =
            |port| of_service(&hosts, port).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(names(443), "example.com. www.example.com");
        assert_eq!(names(8443), "_8443._https.example.com. _8443._https.www.example.com");
    }
}
