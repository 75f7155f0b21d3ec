"""What a row is, and what several of them need."""

from collections.abc import Iterator
from dataclasses import dataclass

from clients import Command
from faults import Step
from verdict import Expectation

DUAL = "http://dual.lab.test/"
A_ONLY = "http://v4.lab.test/"
AAAA_ONLY = "http://v6.lab.test/"
SLOW = "http://slow.lab.test/"
# Without a memory: no connect knows what earlier ones have learned.
FORGETS = (("memory", "off"),)
# nftables: the origin's ports by family.
TO6 = "ip6 daddr 2001:db8:5::/64 tcp dport {80,443}"
TO4 = "ip daddr 198.51.100.0/24 tcp dport {80,443}"


@dataclass(frozen=True)
class Change:
    """Steps that are taken `after` so many seconds. What expects something of the time after it names its label."""

    after: float
    label: str
    steps: tuple[Step, ...]

    def __init__(self, after: float, label: str, *steps: Step) -> None:
        object.__setattr__(self, "after", after)
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "steps", steps)


@dataclass(frozen=True)
class Row:
    """One fault, and what is expected of this crate under it."""

    id: str
    fault: str
    command: Command
    # One for each client of this crate, or one for all of them. All of a tuple have to hold.
    expect: tuple[Expectation, ...] | Expectation
    hickory: tuple[Expectation, ...] | Expectation | None = None
    before: tuple[Step, ...] = ()
    changes: tuple[Change, ...] = ()
    crate: tuple[str, ...] = ("ours", "hickory")
    peers: tuple[str, ...] = ("hyper", "go", "curl")
    # Part of what the gate runs.
    short: bool = False
    # Runs while no other row does, and its clients one after the other: it measures what the machine can do.
    alone: bool = False
    # Files that the machine has to have.
    needs: tuple[str, ...] = ()

    def expectations(self, who: str) -> tuple[Expectation, ...]:
        """What is expected of a client; nothing of a peer."""
        if who not in self.crate:
            return ()
        said = self.hickory if who == "hickory" and self.hickory is not None else self.expect
        return said if isinstance(said, tuple) else (said,)

    @property
    def lasts(self) -> float:
        """Seconds, roughly: the longest rows start first."""
        changing = max((change.after for change in self.changes), default=0.0)
        waiting = 0 if self.command.kind in ("drip", "storm") else self.command.timeout / 1000
        return max(self.command.n * self.command.gap / 1000, changing + waiting)


def numbered(prefix: str) -> Iterator[str]:
    """`a1`, `a2`, …"""
    n = 0
    while True:
        n += 1
        yield f"{prefix}{n}"
