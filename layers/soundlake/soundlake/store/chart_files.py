"""Chart files in the raw zone: byte for byte, written once, under whose chart and day they are.

A key names the file's SHA-256: the same file is kept once, another one of the same day beside it.
The object's metadata says when it first came (S3's clock, UTC) and under which name.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Self

from soundlake.store.objects import Bucket, ConflictError, CorruptObjectError, pack, unpack
from soundlake.times import TimeError, format_time, parse_date, parse_time

PREFIX = "raw/charts/files/"
NEIGHBOURS = 14  # days before and after, as far as a chart's next file is looked for
_NAME_CHARACTERS = 512  # of the 2 KiB of metadata that S3 keeps with an object


@dataclass(frozen=True, slots=True)
class ChartFileKey:
    """One file's place in the raw zone; keys of one chart sort by day."""

    chart: str
    chart_date: date
    sha256: str

    @property
    def text(self) -> str:
        """`raw/charts/files/<chart>/<YYYY-MM-DD>/<sha256>.csv.gz`."""
        return f"{PREFIX}{self.chart}/{self.chart_date}/{self.sha256}.csv.gz"

    @classmethod
    def parse(cls, key: str) -> Self:
        """Read a key back. Raises ValueError on a key of another kind."""
        if not key.startswith(PREFIX) or not key.endswith(".csv.gz"):
            raise ValueError(f"{key} is not the key of a chart file")
        chart, day, name = key.removeprefix(PREFIX).split("/")
        return cls(chart, parse_date(day), name.removesuffix(".csv.gz"))


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A kept file's bytes, and when it first came (UTC)."""

    key: ChartFileKey
    body: bytes
    at: datetime


class ChartFiles:
    """The chart files of one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def keep(self, chart: str, day: date, body: bytes, *, at: datetime, name: str) -> ChartFileKey:
        """Keep a file; where it is kept already, it stays as it is. Returns its key."""
        key = ChartFileKey(chart, day, sha256(body).hexdigest())
        # Metadata must be ASCII.
        shown = name.encode("ascii", "backslashreplace").decode()[:_NAME_CHARACTERS]
        metadata = {"at": format_time(at), "name": shown}
        try:
            self._bucket.put(
                key.text, pack(body), content_type="application/gzip", metadata=metadata
            )
        except ConflictError:
            self.need(key)  # of the very same bytes, unless it is damaged: that is to be known
        return key

    def need(self, key: ChartFileKey) -> KeptFile:
        """A kept file; raises CorruptObjectError when it is not there, or not whole."""
        stored = self._bucket.get(key.text)
        if stored is None:
            raise CorruptObjectError(f"{key.text} is missing.")
        body = unpack(stored.body, key.text)
        if sha256(body).hexdigest() != key.sha256:
            raise CorruptObjectError(f"{key.text} does not hold the bytes of its SHA-256.")
        try:
            at = parse_time(stored.metadata["at"])
        except (KeyError, TimeError) as error:
            raise CorruptObjectError(f"{key.text} does not say when it came.") from error
        return KeptFile(key, body, at)

    def neighbours(self, chart: str, day: date) -> list[ChartFileKey]:
        """The files of the chart's nearest days before and after that have any."""
        first, end = day - timedelta(days=NEIGHBOURS), day + timedelta(days=NEIGHBOURS + 1)
        prefix = f"{PREFIX}{chart}/"
        keys = []
        for text in self._bucket.keys(prefix, f"{prefix}{first}/"):
            if text >= f"{prefix}{end}/":
                break
            keys.append(ChartFileKey.parse(text))
        before = max((key.chart_date for key in keys if key.chart_date < day), default=None)
        after = min((key.chart_date for key in keys if key.chart_date > day), default=None)
        return [key for key in keys if key.chart_date in (before, after)]
