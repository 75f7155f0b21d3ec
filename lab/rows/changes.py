"""The network changes while connects go on: the crate must soon stop believing what it knew of the old one."""

from clients import Command
from faults import Client, Delay, NameServers, Restore, Router
from network import DNSMASQ, DNSMASQ6
from rows.families import LOCALS
from rows.row import AAAA_ONLY, DUAL, SLOW, TO6, Change, Row
from verdict import Connects, Recovers

GLOBAL6 = "-6 addr del 2001:db8:c::2/64 dev c0"
LOSE4 = "-4 addr flush dev c0"
LOSE6 = ("-6 addr flush dev c0", "-6 route flush dev c0")
GAIN4 = ("addr replace 192.0.2.2/24 dev c0", "route replace default via 192.0.2.1")
GAIN6 = ("-6 addr replace 2001:db8:c::2/64 dev c0 nodad", "-6 route replace default via 2001:db8:c::1")
# `flush dev c0` of both families takes the routes too.
ONLY4 = Client(*LOSE6, *GAIN4)
ONLY6 = Client(LOSE4, *GAIN6)
BOTH_SERVERS = NameServers(DNSMASQ, DNSMASQ6)
PEERS, UTIL = ("hyper", "go"), ("hyper",)


def every_tenth(n: int, uri: str = DUAL, timeout: int = 4000, more: tuple = ()) -> Command:
    """`n` connects, one after the other, with a tenth of a second between them."""
    return Command("connect", uri, n=n, gap=100, timeout=timeout, more=more)


def links() -> list[Row]:
    quick = "timeout:1 attempts:1"
    return [
        Row("e1", "the link is down for 3 s", every_tenth(90), Recovers("up"),
            changes=(Change(3, "down", Client("link set c0 down")), Change(6, "up", Restore())), peers=PEERS, short=True),
        Row("e1a", "the link is down for 3 s, 160 connects", every_tenth(160), Recovers("up"),
            changes=(Change(3, "down", Client("link set c0 down")), Change(6, "up", Restore())), peers=PEERS),
        Row("e1b", "the link is down for 3 s and comes back with IPv6 alone", every_tenth(160), Recovers("up"),
            changes=(Change(3, "down", Client("link set c0 down")), Change(6, "up", Client("link set c0 up"), ONLY6, NameServers(DNSMASQ6))),
            peers=PEERS, short=True),
        Row("e2", "the IPv6 routes go while races run (600 ms)", Command("connect", SLOW, n=16, timeout=4000), Connects(3000),
            before=(Delay(600, 600),),
            changes=(Change(3, "gone", Client("-6 route del 2001:db8:d::/64 dev slow", "-6 route del default")), Change(7, "back", Restore())),
            peers=PEERS),
        Row("e2a", "the IPv6 routes go and come back (60 ms)", Command("connect", SLOW, n=100, timeout=4000), Connects(2000), before=(Delay(60, 60),),
            changes=(Change(3, "gone", Client("-6 route del 2001:db8:d::/64 dev slow", "-6 route del default")), Change(7, "back", Restore())),
            peers=PEERS),
        Row("e3", "the interface goes down while races run (600 ms)", every_tenth(75, SLOW), Recovers("up", least=5),
            before=(Delay(600, 600),),
            changes=(Change(3, "down", Client("link set slow down", "route del default", "-6 route del default")), Change(7, "up", Restore())),
            peers=PEERS),
        Row("e4", "IPv6 only becomes IPv4 only", every_tenth(110), Recovers("IPv4 only"),
            before=(NameServers(DNSMASQ6, DNSMASQ, options=quick), ONLY6),
            changes=(Change(3, "IPv4 only", ONLY4),), peers=PEERS, short=True),
        Row("e5", "IPv4 only becomes IPv6 only", every_tenth(110), Recovers("IPv6 only"),
            before=(NameServers(DNSMASQ, DNSMASQ6, options=quick), ONLY4),
            changes=(Change(3, "IPv6 only", ONLY6),), peers=PEERS, short=True),
        Row("e6", "IPv4 only gains IPv6, AAAA-only name", every_tenth(100, AAAA_ONLY), Recovers("gained"), before=(Client(LOSE6[0]),),
            changes=(Change(3, "gained", Restore()),), peers=PEERS),
        Row("e7", "dual stack loses its IPv6 addresses for 3 s", every_tenth(90), (Recovers("lost"), Recovers("back")),
            changes=(Change(3, "lost", Client(LOSE6[0])), Change(6, "back", Restore())), peers=PEERS),
        Row("e8", "the IPv6 path is silent for 3 s", every_tenth(80), Connects(2000),
            changes=(Change(3, "silent", Router(f"{TO6} drop")), Change(6, "back", Router())),
            peers=PEERS),
        Row("e9", "dual stack loses its IPv4 address for 3 s, name server by IPv6", every_tenth(90), (Recovers("lost"), Recovers("back")),
            before=(NameServers(DNSMASQ6),), changes=(Change(3, "lost", Client(LOSE4)), Change(6, "back", Restore())), peers=PEERS),
    ]


def just_after_a_look() -> list[Row]:
    """What the crate knows of the network is at most 5 s old. In these rows the network changes just after the system was asked."""
    only6 = (("local6", "2001:db8:c::2"),)

    def blip(i: str, gone: float, back: float) -> Row:
        return Row(i, f"the only local address is away from {gone} to {back} s", every_tenth(130, more=only6), Recovers("back"),
                   changes=(Change(gone, "gone", Client(GLOBAL6)), Change(back, "back", Restore())), peers=UTIL, short=True)

    return [
        Row("k1", "IPv4 only becomes IPv6 only at 5.3 s", every_tenth(130), Recovers("IPv6 only"), before=(BOTH_SERVERS, Client(*LOSE6)),
            changes=(Change(5.3, "IPv6 only", ONLY6),), peers=PEERS, short=True),
        Row("k2", "IPv6 only becomes IPv4 only at 5.3 s, its routes go too", every_tenth(130), Recovers("IPv4 only"),
            before=(BOTH_SERVERS, Client(LOSE4)),
            changes=(Change(5.3, "IPv4 only", ONLY4),), peers=PEERS, short=True),
        Row("k3", "IPv6 only; at 5.3 s the prefix goes, the default route stays, IPv4 comes", every_tenth(110, timeout=20_000), Recovers("changed"),
            before=(BOTH_SERVERS, Client(LOSE4)), changes=(Change(5.3, "changed", Client(GLOBAL6, *GAIN4)),), peers=PEERS, short=True),
        Row("k4", "IPv4 only gains IPv6 at 5.3 s, AAAA-only name", every_tenth(130, AAAA_ONLY), Recovers("gained"), before=(Client(*LOSE6),),
            changes=(Change(5.3, "gained", Restore()),), peers=PEERS, short=True),
        blip("k5", 4.9, 5.3),
        blip("k5a", 5.05, 5.45),
        Row("k6", "dual stack; at 5.3 s the IPv6 prefix goes, the default route stays", every_tenth(110), Recovers("gone", slow=2),
            changes=(Change(5.3, "gone", Client(GLOBAL6)),), peers=PEERS, short=True),
    ]


def local_addresses() -> list[Row]:
    def away(i: str, what: str, line: str, expect, more, before=()) -> Row:
        return Row(i, f"{what} is away for 3 s", every_tenth(90, more=more), expect, before=before,
                   changes=(Change(3, "gone", Client(line)), Change(6, "back", Restore())), peers=UTIL, short=True)

    both = (Recovers("gone"), Recovers("back"))
    return [
        away("j10", "the local address of IPv6, of both that are set,", GLOBAL6, both, LOCALS),
        away("j11", "the local address of IPv4, of both that are set,", "addr del 192.0.2.2/24 dev c0", both, LOCALS, (NameServers(DNSMASQ6),)),
        away("j12", "the only local address, of IPv6,", GLOBAL6, Recovers("back"), LOCALS[1:]),
        Row("j13", "interface c0 is down for 3 s", every_tenth(90, more=(("interface", "c0"),)), Recovers("up"),
            changes=(Change(3, "down", Client("link set c0 down")), Change(6, "up", Restore())), peers=UTIL, short=True),
    ]


ROWS = [*links(), *just_after_a_look(), *local_addresses()]
