import struct
import unittest

from dns_server import answer, parse

SCRIPT = {
    "both.test": {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"], "ttl": 7, "slow": {"A": 3.0}},
    "*.wild.test": {"A": ["192.0.2.3"]},
    "silent.test": {"A": ["192.0.2.1"], "drop": ["A"]},
    "error.test": {"A": ["192.0.2.1"], "rcode": {"A": 2}},
    "big.test": {"A": ["192.0.2.1"], "tc": True},
}
A, AAAA, HTTPS = 1, 28, 65


def query(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def head(reply: bytes) -> tuple[int, bool, int]:
    """Response code, truncated, and the number of records."""
    _, flags, _, records = struct.unpack("!HHHH", reply[:8])
    return flags & 0xF, bool(flags & 0x0200), records


class AnswerTest(unittest.TestCase):
    def test_a_query_is_read(self):
        self.assertEqual(parse(query("Both.test", AAAA))[2:4], ("both.test", "AAAA"))

    def test_records_are_answered_with_their_ttl_after_their_delay(self):
        reply, delay = answer(SCRIPT, query("both.test", A), False)
        self.assertEqual((head(reply), delay), ((0, False, 2), 3.0))
        self.assertEqual(reply[-16:], b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 7, 4) + bytes([192, 0, 2, 2]))
        reply, delay = answer(SCRIPT, query("both.test", AAAA), False)
        self.assertEqual((head(reply), delay), ((0, False, 1), 0.0))

    def test_a_type_that_is_not_in_the_script_has_no_records(self):
        self.assertEqual(head(answer(SCRIPT, query("both.test", HTTPS), False)[0]), (0, False, 0))

    def test_a_name_that_is_not_in_the_script_does_not_exist(self):
        self.assertEqual(head(answer(SCRIPT, query("none.test", A), False)[0]), (3, False, 0))
        self.assertEqual(head(answer(SCRIPT, query("any.wild.test", A), False)[0]), (0, False, 1))

    def test_drops_errors_and_truncation_are_by_type_and_transport(self):
        self.assertEqual(answer(SCRIPT, query("silent.test", A), False), (None, 0.0))
        self.assertEqual(head(answer(SCRIPT, query("error.test", A), False)[0]), (2, False, 0))
        self.assertEqual(head(answer(SCRIPT, query("big.test", A), False)[0]), (0, True, 0))
        self.assertEqual(head(answer(SCRIPT, query("big.test", A), True)[0]), (0, False, 1))
