import os
import re
import unittest

import rows
from faults import Delay
from network import HERE, SCRIPT
from rows import changes, connections, dns, families, memory, paths
from rows.row import Row
from table import line, markdown
from verdict import Connects

COMMANDS = {"connect", "drip", "storm", "get", "tls"}
# Names that the script lets fail.
UNKNOWN = {"nx.d.test"}


class RowsTest(unittest.TestCase):
    def test_every_row_has_an_id_of_its_own(self):
        listed = [row.id for module in (paths, memory, families, dns, changes, connections) for row in module.ROWS]
        self.assertEqual(sorted(listed), sorted(rows.ALL))

    def test_every_expectation_after_a_change_names_a_change_of_its_row(self):
        for row in rows.ALL.values():
            labels = {change.label for change in row.changes}
            for who in row.crate:
                for expectation in row.expectations(who):
                    if label := getattr(expectation, "after", None):
                        self.assertIn(label, labels, row.id)

    def test_every_client_of_this_crate_has_something_expected_of_it(self):
        for row in rows.ALL.values():
            for who in row.crate:
                self.assertTrue(row.expectations(who), row.id)
            for who in row.peers:
                self.assertEqual(row.expectations(who), (), row.id)

    def test_connects_go_on_after_the_last_change(self):
        for row in rows.ALL.values():
            if row.changes and row.command.kind != "get":
                # A connect takes its gap and its round trip; where it may fail, perhaps no more than its gap.
                whole = any(isinstance(expectation, Connects) for expectation in row.expectations("ours"))
                trips = [step.v4_ms for step in row.before if isinstance(step, Delay) and whole]
                pace = (row.command.gap + sum(trips)) / 1000
                self.assertGreater(row.command.n * pace, max(c.after for c in row.changes), row.id)

    def test_every_name_is_known_to_a_name_server(self):
        for row in rows.ALL.values():
            name = row.command.uri.split("/")[2].replace("{i}", "7")
            wild = "*." + name.partition(".")[2]
            self.assertTrue(name in SCRIPT or wild in SCRIPT or name in UNKNOWN, row.id)

    def test_the_client_knows_every_command_and_key(self):
        with open(os.path.join(HERE, "client", "src", "arguments.rs")) as file:
            keys = set(re.findall(r'^            "(\w+)" =>', file.read(), re.MULTILINE))
        for row in rows.ALL.values():
            self.assertIn(row.command.kind, COMMANDS)
            self.assertLessEqual({key for key, _ in row.command.more}, keys, row.id)

    def test_the_rows_of_the_gate_fit_into_three_minutes_on_four_networks(self):
        short = [row for row in rows.ALL.values() if row.short]
        self.assertFalse([row.id for row in short if row.alone])
        # A row that waits for a failure takes its time limit at most; two seconds are for the reset.
        self.assertLess(sum(min(row.lasts, 20) + 2 for row in short) / 4, 150)


class TableTest(unittest.TestCase):
    FOUND = {
        "verdict": "FAILS", "seconds": 1.0,
        "clients": {
            "ours": {"expected": "connected", "measured": "a | b", "holds": False},
            "hyper": {"expected": "", "measured": "no results", "holds": None},
        },
    }

    def test_a_row_is_a_line_of_the_page(self):
        row: Row = rows.ALL["a1"]
        last = markdown([row], {"a1": self.FOUND}).splitlines()[-1]
        self.assertEqual(last, "| a1 | IPv6 is dropped | connected | **this crate**: a \\| b<br>**hyper-util**: no results | **FAILS** |")

    def test_a_row_that_was_skipped_says_why(self):
        skipped = {"verdict": "skipped", "seconds": 0, "reason": "no file", "clients": {}}
        self.assertIn("| no file | skipped |", markdown([rows.ALL["a1"]], {"a1": skipped}))
        self.assertIn("no file", line(rows.ALL["a1"], skipped))

    def test_the_terminal_marks_the_client_that_fails(self):
        marked = [text for text in line(rows.ALL["a1"], self.FOUND).splitlines() if "<-- FAILS" in text]
        self.assertEqual(len(marked), 1)
