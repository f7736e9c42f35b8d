"""Times: always UTC, always passed in. Nothing here reads a clock."""

from datetime import UTC, date, datetime

# EventBridge Scheduler replaces this in a target's input; an emulator or a copied console
# input may leave it as it is.
SCHEDULED_TIME_PLACEHOLDER = "<aws.scheduler.scheduled-time>"


class TimeError(ValueError):
    """A time or date that cannot be read; the text says which and what is expected."""


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 instant (`2026-11-21T09:18:00.123Z`) as an aware UTC datetime.

    A time without a zone is refused: it would be a guess. Raises TimeError.
    """
    try:
        value = datetime.fromisoformat(text)
        if value.tzinfo is not None:
            return value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise TimeError(
            f"{text!r} is not a time; write it like 2026-11-21T09:18:00Z (ISO 8601, UTC)."
        ) from error
    raise TimeError(f"{text!r} has no time zone; write it like 2026-11-21T09:18:00Z (UTC).")


def parse_date(text: str) -> date:
    """Read a calendar date, `YYYY-MM-DD`. Raises TimeError."""
    try:
        value = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError as error:
        raise TimeError(f"{text!r} is not a date; write it like 2026-11-21.") from error
    if value.isoformat() != text:
        raise TimeError(f"{text!r} is not a date; write it like 2026-11-21.")
    return value


def parse_month(text: str) -> str:
    """Check a month, `YYYY-MM`, and give it back. Raises TimeError."""
    try:
        parse_date(f"{text}-01")
    except TimeError as error:
        raise TimeError(f"{text!r} is not a month; write it like 2026-11.") from error
    return text


def format_time(value: datetime) -> str:
    """Write an instant as `2026-11-21T09:18:00.123Z` (UTC, ms)."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def naive_ms(value: datetime) -> datetime:
    """The form that tables keep: UTC without a zone mark, whole milliseconds."""
    utc = value.astimezone(UTC).replace(tzinfo=None)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def logical_time(scheduled_time: str | None, start_time: str) -> datetime:
    """The instant that a run stands for (UTC).

    It is the schedule's or operator's `scheduled_time`, or, where none came or the scheduler's
    placeholder was left unreplaced, the execution's own `start_time`. Raises TimeError.
    """
    if scheduled_time and scheduled_time != SCHEDULED_TIME_PLACEHOLDER:
        return parse_time(scheduled_time)
    return parse_time(start_time)


def month_of(value: date) -> str:
    """The partition that a date or UTC datetime belongs to, `YYYY-MM`."""
    return f"{value.year:04d}-{value.month:02d}"


def shift_month(month: str, months: int) -> str:
    """`month` (`YYYY-MM`) moved by whole months, forward or back."""
    year, number = month.split("-")
    index = int(year) * 12 + int(number) - 1 + months
    return f"{index // 12:04d}-{index % 12 + 1:02d}"
