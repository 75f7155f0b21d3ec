//! Translates HTTPS records into the race's service records (RFC 9460).

use std::hash::{BuildHasher, RandomState};

use hickory_resolver::proto::rr::rdata::svcb::{SVCB, SvcParamKey, SvcParamValue};

use super::names::DnsName;
use crate::race::ServiceRecord;

/// The protocol of an HTTPS service that does not name one (RFC 9460 §9.2).
const DEFAULT_ALPN: &[u8] = b"http/1.1";

/// Translates a record in ServiceMode. The caller sets its target. `None` if the record cannot be used: it demands an unknown key (§8), or
/// contradicts itself (§2.4.3).
pub(super) fn service_record(svcb: &SVCB) -> Option<ServiceRecord> {
    let has = |key: &SvcParamKey| svcb.svc_params.iter().any(|(present, _)| present == key);
    let mut record = ServiceRecord::new(svcb.svc_priority);
    let mut has_default_alpn = true;
    for (_, value) in &svcb.svc_params {
        match value {
            SvcParamValue::Mandatory(keys) if !keys.0.iter().all(|key| is_known(*key) && has(key)) => return None,
            SvcParamValue::Alpn(ids) => record.alpn = ids.0.iter().map(|id| id.as_bytes().to_vec()).collect(),
            SvcParamValue::NoDefaultAlpn => has_default_alpn = false,
            SvcParamValue::Port(0) => return None,
            SvcParamValue::Port(port) => record.port = Some(*port),
            SvcParamValue::Ipv4Hint(hints) => record.ipv4_hints = hints.0.iter().map(|hint| hint.0).collect(),
            SvcParamValue::Ipv6Hint(hints) => record.ipv6_hints = hints.0.iter().map(|hint| hint.0).collect(),
            SvcParamValue::EchConfigList(list) => record.ech = Some(list.0.clone()),
            // Ignored, unless the key is mandatory.
            SvcParamValue::Mandatory(_) | SvcParamValue::Unknown(_) => {}
        }
    }
    if has_default_alpn {
        if !record.alpn.iter().any(|id| id == DEFAULT_ALPN) {
            record.alpn.push(DEFAULT_ALPN.to_vec());
        }
    } else if record.alpn.is_empty() {
        return None;
    }
    Some(record)
}

/// Returns a record for the end of a chain of aliases, without parameters. It is the only record, so that its priority has no meaning.
pub(super) fn of_alias(target: &DnsName) -> ServiceRecord {
    let mut record = ServiceRecord::new(1);
    record.target = Some(target_name(target));
    record
}

/// Returns a name in the form of [`ServiceRecord::target`].
pub(super) fn target_name(name: &DnsName) -> String {
    let mut text = name.to_ascii();
    if name.is_fqdn() {
        text.pop();
    }
    text
}

/// Sorts records by priority, with equal ones in random order to spread the load (§2.4.1). The order is no secret, so the randomness of a hash table
/// is enough.
pub(super) fn sort(records: &mut [ServiceRecord]) {
    records.sort_by_cached_key(|record| (record.priority, random()));
}

/// Picks one at random.
pub(super) fn pick<T>(choices: &[T]) -> Option<&T> {
    let count = u64::try_from(choices.len()).ok().filter(|count| *count > 0)?;
    usize::try_from(random() % count).ok().and_then(|place| choices.get(place))
}

pub(super) fn random() -> u64 {
    RandomState::new().hash_one(())
}

fn is_known(key: SvcParamKey) -> bool {
    matches!(
        key,
        SvcParamKey::Alpn
            | SvcParamKey::NoDefaultAlpn
            | SvcParamKey::Port
            | SvcParamKey::Ipv4Hint
            | SvcParamKey::EchConfigList
            | SvcParamKey::Ipv6Hint
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hickory_resolver::proto::rr::rdata::svcb::{Alpn, EchConfigList, IpHint, Mandatory, Unknown};

    use super::*;

    fn converted(params: Vec<(SvcParamKey, SvcParamValue)>) -> Option<ServiceRecord> {
        service_record(&SVCB::new(1, DnsName::root(), params))
    }

    fn alpn(ids: &[&str]) -> (SvcParamKey, SvcParamValue) {
        (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(ids.iter().map(ToString::to_string).collect())))
    }

    fn alpn_set(params: Vec<(SvcParamKey, SvcParamValue)>) -> Option<String> {
        let ids = converted(params)?.alpn;
        Some(ids.iter().map(|id| std::str::from_utf8(id).unwrap()).collect::<Vec<_>>().join(" "))
    }

    const NO_DEFAULT_ALPN: (SvcParamKey, SvcParamValue) = (SvcParamKey::NoDefaultAlpn, SvcParamValue::NoDefaultAlpn);

    #[test]
    fn http_1_1_is_spoken_unless_the_record_says_otherwise() {
        assert_eq!(alpn_set(vec![]).unwrap(), "http/1.1");
        assert_eq!(alpn_set(vec![alpn(&["h3", "h2"])]).unwrap(), "h3 h2 http/1.1");
        assert_eq!(alpn_set(vec![alpn(&["http/1.1", "h2"])]).unwrap(), "http/1.1 h2");
        assert_eq!(alpn_set(vec![alpn(&["h3"]), NO_DEFAULT_ALPN]).unwrap(), "h3");
        assert_eq!(alpn_set(vec![NO_DEFAULT_ALPN]), None, "it would speak nothing");
    }

    #[test]
    fn every_parameter_has_its_place() {
        let record = converted(vec![
            (SvcParamKey::Port, SvcParamValue::Port(8443)),
            (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(vec!["192.0.2.1".parse().unwrap()]))),
            (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(EchConfigList(vec![1, 2]))),
            (SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(IpHint(vec!["2001:db8::1".parse().unwrap()]))),
        ])
        .unwrap();
        assert_eq!((record.priority, record.port, record.ech.as_deref()), (1, Some(8443), Some(&[1, 2][..])));
        assert_eq!(record.ipv4_hints, ["192.0.2.1".parse::<std::net::Ipv4Addr>().unwrap()]);
        assert_eq!(record.ipv6_hints, ["2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap()]);
        assert!(converted(vec![(SvcParamKey::Port, SvcParamValue::Port(0))]).is_none());
    }

    #[test]
    fn a_mandatory_key_must_be_known_and_there() {
        let unknown = (SvcParamKey::Key(65_300), SvcParamValue::Unknown(Unknown(b"x".to_vec())));
        let mandatory = |key| (SvcParamKey::Mandatory, SvcParamValue::Mandatory(Mandatory(vec![key])));
        assert!(converted(vec![unknown.clone()]).is_some(), "it can be ignored");
        assert!(converted(vec![mandatory(SvcParamKey::Key(65_300)), unknown]).is_none());
        assert!(converted(vec![mandatory(SvcParamKey::Alpn)]).is_none());
        assert!(converted(vec![mandatory(SvcParamKey::Alpn), alpn(&["h2"])]).is_some());
    }

    #[test]
    fn records_of_equal_priority_are_shuffled() {
        let orders: BTreeSet<Vec<u16>> = (0..200)
            .map(|_| {
                let mut records: Vec<_> = [(2, 1), (1, 2), (1, 3), (1, 4)]
                    .map(|(priority, port)| {
                        let mut record = ServiceRecord::new(priority);
                        record.port = Some(port);
                        record
                    })
                    .into();
                sort(&mut records);
                records.iter().filter_map(|record| record.port).collect()
            })
            .collect();
        assert!(orders.iter().all(|order| order.last() == Some(&1)), "{orders:?}");
        assert_eq!(orders.len(), 6, "{orders:?}");
    }

    #[test]
    fn any_can_be_picked() {
        let picked: BTreeSet<u8> = (0..200).filter_map(|_| pick(&[1, 2, 3])).copied().collect();
        assert_eq!(picked.len(), 3);
        assert_eq!(pick::<u8>(&[]), None);
    }

    #[test]
    fn a_target_is_written_without_its_final_dot() {
        assert_eq!(of_alias(&DnsName::from_ascii("svc.example.").unwrap()).target.unwrap(), "svc.example");
    }
}
