"""Plays of rows, for tests that have observations as rows."""

from collections.abc import Iterable
from typing import Any

from soundlake.listening import derive_plays
from soundlake.store.lake import encode_rows
from soundlake.store.schemas import SCHEMAS


def plays_of(observations: Iterable[dict[str, Any]], zone: str | None = None) -> list[Any]:
    """The plays, as rows, that these observations are evidence of."""
    table = encode_rows(observations, SCHEMAS["observations"], "observations")
    return derive_plays(table, zone).plays.to_pylist()
