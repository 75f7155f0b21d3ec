#!/usr/bin/env python3
"""Delay and loss where the kernel has no netem: a TUN device in the client, one in the router, and this program between them.

Packets to 203.0.113.0/24 and 2001:db8:d::/64 leave the client through it; what comes back takes the veth. So the delay that is
set is the whole round trip. The file of rules is read again when it changes:

    delay.py RULES.json         [{"to": "2001:db8:d::/64", "ms": 300, "loss": 0.2}]
"""

import ctypes
import fcntl
import heapq
import ipaddress
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
# How often the rules are looked at, in seconds.
REFRESH = 0.05
# Packets that are read from one device before the other has its turn.
BATCH = 256


def tun(namespace: str) -> int:
    """A TUN device `slow` in a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"slow", IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "-n", namespace, "link", "set", "slow", "txqueuelen", "5000", "up"], check=True)
    return device


def destination(packet: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    match packet[0] >> 4:
        case 4:
            return ipaddress.IPv4Address(packet[16:20])
        case 6:
            return ipaddress.IPv6Address(packet[24:40])
    return None


class Rules:
    """The file of rules, read again when it has changed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.stamp: int | None = None
        self.looked = 0.0
        self.rules: list[tuple] = []

    def refresh(self, now: float) -> None:
        if now - self.looked < REFRESH:
            return
        self.looked = now
        stamp = os.stat(self.path).st_mtime_ns
        if stamp != self.stamp:
            with open(self.path) as file:
                self.rules = [(ipaddress.ip_network(r["to"]), r["ms"] / 1000, r["loss"]) for r in json.load(file)]
            self.stamp = stamp

    def delay(self, to: ipaddress.IPv4Address | ipaddress.IPv6Address) -> float | None:
        """Seconds that a packet waits; None if it is lost."""
        for net, delay, loss in self.rules:
            if to in net:
                return None if random.random() < loss else delay
        return 0.0


def main() -> None:
    rules = Rules(sys.argv[1])
    client, router = tun("client"), tun("router")
    other = {client: router, router: client}
    print("ready", flush=True)
    queue: list[tuple[float, int, int, bytes]] = []
    count = 0
    while True:
        wait = min(queue[0][0] - time.monotonic(), REFRESH) if queue else REFRESH
        ready, _, _ = select.select([client, router], [], [], max(0.0, wait))
        now = time.monotonic()
        rules.refresh(now)
        for device in ready:
            for _ in range(BATCH):
                try:
                    packet = os.read(device, 65536)
                except BlockingIOError:
                    break
                to = destination(packet)
                delay = None if to is None or to.is_multicast else rules.delay(to)
                if delay is not None:
                    # The count keeps the order of packets that are due at the same moment.
                    count += 1
                    heapq.heappush(queue, (now + delay, count, other[device], packet))
        while queue and queue[0][0] <= time.monotonic():
            _, _, device, packet = heapq.heappop(queue)
            try:
                os.write(device, packet)
            except OSError as error:
                # The device is down: its packets are lost, as those of a real one are.
                print(error, flush=True)


if __name__ == "__main__":
    main()
