"""Functions of the user that a command is given by name, `module:function`. Any command may import it."""

import importlib
import inspect
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from minigrad.errors import UsageError


def called(name: str) -> Any:
    """The function's result; what it raises is shown to the user with its traceback."""
    found = function(name)
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise UsageError(f"{name} cannot be called without arguments ({error})") from None
    except ValueError:
        pass  # a builtin function that does not tell its parameters
    return found()


def function(name: str) -> Callable[[], Any]:
    """The function named `module:function`, imported with the current folder on the path."""
    module, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), attribute)):
        raise UsageError(f"{name} is not of the form module:function, as in examples.net:loss")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        inside = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(f"{name}: there is no module {error.name!r}, neither installed nor in {Path.cwd()}") from None
    found = getattr(inside, attribute, None)
    if not callable(found):
        near = get_close_matches(attribute, [key for key, value in vars(inside).items() if callable(value)], 1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise UsageError(f"{name}: the module {module} has no function {attribute!r}{hint}")
    return found  # type: ignore[no-any-return]
