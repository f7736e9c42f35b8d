"""pandas cannot be imported while pyarrow makes its first array, and only then."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
from soundlake.store import without_pandas


def first_array(monkeypatch: pytest.MonkeyPatch, make: Callable[[list[Any]], None]) -> None:
    """Make the first array so."""
    with monkeypatch.context() as patched:
        patched.setattr(without_pandas.pa, "array", make)
        without_pandas.make_first_array()


def test_only_the_first_array_is_made_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(values: list[Any]) -> None:
        with pytest.raises(ModuleNotFoundError, match="not needed here"):
            find_spec("pandas")
        assert find_spec("pandas_alike") is None
        made.append(values)

    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    first_array(monkeypatch, make)

    assert made == [[]]
    assert find_spec("pandas") is not None


def test_pandas_comes_back_when_the_first_array_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(values: list[Any]) -> None:
        raise MemoryError

    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    with pytest.raises(MemoryError):
        first_array(monkeypatch, make)

    assert find_spec("pandas") is not None


def test_a_process_that_has_pandas_makes_no_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", ModuleType("pandas"))

    first_array(monkeypatch, lambda values: pytest.fail("an array was made"))
