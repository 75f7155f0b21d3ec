"""What was found, for a terminal and as a page of Markdown."""

from clients import NAMES
from rows.row import Row

INTRODUCTION = """# The laboratory's last table

Each row is a fault, or a change, of a small network in network namespaces; [lab/README.md](../lab/README.md) says how it is made. Every client connects
under the same fault at the same time. What is expected is expected of this crate, with the system's resolver and with hickory's;
the peers are measured with their defaults, for comparison. A time is from the call to the connection, a look-up included.

*This crate* is the connector with the system's resolver (or the client with it, where requests are sent), *with hickory* the same with hickory's resolver,
*under hyper-util* the connector under hyper-util's client. `.ci/long lab` writes this page.

The clients of this crate remember what their connects have shown, as connectors do by default, unless the row says that nothing is remembered.
A connect *pays* for a dead address if its first attempt goes there: it waits for the delay of that attempt. How many pay is counted by the attempts that the
crate reports, not by time.
"""


def counted(verdicts: list[str]) -> str:
    """How many rows hold, fail, and were skipped."""
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("holds", "FAILS", "skipped"))


def line(row: Row, found: dict) -> str:
    """A row for the terminal: the verdict, then what was expected and measured of each client."""
    text = f"{found['verdict']:7} {row.id}: {row.fault} ({found['seconds']:.0f} s)"
    if "reason" in found:
        return f"{text}\n          {found['reason']}"
    for who, client in found["clients"].items():
        mark = {True: "", False: "  <-- FAILS", None: ""}[client["holds"]]
        expected = f"\n          {'':16} expected: {client['expected']}{mark}" if client["expected"] else ""
        text += f"\n          {NAMES[who]:16} {client['measured']}{expected}"
    return text


def markdown(rows: list[Row], found: dict[str, dict]) -> str:
    """The page: a line for each row."""
    verdicts = [found[row.id]["verdict"] for row in rows]
    text = [INTRODUCTION, f"{len(rows)} rows: {counted(verdicts)}.", "", "| row | fault | expected | measured | verdict |", "|---|---|---|---|---|"]
    for row in rows:
        what = found[row.id]
        clients = what["clients"]
        expected = {client["expected"] for client in clients.values() if client["expected"]}
        if len(expected) == 1:
            said = expected.pop()
        else:
            said = "<br>".join(f"{NAMES[who]}: {client['expected']}" for who, client in clients.items() if client["expected"])
        measured = "<br>".join(f"**{NAMES[who]}**: {client['measured']}" for who, client in clients.items()) or what["reason"]
        verdict = what["verdict"] if what["verdict"] != "FAILS" else "**FAILS**"
        text.append("| " + " | ".join(cell.replace("|", "\\|") for cell in (row.id, row.fault, said, measured, verdict)) + " |")
    return "\n".join(text) + "\n"
