"""A connect does not pay again for what an earlier one has learned: dead addresses, dead families, and their return."""

from clients import Command
from faults import Router
from learned import Learns, LearnsFamily, PaysAlways, Returns
from network import APART, APART6, V4
from rows.row import FORGETS, TO6, Change, Row, numbered
from verdict import Connects

APART_TO6 = f"ip6 daddr {APART6} tcp dport 80"


def one_name() -> list[Row]:
    ids = numbered("m")
    ten, dropped = Command("connect", n=10, timeout=3000), Router(f"{TO6} drop")
    # A connect a second until the first mark, of 30 s, has ended; the second lasts longer than the row.
    long = {"n": 45, "gap": 1000, "timeout": 3000}
    four, first = "http://v4x4.lab.test/", V4 + "11"
    first_dropped = Router(f"ip daddr {first} tcp dport 80 drop")
    # Silence counts once in a second.
    answered = Command("connect", n=10, gap=1000, timeout=3000)
    return [
        Row(next(ids), "IPv6 is dropped, ten connects", ten, (Learns("IPv6"), Connects(2000, "IPv4")), before=(dropped,), short=True),
        Row(next(ids), "IPv6 is dropped, a connect a second", Command("connect", **long), (Learns("IPv6", probes=1), Connects(2000, "IPv4")),
            before=(dropped,), peers=("hyper", "go")),
        Row(next(ids), "four addresses of IPv4, the first is dropped, ten connects", Command("connect", four, n=10, timeout=3000),
            (Learns(first), Connects(2000, V4 + "12")), before=(first_dropped,), peers=("go",), short=True),
        Row(next(ids), "four addresses of IPv4, the first is dropped, a connect a second", Command("connect", four, **long),
            (Learns(first, probes=1), Connects(2000, V4 + "12")), before=(first_dropped,), peers=()),
        Row(next(ids), "IPv6 is dropped, after it has answered", answered, Learns("IPv6", pay=2, delay=None, after="dropped"),
            changes=(Change(3.5, "dropped", dropped),), peers=("hyper", "go"), short=True),
        Row(next(ids), "IPv6 is dropped, nothing is remembered", Command("connect", n=10, timeout=3000, more=FORGETS),
            PaysAlways("IPv6"), before=(dropped,), peers=()),
    ]


def many_names() -> list[Row]:
    ids = numbered("m-apart")
    dropped = Router(f"{TO6} drop", f"{APART_TO6} drop")

    def row(fault: str, expect, n: int, gap: int, changes: tuple = (), short: bool = False) -> Row:
        command = Command("connect", "http://h{i}.apart.test/", n=n, gap=gap, timeout=3000, more=(("hosts", APART),))
        return Row(next(ids), fault, command, expect, before=(dropped,), changes=changes, peers=("hyper",), short=short)

    return [
        row("IPv6 is dropped, 20 names in networks of their own, five connects to each", LearnsFamily("IPv6", APART), n=100, gap=0, short=True),
        row("IPv6 is dropped, 20 names in networks of their own, for 70 s", LearnsFamily("IPv6", APART), n=100, gap=700),
        row("IPv6 is dropped for 5 s, 20 names in networks of their own", Returns("IPv6", "back", APART), n=220, gap=200,
            changes=(Change(5, "back", Router()),)),
    ]


ROWS = [*one_name(), *many_names()]
