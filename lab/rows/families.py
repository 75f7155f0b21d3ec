"""Which families the client has, and which it may use: addresses, routes, local addresses, interfaces, the order of RFC 6724."""

from clients import Command
from faults import Client, DisableIpv6, GaiConf, Listen, NameServers, Router
from network import DNSMASQ, DNSMASQ6, SCRIPTED
from rows.row import A_ONLY, AAAA_ONLY, TO6, Row, numbered
from verdict import Begins, Connects, Fails

TWICE = Command("connect", AAAA_ONLY, n=2, timeout=3000)
# What an error may say of a family that the machine cannot use.
UNUSABLE = ("unreachable", "not available", "assign", "no address", "No route to host", "family")
NO_GLOBAL6 = "-6 addr del 2001:db8:c::2/64 dev c0"
NO_DEFAULT6 = "-6 route del default"
BY_LINK_LOCAL = "-6 route replace default via fe80::1 dev c0"
ULA = (NO_GLOBAL6, "-6 addr add fd00:c::2/64 dev c0 nodad", BY_LINK_LOCAL)
ULA_NOT_FORWARDED = Router("ip6 saddr fd00::/8 ip6 daddr 2001:db8::/32 drop")
NO_IPV6 = ("-6 addr flush dev c0", "-6 route flush dev c0")
ONLY6 = ("-4 addr flush dev c0", "-6 addr replace 2001:db8:c::2/64 dev c0 nodad", "-6 route replace default via 2001:db8:c::1")
LOCALS = (("local4", "192.0.2.2"), ("local6", "2001:db8:c::2"))
SAME_MACHINE = ("hyper",)


def without_ipv6() -> list[Row]:
    ids, connect = numbered("b"), Command("connect")
    rows = [
        Row(next(ids), "IPv6 is off in the system", connect, Connects(1000, "IPv4"), before=(DisableIpv6(),)),
        Row(next(ids), "IPv6 is off in the system, AAAA-only name", TWICE, Fails(4000, UNUSABLE), before=(DisableIpv6(),)),
        Row(next(ids), "no IPv6 address, no route", connect, Connects(1000, "IPv4"), before=(Client(*NO_IPV6),)),
        Row(next(ids), "no IPv6 address, no route, AAAA-only name", TWICE, Fails(4000, UNUSABLE), before=(Client(*NO_IPV6),)),
        Row(next(ids), "IPv6 address, no default route", connect, Connects(1000, "IPv4"), before=(Client(NO_DEFAULT6),)),
        Row(next(ids), "IPv6 link-local only, no default route", connect, Connects(1000, "IPv4"), before=(Client(NO_GLOBAL6, NO_DEFAULT6),)),
        Row(next(ids), "IPv6 link-local only, default route", connect, Connects(2000, "IPv4"), before=(Client(NO_GLOBAL6, BY_LINK_LOCAL),)),
        Row(next(ids), "IPv6 ULA only, routed", connect, Connects(1000), before=(Client(*ULA),)),
        Row(next(ids), "IPv6 ULA only, the name has a ULA and an A record", Command("connect", "http://ula.lab.test/"), Connects(1000),
            before=(Client(*ULA),)),
        Row(next(ids), "IPv6 ULA only, not forwarded to global addresses", connect, Connects(1000, "IPv4"), before=(Client(*ULA), ULA_NOT_FORWARDED)),
        Row(next(ids), "IPv6 ULA only, no default route", connect, Connects(1000, "IPv4"), before=(Client(*ULA, NO_DEFAULT6),)),
    ]
    for kind in ("unreachable", "blackhole", "prohibit"):
        rows.append(Row(next(ids), f"{kind} route to the IPv6 address", connect, Connects(1000, "IPv4"),
                        before=(Client(f"-6 route replace {kind} 2001:db8:5::/64"),)))
    gone = Client("-6 route replace 2001:db8:5::/64 via 2001:db8:c::77 dev c0")
    # The second connect would find that the kernel has given the next hop up and takes the default route.
    once = Command("connect", AAAA_ONLY, n=1)
    return rows + [
        Row(next(ids), "the IPv6 next hop does not answer", connect, Connects(2000), before=(gone,)),
        Row(next(ids), "the IPv6 next hop does not answer, AAAA-only name", once, Fails(9000, ("No route to host", "unreachable", "timed out")),
            before=(gone,)),
    ]


def without_ipv4() -> list[Row]:
    only6 = (NameServers(DNSMASQ6), Client(*ONLY6))
    first = Router("ip6 daddr 2001:db8:5::1 tcp dport 80 drop")
    # The default route of IPv4 leads out, but the only IPv4 address is link-local: so it is in Kubernetes clusters of EKS.
    eks = Client("-4 addr flush dev c0", "addr add 169.254.172.2/22 dev c0", "route replace default via 169.254.172.1")
    return [
        Row("b-six1", "IPv6 only", Command("connect"), Connects(1000, "IPv6"), before=only6),
        Row("b-six2", "IPv6 only, A-only name", Command("connect", A_ONLY, n=2, timeout=3000), Fails(4000, UNUSABLE), before=only6),
        Row("b-six3", "IPv6 only, two addresses a family, the first of IPv6 is dropped", Command("connect", "http://four.lab.test/"),
            Connects(2000, "2001:db8:5::2"), before=(*only6, first)),
        Row("b-six4", "IPv4 has a link-local address and a default route, A-only name", Command("connect", A_ONLY), Connects(1000, "IPv4"),
            before=(NameServers(DNSMASQ6), eks), short=True),
        Row("b-six5", "IPv4 has a link-local address and a default route, IPv6 is dropped", Command("connect"), Connects(2000, "IPv4"),
            before=(NameServers(DNSMASQ6), eks, Router(f"{TO6} drop")), short=True),
    ]


def order() -> list[Row]:
    """ULA-only IPv6: RFC 6724 puts IPv4 before global IPv6 addresses. A connect that begins with IPv6 loses 250 ms."""
    ids, rows = numbered("ula"), []
    for server, name in ((DNSMASQ, "dnsmasq"), (SCRIPTED, "scripted")):
        for fresh, what in ((1, "a connector each"), (0, "one connector")):
            rows.append(Row(next(ids), f"IPv6 ULA only, not forwarded to global addresses, {what} ({name})",
                            Command("connect", n=200, gap=5, more=(("fresh", fresh),)), Begins("IPv4"),
                            before=(NameServers(server), Client(*ULA), ULA_NOT_FORWARDED), peers=("hyper", "go"), short=True))
    prefer4 = "precedence ::ffff:0:0/96  100\n"
    return rows + [
        Row("gai1", "gai.conf prefers IPv4", Command("connect"), Connects(1000, "IPv4"), hickory=Connects(1000), before=(GaiConf(prefer4),),
            needs=("/etc/gai.conf",)),
        Row("gai2", "gai.conf prefers IPv4, IPv6 is dropped", Command("connect"), Begins("IPv4"), hickory=Connects(2000, "IPv4"),
            before=(GaiConf(prefer4), Router(f"{TO6} drop")), needs=("/etc/gai.conf",)),
    ]


def this_machine() -> list[Row]:
    here = (NameServers(SCRIPTED), Client(*NO_IPV6, "-6 addr flush dev slow"), Listen("::1"))
    loop, more = "http://loop.d.test/", (("local6", "::1"),)
    return [
        Row("loop1", "IPv4 only, a name that is ::1", Command("connect", loop, n=3, timeout=3000), Connects(1000, "::1"), before=here, short=True),
        Row("loop2", "IPv4 only, a name that is ::1, local address ::1", Command("connect", loop, n=3, timeout=3000, more=more),
            Connects(1000, "::1"),
            before=here, peers=SAME_MACHINE, short=True),
        Row("loop3", "IPv4 only, a name that is ::1 and has an A record, local address ::1",
            Command("connect", "http://loop-and-a.d.test/", n=3, timeout=3000, more=more), Connects(1000, "::1"), before=here, peers=SAME_MACHINE),
        Row("loop4", "IPv6 only, a name that is 127.0.0.1", Command("connect", "http://loop4.d.test/", n=3, timeout=3000),
            Connects(1000, "127.0.0.1"),
            before=(NameServers("2001:db8:5::55"), Client(*ONLY6), Listen("127.0.0.1")), short=True),
    ]


def local_addresses() -> list[Row]:
    ids = numbered("j")

    def row(fault: str, expect, *more: tuple[str, str], n: int = 5, before=()) -> Row:
        return Row(next(ids), fault, Command("connect", n=n, timeout=4000, more=more), expect, before=before, peers=SAME_MACHINE)

    wrong = ("address not available", "assign requested address")
    return [
        row("local addresses of both families", Connects(1000, "IPv6"), *LOCALS),
        row("local addresses of both families, IPv6 is dropped", Connects(2000, "IPv4"), *LOCALS, before=(Router(f"{TO6} drop"),)),
        row("local address of IPv4", Connects(1000, "IPv4"), LOCALS[0]),
        row("local address of IPv4 that the machine does not have", Fails(5000, wrong), ("local4", "192.0.2.77"), n=2),
        row("local address of IPv6 that the machine does not have, of IPv4 that it has",
            Connects(2000, "IPv4"), LOCALS[0], ("local6", "2001:db8:c::77"), n=2),
        row("interface c0", Connects(1000, "IPv6"), ("interface", "c0")),
        row("interface lo", Fails(5000, UNUSABLE + ("timed out",)), ("interface", "lo"), n=2),
        row("interface that does not exist", Fails(5000, ("No such device",)), ("interface", "nosuch"), n=2),
        row("interface c0, no IPv6 default route", Connects(1000, "IPv4"), ("interface", "c0"), before=(Client(NO_DEFAULT6),)),
    ]


ROWS = [*without_ipv6(), *without_ipv4(), *order(), *this_machine(), *local_addresses()]
