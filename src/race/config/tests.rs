use super::*;

#[test]
fn a_configured_delay_is_obeyed_within_the_normative_bounds() {
    let built = |delay| Config::builder().connection_attempt_delay(delay).build().unwrap().connection_attempt_delay;
    assert_eq!(built(Duration::from_nanos(1)), Duration::from_millis(10));
    assert_eq!(built(Duration::from_millis(50)), Duration::from_millis(50));
    assert_eq!(built(Duration::from_secs(9)), Duration::from_secs(2));
}

#[test]
fn a_delay_that_nobody_will_see_the_end_of_can_be_added_to_an_instant() {
    let builder = Config::builder().resolution_delay(Duration::MAX).fallback_delay(Duration::MAX);
    let config = builder.handshake_patience(Patience::Bounded(Duration::MAX)).build().unwrap();
    let now = crate::test_support::some_instant();
    assert!(now + config.resolution_delay > now && now + config.fallback_delay > now);
    let Patience::Bounded(patience) = config.handshake_patience else { panic!("it is bounded") };
    assert!(now + patience > now);
}

#[test]
fn nonsense_is_an_error_that_names_the_setting() {
    let error = |builder: ConfigBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(
        error(Config::builder().connection_attempt_delay(Duration::ZERO)),
        "the connection attempt delay must not be zero"
    );
    assert_eq!(
        error(Config::builder().first_address_family_count(0)),
        "the first address family count must not be zero"
    );
    assert_eq!(error(Config::builder().max_concurrent_attempts(0)), "the cap on concurrent attempts must not be zero");
    assert_eq!(
        error(Config::builder().families(Families::V4Only).local_families(Families::V6Only)),
        "the local address is of a family that is switched off"
    );
}

#[test]
fn an_excluded_family_has_its_reason() {
    let config = Config::builder().local_families(Families::V4Only).build().unwrap();
    assert_eq!(config.excludes(Family::V6), Some(UntriedReason::NoLocalAddress));
    assert_eq!(config.excludes(Family::V4), None);
    let config = Config::builder().families(Families::V6Only).build().unwrap();
    assert_eq!(config.excludes(Family::V4), Some(UntriedReason::FamilyDisabled));
}

#[test]
fn the_defaults_are_those_of_the_table() {
    assert_eq!(Config::builder().build().unwrap(), Config::default());
}
