"""Runs one client in the client's namespace, and reads what it reports of each connect."""

import json
import subprocess
import threading
import time
from dataclasses import dataclass, field

from network import LabError

NAMES = {
    "ours": "this crate", "hickory": "with hickory", "hyper-over-ours": "under hyper-util",
    "hyper": "hyper-util", "go": "Go", "curl": "curl",
}


@dataclass(frozen=True)
class Command:
    """What every client of a row does: `kind` is connect, drip, storm, get or tls; times are in milliseconds."""

    kind: str
    uri: str = "http://dual.lab.test/"
    n: int = 5
    gap: int = 50
    timeout: int = 8000
    # The most descriptors of the process.
    descriptors: int = 20_000
    # More keys of lab-client, for instance ("fresh", 1).
    more: tuple[tuple[str, object], ...] = ()

    @property
    def longest(self) -> float:
        """Seconds after which a client that still runs is stuck."""
        together = self.kind in ("drip", "storm")
        waits = 1 if together else self.n
        return (self.n * self.gap + waits * (self.timeout + 1000)) / 1000 + 30


@dataclass
class Programs:
    """Where the programs are. `dial` is None without Go."""

    client: str
    origin: str
    dial: str | None = None
    curl: bool = False

    def has(self, who: str) -> bool:
        """Whether a client can be run."""
        match who:
            case "go":
                return self.dial is not None
            case "curl":
                return self.curl
        return True


@dataclass
class Run:
    """What became of the connects of one client, and when the network changed: (seconds since 1970, label)."""

    results: list[dict]
    changes: list[tuple[float, str]] = field(default_factory=list)
    # What became of hyper-util's under the same fault; nothing if that was not asked.
    hyper: list[dict] = field(default_factory=list)


class Running(threading.Thread):
    """A client while it runs. `collect` waits for its end."""

    def __init__(self, programs: Programs, who: str, command: Command) -> None:
        super().__init__(daemon=True)
        self.programs, self.who, self.command = programs, who, command
        self.results: list[dict] = []
        self.failure: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.results = curl(self.command) if self.who == "curl" else self.program()
        except (LabError, OSError, ValueError, subprocess.SubprocessError) as error:
            self.failure = error

    def collect(self) -> list[dict]:
        self.join()
        if self.failure:
            raise LabError(f"{self.who}: {self.failure}")
        return self.results

    def program(self) -> list[dict]:
        command = self.command
        if self.who == "go":
            scheme, _, rest = command.uri.partition("://")
            port = 443 if scheme == "https" else 80
            argv = [self.programs.dial, f"{rest.split('/')[0]}:{port}", str(command.n), str(command.timeout), str(command.gap)]
            argv += ["drip"] if command.kind == "drip" else []
        else:
            pairs = {"who": self.who, "uri": command.uri, "n": command.n, "gap": command.gap, "timeout": command.timeout}
            words = [f"{key}={value}" for key, value in (pairs | dict(command.more)).items()]
            argv = [self.programs.client, command.kind, *words]
        limit = f'ulimit -n {command.descriptors}; exec "$@"'
        done = subprocess.run(inside("sh", "-c", limit, "sh", *argv), text=True, capture_output=True, timeout=command.longest)
        if done.returncode:
            raise LabError(done.stderr.strip()[-400:] or f"ended with status {done.returncode}")
        return sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda r: r.get("i", 0))


def inside(*argv: str) -> list[str]:
    return ["ip", "netns", "exec", "client", *argv]


def curl(command: Command) -> list[dict]:
    """curl in a process of its own for every connect; `ms` is the connect alone where only that is asked."""
    results = []
    whole = command.kind != "connect"
    seconds = command.timeout / 1000
    for i in range(command.n):
        at = time.time()
        options = ["-sk", "-o", "/dev/null", "--connect-timeout", str(seconds), "--max-time", str(seconds + 0.5), "-w", "%{json}"]
        done = subprocess.run(inside("curl", *options, command.uri), text=True, capture_output=True)
        said, ok = json.loads(done.stdout), done.returncode == 0
        took = said["time_total"] if whole or not ok else said["time_connect"]
        results.append({
            "i": i, "at": at, "ok": ok, "ms": round(1000 * took, 2), "remote": said.get("remote_ip"),
            "error": None if ok else said.get("errormsg"),
        })
        time.sleep(command.gap / 1000)
    return results
