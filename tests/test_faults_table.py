"""Every fault of docs/faults.md has tests, marked with its number, in the files that the table names."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "faults.md"


def marked(path: Path) -> Iterator[int]:
    """The numbers in the marks of a file's tests."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            calls = (mark for mark in node.decorator_list if isinstance(mark, ast.Call))
            marks = (call for call in calls if ast.unparse(call.func) == "pytest.mark.fault")
            yield from (ast.literal_eval(mark.keywords[0].value) for mark in marks)


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
    assert all(table.values()) and set(table) >= set(range(1, 26))
