//! The scenarios of the model, each a test.

use hyper_happy_eyeballs_model::client::model::{duplex, exchange, pool, relay};

macro_rules! scenarios {
    ($($part:ident: $($scenario:ident)*;)*) => {
        $($(
            #[test]
            fn $scenario() {
                $part::$scenario();
            }
        )*)*
    };
}

scenarios! {
    relay:
        whoever_waits_for_a_connection_is_woken_by_whatever_happens
        what_happens_on_a_connection_that_comes_to_rest_is_seen_or_told_once;
    pool:
        the_right_to_a_connection_goes_to_whoever_still_waits;
    exchange:
        a_connection_goes_from_request_to_request_although_some_are_cancelled
        an_idle_connection_that_the_server_closes_is_closed_by_the_client;
    duplex:
        the_reader_is_told_of_the_end_whatever_the_task_is_at
        a_connection_comes_home_from_request_and_response_whichever_ends_first
        the_end_of_a_response_is_reported_when_its_connection_is_home
        a_response_that_is_dropped_gives_its_place_to_the_next_request
        an_upload_whose_time_is_over_gives_its_place_to_the_next_request;
}
