"""Texts: short enough for where they are shown."""

import pytest
from soundlake.texts import shortened


@pytest.mark.parametrize(
    ("text", "short"), [("", ""), ("x" * 80, "x" * 80), ("x" * 81, f"{'x' * 77}...")]
)
def test_a_long_text_is_shortened(text: str, short: str) -> None:
    assert shortened(text) == short
