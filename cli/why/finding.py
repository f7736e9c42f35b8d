"""A row that a person names: by its table's key, as `./soundlake query` prints it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from soundlake.countries import COUNTRIES
from soundlake.times import format_time, month_of

from cli.errors import Misuse
from cli.why.asking import Row, Tables, literal, quoted

SEVERAL: Final = 10  # rows that are named where a person's words mean more than one

# Each table's key, in the order in which a person writes it.
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "observations": ("account", "time", "uri"),
    "plays": ("account", "played_at", "uri"),
    "captures": ("account", "capture_id"),
    "gaps": ("account", "from_time", "found_at"),
    "account_days": ("account", "day"),
    "imports": ("account", "import_id"),
    "import_rows": ("account", "import_id", "file", "row"),
    "chart_entries": ("chart", "chart_date", "position"),
    "tracks": ("track_id",),
    "track_names": ("name_key",),
    "albums": ("album_id",),
    "artists": ("artist_id",),
    "audio_features": ("track_id",),
    "track_sections": ("track_id",),
    "track_segments": ("track_id",),
    "music_activity": ("account", "played_at", "track_id"),
    "country_profiles": ("chart", "chart_date"),
    "chart_days": ("chart", "chart_date"),
    "data_quality": ("chart", "chart_date", "expectation", "about"),
}
_TIMES: Final = ("time", "played_at", "captured_at", "from_time", "found_at")
_DATES: Final = ("day", "chart_date")
_NUMBERS: Final = ("position", "row")
_IDS: Final = ("track_id", "album_id", "artist_id")
# The columns whose month is the row's partition, by table: only these months are read.
_MONTHS: Final[Mapping[str, str]] = {
    "observations": "time",
    "plays": "played_at",
    "captures": "captured_at",
    "gaps": "found_at",
    "account_days": "day",
    "chart_entries": "chart_date",
    "music_activity": "played_at",
    "country_profiles": "chart_date",
    "chart_days": "chart_date",
    "data_quality": "chart_date",
}
# What else names a row: an entity by its name, an attempt by its time.
_NAMED: Final = {"tracks": "name", "albums": "name", "artists": "name"}
_ACCOUNT: Final = re.compile(r"[a-z0-9]{12}")
_ID: Final = re.compile(
    r"(?:spotify:\w+:|https?://open\.spotify\.com/(?:\S+/)?\w+/)?([A-Za-z0-9]{22})(?:\?\S*)?"
)
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,3})\d*)?)?(?:Z|\+00:00)?"
)


@dataclass(frozen=True)
class Condition:
    """What a word says of a column: the SQL, and the value as it was understood."""

    column: str
    value: Any
    sql: str
    month: str | None = None


def find(tables: Tables, table: str, words: Sequence[str]) -> Row:
    """Return the row that the words name; raise Misuse, naming the nearest, where there is not one.

    Words are the parts of the table's key in their order; the last ones may be left out, an account
    too, and `column=value` may be said of any column.
    """
    conditions = understood(table, words)
    _check_columns(tables, table, conditions)
    where = _where(table, conditions)
    found = tables.rows(table, where, limit=SEVERAL + 1)
    if len(found) == 1:
        return found[0]
    if not tables.there(table):
        raise Misuse(f"The table {table} has no rows yet.")
    if not found:
        raise Misuse(_none(tables, table, conditions))
    many = f"more than {SEVERAL}" if len(found) > SEVERAL else str(len(found))
    commands = "\n".join(f"  {command(table, row)}{_called(row)}" for row in found[:SEVERAL])
    raise Misuse(f"{many} rows of {table} are meant; name one, like\n{commands}")


def _check_columns(tables: Tables, table: str, conditions: Sequence[Condition]) -> None:
    """Raise Misuse where a condition is of a column that the table does not have."""
    own = {*KEYS[table], _NAMED.get(table), _MONTHS.get(table)}
    others = [one.column for one in conditions if one.column not in own]
    for row in tables.rows(table, [], limit=1) if others else ():
        if missing := [each for each in others if each not in row]:
            raise Misuse(f"{table} has no column {missing[0]!r}; it has {', '.join(row)}.")


def command(table: str, row: Mapping[str, Any]) -> str:
    """The command that traces a row."""
    words = [
        f"{column}=" if row[column] is None else str(row[column])
        for column in KEYS[table]
        if column in row
    ]
    return " ".join(["./soundlake why", table, *(_shell(word) for word in words)])


def _shell(word: str) -> str:
    return word if re.fullmatch(r"[\w:./@%+,=-]+", word) else "'" + word.replace("'", "'\\''") + "'"


def title(table: str, row: Mapping[str, Any]) -> str:
    """What tells a row from the others of its table."""
    return " ".join(str(row[column]) for column in KEYS[table] if row.get(column) is not None)


def understood(table: str, words: Sequence[str]) -> list[Condition]:
    """What the words say, each of a column; raises Misuse."""
    columns = list(KEYS[table])
    said: list[Condition] = []
    for word in words:
        column, equals, value = word.partition("=")
        if equals and re.fullmatch(r"[a-z_]+", column):
            said.append(condition(table, column, value))
            columns = [each for each in columns if each != column]
            continue
        column = _column(table, columns, word)
        said.append(condition(table, column, word))
        columns = columns[columns.index(column) + 1 :] if column in columns else columns[1:]
    return said


def _column(table: str, columns: Sequence[str], word: str) -> str:
    """The column that a word is of: the key's next, but for what may be left out."""
    if not columns:
        raise Misuse(
            f"A row of {table} is named by {_spoken(KEYS[table])}; {word!r} is too much. Of "
            "another column write column=value."
        )
    first = columns[0]
    if not word:  # as CSV has what is null
        return first
    left_out = first == "account" and len(columns) > 1 and not _ACCOUNT.fullmatch(word)
    if left_out or (first == "chart" and len(columns) > 1 and _TIME.fullmatch(word)):
        return _column(table, columns[1:], word)
    if table == "captures" and first == "capture_id" and _TIME.fullmatch(word):
        return "captured_at"
    if first == "file" and word.isdecimal():
        return "row"
    if table in _NAMED and not _ID.fullmatch(word):
        return _NAMED[table]
    return first


def _spoken(columns: Sequence[str]) -> str:
    return columns[0] if len(columns) == 1 else f"{', '.join(columns[:-1])} and {columns[-1]}"


def condition(table: str, column: str, word: str) -> Condition:
    """What a word says of a column; raises Misuse where it is none of its values.

    An empty one says that it is null.
    """
    if not word:
        return Condition(column, "null", f"{column} IS NULL")
    kinds: list[tuple[Sequence[str], Callable[[str, str, str], Condition]]] = [
        (_TIMES, _time),
        (_DATES, _date),
        (_NUMBERS, _number),
        (_IDS, _identity),
        (("chart",), _chart),
    ]
    for columns, read in kinds:
        if column in columns:
            return read(table, column, word)
    if column in {"name", "name_key"}:
        return Condition(column, word, f"lower({column}) = {quoted(word.lower())}")
    return Condition(column, word, f"CAST({column} AS varchar) = {quoted(word)}")


def _time(table: str, column: str, word: str) -> Condition:
    found = _TIME.fullmatch(word)
    if not found:
        raise Misuse(
            f"{word!r} is no {column}; write it like 2026-11-21T09:18:03.120Z, or to the "
            "second, the minute or the day."
        )
    day, minute, second, _ = found.groups()
    try:
        at = datetime.fromisoformat(word.removesuffix("Z").removesuffix("+00:00"))
    except ValueError as error:
        raise Misuse(f"{word!r} is no time: {error}.") from error
    at = at.replace(tzinfo=UTC)
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    if found[4]:
        span = timedelta(milliseconds=10 ** (3 - min(len(found[4]), 3)))
    else:
        span = timedelta(
            seconds=1 if second else 60 if minute else 24 * 3600  # as exact as it is written
        )
    if table == "music_activity":  # a text, to the minute
        text = f"{at:%Y-%m-%d %H:%M}" if minute else day
        return Condition(column, text, f"{column} LIKE {quoted(f'{text}%')}", month_of(at))
    sql = f"{column} >= {literal(at)} AND {column} < {literal(at + span)}"
    return Condition(column, format_time(at), sql, month_of(at))


def _date(_: str, column: str, word: str) -> Condition:
    try:
        day = date.fromisoformat(word[:10])
    except ValueError as error:
        raise Misuse(f"{word!r} is no {column}; write it like 2026-11-21.") from error
    return Condition(column, day.isoformat(), f"{column} = {literal(day)}", month_of(day))


def _number(table: str, column: str, word: str) -> Condition:
    if not word.isdecimal():
        raise Misuse(f"{word!r} is no {column} of {table}; it is a number from 1 on.")
    return Condition(column, int(word), f"{column} = {int(word)}")


def _identity(_: str, column: str, word: str) -> Condition:
    found = _ID.fullmatch(word)
    if not found:
        raise Misuse(
            f"{word!r} is no {column}; it has 22 letters and digits, or is Spotify's link."
        )
    return Condition(column, found[1], f"{column} = {quoted(found[1])}")


def _chart(_: str, column: str, word: str) -> Condition:
    name = chart_name(word)
    return Condition(column, name, f"{column} = {quoted(name)}")


def chart_name(word: str) -> str:
    """The chart that a person means: `daily-SE` for itself, for `SE` and for `sweden`."""
    found = re.fullmatch(r"(?:(daily|weekly)-)?(.+)", word, re.IGNORECASE)
    cadence, place = (found[1] or "daily", found[2]) if found else ("daily", word)
    codes = {"global": "GLOBAL", "world": "GLOBAL"}
    codes |= {each.name.lower(): code for code, each in COUNTRIES.items()}
    return f"{cadence.lower()}-{codes.get(place.lower(), place.upper())}"


def _where(table: str, conditions: Sequence[Condition]) -> list[str]:
    months = [one.month for one in conditions if one.month and one.column == _MONTHS.get(table)]
    return [*(f"month = {quoted(each)}" for each in months), *(one.sql for one in conditions)]


def _none(tables: Tables, table: str, conditions: Sequence[Condition]) -> str:
    """Why no row is found: what the first word is that finds none, and what is nearest to it."""
    said = ", ".join(f"{one.column} {one.value}" for one in conditions)
    sentence = f"There is no row of {table} with {said}."
    for count in range(len(conditions) - 1, -1, -1):
        known, missing = conditions[:count], conditions[count]
        near = _near(tables, table, known, missing)
        if near:
            commands = "\n".join(f"  {command(table, row)}{_called(row)}" for row in near)
            return f"{sentence} The nearest by {missing.column}:\n{commands}"
    return sentence


def _called(row: Row) -> str:
    """What an entity is called, as a shell's comment."""
    return f"  # {row['name']}" if row.get("name") else ""


def _near(tables: Tables, table: str, known: Sequence[Condition], missing: Condition) -> list[Row]:
    column = missing.column
    value = quoted(str(missing.value))
    if column in _TIMES and table != "music_activity":
        value = literal(datetime.fromisoformat(str(missing.value)))
    elif column in _DATES:
        value = literal(date.fromisoformat(str(missing.value)))
    elif column in _NUMBERS:
        value = str(missing.value)
    where = [one.sql for one in known]
    if missing.value == "null":
        return []
    if column == "name":
        column, value = "lower(name)", quoted(str(missing.value).lower())
        parts = [*where, f"strpos({column}, {value}) > 0"]
        if with_it := tables.rows(table, parts, order=column, limit=SEVERAL):
            return with_it
    found: list[Row] = []
    for sign, order in (("<", "DESC"), (">", "ASC")):
        found += tables.rows(
            table, [*where, f"{column} {sign} {value}"], order=f"{column} {order}", limit=1
        )
    return found
