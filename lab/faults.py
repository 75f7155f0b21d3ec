"""The steps of a fault, as data. A row has some before its clients start, and some while they run."""

from dataclasses import dataclass
from typing import Protocol

from network import Network


class Step(Protocol):
    """One change of the network."""

    def apply(self, network: Network) -> None: ...


@dataclass(frozen=True)
class Router:
    """These nftables rules and no others, for what the router forwards. Without any: no fault."""

    rules: tuple[str, ...]

    def __init__(self, *rules: str) -> None:
        object.__setattr__(self, "rules", rules)

    def apply(self, network: Network) -> None:
        network.rules(self.rules)


@dataclass(frozen=True)
class Client:
    """`ip` commands in the client's namespace."""

    lines: tuple[str, ...]

    def __init__(self, *lines: str) -> None:
        object.__setattr__(self, "lines", lines)

    def apply(self, network: Network) -> None:
        network.ip("client", self.lines)


@dataclass(frozen=True)
class Restore:
    """The client's addresses and routes as they were before the row."""

    def apply(self, network: Network) -> None:
        network.restore()


@dataclass(frozen=True)
class NameServers:
    """The client's resolv.conf."""

    servers: tuple[str, ...]
    options: str
    search: str

    def __init__(self, *servers: str, options: str = "", search: str = "") -> None:
        object.__setattr__(self, "servers", servers)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "search", search)

    def apply(self, network: Network) -> None:
        network.name_servers(self.servers, self.options, self.search)


@dataclass(frozen=True)
class Delay:
    """Round trips in milliseconds, and the share of packets that is lost, of the two slow networks."""

    v6_ms: int
    v4_ms: int
    loss: float = 0.0

    def apply(self, network: Network) -> None:
        network.delays([
            {"to": "2001:db8:d::/64", "ms": self.v6_ms, "loss": self.loss},
            {"to": "203.0.113.0/24", "ms": self.v4_ms, "loss": self.loss},
        ])


@dataclass(frozen=True)
class DisableIpv6:
    """IPv6 is off in the client's namespace."""

    def apply(self, network: Network) -> None:
        network.settings("client", {"ipv6/conf/all/disable_ipv6": 1})


@dataclass(frozen=True)
class GaiConf:
    """The client's gai.conf. The machine has to have one that can be covered: see `Row.needs`."""

    text: str

    def apply(self, network: Network) -> None:
        network.gai_conf(self.text)


@dataclass(frozen=True)
class Listen:
    """An HTTP server on an address of the client itself."""

    address: str

    def apply(self, network: Network) -> None:
        network.listen(self.address)


@dataclass(frozen=True)
class BreakIdle:
    """What the client sends on the connections that are open now meets `verb`; what comes back on them is dropped."""

    verb: str

    def apply(self, network: Network) -> None:
        ports = "{" + ",".join(network.established_ports()) + "}"
        network.rules([f"tcp sport {ports} tcp dport 80 {self.verb}", f"tcp dport {ports} tcp sport 80 drop"])
