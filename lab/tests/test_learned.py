import unittest

from clients import Run
from learned import Learns, LearnsFamily, Loses, PaysAlways, Returns, lost_ms

V4, V6 = "198.51.100.1", "2001:db8:5::1"


def attempt(to: str, after_ms: float, delay_ms: float = 250) -> dict:
    return {"to": to, "after_ms": after_ms, "delay_ms": delay_ms, "delay_of": "configured" if delay_ms == 250 else "address"}


def connect(at: float, *attempts: dict, remote: str = V4, name: str = "h") -> dict:
    ms = attempts[-1]["after_ms"] + 1 if attempts else 1
    return {"ok": True, "at": at, "ms": ms, "remote": remote, "host": name, "attempts": list(attempts), "untried": []}


def paid(at: float, delay: float = 250, name: str = "h") -> dict:
    return connect(at, attempt(V6, 1, delay), attempt(V4, 1 + delay), name=name)


def spared(at: float, name: str = "h") -> dict:
    return connect(at, attempt(V4, 1, 100), name=name)


def by_v6(at: float, name: str = "h") -> dict:
    return connect(at, attempt(V6, 1), remote=V6, name=name)


def failed(at: float) -> dict:
    return {"ok": False, "at": at, "ms": 1, "error": "timed out", "host": "h", "attempts": []}


def spared_from(at: float, n: int) -> list[dict]:
    return [spared(at + second) for second in range(n)]


class Judges(unittest.TestCase):
    def holds(self, expectation, *results: dict, **run) -> None:
        self.assertTrue(expectation.judge(Run(list(results), **run)).holds)

    def fails(self, expectation, *results: dict, **run) -> None:
        self.assertFalse(expectation.judge(Run(list(results), **run)).holds)


class LearnsTest(Judges):
    def test_the_first_pays_and_the_others_are_spared(self):
        self.holds(Learns("IPv6"), paid(100), *spared_from(101, 9))
        self.holds(Learns(V6), paid(100), *spared_from(101, 9))
        self.fails(Learns("IPv6"), *spared_from(100, 10))
        self.fails(Learns("IPv6"), paid(100))
        self.fails(Learns("IPv6"))

    def test_one_too_many_that_pays_fails_wherever_it_stands(self):
        self.fails(Learns("IPv6"), *[paid(100 + n) for n in range(10)])
        self.fails(Learns("IPv6"), paid(100), paid(101), *spared_from(102, 8))
        self.fails(Learns("IPv6"), paid(100), *spared_from(101, 8), paid(109))
        self.fails(Learns("IPv6", pay=2), paid(100), *spared_from(101, 9))
        self.fails(Learns("IPv6", pay=2), paid(100), spared(101), paid(102), *spared_from(103, 7))

    def test_the_delay_is_the_one_expected_and_is_waited_for(self):
        self.fails(Learns("IPv6"), paid(100, delay=100), *spared_from(101, 9))
        self.holds(Learns("IPv6", delay=None), paid(100, delay=100), *spared_from(101, 9))
        self.fails(Learns("IPv6", delay=None), paid(100), *spared_from(101, 9))
        early = connect(100, attempt(V6, 1), attempt(V4, 200))
        self.fails(Learns("IPv6"), early, *spared_from(101, 9))

    def test_a_connect_that_is_spared_has_one_attempt_that_starts_at_once(self):
        two = connect(101, attempt(V4, 1), attempt(V6, 101))
        self.holds(Learns("IPv6"), paid(100), two, *spared_from(102, 9))
        self.fails(Learns("IPv6"), paid(100), two, two, *spared_from(102, 9))
        self.fails(Learns("IPv6"), paid(100), connect(101, attempt(V4, 251)), *spared_from(102, 9))
        self.fails(Learns("IPv6"), paid(100), connect(101), *spared_from(102, 9))

    def test_a_connect_that_is_spared_says_that_the_address_is_dead(self):
        def left(demoted: str | None, to: str = V6) -> dict:
            return spared(101) | {"untried": [{"to": to, "demoted": demoted}]}

        self.holds(Learns("IPv6"), paid(100), left("dead for another 29 s"))
        self.holds(Learns("IPv6"), paid(100), left(None, to="198.51.100.2"))
        self.fails(Learns("IPv6"), paid(100), left(None))

    def test_a_connection_to_the_dead_address_or_a_failure_fails(self):
        self.fails(Learns("IPv6"), by_v6(100), *spared_from(101, 9))
        self.fails(Learns("IPv6"), paid(100), failed(101), *spared_from(102, 9))

    def test_a_mark_that_has_ended_costs_one_and_the_next_lasts_longer(self):
        self.holds(Learns("IPv6", probes=1), paid(100), *spared_from(101, 30), paid(131), *spared_from(132, 60))
        self.fails(Learns("IPv6"), paid(100), *spared_from(101, 30), paid(131), *spared_from(132, 60))
        self.fails(Learns("IPv6", probes=1), paid(100), *spared_from(101, 40))
        self.fails(Learns("IPv6", probes=1), paid(100), *spared_from(101, 20), paid(121), *spared_from(122, 5))
        self.fails(Learns("IPv6", probes=1), paid(100), *spared_from(101, 35), paid(136), *spared_from(137, 5))
        self.fails(Learns("IPv6", probes=2), paid(100), *spared_from(101, 30), paid(131), *spared_from(132, 29), paid(161), spared(162))
        self.holds(Learns("IPv6", probes=2), paid(100), *spared_from(101, 30), paid(131), *spared_from(132, 60), paid(192), spared(193))

    def test_only_what_began_after_the_change_counts(self):
        after, changes = Learns("IPv6", pay=2, delay=None, after="dropped"), [(100.0, "dropped")]
        self.holds(after, by_v6(98), by_v6(99), paid(101, 100), paid(102, 100), *spared_from(103, 3), changes=changes)
        self.fails(after, by_v6(98), paid(101, 100), paid(102, 100), paid(103, 100), spared(104), changes=changes)
        self.fails(after, paid(101, 100), paid(102, 100), spared(103))


class PaysAlwaysTest(Judges):
    def test_every_connect_pays(self):
        self.holds(PaysAlways("IPv6"), paid(100), paid(101))
        self.fails(PaysAlways("IPv6"), paid(100), spared(101))
        self.fails(PaysAlways("IPv6"), paid(100), failed(101))
        self.fails(PaysAlways("IPv6"))


class LearnsFamilyTest(Judges):
    FIRST = [paid(100 + n, name=f"h{n}") for n in range(3)]
    OTHERS = [spared(103 + n, name=f"h{n}") | {"untried": [{"to": V6, "demoted": "its family is dead for another 29 s"}]} for n in range(3, 6)]

    def test_at_most_three_names_pay_within_the_time_of_a_mark(self):
        expect = LearnsFamily("IPv6", 6)
        self.holds(expect, *self.FIRST, *self.OTHERS)
        self.fails(expect, *self.FIRST, *self.OTHERS[1:], paid(110, name="h3"))
        self.holds(expect, *self.FIRST, *self.OTHERS, paid(130, name="h0"), paid(131, name="h4"))
        self.fails(expect, *self.FIRST, *self.OTHERS, paid(129, name="h4"))

    def test_the_others_say_that_the_family_is_dead(self):
        self.fails(LearnsFamily("IPv6", 6), *self.FIRST, *[r | {"untried": []} for r in self.OTHERS])

    def test_without_the_fault_or_with_a_name_too_few_nothing_is_measured(self):
        self.fails(LearnsFamily("IPv6", 3), *self.OTHERS)
        self.fails(LearnsFamily("IPv6", 7), *self.FIRST, *self.OTHERS)
        self.fails(LearnsFamily("IPv6", 6), *self.FIRST, *self.OTHERS, failed(110))


class ReturnsTest(Judges):
    CHANGES = [(105.0, "back")]
    BEFORE = [paid(100, name="h0"), spared(101, name="h1"), spared(106, name="h0")]

    def test_every_name_is_connected_by_the_family_when_the_marks_have_ended(self):
        expect = Returns("IPv6", "back", 2)
        self.holds(expect, *self.BEFORE, by_v6(135, "h0"), by_v6(136, "h1"), changes=self.CHANGES)
        self.fails(expect, *self.BEFORE, by_v6(135, "h0"), by_v6(136, "h0"), changes=self.CHANGES)
        self.fails(expect, *self.BEFORE, by_v6(135, "h0"), by_v6(136, "h1"), spared(137, "h0"), changes=self.CHANGES)
        self.fails(expect, *self.BEFORE, by_v6(135, "h0"), by_v6(136, "h1"), paid(137, name="h0"), changes=self.CHANGES)
        self.fails(expect, *self.BEFORE, by_v6(135, "h0"), by_v6(136, "h1"), failed(137), changes=self.CHANGES)

    def test_a_family_that_was_not_known_to_be_dead_before_or_a_change_that_did_not_happen_fails(self):
        expect = Returns("IPv6", "back", 2)
        self.fails(expect, spared(101, "h1"), by_v6(135, "h0"), by_v6(136, "h1"), changes=self.CHANGES)
        self.fails(expect, *[paid(101)] * 4, by_v6(135, "h0"), by_v6(136, "h1"), changes=self.CHANGES)
        self.fails(expect, *self.BEFORE, by_v6(135, "h0"), by_v6(136, "h1"))


class LosesTest(Judges):
    def test_what_was_lost_is_added_up(self):
        self.assertEqual((lost_ms(paid(0)), lost_ms(spared(0)), lost_ms(connect(0))), (250, 0, None))
        self.holds(Loses(500), paid(0), spared(1), paid(2))
        self.fails(Loses(500), paid(0), spared(1), paid(2), paid(3))

    def test_a_failure_or_a_connect_that_says_nothing_fails(self):
        self.fails(Loses(500))
        self.fails(Loses(500), spared(0), failed(1))
        self.fails(Loses(500), spared(0), connect(1))
