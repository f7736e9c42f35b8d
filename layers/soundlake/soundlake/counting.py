"""What counts as a play: chosen when asking, one rule for each question.

A saved query about plays has one line with the usual rule in it, and may have one with all years.
Here is what stands there instead, for whoever asks otherwise.
"""

# By name, what of a row of `plays` says that it counts. Who does not say how long a play was lists
# none that is shorter than 30 s; whether it was played to the end, or its half, nobody else knows.
RULES = {
    "30s": "coalesce(counts_30s, true)",
    "to-end": "coalesce(counts_to_end, false)",
    "half": "coalesce(counts_half, false)",
    "any": "true",
}
USUAL = "30s"
_EVERY_YEAR = "BETWEEN '2006-01' AND '9999-12'"


class CountingError(ValueError):
    """A question that does not count as it was asked to; the text says why."""


def counted(sql: str, rule: str) -> str:
    """A saved query with another of `RULES`. Raises CountingError where it chooses none."""
    if sql.count(RULES[USUAL]) != 1:
        raise CountingError("it does not choose which plays count.")
    return sql.replace(RULES[USUAL], RULES[rule])


def of_year(sql: str, year: int) -> str:
    """A saved query of one year (four digits, UTC). Raises CountingError where it chooses none."""
    if sql.count(_EVERY_YEAR) != 1:
        raise CountingError("it is not of one year or all.")
    return sql.replace(_EVERY_YEAR, f"BETWEEN '{year}-01' AND '{year}-12'")
