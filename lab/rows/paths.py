"""Dead, rejected and slow paths to addresses that were resolved."""

from dataclasses import replace

from clients import Command
from faults import Delay, NameServers, Router
from learned import Loses
from network import SCRIPTED
from rows.row import A_ONLY, FORGETS, SLOW, TO4, TO6, Row, numbered
from verdict import Connects, Fails, NoQueryErrors

FOUR, FOUR4, FOUR6 = "http://four.lab.test/", "http://v4x4.lab.test/", "http://v6x4.lab.test/"
SLOW_TO6, SLOW_TO4 = "ip6 daddr 2001:db8:d::/64 tcp dport 80", "ip daddr 203.0.113.0/24 tcp dport 80"
UNREACHABLE = ("unreachable", "No route to host", "refused")

REJECTED6 = {
    "is dropped": "drop", "is rejected: no route": "reject with icmpv6 type no-route",
    "is rejected: prohibited": "reject with icmpv6 type admin-prohibited",
    "is rejected: port unreachable": "reject with icmpv6 type port-unreachable",
    "is rejected: address unreachable": "reject with icmpv6 type addr-unreachable", "is reset": "reject with tcp reset",
}
REJECTED4 = {
    "is dropped": "drop", "is rejected: net unreachable": "reject with icmp type net-unreachable",
    "is rejected: prohibited": "reject with icmp type admin-prohibited",
    "is rejected: host unreachable": "reject with icmp type host-unreachable",
    "is rejected: port unreachable": "reject with icmp type port-unreachable", "is reset": "reject with tcp reset",
}


def one_family() -> list[Row]:
    ids, rows = numbered("a"), []
    for what, rule in REJECTED6.items():
        short = rule in ("drop", "reject with tcp reset")
        rows.append(Row(next(ids), f"IPv6 {what}", Command("connect"), Connects(2000, "IPv4"), before=(Router(f"{TO6} {rule}"),), short=short))
    for what, rule in REJECTED4.items():
        rows.append(Row(next(ids), f"IPv4 {what}", Command("connect"), Connects(1000, "IPv6"), before=(Router(f"{TO4} {rule}"),)))
    for what, rule in REJECTED4.items():
        saying = ("timed out",) if rule == "drop" else UNREACHABLE
        command = Command("connect", A_ONLY, n=1 if rule == "drop" else 5, timeout=4000)
        rows.append(Row(next(ids), f"IPv4 {what}, A-only name", command, Fails(5000, saying), before=(Router(f"{TO4} {rule}"),)))
    return rows


def both_families() -> list[Row]:
    ids, once, often = numbered("a-both"), Command("connect", n=1, timeout=6000), Command("connect", timeout=6000)
    admin = (f"{TO6} reject with icmpv6 type admin-prohibited", f"{TO4} reject with icmp type admin-prohibited")
    return [
        Row(next(ids), "both families are dropped", once, Fails(7000, ("timed out",)), before=(Router(f"{TO6} drop", f"{TO4} drop"),), short=True),
        Row(next(ids), "IPv6 is dropped, IPv4 is reset", once, Fails(7000, ("timed out", "refused")),
            before=(Router(f"{TO6} drop", f"{TO4} reject with tcp reset"),)),
        Row(next(ids), "both families are rejected: prohibited", often, Fails(7000, UNREACHABLE), before=(Router(*admin),)),
    ]


def several_addresses() -> list[Row]:
    ids = numbered("a-many")
    often = {"timeout": 6000}
    return [
        Row(next(ids), "two addresses a family, the first of IPv6 is dropped", Command("connect", FOUR), Connects(2000),
            before=(Router("ip6 daddr 2001:db8:5::1 tcp dport 80 drop"),)),
        Row(next(ids), "two addresses a family, all but the last are dropped", Command("connect", FOUR), Connects(3000, "198.51.100.2"),
            before=(Router(f"{TO6} drop", "ip daddr 198.51.100.1 tcp dport 80 drop"),)),
        Row(next(ids), "four addresses of IPv4, the first is dropped", Command("connect", FOUR4), Connects(2000),
            before=(Router("ip daddr 198.51.100.11 tcp dport 80 drop"),)),
        Row(next(ids), "four addresses of IPv4, three are dropped", Command("connect", FOUR4, **often), Connects(3000, "198.51.100.14"),
            before=(Router("ip daddr 198.51.100.11-198.51.100.13 tcp dport 80 drop"),), short=True),
        Row(next(ids), "four addresses of IPv6, three are dropped", Command("connect", FOUR6, **often), Connects(3000, "2001:db8:5::14"),
            before=(Router("ip6 daddr 2001:db8:5::11-2001:db8:5::13 tcp dport 80 drop"),)),
        # The scripted server keeps the order of its records.
        *(Row(next(ids), f"two addresses a family, {what}", Command("connect", FOUR), Connects(3000, by),
              before=(NameServers(SCRIPTED), Router(*rules))) for what, rules, by in (
            ("the first of IPv6 is dropped (scripted name server)", ("ip6 daddr 2001:db8:5::1 tcp dport 80 drop",), None),
            ("the second of IPv6 is dropped", ("ip6 daddr 2001:db8:5::2 tcp dport 80 drop",), None),
            ("all but the second of IPv4 are dropped", (f"{TO6} drop", "ip daddr 198.51.100.1 tcp dport 80 drop"), "198.51.100.2"),
            ("all but the first of IPv4 are dropped", (f"{TO6} drop", "ip daddr 198.51.100.2 tcp dport 80 drop"), "198.51.100.1"),
            ("all but the second of IPv4 are reset",
             (f"{TO6} reject with tcp reset", "ip daddr 198.51.100.1 tcp dport 80 reject with tcp reset"), "198.51.100.2"),
        )),
    ]


def icmp_after_a_round_trip() -> list[Row]:
    """Without a round trip an ICMP error arrives while connect() still runs; Linux then only notes it."""
    ids, rows, away = numbered("a-far"), [], Delay(5, 5)
    for what in ("no-route", "admin-prohibited", "port-unreachable", "addr-unreachable"):
        rows.append(Row(next(ids), f"IPv6 is rejected 5 ms away: {what}", Command("connect", SLOW), Connects(1000, "IPv4"),
                        before=(away, Router(f"{SLOW_TO6} reject with icmpv6 type {what}"))))
    admin = (f"{SLOW_TO6} reject with icmpv6 type admin-prohibited", f"{SLOW_TO4} reject with icmp type admin-prohibited")
    reset = (f"{SLOW_TO6} reject with tcp reset", f"{SLOW_TO4} reject with tcp reset")
    return rows + [
        Row(next(ids), "IPv6 is reset 5 ms away", Command("connect", SLOW), Connects(1000, "IPv4"),
            before=(away, Router(f"{SLOW_TO6} reject with tcp reset"))),
        Row(next(ids), "both families are rejected 5 ms away: prohibited", Command("connect", SLOW), Fails(3000, UNREACHABLE),
            before=(away, Router(*admin))),
        Row(next(ids), "IPv6 is dropped, IPv4 rejected 5 ms away: net unreachable", Command("connect", SLOW, n=1, timeout=6000),
            Fails(7000, ("timed out", *UNREACHABLE)), before=(away, Router(f"{SLOW_TO4} reject with icmp type net-unreachable", f"{SLOW_TO6} drop"))),
        Row(next(ids), "both families are reset 5 ms away", Command("connect", SLOW, timeout=6000), Fails(2000, ("refused",)),
            before=(away, Router(*reset))),
    ]


def slow() -> list[Row]:
    ids, command, slow4 = numbered("c"), Command("connect", SLOW, n=50, gap=5), "http://slow4.lab.test/"
    forgets = replace(command, more=FORGETS)
    return [
        Row(next(ids), "IPv6 takes 300 ms, IPv4 5 ms", command, Connects(1500), before=(Delay(300, 5),)),
        Row(next(ids), "both families take 400 ms", command, Connects(2000), before=(Delay(400, 400),)),
        Row(next(ids), "IPv6 takes 260 ms, IPv4 200 ms", command, Connects(1500), before=(Delay(260, 200),)),
        Row(next(ids), "20 ms, a fifth of the packets is lost", command, Connects(3000, slow=3), before=(Delay(20, 20, 0.2),)),
        Row(next(ids), "20 ms, a fifth of the packets is lost, two addresses a family", Command("connect", slow4, n=50, gap=5),
            Connects(3000, slow=3),
            before=(Delay(20, 20, 0.2),)),
        Row(next(ids), "IPv6 takes 300 ms, IPv4 5 ms, a fifth of the packets is lost", command, Connects(3000, slow=3), before=(Delay(300, 5, 0.2),)),
        # Otherwise only the first connects race, and the others know which family answers first, or when to expect the answer.
        *(Row(next(ids), f"{what}, nothing is remembered", forgets, expect, before=(delay,), peers=()) for what, delay, expect in (
            ("IPv6 takes 300 ms, IPv4 5 ms", Delay(300, 5), Connects(1500)),
            ("IPv6 takes 260 ms, IPv4 200 ms", Delay(260, 200), Connects(1500)),
            ("IPv6 takes 300 ms, IPv4 5 ms, a fifth of the packets is lost", Delay(300, 5, 0.2), Connects(3000, slow=3)),
        )),
    ]


def sums() -> list[Row]:
    reject = "ip6 daddr 2001:db8:5::/64 tcp dport 80 reject with icmpv6 type admin-prohibited"
    # The first connect loses a delay, and the others know.
    expect = (Connects(2000, "IPv4"), Loses(500))
    return [
        Row("h1", "IPv6 is dropped, 100 connects to one host", Command("connect", n=100, gap=0), expect, before=(Router(f"{TO6} drop"),)),
        Row("h2", "IPv6 is dropped, 100 connects to 20 hosts", Command("connect", "http://h{i}.many.test/", n=100, gap=0, more=(("hosts", 20),)),
            expect, before=(Router(f"{TO6} drop"),), peers=("hyper",)),
        Row("h3", "IPv6 is rejected, 100 connects", Command("connect", n=100, gap=0), expect, before=(Router(reject),)),
    ]


ROWS = [
    Row("none1", "no fault", Command("connect", n=20), Connects(1000, "IPv6"), short=True),
    Row("none2", "no fault, 500 connects", Command("connect", n=500, gap=1), NoQueryErrors(), peers=(), short=True),
    Row("none3", "no fault, 500 connects, scripted name server", Command("connect", n=500, gap=1), NoQueryErrors(), before=(NameServers(SCRIPTED),),
        peers=()),
    Row("none4", "no fault, 10,000 connects", Command("connect", n=10_000, gap=0), NoQueryErrors(), peers=()),
    *one_family(), *both_families(), *several_addresses(), *icmp_after_a_round_trip(), *slow(), *sums(),
]
