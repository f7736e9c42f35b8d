"""What Publish makes of a month, derived again: activity, profiles, and answers about tracks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from soundlake.auditing.overlay import Overlay
from soundlake.auditing.subject import Subject, UnsettledError, readable_rows, subject
from soundlake.features import asked_keys, merged
from soundlake.publishing.activity import Known, activity_of
from soundlake.publishing.names import with_tracks
from soundlake.publishing.newer import ACTIVITY
from soundlake.publishing.profiles import publish_month
from soundlake.sections import segment_row
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.answers import ANALYSES, FEATURES, Answers, Kind
from soundlake.store.lake import Lake, Row, encode_rows, month_of_key, object_key
from soundlake.store.names import LakeNames
from soundlake.store.objects import Bucket, CorruptObjectError
from soundlake.store.raw import Raw
from soundlake.store.schemas import SCHEMAS

PROFILES, FEATURES_TABLE, SECTIONS, SEGMENTS = (
    "country_profiles",
    "audio_features",
    "track_sections",
    "track_segments",
)
WAITS = timedelta(days=4)  # for the daily run: after a large import it takes several


def activity(bucket: Bucket, account: str, month: str, now: datetime) -> list[Subject]:
    """An account's activity of a month; nothing where no run has derived any of it yet.

    Raises UnsettledError where the next daily run is still to derive it.
    """
    real, key = Lake(bucket), object_key(ACTIVITY, month, account)
    plays = real.written("plays", account).get(object_key("plays", month, account))
    there = real.written(ACTIVITY, account)
    if not there and plays is None:
        return []
    made = there.get(key)
    young = plays is not None and now - plays < WAITS
    newer = UnsettledError("Its plays are newer than its activity; the daily run derives it.")
    if plays is not None and (made is None or made <= plays):
        if not there:
            return []  # charts and details are not wanted here
        if young and made != plays:
            raise newer
    rows = readable_rows(real, "plays", object_key("plays", month, account)).to_pylist()
    named: dict[str | None, str] = dict(LakeNames(real).track_of.items())
    found = activity_of(
        with_tracks(rows, named),
        Known(real),
        tracks=lambda known, _: known,
        features={},
        sections={},
    )
    one = subject(bucket, ACTIVITY, key, encode_rows(found, SCHEMAS[ACTIVITY], key))
    # S3 says whole seconds: of one second, what it holds tells which of the two came first.
    if young and made == plays and one.differences():
        raise newer
    return [one]


def profiles(bucket: Bucket, month: str, now: datetime, names: Mapping[str, str]) -> list[Subject]:
    """The profiles of a month's chart days; `names` are the countries' names by code."""
    key = object_key(PROFILES, month, PROFILES)
    lake, real = Lake(Overlay(bucket, [key])), Lake(bucket)
    there = readable_rows(real, PROFILES, key).to_pylist()
    done = {(row["chart"], row["chart_date"]) for row in there}
    written = bucket.written(f"{key.rpartition('/')[0]}/").get(key)
    entries = bucket.written(f"lake/chart_entries/month={month}/")
    pairs = set()
    for each, at in entries.items():
        table, _ = real.readable("chart_entries", [each], ["chart", "chart_date"])
        newer = (written is None or at > written) and now - at < WAITS
        of = {(row["chart"], row["chart_date"]) for row in table.to_pylist()}
        pairs |= {pair for pair in of if pair in done or not newer}
    if not pairs and not there:
        return []
    known = {row["country"]: row["country_name"] for row in there} | {**names}
    publish_month(lake, month, pairs, known, {})
    return [subject(bucket, PROFILES, key, lake.read(PROFILES, [key]))]


def strays(bucket: Bucket, month: str, tables: Iterable[str]) -> list[Subject]:
    """Other objects of a month in tables that have one: queries read their rows, too."""
    lake = Lake(bucket)
    return [
        subject(bucket, table, key, SCHEMAS[table].empty_table())
        for table in tables
        for key in lake.keys(table, month)
        if key != object_key(table, month, table)
    ]


def features(bucket: Bucket, month: str, now: datetime, order: Sequence[str]) -> list[Subject]:
    """The month's tracks' audio features, of the answers that name them."""
    told = _Told(bucket, FEATURES.values(), month, now)
    return told.subjects(FEATURES_TABLE, asked_keys, lambda rows: merged(rows, order))


def analyses(bucket: Bucket, month: str, now: datetime) -> list[Subject]:
    """The month's tracks' sections and segments, of their analyses."""
    told = _Told(bucket, [ANALYSES], month, now)
    found = told.subjects(SECTIONS, lambda row: [row["raw_key"]], lambda rows: rows[0])
    raw, answers = Raw(bucket), Answers(ANALYSES, Raw(bucket), Lake(bucket))
    by_day: dict[date, list[str]] = {}
    for row in found[0].derived.to_pylist() if found else ():
        if row["source"] is not None:
            by_day.setdefault(answers.day_of(row["raw_key"]), []).append(row["raw_key"])
    days = {
        date.fromisoformat(key.rpartition("/")[2].removesuffix(".parquet"))
        for key in Lake(bucket).keys(SEGMENTS, month)
    }
    for day in sorted({*days, *by_day}):
        key = object_key(SEGMENTS, month, day.isoformat())
        rows = [each for one in by_day.get(day, ()) if (each := _segments(raw, one)) is not None]
        found.append(subject(bucket, SEGMENTS, key, encode_rows(rows, SCHEMAS[SEGMENTS], key)))
    return found


def _segments(raw: Raw, key: str) -> Row | None:
    answer, asked = raw.batch(key)
    try:
        return segment_row(answer.json, asked[0], answer.at, key)
    except BadAnswerError:
        return None  # its sections stand without them


class _Told:
    """What the kept answers of some kinds tell, beside the rows that name them."""

    def __init__(self, bucket: Bucket, kinds: Iterable[Kind], month: str, now: datetime) -> None:
        self._bucket, self._month, self._now = bucket, month, now
        self._lake, raw = Lake(bucket), Raw(bucket)
        self._answers = {
            f"raw/{kind.name}/{kind.source}/": Answers(kind, raw, self._lake) for kind in kinds
        }
        self._read: dict[str, dict[str, Row]] = {}

    def subjects(
        self,
        table: str,
        names: Callable[[Row], list[str]],
        of: Callable[[list[Row]], Row],
    ) -> list[Subject]:
        """The table's object of the month: each row of the answers that it names.

        And one for each track of the month's answers that no row of any month is of.
        """
        key = object_key(table, self._month, table)
        there = readable_rows(self._lake, table, key).to_pylist()
        elsewhere = {
            str(row["track_id"])
            for other in self._lake.keys(table)
            if month_of_key(other) != self._month
            for row in self._lake.readable(table, [other], ["track_id"])[0].to_pylist()
        }
        rows: dict[str, Row] = {}
        for row in there:
            told = [
                found
                for each in names(row)
                if (found := self._of(each).get(row["track_id"])) is not None
            ]
            if told:
                rows[row["track_id"]] = of(told)
        missing: dict[str, list[Row]] = {}
        for each in self._kept(key):
            for track_id, row in self._of(each).items():
                if track_id not in rows and track_id not in elsewhere:
                    missing.setdefault(track_id, []).append(row)
        rows |= {track_id: of(told) for track_id, told in missing.items()}
        if not rows and not there and self._bucket.get(key) is None:
            return []
        made = encode_rows([rows[each] for each in sorted(rows)], SCHEMAS[table], key)
        return [subject(self._bucket, table, key, made)]

    def _kept(self, key: str) -> list[str]:
        """The month's answers, in the order of their days, but those that wait to be published."""
        written = self._bucket.written(f"{key.rpartition('/')[0]}/").get(key)
        found: dict[str, Any] = {}
        for prefix in self._answers:
            found |= self._bucket.written(f"{prefix}month={self._month}/")
        return sorted(
            (
                each
                for each, at in found.items()
                if each.endswith(".json.gz")
                and not ((written is None or at > written) and self._now - at < WAITS)
            ),
            key=lambda each: (each.split("/")[4], each),
        )

    def _of(self, raw_key: str) -> dict[str, Row]:
        """The rows of one answer, by track; none where it cannot be read."""
        if raw_key not in self._read:
            answers = next(
                (one for prefix, one in self._answers.items() if raw_key.startswith(prefix)), None
            )
            try:
                rows = answers.rows(raw_key) if answers else []
            except (CorruptObjectError, BadAnswerError):
                rows = []
            self._read[raw_key] = {row["track_id"]: row for row in rows}
        return self._read[raw_key]
