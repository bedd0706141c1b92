"""Every fault of docs/faults.md has tests, marked with its number, in the files that the table names."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "faults.md"


def marked(path: Path) -> Iterator[int]:
    """The numbers in the marks of a file's tests, or of all of them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
            yield ast.literal_eval(node.keywords[0].value)


def rows() -> dict[int, list[str]]:
    """The files that each row of the table names."""
    lines = re.findall(r"^\| (\d+) \|.*\|(.*)\|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    return {int(number): sorted(re.findall(r"test_\w+", files)) for number, files in lines}


def test_every_fault_has_its_tests_where_the_table_says() -> None:
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted(TESTS.glob("test_*.py")):
        for number in sorted(set(marked(path))):
            found[number].append(path.stem)
    table = rows()
    assert table == dict(found), {n: found.get(n) for n in {**table, **found} if table.get(n) != found.get(n)}
    assert all(table.values()) and list(table) == list(range(1, 26))
