#!/usr/bin/env python3
"""The laboratory of network faults. README.md says what it is.

    lab.py short                 the rows of the gate
    lab.py all                   every row
    lab.py ROW [ROW ...]         these rows
    lab.py list                  the rows, with what is expected of each

    --peers        hyper-util, and Go and curl where they are installed, under the same faults
    --jobs N       so many networks at the same time; 4 by default
    --table FILE   writes the table, in Markdown, to a file
    --results FILE appends what became of every connect, a line of JSON a row

Status: 0 if every row holds, 1 if one fails, 2 if the laboratory does not work, 77 if the machine cannot run it.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict

import rows
from clients import NAMES, Programs
from network import HERE, LabError
from rows.row import Row
from table import counted, line, markdown

ROOT = os.path.dirname(HERE)
# Its own mount and process namespaces: whatever the worker makes is gone when it ends. It ends with the process that starts it.
ISOLATED = [
    "setpriv", "--pdeathsig", "KILL",
    "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
]
# The programs that the laboratory runs, and their packages in Debian.
PROGRAMS = {
    "ip": "iproute2", "ss": "iproute2", "nft": "nftables", "dnsmasq": "dnsmasq-base", "unshare": "util-linux", "setpriv": "util-linux",
}
# What the rows need of the kernel, tried in a network namespace that is gone afterwards.
PROBE = """
ip link add veth0 type veth peer name veth1
ip tuntap add dev tun0 mode tun
ip -6 route add unreachable 2001:db8::/64
nft -f - <<EOF
table inet t {
    chain c {
        type filter hook forward priority 0
        tcp dport 1 reject with tcp reset
        numgen random mod 100 < 10 drop
    }
}
EOF
"""


def impossible() -> str | None:
    """Why this machine cannot run the laboratory; None if it can."""
    if not sys.platform.startswith("linux"):
        return "this is not Linux"
    if os.geteuid() != 0:
        return "this is not root"
    for program, package in PROGRAMS.items():
        if not shutil.which(program):
            return f"there is no {program} (package {package})"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    done = subprocess.run([*ISOLATED, "--net", "sh", "-ec", PROBE], capture_output=True, text=True)
    if done.returncode:
        return f"no namespaces, or no veth, TUN, IPv6 or nftables in them: {done.stderr.strip().splitlines()[-1:]}"
    return None


def build(peers: bool, dev: bool) -> Programs:
    """Builds the programs, without optimisation if `dev`, beside the crate: what was built for its tests is not built again.

    Raises LabError if they cannot be built.
    """
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")
    if not dev:
        target = os.path.join(target, "lab")
    cargo = ["cargo", "build", "--locked", "--quiet", "--manifest-path", os.path.join(HERE, "client", "Cargo.toml"), "--target-dir", target]
    commands = [cargo if dev else [*cargo, "--release"]]
    built = os.path.join(target, "debug" if dev else "release")
    programs = Programs(client=os.path.join(built, "lab-client"), origin=os.path.join(built, "origin"))
    if peers:
        programs.curl = shutil.which("curl") is not None
        if shutil.which("go"):
            programs.dial = os.path.join(target, "dial")
            commands.append(["go", "build", "-o", programs.dial, os.path.join(HERE, "go", "dial.go")])
    for command in commands:
        if subprocess.run(command).returncode:
            raise LabError(f"{command[0]} build failed")
    return programs


class Worker:
    """A worker process. To be started by the main thread: the process ends with the thread that started it."""

    def __init__(self, programs: Programs, files: str) -> None:
        os.mkdir(files)
        argv = [*ISOLATED, sys.executable, os.path.join(HERE, "worker.py")]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tell({"programs": asdict(programs), "files": files})

    def tell(self, what: dict) -> None:
        try:
            self.process.stdin.write(json.dumps(what) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise LabError("a worker has ended") from None

    def hear(self) -> dict:
        said = self.process.stdout.readline()
        if not said:
            raise LabError("a worker has ended")
        return json.loads(said)

    def ready(self) -> None:
        said = self.hear()
        if "error" in said:
            raise LabError(said["error"])

    def row(self, row: Row, peers: bool) -> dict:
        self.tell({"row": row.id, "peers": peers})
        return self.hear()

    def end(self) -> None:
        """Kills the worker, and with it everything in its namespaces."""
        self.process.kill()
        self.process.wait()


class Measurement:
    """Rows shared out among workers."""

    def __init__(self, wanted: list[Row], workers: list[Worker], peers: bool, results: str | None) -> None:
        self.workers, self.peers, self.results = workers, peers, results
        self.together = sorted((row for row in wanted if not row.alone), key=lambda row: row.lasts)
        self.alone = [row for row in wanted if row.alone]
        # Guards `together`, `found` and the output.
        self.lock = threading.Lock()
        self.found: dict[str, dict] = {}
        self.failure: LabError | None = None

    def run(self) -> dict[str, dict]:
        """What was found of every row.

        Raises LabError if a worker ends, or never works.
        """
        threads = [threading.Thread(target=self.work, args=(worker,), daemon=True) for worker in self.workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failure:
            raise self.failure
        for row in self.alone:
            self.note(row, self.workers[0].row(row, self.peers))
        return self.found

    def work(self, worker: Worker) -> None:
        try:
            worker.ready()
            while True:
                with self.lock:
                    if not self.together or self.failure:
                        return
                    row = self.together.pop()
                self.note(row, worker.row(row, self.peers))
        except LabError as error:
            self.failure = error

    def note(self, row: Row, found: dict) -> None:
        with self.lock:
            self.found[row.id] = found
            print(line(row, found), flush=True)
            if self.results:
                with open(self.results, "a") as file:
                    file.write(json.dumps(found) + "\n")


def interrupted(number: int, _) -> None:
    raise SystemExit(128 + number)


def choose(words: list[str]) -> list[Row]:
    chosen: dict[str, Row] = {}
    for word in words:
        if word not in ("all", "short", *rows.ALL):
            raise SystemExit(f"no row {word!r}: lab.py list")
        chosen |= {i: row for i, row in rows.ALL.items() if word == "all" or word == i or word == "short" and row.short}
    return list(chosen.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--dev", action="store_true", help="build without optimisation, as the gate does")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--table")
    parser.add_argument("--results")
    asked = parser.parse_args()
    if asked.rows == ["list"]:
        for row in rows.ALL.values():
            print(f"{row.id:14} {row.fault}")
            for who in row.crate:
                print(f"{'':17}{NAMES[who]}: " + "; ".join(expectation.text() for expectation in row.expectations(who)))
        return 0
    wanted = choose(asked.rows)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if reason := impossible():
        print(f"the laboratory cannot run here: {reason}", file=sys.stderr)
        return 77
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    workers: list[Worker] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lab-") as directory:
        try:
            programs = build(asked.peers, asked.dev)
            began = time.monotonic()
            for n in range(min(asked.jobs, len(wanted))):
                workers.append(Worker(programs, os.path.join(directory, str(n))))
            found = Measurement(wanted, workers, asked.peers, asked.results).run()
        except LabError as error:
            print(f"the laboratory does not work: {error}", file=sys.stderr)
            return 2
        finally:
            for worker in workers:
                worker.end()
    verdicts = [found[row.id]["verdict"] for row in wanted]
    print(f"{len(wanted)} rows in {time.monotonic() - began:.0f} s: {counted(verdicts)}")
    if asked.table:
        with open(asked.table, "w") as file:
            file.write(markdown(wanted, found))
    return 1 if "FAILS" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
