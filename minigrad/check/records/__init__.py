"""The one table of what is known about each Op: samples, domain, refusals, corners and a NumPy reference.

It drives every test of the Ops and the command `minigrad gradcheck`; a test fails if an Op is missing. Imports the Ops.
"""

from minigrad.check.records import activation, conv, elementwise, index, linalg, logic, loss, pool, reduce, shape
from minigrad.check.records.record import Applied, Corner, Draw, Record, Refusal
from minigrad.op import Op

FAMILIES = (elementwise, activation, logic, reduce, shape, index, linalg, loss, conv, pool)

RECORDS: dict[type[Op], Record] = {record.op: record for family in FAMILIES for record in family.RECORDS}

__all__ = ["RECORDS", "Applied", "Corner", "Draw", "Record", "Refusal"]
