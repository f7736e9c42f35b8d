"""Texts: short enough for where they are shown or carried."""

SHOWN = 80  # characters of a value that a sentence shows


def shortened(text: str, length: int = SHOWN) -> str:
    """A text of at most `length` characters, three dots in the place of what is left out."""
    return text if len(text) <= length else f"{text[: length - 3]}..."
