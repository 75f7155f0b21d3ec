#!/usr/bin/env python3
"""A scripted DNS server over UDP and TCP: delays, drops and errors by record type.

    dns_server.py ADDRESS[,ADDRESS] SCRIPT.json

The script maps names (`*.zone` for all names below a zone) to what is answered:

    {"A": ["192.0.2.1"], "AAAA": []}    records
    "slow": {"A": 3.0}                  seconds before the answer for a type
    "drop": ["AAAA"]                    types that are not answered
    "rcode": {"A": 2}                   errors by type
    "tc": true                          over UDP only "truncated" is answered
    "ttl": 60                           seconds; 60 by default

A name that is not in the script does not exist.
"""

import asyncio
import ipaddress
import json
import struct
import sys

TYPES = {1: "A", 28: "AAAA"}
NUMBERS = {name: number for number, name in TYPES.items()}
NXDOMAIN = 3
RESPONSE, RECURSION_DESIRED, RECURSION_AVAILABLE, TRUNCATED = 0x8000, 0x0100, 0x0080, 0x0200


def parse(query: bytes) -> tuple[int, int, str, str, bytes]:
    """Identifier, flags, name, type and the question section of a query."""
    identifier, flags = struct.unpack("!HH", query[:4])
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += query[at] + 1
    (number,) = struct.unpack("!H", query[at + 1 : at + 3])
    return identifier, flags, ".".join(labels).lower(), TYPES.get(number, str(number)), query[12 : at + 5]


def answer(script: dict, query: bytes, over_tcp: bool) -> tuple[bytes | None, float]:
    """The answer, None where the script drops it, and the seconds before it is sent."""
    identifier, flags, name, kind, question = parse(query)
    entry = script.get(name) or script.get("*." + name.partition(".")[2])
    rcode, records, delay, truncated = NXDOMAIN, [], 0.0, False
    if entry is not None:
        if kind in entry.get("drop", []):
            return None, 0.0
        rcode = entry.get("rcode", {}).get(kind, 0)
        delay = entry.get("slow", {}).get(kind, 0.0)
        truncated = entry.get("tc", False) and not over_tcp
        if not rcode and not truncated and kind in NUMBERS:
            records = [ipaddress.ip_address(text).packed for text in entry.get(kind, [])]
    head_flags = RESPONSE | RECURSION_AVAILABLE | (flags & RECURSION_DESIRED) | rcode | (TRUNCATED if truncated else 0)
    head = struct.pack("!HHHHHH", identifier, head_flags, 1, len(records), 0, 0)
    ttl = entry.get("ttl", 60) if entry else 0
    # 0xc00c is a pointer to the name of the question.
    body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", NUMBERS[kind], 1, ttl, len(ip)) + ip for ip in records)
    return head + question + body, delay


class Udp(asyncio.DatagramProtocol):
    def __init__(self, script: dict) -> None:
        self.script = script

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, query: bytes, peer) -> None:
        reply, delay = answer(self.script, query, over_tcp=False)
        if reply:
            asyncio.get_running_loop().call_later(delay, self.transport.sendto, reply, peer)


async def tcp(script: dict, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            reply, delay = answer(script, await reader.readexactly(length), over_tcp=True)
            if reply:
                await asyncio.sleep(delay)
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # The client has closed.
    finally:
        writer.close()


async def main() -> None:
    with open(sys.argv[2]) as file:
        script = json.load(file)
    for address in sys.argv[1].split(","):
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: Udp(script), local_addr=(address, 53))
        await asyncio.start_server(lambda r, w: tcp(script, r, w), address, 53)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
