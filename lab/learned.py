"""What is expected of connects that learn from each other: pure functions of the attempts that each of them made.

A connect pays if its first attempt goes to the dead address. It is spared if its first attempt goes elsewhere, and is its only one.
"""

from dataclasses import dataclass

from clients import Run
from verdict import LOST_TIME_MS, Finding, common_error, family, host, split

# How long an address is believed to be dead, in seconds: the first time, the second time, and so on.
MARKS = (30, 60, 120)
# By how much the look-up and the clocks may shift an instant, in seconds.
TOLERANCE = 0.2
# A busy machine may hold up an answer for longer than the attempt delay, which is 100 ms where round trips are short.
HELD_UP = 1


@dataclass(frozen=True)
class Learns:
    """Every connect succeeds. The first ones pay, until the address or family `dead` is known to be dead. Later ones are spared, except one
    after the end of each mark.
    """

    dead: str
    # How many pay before it is known, and the attempt delay in milliseconds that each of them pays; None for one that follows the round trips to the address.
    pay: int = 1
    delay: int | None = 250
    # How many marks end while connects go on.
    probes: int = 0
    # Only connects that began after the change with this label count.
    after: str | None = None

    def text(self) -> str:
        after = f"after “{self.after}”: " if self.after else ""
        first = "the first pays" if self.pay == 1 else f"the first {self.pay} pay"
        delay = "the delay that was learned" if self.delay is None else f"{self.delay} ms"
        then = f"{self.probes} when its mark has ended" if self.probes else "none"
        return f"{after}connected; {first} for {self.dead} ({delay}), then {then}: the others have one attempt, and say why"

    def judge(self, run: Run) -> Finding:
        results, missing = since(run, self.after)
        if missing:
            return missing
        good, bad = split(results)
        begun = [r for r in good if begins_with(r, self.dead)]
        spared = [r for r in good if not begins_with(r, self.dead)]
        wrong = [f"number {number} {what}" for number, r in enumerate(good, 1) if (what := fault(r, self.dead))] + self.untimely(good)
        held_up = [r for r in spared if len(r["attempts"]) > 1]
        text = f"{len(good)} of {len(results)} connected; {self.dead} is first in {ordinals(results, begun)}"
        text += f"; {len(held_up)} of the others have more than one attempt" if held_up else ""
        text += "".join(f"; {what}" for what in wrong[:2])
        text += f"; {len(bad)} failed: {common_error(bad)}" if bad else ""
        expected = good[: self.pay] == begun[: self.pay] and len(begun) == self.pay + self.probes < len(good)
        return Finding(expected and not bad and not wrong and len(held_up) <= HELD_UP, text)

    def untimely(self, good: list[dict]) -> list[str]:
        """Which of the first connects pay another delay than `delay`, which later ones pay during a mark, and which do not pay after its end."""
        found, until, made = [], 0.0, 0
        for number, r in enumerate(good, 1):
            pays = begins_with(r, self.dead)
            if number <= self.pay and pays and not self.is_delay(r["attempts"][0]):
                found.append(f"number {number} pays another delay")
            if number > self.pay and pays and r["at"] < until - TOLERANCE:
                found.append(f"number {number} pays while the mark is on")
            if number > self.pay and not pays and r["at"] > until + TOLERANCE:
                found.append(f"number {number} is spared though the mark has ended")
            if number >= self.pay and pays:
                until = r["at"] + r["ms"] / 1000 + MARKS[min(made, len(MARKS) - 1)]
                made += 1
        return found

    def is_delay(self, attempt: dict) -> bool:
        """Whether an attempt had the delay that is expected."""
        return attempt["delay_of"] == "address" if self.delay is None else attempt["delay_ms"] == self.delay


@dataclass(frozen=True)
class PaysAlways:
    """Every connect succeeds, and every one pays: nothing is learned."""

    dead: str
    delay: int = 250

    def text(self) -> str:
        return f"connected; each pays for {self.dead} ({self.delay} ms)"

    def judge(self, run: Run) -> Finding:
        good, bad = split(run.results)
        pay = [r for r in good if begins_with(r, self.dead) and r["attempts"][0]["delay_ms"] == self.delay and not fault(r, self.dead)]
        text = f"{len(good)} of {len(run.results)} connected, {len(pay)} after a delay of {self.delay} ms"
        text += f"; {len(bad)} failed: {common_error(bad)}" if bad else ""
        return Finding(not bad and 0 < len(pay) == len(good), text)


@dataclass(frozen=True)
class LearnsFamily:
    """Connects to `hosts` names, whose addresses of the family `dead` have nothing to do with each other, all succeed. Of those that begin within any 30 s, the
    time that a first mark lasts, at most `pay` pay. Some of the others report that the family is dead.
    """

    dead: str
    hosts: int
    pay: int = 3

    def text(self) -> str:
        return f"connected; 1 to {self.pay} of {self.hosts} names pay for {self.dead} within any {MARKS[0]} s, as the family is known to be dead"

    def judge(self, run: Run) -> Finding:
        good, bad = split(run.results)
        begun = [r for r in good if begins_with(r, self.dead)]
        within = [[s for s in begun if r["at"] <= s["at"] < r["at"] + MARKS[0]] for r in begun]
        most = max(map(len, within), default=0)
        names = {r["host"] for r in good}
        known = sum(any("family" in (untried["demoted"] or "") for untried in r["untried"]) for r in good)
        text = f"{len(good)} of {len(run.results)} connected, {len(names)} names; {self.dead} is first in {ordinals(run.results, begun)}"
        text += f", at most {most} within {MARKS[0]} s; {known} say that the family is dead"
        text += f"; {len(bad)} failed: {common_error(bad)}" if bad else ""
        return Finding(not bad and len(names) == self.hosts and 0 < most <= self.pay and known > 0, text)


@dataclass(frozen=True)
class Returns:
    """Every connect succeeds. The family `by`, which was known to be dead before the change with this label, is used for every one of `hosts`
    names as soon as the marks that were made before have ended.
    """

    by: str
    after: str
    hosts: int
    # As many paid before the change.
    pay: int = 3

    def text(self) -> str:
        return f"connected; 1 to {self.pay} pay before “{self.after}”; from {MARKS[0]} s after it on all by {self.by}, to each of {self.hosts} names"

    def judge(self, run: Run) -> Finding:
        results, missing = since(run, self.after)
        if missing:
            return missing
        _, bad = split(run.results)
        moment = [at for at, label in run.changes if label == self.after][-1]
        before = [r for r in run.results if r["at"] < moment and r["ok"] and begins_with(r, self.by)]
        later = [r for r in results if r["ok"] and r["at"] >= moment + MARKS[0]]
        good = [r for r in later if begins_with(r, self.by) and family(host(r)) == self.by]
        names = {r["host"] for r in good}
        first = min((r["at"] - moment for r in results if r["ok"] and family(host(r)) == self.by), default=None)
        text = f"{len(good)} of {len(later)} connects to {len(names)} names by {self.by} from {MARKS[0]} s after “{self.after}” on"
        text += f", the first after {first:.1f} s" if first is not None else ""
        text += f"; {len(before)} paid before"
        text += f"; {len(bad)} failed: {common_error(bad)}" if bad else ""
        held_up = [r for r in good if len(r["attempts"]) > 1]
        returned = len(good) == len(later) and len(names) == self.hosts and len(held_up) <= HELD_UP
        return Finding(not bad and 0 < len(before) <= self.pay and returned, text)


@dataclass(frozen=True)
class Loses:
    """Every connect succeeds. All of them together lose at most `at_most` ms to attempts before the one that won: the time from the start of
    the first to the start of that.
    """

    at_most: int

    def text(self) -> str:
        return f"at most {self.at_most} ms lost to other attempts in all"

    def judge(self, run: Run) -> Finding:
        good, bad = split(run.results)
        lost = [lost_ms(r) for r in good]
        silent = lost.count(None)
        total = sum(ms for ms in lost if ms is not None)
        text = f"{total:.0f} ms lost to other attempts by {sum(bool(ms) for ms in lost)} of {len(good)}"
        text += f"; {silent} say nothing of their attempts" if silent else ""
        text += f"; {len(bad)} failed: {common_error(bad)}" if bad else ""
        return Finding(bool(good) and not bad and not silent and total <= self.at_most, text)


def since(run: Run, label: str | None) -> tuple[list[dict], Finding | None]:
    """The connects that began after the last change with a label, or all of them; and what there is to say if it did not happen."""
    if label is None:
        return run.results, None
    moments = [at for at, name in run.changes if name == label]
    if not moments:
        return [], Finding(False, f"“{label}” did not happen")
    return [r for r in run.results if r["at"] >= moments[-1]], None


def begins_with(result: dict, dead: str) -> bool:
    """Whether the first attempt of a connect goes to an address, or to a family."""
    attempts = result.get("attempts")
    return bool(attempts) and goes_to(attempts[0], dead)


def goes_to(endpoint: dict, dead: str) -> bool:
    return dead in (endpoint["to"], family(endpoint["to"]))


def fault(result: dict, dead: str) -> str | None:
    """What is wrong with the attempts of a connect that succeeded, if `dead` is dead."""
    attempts = result.get("attempts")
    if not attempts:
        return "says nothing of its attempts"
    first = attempts[0]
    if not begins_with(result, dead):
        if first["after_ms"] > LOST_TIME_MS:
            return f"starts after {first['after_ms']:.0f} ms"
        unexplained = any(goes_to(untried, dead) and not untried["demoted"] for untried in result["untried"])
        return f"does not say that {dead} is dead" if unexplained else None
    if len(attempts) == 1:
        return f"is connected to {dead}"
    waited = attempts[1]["after_ms"] - first["after_ms"]
    return f"waits for {waited:.0f} ms, not {first['delay_ms']:.0f}" if waited < first["delay_ms"] else None


def lost_ms(result: dict) -> float | None:
    """How long after the first attempt the one began that won; None if that is not told."""
    won = [attempt for attempt in result.get("attempts") or [] if attempt["to"] == host(result)]
    return won[-1]["after_ms"] - result["attempts"][0]["after_ms"] if won else None


def ordinals(results: list[dict], some: list[dict]) -> str:
    """Which of the results some are, the first being number 1."""
    numbers = [str(number) for number, r in enumerate(results, 1) if any(r is s for s in some)]
    if not numbers:
        return "none"
    shown = ", ".join(numbers[:12])
    return f"number {shown}" if len(numbers) <= 12 else f"number {shown} and {len(numbers) - 12} more"
