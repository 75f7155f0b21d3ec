"""The rows of the laboratory, as data: a fault, what the clients do meanwhile, and what is expected of them."""

from rows import changes, connections, dns, families, memory, paths
from rows.row import Row

ALL: dict[str, Row] = {row.id: row for row in [*paths.ROWS, *memory.ROWS, *families.ROWS, *dns.ROWS, *changes.ROWS, *connections.ROWS]}
