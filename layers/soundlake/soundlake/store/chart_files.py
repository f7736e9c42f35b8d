"""Chart files in the raw zone: byte for byte, written once, under whose chart and day they are.

A key says when the file came (S3's clock, UTC) and its SHA-256. So the keys of a day are in the
order in which its files came, and what was imported again after another file stands once more.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import takewhile
from typing import Self

from soundlake.store.objects import (
    Bucket,
    ConflictError,
    CorruptObjectError,
    brought_by,
    pack,
    unpack,
)
from soundlake.times import parse_date

PREFIX = "raw/charts/files/"
NEIGHBOURS = 14  # days before and after, as far as a chart's next file is looked for

_ENDING = ".csv.gz"
_TIME = "%Y%m%dT%H%M%SZ"  # S3 knows whole seconds
_NAME_CHARACTERS = 512  # of the 2 KiB of metadata that S3 keeps with an object


@dataclass(frozen=True, slots=True)
class ChartFileKey:
    """One file's place in the raw zone; keys of one chart sort by day, and those by time."""

    chart: str
    chart_date: date
    at: datetime
    sha256: str

    @property
    def name(self) -> str:
        """`<time>_<sha256>`: which of the day's files it is."""
        return f"{self.at.astimezone(UTC):{_TIME}}_{self.sha256}"

    @property
    def text(self) -> str:
        """`raw/charts/files/<chart>/<YYYY-MM-DD>/<time>_<sha256>.csv.gz`."""
        return f"{_prefix(self.chart, self.chart_date)}{self.name}{_ENDING}"

    @classmethod
    def parse(cls, key: str) -> Self:
        """Read a key back. Raises ValueError on a key of another kind."""
        if not key.startswith(PREFIX) or not key.endswith(_ENDING):
            raise ValueError(f"{key} is not the key of a chart file")
        chart, day, name = key.removeprefix(PREFIX).removesuffix(_ENDING).split("/")
        stamp, _, digest = name.partition("_")
        at = datetime.strptime(stamp, _TIME).replace(tzinfo=UTC)
        return cls(chart, parse_date(day), at, digest)


class ChartFiles:
    """The chart files of one bucket."""

    def __init__(self, bucket: Bucket, execution: str | None = None) -> None:
        """What is kept names the `execution` that brought it."""
        self._bucket = bucket
        self._by = brought_by(execution)

    def keep(self, chart: str, day: date, body: bytes, *, at: datetime, name: str) -> ChartFileKey:
        """Keep a file that came `at` this time under this name; returns its key.

        Where it is the very file that came last for this day, nothing is written. Raises
        CorruptObjectError where what is there in its place is damaged.
        """
        key = ChartFileKey(chart, day, at, sha256(body).hexdigest())
        latest = max(self._bucket.keys(_prefix(chart, day)), default=None)
        if latest is not None and ChartFileKey.parse(latest).sha256 == key.sha256:
            key = ChartFileKey.parse(latest)
            self.need(key)
            return key
        # Metadata must be ASCII.
        shown = name.encode("ascii", "backslashreplace").decode()[:_NAME_CHARACTERS]
        try:
            self._bucket.put(
                key.text,
                pack(body),
                content_type="application/gzip",
                metadata={"name": shown, **self._by},
            )
        except ConflictError:
            self.need(key)  # another run of the same upload was here
        return key

    def need(self, key: ChartFileKey) -> bytes:
        """A kept file's bytes; raises CorruptObjectError when it is not there, or not whole."""
        stored = self._bucket.get(key.text)
        if stored is None:
            raise CorruptObjectError(f"{key.text} is missing.")
        body = unpack(stored.body, key.text)
        if sha256(body).hexdigest() != key.sha256:
            raise CorruptObjectError(f"{key.text} does not hold the bytes of its SHA-256.")
        return body

    def of_days(self, chart: str, first: date, end: date) -> list[ChartFileKey]:
        """A chart's files of the days from one to before another, in order."""
        prefix = f"{PREFIX}{chart}/"
        keys = takewhile(
            lambda text: text < f"{prefix}{end}/", self._bucket.keys(prefix, f"{prefix}{first}/")
        )
        return [ChartFileKey.parse(text) for text in keys]

    def neighbours(
        self, chart: str, day: date, until: datetime | None = None
    ) -> list[ChartFileKey]:
        """The files that came last for the chart's nearest days before and after that have any.

        One that another has taken the place of says nothing of its day any more. With `until`,
        those that had come by then.
        """
        first, end = day - timedelta(days=NEIGHBOURS), day + timedelta(days=NEIGHBOURS + 1)
        latest: dict[date, ChartFileKey] = {}
        for key in self.of_days(chart, first, end):
            if until is None or key.at <= until:
                latest[key.chart_date] = key
        before = max((each for each in latest if each < day), default=None)
        after = min((each for each in latest if each > day), default=None)
        return [latest[each] for each in (before, after) if each is not None]


def _prefix(chart: str, day: date) -> str:
    return f"{PREFIX}{chart}/{day}/"
