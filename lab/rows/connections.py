"""Connections that exist: TLS that hangs, idle connections that die, and storms of connects."""

from clients import Command
from faults import BreakIdle, Router
from rows.row import DUAL, TO6, Change, Row, numbered
from verdict import Connects, Fails, Slow, Storm, Survives

HTTPS = "https://dual.lab.test/"
# Packets of more than 700 bytes to the client's IPv6 address are dropped, and nobody is told.
MTU = Router("ip6 daddr 2001:db8:c::/64 meta length > 700 drop")
SILENT = Router("ip6 saddr 2001:db8:5::/64 tcp sport 443 tcp flags & (syn|rst) == 0 drop")
OVER = ("ours", "hickory", "hyper-over-ours")
KEEPALIVE = (("keepalive_time", 1000), ("keepalive_interval", 1000), ("keepalive_retries", 3))
USER_TIMEOUT = (("user_timeout", 3000),)
POST = (("method", "POST"),)
MANY = "http://h{i}.many.test/"
# The error of the connector, of the kernel, or of the client program that stops waiting.
ENOUGH = ("timed out", "limit")


def tls() -> list[Row]:
    ids = numbered("f")

    def row(fault: str, expect, *before, kind: str = "tls", uri: str = HTTPS, n: int = 1, timeout: int = 8000, more: tuple = (),
            crate: tuple[str, ...] = OVER, short: bool = False) -> Row:
        command = Command(kind, uri, n=n, timeout=timeout, more=more)
        return Row(next(ids), fault, command, expect, before=before, crate=crate, peers=("hyper", "curl"), short=short)

    return [
        row("no fault, TLS", Connects(2000), n=5),
        row("IPv6 is dropped, TLS", Connects(2000), Router(f"{TO6} drop"), n=3),
        # The race ends with the handshake: the other family is tried while one is silent.
        row("MTU black hole on IPv6, TLS", Connects(2200), MTU, n=2, timeout=15_000, short=True),
        row("MTU black hole on IPv6, TLS, connector limited to 1 s, caller to 8 s", Connects(2200), MTU, n=2, timeout=1000,
            more=(("outer", 8000),)),
        row("IPv6 connects and is silent, TLS", Connects(2200), SILENT, timeout=20_000, short=True),
        row("IPv6 connects and is silent, TLS, user time-out of 3 s", Connects(2200), SILENT, timeout=20_000, more=USER_TIMEOUT),
        row("IPv6 connects and is silent, TLS, keep-alive 1 s + 3 × 1 s", Connects(2200), SILENT, timeout=20_000, more=KEEPALIVE),
        row("MTU black hole on IPv6, GET of 3,000 bytes", Fails(16_000, ENOUGH), MTU, kind="get", uri=DUAL + "?bytes=3000", timeout=15_000,
            crate=("ours", "hickory")),
    ]


def idle() -> list[Row]:
    """Two requests, then the idle connection breaks, and new connections work; two requests more."""
    rows = []
    verbs = {"g-drop": ("vanishes", "drop"), "g-reset": ("is forgotten", "reject with tcp reset")}
    variants = {
        "get": ("GET", ()),
        "post": ("POST", POST),
        "user": ("GET, user time-out 3 s", USER_TIMEOUT),
        "keepalive": ("GET, keep-alive 1 s + 3 × 1 s", KEEPALIVE),
        "both": ("GET, keep-alive and user time-out", KEEPALIVE + USER_TIMEOUT),
        "post-both": ("POST, keep-alive and user time-out", POST + KEEPALIVE + USER_TIMEOUT),
    }
    for prefix, (what, verb) in verbs.items():
        for name, (does, more) in variants.items():
            for gap in (1500, 6000):
                if verb != "drop" and (more not in ((), POST) or gap != 1500):
                    continue  # A reset answers at once: nothing that waits makes a difference.
                helped = verb != "drop" or (KEEPALIVE[0] in more and USER_TIMEOUT[0] in more)
                post = POST[0] in more
                # Keep-alive has noticed the fault before the next request, if there was enough time.
                lost = 0 if helped and (not post or gap == 6000) else 1
                rows.append(Row(f"{prefix}-{name}-{gap // 1000}s", f"the idle connection {what}; {does} every {gap / 1000:g} s",
                                Command("get", n=4, gap=gap, timeout=25_000, more=more), Slow(lost, 12_000), crate=("ours",), peers=("hyper",),
                                changes=(Change(gap / 1000 + 0.5, "broken", BreakIdle(verb)),)))
    return rows


def storms() -> list[Row]:
    ids, loss = numbered("i"), Router("tcp dport 80 tcp flags & (syn|ack) == syn numgen random mod 100 < 10 drop")

    def row(fault: str, expect, *before, hosts: int = 1, n: int = 5000, descriptors: int = 20_000, timeout: int = 30_000, hickory=None) -> Row:
        command = Command("storm", MANY if hosts > 1 else DUAL, n=n, timeout=timeout, descriptors=descriptors, more=(("hosts", hosts),))
        return Row(next(ids), fault, command, expect, hickory, before=before, peers=("hyper",), alone=True)

    # glibc calls a look-up without a descriptor a temporary failure; hickory has no connection then, and does not say why.
    too_many = ("Too many open files", "temporary failure", "Temporary failure")
    unexplained = Survives((*too_many, "no connections available"))
    return [
        row("5,000 connects to one name", Storm(10_000)),
        row("5,000 connects to one name, 10 % of the SYNs are lost", Storm(20_000), loss),
        row("5,000 connects to 500 names, 10 % of the SYNs are lost", Storm(20_000, level=1.35), loss, hosts=500),
        row("1,000 connects to one name, 256 descriptors", Survives(too_many), n=1000, descriptors=256, timeout=10_000, hickory=unexplained),
        row("1,000 connects to 500 names, 256 descriptors", Survives(too_many), n=1000, descriptors=256, timeout=20_000, hosts=500,
            hickory=unexplained),
        row("5,000 connects to one name, IPv6 is dropped", Storm(20_000), Router(f"{TO6} drop")),
    ]


ROWS = [*tls(), *idle(), *storms()]
