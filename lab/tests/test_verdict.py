import unittest

from clients import Run
from verdict import Begins, Connects, Fails, Finding, NoQueryErrors, Recovers, Slow, Storm, Survives, host, summary, verdict

V4, V6 = "198.51.100.1", "2001:db8:5::1"


def ok(ms: float = 1, remote: str = V6, at: float = 0, first: str | None = None, after_ms: float = 1, query_errors=()) -> dict:
    attempts = [{"to": first or remote, "after_ms": after_ms}]
    return {"ok": True, "ms": ms, "remote": remote, "at": at, "attempts": attempts, "query_errors": list(query_errors)}


def failed(ms: float = 1, error: str = "timed out", at: float = 0) -> dict:
    return {"ok": False, "ms": ms, "error": error, "at": at}


def storm(**changed) -> dict:
    return {"n": 10, "connected": 10, "ms": 100, "errors": {}, "afterwards": None, "descriptors": 1, "threads": 1} | changed


class Judges(unittest.TestCase):
    def holds(self, expectation, *results: dict, **run) -> None:
        self.assertTrue(expectation.judge(Run(list(results), **run)).holds)

    def fails(self, expectation, *results: dict, **run) -> None:
        self.assertFalse(expectation.judge(Run(list(results), **run)).holds)


class ConnectsTest(Judges):
    def test_no_result_is_no_success(self):
        self.fails(Connects(1000))

    def test_one_failure_is_one_too_many_unless_it_is_allowed(self):
        self.fails(Connects(1000), ok(), failed())
        self.holds(Connects(1000, failed=1), ok(), failed())
        self.fails(Connects(1000, failed=1), failed())

    def test_a_late_connect_counts(self):
        self.holds(Connects(1000), ok(1000))
        self.fails(Connects(1000), ok(1001))
        self.holds(Connects(1000, slow=1), ok(1001))

    def test_the_family_and_the_address_are_looked_at(self):
        self.holds(Connects(1000, "IPv4"), ok(remote=V4))
        self.fails(Connects(1000, "IPv4"), ok(remote=V4), ok(remote=V6))
        self.holds(Connects(1000, V6), ok(remote=V6))
        self.fails(Connects(1000, "2001:db8:5::2"), ok(remote=V6))


class FailsTest(Judges):
    def test_an_error_has_one_of_the_words(self):
        self.holds(Fails(1000, ("refused", "timed out")), failed())
        self.fails(Fails(1000, ("refused",)), failed())

    def test_a_late_error_or_a_success_fails(self):
        self.fails(Fails(1000, ("timed out",)), failed(1001))
        self.fails(Fails(1000, ("timed out",)), failed(), ok())
        self.fails(Fails(1000, ("timed out",)))


class RecoversTest(Judges):
    CHANGES = [(100.0, "gone"), (200.0, "back")]

    def test_only_what_began_after_the_change_counts(self):
        after = [ok(at=200 + n) for n in range(10)]
        self.holds(Recovers("back"), failed(at=199), failed(at=150), *after, changes=self.CHANGES)
        self.holds(Recovers("back"), failed(at=200), *after, changes=self.CHANGES)
        self.fails(Recovers("back"), failed(at=200), failed(at=201), *after, changes=self.CHANGES)

    def test_too_few_connects_after_the_change_measure_nothing(self):
        self.fails(Recovers("back"), *[ok(at=200 + n) for n in range(9)], changes=self.CHANGES)
        self.holds(Recovers("back", least=9), *[ok(at=200 + n) for n in range(9)], changes=self.CHANGES)

    def test_a_change_that_did_not_happen_fails(self):
        self.fails(Recovers("elsewhere"), *[ok(at=300)] * 20, changes=self.CHANGES)

    def test_lost_time_counts_where_that_is_asked(self):
        after = [ok(at=201, ms=251)] * 3 + [ok(at=202)] * 10
        self.holds(Recovers("back"), *after, changes=self.CHANGES)
        self.holds(Recovers("back", slow=3), *after, changes=self.CHANGES)
        self.fails(Recovers("back", slow=2), *after, changes=self.CHANGES)


class SlowTest(Judges):
    def test_failures_and_slow_connects_are_counted_together(self):
        self.holds(Slow(2, 500), ok(501), failed(), ok(500))
        self.fails(Slow(1, 500), ok(501), failed(), ok(500))
        self.fails(Slow(1, 500))


class BeginsTest(Judges):
    def test_a_first_attempt_by_the_other_family_fails(self):
        self.holds(Begins("IPv4"), ok(remote=V4))
        self.fails(Begins("IPv4"), ok(remote=V4), ok(remote=V4, first=V6, ms=252))
        self.fails(Begins("IPv4"), ok(remote=V4), failed())
        self.fails(Begins("IPv4"))

    def test_the_other_family_after_the_resolution_delay_is_allowed_a_few_times(self):
        waited = ok(remote=V4, first=V6, after_ms=51, ms=302)
        self.holds(Begins("IPv4"), *[waited] * 5)
        self.fails(Begins("IPv4"), *[waited] * 6)

    def test_a_connect_without_a_report_fails(self):
        self.fails(Begins("IPv4"), ok(remote=V4) | {"attempts": []})


class NoQueryErrorsTest(Judges):
    def test_a_reported_look_up_error_fails(self):
        self.holds(NoQueryErrors(), ok())
        self.fails(NoQueryErrors(), ok(), ok(query_errors=["the look-up of A failed"]))
        self.fails(NoQueryErrors(), ok(), failed())


class StormTest(Judges):
    def test_all_connect_in_time_and_one_more_afterwards(self):
        self.holds(Storm(100), storm())
        self.fails(Storm(99), storm())
        self.fails(Storm(100), storm(connected=9))
        self.fails(Storm(100), storm(afterwards="timed out"))
        self.fails(Storm(100))

    def test_a_level_compares_with_hyper_util_where_that_was_measured(self):
        self.holds(Storm(1000, level=1.5), storm(ms=500))
        self.holds(Storm(1000, level=1.5), storm(ms=150), hyper=[storm(ms=100)])
        self.fails(Storm(1000, level=1.5), storm(ms=151), hyper=[storm(ms=100)])

    def test_errors_of_a_storm_without_descriptors_name_the_reason(self):
        self.holds(Survives(("Too many open files",)), storm(connected=1, errors={"Too many open files": 9}))
        self.fails(Survives(("Too many open files",)), storm(connected=1, errors={"could not resolve": 9}))
        self.fails(Survives(("Too many open files",)), storm(connected=0, errors={"Too many open files": 10}))
        self.fails(Survives(("Too many open files",)), storm(afterwards="Too many open files"))


class VerdictTest(unittest.TestCase):
    def test_a_row_holds_if_everything_that_was_expected_does(self):
        good, bad = Finding(True, ""), Finding(False, "")
        self.assertEqual(verdict([good, good]), "holds")
        self.assertEqual(verdict([good, bad]), "FAILS")

    def test_a_row_of_which_nothing_was_judged_does_not_hold(self):
        self.assertEqual(verdict([]), "FAILS")

    def test_addresses_are_read_with_and_without_a_port(self):
        for remote, expected in ((V4, V4), (f"{V4}:80", V4), (V6, V6), (f"[{V6}]:80", V6), (None, "?")):
            self.assertEqual(host({"remote": remote}), expected)

    def test_a_summary_names_destinations_times_and_the_error(self):
        self.assertEqual(summary([ok(2), ok(4), failed(1500)]), f"2 of 3 to {V6} ×2; median 3 ms, worst 4 ms; 1 failed, the last after 1.5 s: timed out")
        self.assertEqual(summary([]), "no results")
