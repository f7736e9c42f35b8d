"""The keys of captured pages: account, logical time and execution, readable back from the key."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from soundlake.times import month_of

_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class CaptureKey:
    """One capture's place in the raw zone; keys of one account sort by time."""

    account: str
    captured_at: datetime
    capture_id: str

    @property
    def text(self) -> str:
        """`raw/recently-played/<account>/month=<YYYY-MM>/<time>_<execution>.json.gz`."""
        at = self.captured_at.astimezone(UTC)
        stamp = f"{at:{_TIME}}{at.microsecond // 1000:03d}Z"
        return f"{prefix(self.account, month_of(at))}{stamp}_{self.capture_id}.json.gz"

    @classmethod
    def parse(cls, key: str) -> Self:
        """Read a key back. Raises ValueError on a key of another kind."""
        _, kind, account, _, name = key.split("/")
        stamp, separator, capture_id = name.removesuffix(".json.gz").partition("_")
        if kind != "recently-played" or not separator or not stamp.endswith("Z"):
            raise ValueError(f"{key} is not the key of a captured page")
        at = datetime.strptime(f"{stamp[:-1]}000", f"{_TIME}%f").replace(tzinfo=UTC)
        return cls(account, at, capture_id)

    @staticmethod
    def month(key: str) -> str:
        """The month (`YYYY-MM`) of a captured page's key."""
        return key.split("/")[3].removeprefix("month=")


def prefix(account: str, month: str) -> str:
    """Where an account's captured pages of a month are."""
    return f"raw/recently-played/{account}/month={month}/"
