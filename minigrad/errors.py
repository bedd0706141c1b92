"""The errors of the project: each is a `MinigradError` and also the fitting builtin. Anyone may import them."""


class MinigradError(Exception):
    """Base of every error raised on purpose; the command line prints it as one line and exits with status 2."""


class ShapeError(MinigradError, ValueError):
    """Operands whose shapes do not fit together; names the Op, the operands and their shapes."""


class DTypeError(MinigradError, TypeError):
    """An operand of a type the Op cannot take, such as an integer tensor that is to have a gradient."""


class DeviceError(MinigradError, TypeError):
    """Operands on different devices, or an array on a device where it cannot be used; names the devices."""


class IndexRangeError(MinigradError, IndexError):
    """An index or token id outside the axis it indexes."""


class GradientError(MinigradError, RuntimeError):
    """A backward pass that is impossible: freed graph, no scalar, no path to a parameter, or a value since changed."""


class TraceError(MinigradError, RuntimeError):
    """A traced program asked for something that only a computed value has."""


class NotFiniteError(MinigradError, ArithmeticError):
    """A loss or a value became NaN or infinite."""


class DataError(MinigradError, ValueError):
    """A data file that is not what its schema says."""


class MissingFileError(MinigradError, FileNotFoundError):
    """A file that should be there; names the path, what it should hold, and how to get it."""

    def __str__(self) -> str:
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()


class MissingPackageError(MinigradError, ModuleNotFoundError):
    """A package that only a part of the project needs and that is not installed; names how to install it."""


class CheckpointError(MinigradError, ValueError):
    """A checkpoint or weights file that cannot be read as one."""


class UsageError(MinigradError, ValueError):
    """An argument that makes no sense; names it and what would be accepted."""


class CheckError(MinigradError, AssertionError):
    """A gradient that is wrong, with its diagnosis, or a function that cannot be checked."""


class ExportError(MinigradError, ValueError):
    """A graph that another format cannot express; names the Op and where it was made."""
