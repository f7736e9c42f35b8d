"""Inputs that people and machines give, and what is wrong with one."""

from pydantic import ValidationError


def wrong(error: ValidationError, whole: str = "input") -> tuple[str, str]:
    """The first field that is wrong, `whole` where it is all of it, and why, without its value."""
    first = error.errors(include_url=False, include_input=False)[0]
    return ".".join(str(part) for part in first["loc"]) or whole, first["msg"]
