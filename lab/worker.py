#!/usr/bin/env python3
"""One worker: a network, and rows measured in it, one after the other.

lab.py starts it in a mount and a process namespace of its own, writes a line of JSON for each row to its input, and reads a line of
JSON with what was found from its output. The first line that the worker writes says whether its network works.
"""

import json
import os
import sys
import time
import traceback
from dataclasses import asdict

import rows
from clients import Command, Programs, Run, Running
from network import DNSMASQ, DNSMASQ6, SCRIPTED, LabError, Network
from rows.row import Row
from verdict import summary, verdict


def main() -> None:
    said = json.loads(sys.stdin.readline())
    programs = Programs(**said["programs"])
    network = Network(said["files"], programs.origin)
    try:
        network.up()
        check(network, programs)
    except LabError as error:
        say({"error": str(error)})
        return
    say({"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        say(row(network, programs, rows.ALL[asked["row"]], asked["peers"]))


def say(what: dict) -> None:
    print(json.dumps(what), flush=True)


def check(network: Network, programs: Programs) -> None:
    """Connects without a fault, before anything is measured."""
    for uri, server in (("dual.lab.test", DNSMASQ), ("dual.lab.test", SCRIPTED), ("slow.lab.test", DNSMASQ), ("v4.lab.test", DNSMASQ6)):
        network.name_servers([server])
        for who in ("ours", "hickory", "hyper"):
            (result,) = Running(programs, who, Command("connect", f"http://{uri}/", n=1, gap=0, timeout=5000)).collect()
            if not result["ok"]:
                raise LabError(f"{who} cannot connect to {uri} without a fault: {result['error']}")


def row(network: Network, programs: Programs, row: Row, peers: bool) -> dict:
    """Measures a row. What goes wrong in the laboratory itself fails the row."""
    began = time.monotonic()
    missing = [path for path in row.needs if not os.path.exists(path)]
    if missing:
        return {"row": row.id, "verdict": "skipped", "reason": f"the machine has no {missing[0]}", "clients": {}, "seconds": 0}
    try:
        network.reset()
        for step in row.before:
            step.apply(network)
        whos = [*row.crate, *(who for who in row.peers if peers and programs.has(who))]
        found, findings = {}, []
        for who, run in measure(network, programs, row, whos).items():
            expected = row.expectations(who)
            judged = [expectation.judge(run) for expectation in expected]
            findings += judged
            measured = "; ".join(dict.fromkeys(f.measured for f in judged)) if judged else summary(run.results)
            found[who] = {
                "expected": "; ".join(e.text() for e in expected), "measured": measured,
                "holds": all(f.holds for f in judged) if judged else None, "run": asdict(run),
            }
        return {"row": row.id, "verdict": verdict(findings), "clients": found, "seconds": time.monotonic() - began}
    except Exception as error:
        if not isinstance(error, LabError):
            traceback.print_exc()
        return {"row": row.id, "verdict": "FAILS", "reason": f"the laboratory: {error!r}", "clients": {}, "seconds": time.monotonic() - began}


def measure(network: Network, programs: Programs, row: Row, whos: list[str]) -> dict[str, Run]:
    """All clients at the same time under the same fault; one after the other where a row is alone."""
    if row.alone:
        results = {who: Running(programs, who, row.command).collect() for who in whos}
        return {who: Run(results[who], hyper=results.get("hyper", [])) for who in whos}
    began, changes = time.monotonic(), []
    running = {who: Running(programs, who, row.command) for who in whos}
    for change in row.changes:
        time.sleep(max(0.0, began + change.after - time.monotonic()))
        for step in change.steps:
            step.apply(network)
        # From here on the change is complete.
        changes.append((time.time(), change.label))
    return {who: Run(client.collect(), changes) for who, client in running.items()}


if __name__ == "__main__":
    main()
