"""pyarrow without pandas, for whoever only reads and writes rows.

Where pandas is installed, pyarrow imports it before making its first array, to ask whether it was
given a Series. For a function that has only rows the question costs 40 MB and 0.2 s.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa


class _NoPandas(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - importlib's interface
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("not needed here", name=fullname)
        return None


def make_first_array() -> None:
    """Make it while pandas cannot be imported; pyarrow asks once.

    A process that has pandas already keeps it, and `to_pandas` imports it as ever.
    """
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(finder)
