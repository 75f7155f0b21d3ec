"""The network of one worker: client, router and server in network namespaces of their own, and the services on it.

The worker has a mount and a process namespace of its own (see lab.py), so the names of the namespaces, the files bound over
those of /etc, and every process are the worker's alone. The kernel removes all of it when the worker ends, however it ends.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable

HERE = os.path.dirname(os.path.abspath(__file__))

# Name servers: dnsmasq by IPv4 and by IPv6, the scripted one, and an address where nobody answers.
DNSMASQ, DNSMASQ6, SCRIPTED, DEAD = "198.51.100.53", "2001:db8:5::53", "198.51.100.55", "198.51.100.99"
V4, V6 = "198.51.100.", "2001:db8:5::"
SLOW4, SLOW6 = "203.0.113.0/24", "2001:db8:d::/64"
# Of the names below apart.test each has an IPv6 address in a /48 of its own.
APART, APART6 = 20, "2001:db8:100::/40"

BOTH = {"AAAA": [V6 + "1"], "A": [V4 + "1"]}

# What both name servers answer.
ZONE: dict[str, dict] = {
    "dual.lab.test": BOTH,
    "four.lab.test": {"AAAA": [V6 + "1", V6 + "2"], "A": [V4 + "1", V4 + "2"]},
    "v4x4.lab.test": {"A": [V4 + str(n) for n in (11, 12, 13, 14)]},
    "v6x4.lab.test": {"AAAA": [V6 + str(n) for n in (11, 12, 13, 14)]},
    "v4.lab.test": {"A": [V4 + "1"]},
    "v6.lab.test": {"AAAA": [V6 + "1"]},
    "slow.lab.test": {"AAAA": ["2001:db8:d::1"], "A": ["203.0.113.1"]},
    "slow4.lab.test": {"AAAA": ["2001:db8:d::1", "2001:db8:d::2"], "A": ["203.0.113.1", "203.0.113.2"]},
    "ula.lab.test": {"AAAA": ["fd00:5::1"], "A": [V4 + "1"]},
    **{f"h{n}.apart.test": {"AAAA": [f"2001:db8:{0x100 + n:x}::1"], "A": [V4 + str(150 + n)]} for n in range(APART)},
}

# What the scripted one answers; dns_server.py says what the keys mean.
SCRIPT: dict[str, dict] = ZONE | {
    "*.many.test": BOTH,
    "plain.d.test": BOTH,
    "aaaa-dropped.d.test": BOTH | {"drop": ["AAAA"]},
    "a-dropped.d.test": BOTH | {"drop": ["A"]},
    "both-dropped.d.test": BOTH | {"drop": ["A", "AAAA"]},
    "both-slow.d.test": BOTH | {"slow": {"A": 3.0, "AAAA": 3.0}},
    "aaaa-slow.d.test": BOTH | {"slow": {"AAAA": 3.0}},
    "a-slow.d.test": BOTH | {"slow": {"A": 3.0}},
    "aaaa-slow-a-only.d.test": {"A": [V4 + "1"], "slow": {"AAAA": 3.0}},
    "servfail-aaaa.d.test": BOTH | {"rcode": {"AAAA": 2}},
    "servfail-a.d.test": BOTH | {"rcode": {"A": 2}},
    "servfail-both.d.test": BOTH | {"rcode": {"A": 2, "AAAA": 2}},
    "refused-aaaa.d.test": BOTH | {"rcode": {"AAAA": 5}},
    "nx-aaaa.d.test": BOTH | {"rcode": {"AAAA": 3}},
    "aaaa-only-a-dropped.d.test": {"AAAA": [V6 + "1"], "drop": ["A"]},
    "big.d.test": {"A": [V4 + str(n) for n in range(101, 141)], "AAAA": [V6 + str(n) for n in range(101, 141)], "tc": True},
    "dual-ttl-0.d.test": BOTH | {"ttl": 0},
    "v4-ttl-0.d.test": {"A": [V4 + "1"], "ttl": 0},
    "loop.d.test": {"AAAA": ["::1"]},
    "loop4.d.test": {"A": ["127.0.0.1"]},
    "loop-and-a.d.test": {"AAAA": ["::1"], "A": [V4 + "1"]},
}

# The client's addresses and routes as they are before every row.
CLIENT_LINKS = [
    "link set c0 up",
    "addr replace 192.0.2.2/24 dev c0",
    "addr replace 2001:db8:c::2/64 dev c0 nodad",
    "route replace default via 192.0.2.1",
    "-6 route replace default via 2001:db8:c::1",
    "link set slow up",
    f"route replace {SLOW4} dev slow src 192.0.2.2",
    f"-6 route replace {SLOW6} dev slow src 2001:db8:c::2",
]


class LabError(Exception):
    """The laboratory itself does not work: nothing is measured."""


def run(argv: list[str], text: str | None = None) -> str:
    """Runs a command of the laboratory.

    Raises LabError with what the command said if it fails.
    """
    done = subprocess.run(argv, input=text, text=True, capture_output=True)
    if done.returncode:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Network:
    """The three namespaces with their services. `files` is an empty directory of this worker."""

    def __init__(self, files: str, origin: str) -> None:
        self.files = files
        self.origin = origin
        self.services: list[subprocess.Popen] = []
        self.extra: list[subprocess.Popen] = []

    def path(self, name: str) -> str:
        return os.path.join(self.files, name)

    def write(self, name: str, text: str) -> None:
        with open(self.path(name), "w") as file:
            file.write(text)

    # Set-up

    def up(self) -> None:
        """Makes the network and starts the services, and waits until they answer."""
        self.bind_files()
        self.namespaces()
        self.links()
        self.delays([])
        self.name_servers([DNSMASQ])
        self.write("script.json", json.dumps(SCRIPT))
        hosts = "".join(f"{ip} {name}\n" for name, e in ZONE.items() for ip in e.get("AAAA", []) + e.get("A", []))
        self.write("zone.hosts", hosts)
        self.service("delay", None, [sys.executable, f"{HERE}/delay.py", self.path("delays.json")], "ready")
        self.service("origin", "server", [self.origin], "listening")
        dns = [sys.executable, f"{HERE}/dns_server.py", f"{SCRIPTED},2001:db8:5::55", self.path("script.json")]
        self.service("dns", "server", dns, "ready")
        self.service("dnsmasq", "server", [
            "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", f"--addn-hosts={self.path('zone.hosts')}",
            "--bind-interfaces", f"--listen-address={DNSMASQ}", f"--listen-address={DNSMASQ6}", "--user=root", "--pid-file=",
            "--no-round-robin", "--local=/test/", f"--address=/many.test/{V4}1", f"--address=/many.test/{V6}1",
            "--local-ttl=60", "--log-facility=-",
        ], "read ")
        self.reset()

    def bind_files(self) -> None:
        """Covers the machine's name service files, in this worker's mount namespace, by files that the rows write."""
        files = {
            "resolv.conf": "",
            "hosts": "127.0.0.1 localhost\n::1 localhost\n",
            "nsswitch.conf": "hosts: files dns\n",
            "gai.conf": "",
        }
        for name, text in files.items():
            self.write(name, text)
            if os.path.exists(f"/etc/{name}"):
                run(["mount", "--bind", self.path(name), os.path.realpath(f"/etc/{name}")])
            elif name in ("resolv.conf", "nsswitch.conf"):
                raise LabError(f"there is no /etc/{name} that could be covered")
        os.makedirs("/run/netns", exist_ok=True)
        run(["mount", "-t", "tmpfs", "lab", "/run/netns"])

    def namespaces(self) -> None:
        for name in ("client", "router", "server"):
            run(["ip", "netns", "add", name])
            self.ip(name, ["link set lo up"])
            for where in ("all", "default"):
                # Without duplicate address detection an address counts at once. `default`: for interfaces that come later.
                settings = {f"ipv6/conf/{where}/{key}": 0 for key in ("accept_dad", "accept_ra", "disable_ipv6")}
                self.settings(name, settings | {f"ipv4/conf/{where}/rp_filter": 0})
        # The kernel limits the ICMP errors that it sends; here each is wanted. One of them is not in every kernel.
        self.settings("router", {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1, "ipv4/icmp_ratelimit": 0, "ipv6/icmp/ratelimit": 0})
        self.settings("router", {"ipv4/icmp_msgs_per_sec": 100_000}, required=False)
        self.settings("server", {"core/somaxconn": 16_384, "ipv4/tcp_max_syn_backlog": 16_384, "ipv4/tcp_syncookies": 0})
        # No TIME_WAIT, and all ports: otherwise a storm of connects would measure how long the kernel searches for a free port.
        for name in ("client", "server"):
            self.settings(name, {"ipv4/tcp_max_tw_buckets": 0, "ipv4/ip_local_port_range": "1024 65535"})

    def links(self) -> None:
        run(["ip", "-n", "client", "link", "add", "c0", "type", "veth", "peer", "name", "r0", "netns", "router"])
        run(["ip", "-n", "router", "link", "add", "r1", "type", "veth", "peer", "name", "s0", "netns", "server"])
        self.ip("router", [
            "link set r0 up", "link set r1 up",
            "addr add 192.0.2.1/24 dev r0", "addr add 169.254.172.1/22 dev r0", "addr add 2001:db8:c::1/64 dev r0 nodad",
            "addr add fe80::1/64 dev r0 nodad", "addr add fd00:c::1/64 dev r0 nodad",
            "addr add 198.18.0.1/30 dev r1", "addr add 2001:db8:b::1/64 dev r1 nodad",
        ])
        self.ip("server", [
            "link set s0 up", "addr add 198.18.0.2/30 dev s0", "addr add 2001:db8:b::2/64 dev s0 nodad",
            "route add default via 198.18.0.1", "-6 route add default via 2001:db8:b::1",
        ])
        for net in ("198.51.100.0/24", SLOW4):
            self.ip("router", [f"route add {net} via 198.18.0.2"])
            self.ip("server", [f"route add local {net} dev lo"])
        for net in ("2001:db8:5::/64", APART6, SLOW6, "fd00:5::/64"):
            self.ip("router", [f"-6 route add {net} via 2001:db8:b::2"])
            self.ip("server", [f"-6 route add local {net} dev lo"])
        # Every address of these networks is served, but IPv6 binds only to what an interface has.
        self.ip("server", [f"addr add 2001:db8:5::{n}/128 dev lo nodad" for n in (53, 55)])
        self.ip("client", ["link set c0 up", *CLIENT_LINKS[1:5]])

    def service(self, name: str, namespace: str | None, argv: list[str], ready: str) -> None:
        """Starts a service, and waits until its log has the word that says it is ready."""
        enter = ["ip", "netns", "exec", namespace] if namespace else []
        with open(self.path(name + ".log"), "w") as log:
            process = subprocess.Popen(enter + argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.services.append(process)
        deadline = time.monotonic() + 20
        while ready not in self.log(name):
            if process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"{name} does not start: {self.log(name).strip()}")
            time.sleep(0.02)

    def log(self, name: str) -> str:
        with open(self.path(name + ".log")) as file:
            return file.read()

    # What rows change

    def reset(self) -> None:
        """Sets up the network without a fault, as it is before every row."""
        for service in self.services:
            if service.poll() is not None:
                raise LabError(f"a service has ended: {service.args}")
        for process in self.extra:
            process.kill()
            process.wait()
        self.extra.clear()
        self.rules([])
        self.delays([])
        self.name_servers([DNSMASQ])
        self.gai_conf("")
        self.settings("client", {"ipv6/conf/all/disable_ipv6": 0, "ipv6/conf/c0/disable_ipv6": 0})
        self.ip("client", ["-4 route flush table main", "-6 route flush table main"])
        for device in ("c0", "slow"):
            self.ip("client", [f"addr flush dev {device}", f"link set {device} down", f"link set {device} up"])
        self.restore()
        time.sleep(0.1)

    def restore(self) -> None:
        """The client's addresses and routes as they were."""
        self.ip("client", CLIENT_LINKS)

    def ip(self, namespace: str, lines: Iterable[str], required: bool = True) -> None:
        """Runs `ip` commands in a namespace; what need not succeed is for things that may be gone already."""
        for line in lines:
            try:
                run(["ip", "-n", namespace, *line.split()])
            except LabError:
                if required:
                    raise

    def settings(self, namespace: str, values: dict[str, object], required: bool = True) -> None:
        """Writes files below /proc/sys/net of a namespace."""
        script = "".join(f"echo '{value}' >/proc/sys/net/{key}\n" for key, value in values.items())
        try:
            run(["ip", "netns", "exec", namespace, "sh", "-ec", script])
        except LabError:
            if required:
                raise

    def rules(self, rules: Iterable[str]) -> None:
        """These nftables rules, and no others, for what the router forwards."""
        chain = "chain faults { type filter hook forward priority 0;\n" + "\n".join(rules) + "\n}"
        table = f"table inet lab {{}}\ndelete table inet lab\ntable inet lab {{\n{chain}\n}}\n"
        run(["ip", "netns", "exec", "router", "nft", "-f", "-"], table)

    def delays(self, rules: list[dict]) -> None:
        """The round trips and losses of the slow networks; delay.py looks for changes every 50 ms."""
        self.write("delays.new", json.dumps(rules))
        os.replace(self.path("delays.new"), self.path("delays.json"))
        time.sleep(0.15)

    def name_servers(self, servers: Iterable[str], options: str = "", search: str = "") -> None:
        text = "".join(f"nameserver {server}\n" for server in servers)
        text += f"options {options}\n" if options else ""
        text += f"search {search}\n" if search else ""
        self.write("resolv.conf", text)

    def gai_conf(self, text: str) -> None:
        self.write("gai.conf", text)

    def listen(self, address: str) -> None:
        """An HTTP server in the client's namespace until the next reset."""
        argv = ["ip", "netns", "exec", "client", sys.executable, "-u", "-m", "http.server", "--bind", address, "80"]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.extra.append(process)
        if "Serving" not in process.stdout.readline():
            raise LabError(f"no HTTP server on {address}")

    def established_ports(self) -> list[str]:
        """The client's ports of the connections to port 80."""
        out = run(["ip", "netns", "exec", "client", "ss", "-tnH", "state", "established", "( dport = :80 )"])
        return sorted({line.split()[2].rsplit(":", 1)[1] for line in out.splitlines()})
