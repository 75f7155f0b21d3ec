"""What is expected of a client, and whether what was measured is that: pure functions of the results.

An expectation says what it expects in words, and judges a run: does it hold, and what was measured. Expectations are counts, and
limits that are several times the delay in question: a busy machine must not make a row fail.
"""

import collections
import statistics
from dataclasses import dataclass
from typing import Protocol

from clients import Run

# Well below the delay of 250 ms between two attempts, and far above a connect of this network without a fault.
LOST_TIME_MS = 200
# How long the answer of one family is waited for once the other has come (RFC 8305, section 3).
RESOLUTION_DELAY_MS = 50


@dataclass(frozen=True)
class Finding:
    """Whether an expectation holds, and what was measured."""

    holds: bool
    measured: str


class Expectation(Protocol):
    def text(self) -> str:
        """What is expected, in words."""
        ...

    def judge(self, run: Run) -> Finding: ...


@dataclass(frozen=True)
class Connects:
    """Every connect succeeds, but for `failed`, within `within` ms, but for `slow`, by a family or to an address."""

    within: int
    by: str | None = None
    slow: int = 0
    failed: int = 0

    def text(self) -> str:
        by = f" by {self.by}" if self.by in ("IPv4", "IPv6") else f" to {self.by}" if self.by else ""
        text = f"connected{by} within {seconds(self.within)}"
        text += f", at most {self.slow} later" if self.slow else ""
        return text + (f", at most {self.failed} failed" if self.failed else "")

    def judge(self, run: Run) -> Finding:
        good, bad = split(run.results)
        late = [r for r in good if r["ms"] > self.within]
        elsewhere = [r for r in good if not goes(r, self.by)]
        holds = bool(good) and len(bad) <= self.failed and len(late) <= self.slow and not elsewhere
        return Finding(holds, summary(run.results))


@dataclass(frozen=True)
class Fails:
    """Every connect fails within `within` ms, and its error has one of the words of `saying`."""

    within: int
    saying: tuple[str, ...]

    def text(self) -> str:
        return f"an error within {seconds(self.within)} that says " + " or ".join(f"“{word}”" for word in self.saying)

    def judge(self, run: Run) -> Finding:
        good, bad = split(run.results)
        late = [r for r in bad if r["ms"] > self.within]
        mute = [r for r in bad if not any(word in r["error"] for word in self.saying)]
        return Finding(bool(bad) and not good and not late and not mute, summary(run.results))


@dataclass(frozen=True)
class Recovers:
    """Of the connects that began after the last change with a label, at most `failed` fail and at most `slow` take over 200 ms."""

    after: str
    failed: int = 1
    slow: int | None = None
    # Fewer connects than this after the change measure nothing.
    least: int = 10

    def text(self) -> str:
        text = f"after “{self.after}”: at most {self.failed} failed"
        return text if self.slow is None else text + f", at most {self.slow} over {LOST_TIME_MS} ms"

    def judge(self, run: Run) -> Finding:
        moments = [at for at, label in run.changes if label == self.after]
        if not moments:
            return Finding(False, f"“{self.after}” did not happen")
        after = [r for r in run.results if r["at"] >= moments[-1]]
        good, bad = split(after)
        slow = [r for r in good if r["ms"] > LOST_TIME_MS]
        text = f"after “{self.after}”: {len(bad)} of {len(after)} failed, {len(slow)} over {LOST_TIME_MS} ms"
        if bad:
            last = max(r["at"] + r["ms"] / 1000 for r in bad) - moments[-1]
            text += f", the last after {last:.1f} s: {common_error(bad)}"
        holds = len(after) >= self.least and len(bad) <= self.failed and (self.slow is None or len(slow) <= self.slow)
        return Finding(holds, text)


@dataclass(frozen=True)
class Slow:
    """Of all connects at most `at_most` fail or take over `over` ms."""

    at_most: int
    over: int

    def text(self) -> str:
        return f"at most {self.at_most} failed or over {seconds(self.over)}"

    def judge(self, run: Run) -> Finding:
        bad = [r for r in run.results if not r["ok"] or r["ms"] > self.over]
        failed = sum(not r["ok"] for r in bad)
        text = f"{len(bad)} of {len(run.results)} failed or over {seconds(self.over)}"
        if bad:
            text += f" ({failed} failed), the worst after {seconds(max(r['ms'] for r in bad))}"
        return Finding(bool(run.results) and len(bad) <= self.at_most, text)


@dataclass(frozen=True)
class Begins:
    """Every connect succeeds, and its first attempt is by a family: no connect loses time to the other family.

    An answer that comes more than the resolution delay after the other is not waited for. A busy machine delays one now and then:
    at most `late` connects may begin with the other family after they have waited that long.
    """

    by: str
    late: int = 5

    def text(self) -> str:
        return f"connected; 0 begin with another family than {self.by} within {RESOLUTION_DELAY_MS} ms, at most {self.late} later"

    def judge(self, run: Run) -> Finding:
        good, bad = split(run.results)
        other = [r for r in good if not r.get("attempts") or family(r["attempts"][0]["to"]) != self.by]
        early = [r for r in other if not r.get("attempts") or r["attempts"][0]["after_ms"] < RESOLUTION_DELAY_MS]
        slow = sum(r["ms"] > LOST_TIME_MS for r in good)
        text = f"{len(other)} of {len(run.results)} begin with the other family, {len(early)} within {RESOLUTION_DELAY_MS} ms"
        text += f"; {slow} over {LOST_TIME_MS} ms"
        text += f"; {len(bad)} failed: {common_error(bad)}" if bad else ""
        return Finding(bool(good) and not bad and not early and len(other) <= self.late, text)


@dataclass(frozen=True)
class NoQueryErrors:
    """Every connect succeeds, and none reports that a look-up failed."""

    def text(self) -> str:
        return "connected; no report of a failed look-up"

    def judge(self, run: Run) -> Finding:
        good, bad = split(run.results)
        errors = collections.Counter(e for r in good for e in r.get("query_errors") or [])
        text = f"{len(good)} of {len(run.results)} connected, {sum(errors.values())} failed look-ups reported"
        text += f": {shorten(errors.most_common(1)[0][0])}" if errors else ""
        text += f"; {common_error(bad)}" if bad else ""
        return Finding(bool(good) and not bad and not errors, text)


@dataclass(frozen=True)
class Storm:
    """Connects at the same moment: all succeed within `within` ms, and one more afterwards.

    With a `level` all of them take at most so many times as long as hyper-util's, where those were measured too.
    """

    within: int
    level: float | None = None

    def text(self) -> str:
        level = f" and {self.level} times hyper-util's time" if self.level else ""
        return f"all connected within {seconds(self.within)}{level}; one more afterwards"

    def judge(self, run: Run) -> Finding:
        if len(run.results) != 1:
            return Finding(False, f"{len(run.results)} reports instead of one")
        (r,) = run.results
        limit = self.within
        if self.level and run.hyper:
            limit = min(limit, self.level * run.hyper[0]["ms"])
        holds = r["connected"] == r["n"] > 0 and r["ms"] <= limit and r["afterwards"] is None
        return Finding(holds, storm_summary(r))


@dataclass(frozen=True)
class Survives:
    """A storm without enough descriptors: connects may fail, with an error that says why; one more succeeds afterwards."""

    saying: tuple[str, ...]

    def text(self) -> str:
        return "some connected; errors say " + " or ".join(f"“{word}”" for word in self.saying) + "; one more connected afterwards"

    def judge(self, run: Run) -> Finding:
        if len(run.results) != 1:
            return Finding(False, f"{len(run.results)} reports instead of one")
        (r,) = run.results
        mute = [e for e in r["errors"] if not any(word in e for word in self.saying)]
        return Finding(r["connected"] > 0 and not mute and r["afterwards"] is None, storm_summary(r))


def verdict(findings: list[Finding]) -> str:
    """The verdict of a row from what was found of its clients."""
    return "holds" if findings and all(f.holds for f in findings) else "FAILS"


def split(results: list[dict]) -> tuple[list[dict], list[dict]]:
    """Those that succeeded, and those that failed."""
    return [r for r in results if r["ok"]], [r for r in results if not r["ok"]]


def family(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def host(result: dict) -> str:
    """The address that a result is connected to, without port and brackets."""
    remote = result.get("remote") or "?"
    if remote.startswith("["):
        return remote[1:].partition("]")[0]
    return remote if remote.count(":") > 1 else remote.partition(":")[0]


def goes(result: dict, by: str | None) -> bool:
    return by is None or by in (host(result), family(host(result)))


def seconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.3g} s"


def shorten(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"


def common_error(bad: list[dict]) -> str:
    counts = collections.Counter(r.get("error") or "no error given" for r in bad)
    return shorten(counts.most_common(1)[0][0])


def summary(results: list[dict]) -> str:
    """What became of connects, in a line."""
    if results and "connected" in results[0]:
        return storm_summary(results[0])
    good, bad = split(results)
    text = []
    if good:
        times = sorted(r["ms"] for r in good)
        remotes = collections.Counter(host(r) for r in good).most_common(3)
        where = ", ".join(f"{address} ×{n}" for address, n in remotes)
        text.append(f"{len(good)} of {len(results)} to {where}; median {seconds(statistics.median(times))}, worst {seconds(times[-1])}")
    if bad:
        text.append(f"{len(bad)} failed, the last after {seconds(max(r['ms'] for r in bad))}: {common_error(bad)}")
    return "; ".join(text) or "no results"


def storm_summary(r: dict) -> str:
    text = f"{r['connected']} of {r['n']} in {seconds(r['ms'])}, {r['descriptors']} descriptors, {r['threads']} threads"
    if r["errors"]:
        error, count = max(r["errors"].items(), key=lambda item: item[1])
        text += f"; {count}×: {shorten(error)}"
    return text if r["afterwards"] is None else text + f"; afterwards: {shorten(r['afterwards'])}"
