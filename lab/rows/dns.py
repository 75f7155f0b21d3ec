"""Name servers that are slow, silent, wrong, or lose a packet."""

from clients import Command
from faults import Client, NameServers, Restore, Router
from network import DEAD, DNSMASQ, DNSMASQ6, SCRIPTED
from rows.row import A_ONLY, DUAL, Change, Row, numbered
from verdict import Connects, Fails, Recovers, Slow

PLAIN = "http://plain.d.test/"
FRESH = (("fresh", 1),)
# What an error may say of a look-up that failed.
SILENT = ("timed out", "Temporary failure", "temporary failure", "no answer", "try again")
REFUSED = ("server failure", "Server Failure", "SERVFAIL", "Temporary failure", "temporary failure", "query refused")
NO_NAME = ("not known", "does not exist", "no record", "NXDomain", "No address associated")


def by_record_type() -> list[Row]:
    ids, rows = numbered("d"), []
    expected = {
        "plain": ("nothing is wrong", Connects(1000)),
        "aaaa-dropped": ("AAAA is not answered", Connects(2000, "IPv4")),
        "a-dropped": ("A is not answered", Connects(2000, "IPv6")),
        "both-slow": ("both are answered after 3 s", Connects(5000)),
        "aaaa-slow": ("AAAA is answered after 3 s", Connects(2000, "IPv4")),
        "a-slow": ("A is answered after 3 s", Connects(2000, "IPv6")),
        "aaaa-slow-a-only": ("AAAA is answered after 3 s and empty", Connects(2000, "IPv4")),
        "servfail-aaaa": ("AAAA: SERVFAIL", Connects(2000, "IPv4")),
        "servfail-a": ("A: SERVFAIL", Connects(2000, "IPv6")),
        "servfail-both": ("both: SERVFAIL", Fails(15_000, REFUSED)),
        "refused-aaaa": ("AAAA: REFUSED", Connects(2000, "IPv4")),
        "nx-aaaa": ("AAAA: NXDOMAIN, though there is an A record", Connects(2000, "IPv4")),
        "nx": ("the name does not exist", Fails(3000, NO_NAME)),
        "big": ("40 addresses a family, truncated over UDP", Connects(2000)),
        "aaaa-only-a-dropped": ("A is not answered, AAAA-only name", Connects(2000, "IPv6")),
    }
    for name, (fault, expect) in expected.items():
        command = Command("connect", f"http://{name}.d.test/", n=3 if "dropped" in name else 5, timeout=20_000, more=FRESH)
        short = name in ("aaaa-dropped", "a-dropped", "servfail-aaaa")
        rows.append(Row(next(ids), fault, command, expect, before=(NameServers(SCRIPTED),), short=short))
    return rows


def servers() -> list[Row]:
    ids = numbered("d-server")
    once = {"n": 1, "timeout": 25_000, "more": FRESH}
    both_dropped, quick = "http://both-dropped.d.test/", "timeout:1 attempts:1"
    dead, fallback = Router(f"ip daddr {DEAD} drop"), NameServers(DEAD, SCRIPTED)
    prohibited = Router(f"ip daddr {SCRIPTED} meta l4proto {{tcp,udp}} reject with icmp type admin-prohibited")
    refuses = Router(f"ip daddr {DEAD} reject with icmp type port-unreachable")
    return [
        # getaddrinfo gives up after two attempts of 5 s, hickory after three.
        Row(next(ids), "every name server is silent", Command("connect", both_dropped, **once), Fails(14_000, SILENT), hickory=Fails(19_000, SILENT),
            before=(NameServers(SCRIPTED),), short=True),
        Row(next(ids), "the first name server is silent, a connector each", Command("connect", PLAIN, n=3, timeout=20_000, more=FRESH),
            Connects(9000),
            before=(fallback, dead)),
        Row(next(ids), "the first name server is silent, one connector", Command("connect", PLAIN, n=4, timeout=20_000), Connects(9000),
            before=(fallback, dead)),
        Row(next(ids), "the first name server is no name server (port unreachable)", Command("connect", PLAIN, n=3, timeout=20_000, more=FRESH),
            Connects(2000),
            before=(fallback, refuses), short=True),
        Row(next(ids), "the answer is truncated, TCP is dropped", Command("connect", "http://big.d.test/", **once), Fails(27_000, SILENT),
            before=(NameServers(SCRIPTED), Router(f"ip daddr {SCRIPTED} tcp dport 53 drop"))),
        Row(next(ids), "UDP is dropped, TCP works", Command("connect", PLAIN, **once), Fails(14_000, SILENT), hickory=Fails(19_000, SILENT),
            before=(NameServers(SCRIPTED), Router(f"ip daddr {SCRIPTED} udp dport 53 drop"))),
        Row(next(ids), "the name server is rejected: prohibited", Command("connect", PLAIN, **once),
            Fails(14_000, SILENT + ("unreachable", "No route to host")),
            hickory=Fails(19_000, SILENT + ("unreachable", "No route to host")), before=(NameServers(SCRIPTED), prohibited)),
        Row(next(ids), f"every name server is silent, {quick}", Command("connect", both_dropped, **once), Fails(4000, SILENT),
            before=(NameServers(SCRIPTED, options=quick),)),
        Row(next(ids), f"every name server is silent, {quick}, two search domains", Command("connect", both_dropped, **once), Fails(8000, SILENT),
            before=(NameServers(SCRIPTED, options=quick, search="a.d.test b.d.test"),)),
    ]


def lost_packets() -> list[Row]:
    """DNS packets are lost for 0.3 s. Later connects must not wait for the look-ups that lost them."""
    rows, ids = [], numbered("drip")
    drop = Router(f"ip daddr {{ {DNSMASQ}, {SCRIPTED} }} udp dport 53 drop")
    lost = (Change(3, "lost", drop), Change(3.3, "back", Router()))
    for what, uri, server in (("dual-stack name", DUAL, DNSMASQ), ("A-only name", A_ONLY, DNSMASQ),
                              ("dual-stack name, TTL 0", "http://dual-ttl-0.d.test/", SCRIPTED), ("A-only name, TTL 0", "http://v4-ttl-0.d.test/", SCRIPTED)):
        rows.append(Row(next(ids), f"DNS is lost for 0.3 s, ten connects a second: {what}", Command("drip", uri, n=120, gap=100, timeout=20_000),
                        Slow(5, 500), before=(NameServers(server),), changes=lost, peers=("hyper", "go"), short=True))
    for i, what, uri, more in (("l1", "dual-stack name", DUAL, ()), ("l2", "A-only name", A_ONLY, ()), ("l3", "a connector each", DUAL, FRESH)):
        rows.append(Row(i, f"DNS is lost for 0.3 s, connects limited to 1 s: {what}", Command("connect", uri, n=60, gap=100, timeout=1000, more=more),
                        Recovers("back"), changes=lost, peers=("hyper", "go"), short=i == "l1"))
    rows.append(Row("l4", "all addresses are lost for 3 s, name server by IPv6, connects limited to 4 s", Command("connect", n=70, gap=100, timeout=4000),
                    Recovers("back"), before=(NameServers(DNSMASQ6),), changes=(Change(3, "lost", Client("addr flush dev c0")), Change(6, "back", Restore())),
                    peers=("hyper", "go")))
    return rows


ROWS = [*by_record_type(), *servers(), *lost_packets()]
