"""What each table's rows come from: one way for every table, down to what was kept."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from soundlake.store.imports import ROOT as IMPORTS
from soundlake.texts import shortened

from cli import logs, runs
from cli.errors import Misuse, Trouble
from cli.import_report import OUTCOMES
from cli.target import Target
from cli.why.asking import Row, Tables, keys_in, literal, quoted
from cli.why.finding import KEYS, command, title
from cli.why.kept import Kept
from cli.why.tree import Node

_LONG: Final = 120  # characters of a value that a line shows
_COUNTED: Final = 100  # rows of a ledger that a count is traced to
_RUNS: Final = 5  # of a day, that are looked through for a chart
# The columns of music_activity, and what says each: the first that says anything counts.
_ACTIVITY: Final[Mapping[str, tuple[str, ...]]] = {
    "track_id": ("plays.track_id",),
    "track_name": ("plays.track_name", "tracks.name"),
    "track_artist": ("plays.artist_names", "tracks.artist_names"),
    "played_at": ("plays.played_at",),
    "explicit": ("plays.explicit", "tracks.explicit"),
    "popularity": ("tracks.popularity",),
    "album": ("plays.album_name", "albums.name"),
    "album_cover": ("albums.images",),
    "album_cover_height": ("albums.images",),
    "album_cover_width": ("albums.images",),
    "duration": (
        *("track_sections.duration", "audio_features.duration_ms", "tracks.duration_ms"),
        "plays.duration_ms",
    ),
    **{
        name: (f"audio_features.{name}",)
        for name in (
            *("loudness", "tempo", "key", "time_signature", "mode", "acousticness"),
            *("danceability", "energy", "instrumentalness", "speechiness", "valence"),
        )
    },
    "sections": ("track_sections.sections",),
    "section_duration_avg": ("track_sections.duration", "track_sections.sections"),
    **{
        name: (f"track_sections.{name}",)
        for name in (
            *("loudness_avg", "tempo_avg", "start_sequence", "loudness_sequence"),
            *("tempo_sequence", "key_sequence", "mode_sequence", "time_signature_sequence"),
        )
    },
    "account": ("plays.account",),
}
# What an artist's columns are of: whoever was asked for the artist, and for genres.
_DETAILS: Final[Mapping[str, tuple[str, ...]]] = {
    "tracks": ("detailed_at", "detail_raw_key"),
    "albums": ("label", "popularity", "upc", "genres", "detailed_at", "detail_raw_key"),
    "artists": (*("popularity", "followers", "images", "detailed_at", "detail_raw_key"),),
}
_GENRES: Final = ("genres", "genres_source", "genres_asked", "genres_ask_again")
_OF_ALL: Final = ("section_duration_avg",)  # reckoned from all that is named
_SPREADS: Final = ("_mean", "_std", "_q1", "_median", "_q3")


class Rows:
    """The ways from a table's row to what it comes from."""

    def __init__(self, target: Target) -> None:
        """Trace rows of the lake of `target`."""
        self._target = target
        self.tables = Tables(target)
        self.kept = Kept(target)

    def trace(self, table: str, row: Row, column: str | None = None) -> Node:
        """A row with all that it comes from; of one column, what that comes from.

        Raises Misuse where the table has no such column.
        """
        if column is not None and column not in row:
            names = ", ".join(name for name in row if name != "month")
            raise Misuse(f"{table} has no column {column!r}; it has {names}.")
        facts = {column: _shown(row[column])} if column else self._facts(table, row)
        node = Node(table, title(table, row), facts, more={"row": row})
        node.because = TRACES[table](self, row, column)
        return node

    def _facts(self, table: str, row: Row) -> dict[str, Any]:
        """What is shown of a row: what it says, without its key and what long lists say."""
        hidden = {"month", "evidence", "raw_keys", "raw_key", "asked", "genres_asked", "images"}
        hidden |= {name for name in row if name.endswith("_sequence")} | {"covered"}
        hidden |= {*KEYS[table]} - {"uri"}
        hidden -= {"evidence"} if table == "data_quality" else set()  # there a sentence
        return {
            name: _shown(value)
            for name, value in row.items()
            if name not in hidden and value is not None
        }

    def some(self, table: str, where: Iterable[str], **how: Any) -> list[Node]:
        """Rows for which conditions hold, each traced."""
        return [self.trace(table, row) for row in self.tables.rows(table, where, **how)]

    #### PLAYS #####################################################################################

    def plays(self, row: Row, column: str | None) -> list[Node]:
        """A play's observations, each with what it gives; the rule that joins them tells which."""
        asked = {"account": row["account"], "played_at": row["played_at"]}
        found = self._explained({**asked, "uri": row["uri"], "name_key": row["name_key"]})
        if found is None:
            return self._unexplained(row)
        wanted = _givers(column, found["follows"]) if column else None
        notes = []
        if column in found["follows"]:
            parts = " and ".join(found["follows"][column])
            notes = [Node("note", f"{column} follows from {parts}")]
        elif column and row[column] is None:
            notes = [Node("note", f"No observation of the play says its {column}; these are all:")]
        giving = [each for each in found["observations"] if (wanted or set()) & set(each["gives"])]
        if not giving:  # of all of them together, or of none
            giving, wanted = found["observations"], None
        return [*notes, *(self._observation(each, wanted) for each in giving)]

    def _unexplained(self, row: Row) -> list[Node]:
        """Of a play that is not one by what the lake has now: what it says itself."""
        note = Node(
            "note",
            "By the observations that are there now this is no play: its month is being derived "
            "anew, or waits for the next run. It says that it is of",
        )
        return [note, *self.kept.all(keys_in(row["evidence"]))]

    def _explained(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """What Derive says of a play; raises Trouble where it fails."""
        name = logs.chosen(self._target, "derive")["DeriveFunction"]
        payload = json.dumps({"why": dict(asked)}).encode()
        answer = self._target.functions.invoke(FunctionName=name, Payload=payload)
        found = json.loads(answer["Payload"].read())
        if answer.get("FunctionError") or not isinstance(found, dict) or "status" not in found:
            raise Trouble("The Derive function failed; ./soundlake logs derive says why.")
        if found["status"] == "unknown":
            return None
        if found["status"] != "explained":
            raise Trouble(str(found.get("error") or "Derive could not tell."))
        return found

    def _observation(self, found: Row, wanted: set[str] | None) -> Node:
        meaning = {"unknown": "a start or an end, it does not say"}
        gives = [each for each in found["gives"] if wanted is None or each in wanted]
        facts = {
            "time": f"{found['time']}, {meaning.get(found['time_meaning'], found['time_meaning'])}",
            "to the": {"ms": "millisecond", "s": "second"}.get(found["time_precision"], "minute"),
            "gives": {
                name: found.get(_GIVEN.get(name, name)) for name in gives if name != "account"
            }
            or None,
        }
        node = Node("observation", f"{found['source']} {found['time']}", facts, more={"row": found})
        node.because = self._raw_rows(found["raw_keys"], found.get("raw_rows"))
        return node

    def _raw_rows(self, keys: Iterable[str], numbers: Iterable[int] | None) -> list[Node]:
        """The raw objects of an observation: which rows of a file, and of which import."""
        keys = list(keys)
        rows = list(numbers or [])
        nodes = []
        for place, key in enumerate(keys):
            node = self.kept.raw(key, **({"row": rows[place]} if rows else {}))
            if key.startswith(IMPORTS):
                node.because = [*node.because, *self._import_of(key)]
            nodes.append(node)
        return nodes

    def _import_of(self, key: str) -> list[Node]:
        """The import whose prefix a kept file, or the prefix itself, is under."""
        prefix = "/".join(key.split("/")[:4]) + "/"
        where = [f"raw_prefix = {quoted(prefix)}"]
        names = ("account", "import_id", "name", "kind", "imported_at", "status", "sha256", "rows")
        return [
            Node("import", row["import_id"], {name: row[name] for name in names[2:]})
            for row in self.tables.rows("imports", where, columns=", ".join(names))
        ]

    def observations(self, row: Row, _: str | None) -> list[Node]:
        """The raw objects that have the row, and the play that it is part of."""
        keys = keys_in(row["raw_keys"])
        numbers = [int(each) for each in str(row["raw_rows"] or "").strip("[]").split(",") if each]
        nodes = self._raw_rows(keys, numbers)
        asked = {"account": row["account"], "time": row["time"], "raw_key": keys[0]}
        asked |= {"raw_row": numbers[0]} if numbers else {"raw_row": None, "uri": row["uri"]}
        if found := self._explained(asked):
            said = command("plays", found["play"])
            nodes.append(Node("note", f"It is part of one play: {said}"))
        return nodes

    #### CAPTURES ##################################################################################

    def captures(self, row: Row, _: str | None) -> list[Node]:
        """The page and who asked for it; without a page, the run that tried."""
        if not row["raw_key"]:
            return [self.kept.captured(row["capture_id"])]
        nodes = [self.kept.raw(row["raw_key"])]
        if row["reached"]:
            nodes.append(Node("note", f"Its oldest known play was first shown by {row['reached']}"))
        return nodes

    def gaps(self, row: Row, _: str | None) -> list[Node]:
        """The page before, the attempts meanwhile, the page that ended it, and what closed it."""
        own, until = f"account = {quoted(row['account'])}", row["to_time"] or row["found_at"]
        start = _at(row["from_time"])
        before = self.tables.rows(
            "captures",
            [own, f"newest = {literal(start)}"],
            order="captured_at DESC",
            limit=1,
        )
        meanwhile = self.tables.rows(
            "captures",
            [own, f"captured_at > {literal(start)}", f"captured_at <= {literal(_at(until))}"],
            order="captured_at",
        )
        known = {each["capture_id"] for each in before}
        attempts = [*before, *(each for each in meanwhile if each["capture_id"] not in known)]
        nodes = [self.trace("captures", each) for each in attempts]
        if row["found_by"] and row["found_by"] not in {each["raw_key"] for each in attempts}:
            nodes.append(self.kept.raw(row["found_by"]))
        if row["closed_by"]:
            closed = row["closed_by"]
            by = self._import_of(closed) if closed.endswith("/") else [self.kept.raw(closed)]
            nodes.append(Node("note", f"Closed by {closed}", {}, by))
        return nodes

    def account_days(self, row: Row, _: str | None) -> list[Node]:
        """What makes a day as sure as it is: gaps, exports, pages; and its plays."""
        own = f"account = {quoted(row['account'])}"
        day = date.fromisoformat(row["day"])
        after = day + timedelta(days=1)
        begin, end = (
            literal(datetime.fromisoformat(f"{each}T00:00:00+00:00")) for each in (day, after)
        )
        gaps = [own, f"from_time < {end}", f"(to_time IS NULL OR to_time >= {begin})"]
        covering = [own, "status = 'imported'", f"from_time < {end}", f"to_time >= {begin}"]
        nodes = self.some("gaps", gaps, order="from_time")
        nodes += self.some("imports", covering, order="imported_at")
        if row["reached_by"]:
            nodes.append(self.kept.raw(row["reached_by"]))
        shown = [own, f"oldest < {end}", f"newest >= {begin}"]
        nodes += self.some("captures", shown, order="captured_at")
        heard = [own, f"played_at >= {begin}", f"played_at < {end}"]
        count = self.tables.rows("plays", heard, columns="count(*) AS n")
        they = command("plays", {"account": row["account"], "played_at": row["day"]})
        return [*nodes, Node("note", f"{count[0]['n'] if count else 0} plays: {they}")]

    #### IMPORTS ###################################################################################

    def imports(self, row: Row, column: str | None) -> list[Node]:
        """The records of an import and the kept rows of its files, and who wrote them.

        Of a count of the ledger, the first rows that it counts.
        """
        nodes = self.kept.all(self.kept.under(row["raw_prefix"]))
        if column not in OUTCOMES:
            return nodes
        where = [
            f"account = {quoted(row['account'])}",
            f"import_id = {quoted(row['import_id'])}",
            f"outcome = {quoted(column)}",
        ]
        names = ("account", "import_id", "file", "row", "reason", "played_at", "uri", "of_raw_key")
        counted = self.tables.rows(
            "import_rows", where, columns=", ".join(names), order="file, row", limit=_COUNTED
        )
        ledger = [
            Node(
                "import_rows", title("import_rows", each), {name: each[name] for name in names[4:]}
            )
            for each in counted
        ]
        return [*ledger, *nodes]

    def import_rows(self, row: Row, _: str | None) -> list[Node]:
        """The kept row, the play that it is evidence of now, and what it repeats."""
        nodes = self._raw_rows([row["raw_key"]], [row["row"]])
        if any(each.facts.get("status") == "withdrawn" for one in nodes for each in one.because):
            nodes.append(Node("note", "Its import was taken back: the row is evidence of nothing."))
        if row["of_raw_key"]:
            first = self._raw_rows([row["of_raw_key"]], [row["of_row"]] if row["of_row"] else None)
            nodes.append(Node("note", "A duplicate of what this says first", {}, first))
        if row["played_at"]:
            where = [
                f"account = {quoted(row['account'])}",
                f"played_at = {literal(_at(row['played_at']))}",
                f"uri = {quoted(row['uri'])}" if row["uri"] else "uri IS NULL",
            ]
            found = self.some("plays", where, limit=1)
            gone = "That play is no more: what was imported or captured since tells it otherwise."
            nodes += found or [Node("note", gone)]
        return nodes

    #### CHARTS ####################################################################################

    def chart_entries(self, row: Row, _: str | None) -> list[Node]:
        """The answer, file or page that shows it, and what became of the chart's day."""
        nodes = [self.kept.raw(row["raw_key"])]
        for each in self.tables.rows("chart_days", _of_chart(row)):
            status = f"{each['status']}, {each['rows']} rows" if each["rows"] else each["status"]
            nodes.append(Node("chart_days", title("chart_days", each), {"status": status}))
        about = ["about = 'chart'", f"about = {quoted(str(row['position']))}"]
        return [*nodes, *self._breaches([*_of_chart(row), f"({' OR '.join(about)})"])]

    def _breaches(self, where: Iterable[str]) -> list[Node]:
        return [
            Node(
                "data_quality",
                title("data_quality", each),
                {"evidence": each["evidence"], "consequence": each["consequence"]},
            )
            for each in self.tables.rows("data_quality", where)
        ]

    def chart_days(self, row: Row, _: str | None) -> list[Node]:
        """The run that tried it last, what it kept, and what it found wrong."""
        shown = {**row, "chart_date": row["shown_date"] or row["chart_date"]}
        found = self._answers_of(shown)
        nodes = [self.kept.raw(key, rows=count) for key, count in found.items()]
        if not nodes:
            for source in ("spotify", "kworb"):
                prefix = f"raw/charts/{source}/{row['chart']}/{row['chart_date']}/"
                nodes += self.kept.all(self.kept.under(prefix))
        nodes += self._breaches(_of_chart(row))
        return [*nodes, *self._tried(row)]

    def _answers_of(self, row: Row) -> dict[str, int]:
        """The raw objects that a chart's day is of, each with how many rows."""
        counts: dict[str, int] = {}
        for each in self.tables.rows("chart_entries", _of_chart(row), columns="raw_key"):
            counts[each["raw_key"]] = counts.get(each["raw_key"], 0) + 1
        return counts

    def _tried(self, row: Row) -> list[Node]:
        """The last run whose results have a chart's day, of the latest runs."""
        for one in [each for each in runs.listed(self._target) if each.machine == "daily"][:_RUNS]:
            for result in runs.outcome(self._target, one).charts:
                if (result.get("chart"), result.get("date")) == (row["chart"], row["chart_date"]):
                    return [self.kept.run(one)]
        return [Node("note", f"None of the last {_RUNS} daily runs tried it.")]

    def country_profiles(self, row: Row, column: str | None) -> list[Node]:
        """The chart's entries, and the features of their tracks."""
        feature = column or ""
        for end in _SPREADS:
            feature = feature.removesuffix(end)
        feature = "mode" if feature == "major_share" else feature
        entries = self.tables.rows(
            "chart_entries", _of_chart(row), columns="position, track_id, raw_key", order="position"
        )
        known = self._features({each["track_id"] for each in entries}, feature)
        nodes = [
            self.kept.raw(key, shows=f"{sum(each['raw_key'] == key for each in entries)} positions")
            for key in dict.fromkeys(each["raw_key"] for each in entries)
        ]
        by_key: dict[str, list[int]] = {}
        for each in entries:
            if each["track_id"] in known:
                by_key.setdefault(known[each["track_id"]]["raw_key"], []).append(each["position"])
        for key, places in by_key.items():
            nodes.append(self.kept.raw(key, **{"features of positions": places}))
        if feature and any(feature in each for each in known.values()):
            values = {
                each["position"]: known.get(each["track_id"], {}).get(feature) for each in entries
            }
            said = Node("note", f"{feature} by position", {"values": values})
            nodes.insert(0, said)
        return nodes

    def _features(self, track_ids: Iterable[str], feature: str) -> dict[str, Row]:
        ids = ", ".join(quoted(each) for each in sorted(track_ids))
        if not ids:
            return {}
        named = feature if feature in _ACTIVITY or feature in {"liveness", "duration_ms"} else ""
        columns = f"track_id, raw_key, source{f', {named}' if named else ''}"
        where = [f"track_id IN ({ids})", "source IS NOT NULL"]
        found = self.tables.rows("audio_features", where, columns=columns)
        return {each["track_id"]: each for each in found}

    def data_quality(self, row: Row, _: str | None) -> list[Node]:
        """The answer that breaks the expectation; of a day as a whole, the run that found it."""
        if row["raw_key"]:
            return [self.kept.raw(row["raw_key"])]
        where = [f"chart_date = DATE '{row['chart_date']}'"]
        where += [f"chart = {quoted(row['chart'])}"] if row["chart"] else []
        keys: dict[str, None] = {}
        for each in self.tables.rows("chart_entries", where, columns="raw_key"):
            keys[each["raw_key"]] = None
        month = row["month"]
        written = self.kept.object(
            f"lake/data_quality/month={month}/data_quality.parquet", ("daily", "import")
        )
        return [*self.kept.all(keys), written]

    #### ENTITIES ##################################################################################

    def entity(self, table: str, row: Row, column: str | None) -> list[Node]:
        """Of a track, album or artist: what showed it first, and what was asked since."""
        details, genres = _DETAILS[table], _GENRES if table == "artists" else ()
        nodes: list[Node] = []
        if column not in (*details, *genres):
            nodes += self._shown(table, row)
        if row["detail_raw_key"] and (column is None or column in details):
            gives = [name for name in details if row.get(name) is not None]
            nodes.append(self.kept.raw(row["detail_raw_key"], gives=gives))
        if genres and (column is None or column in genres):
            for key in keys_in(row["genres_asked"]) or keys_in(row["detail_raw_key"]):
                nodes.append(self.kept.raw(key, **{"asked for genres": _source(key)}))
        return nodes

    def _shown(self, table: str, row: Row) -> list[Node]:
        """The answer that showed an entity first: of its time, and with its id in it."""
        if row["fetched_at"] is None or row["source"] is None:
            return [Node("note", "Spotify does not know it: no answer showed it.")]
        at = literal(_at(row["fetched_at"]))
        keys: dict[str, None] = {}
        places = (
            ("chart_entries", "observed_at", "raw_key"),
            ("captures", "observed_at", "raw_key"),
            ("tracks", "detailed_at", "detail_raw_key"),
            ("albums", "detailed_at", "detail_raw_key"),
            ("artists", "detailed_at", "detail_raw_key"),
            ("track_names", "asked_at", "raw_key"),
        )
        for place, time, key in places:
            columns = f"DISTINCT {key} AS key"
            for each in self.tables.rows(place, [f"{time} = {at}"], columns=columns):
                keys.update(dict.fromkeys(keys_in(each["key"])))
        ident = row[KEYS[table][0]]
        own = [key for key in keys if ident in json.dumps(self.kept.text(key))]
        if own:
            return [self.kept.raw(own[0], gives="what it was first known by")]
        said = f"No answer of {row['fetched_at']} that the tables name shows it (any more)."
        return [Node("note", said)]

    def track_names(self, row: Row, _: str | None) -> list[Node]:
        """What was asked, the track that it means, and plays that are named so."""
        nodes = self.kept.all(keys_in(row["asked"]) or keys_in(row["raw_key"]))
        if row["track_id"]:
            nodes += self.some("tracks", [f"track_id = {quoted(row['track_id'])}"], limit=1)
        where = [f"name_key = {quoted(row['name_key'])}"]
        return nodes + self.some("plays", where, order="played_at", limit=1)

    def audio_features(self, row: Row, _: str | None) -> list[Node]:
        """Every answer about the track, the one that tells it first; and what was set to null."""
        keys = dict.fromkeys([row["raw_key"], *keys_in(row["asked"])])
        nodes = [self.kept.raw(key, source=_source(key)) for key in keys]
        breached = [f"about = {quoted(row['track_id'])}", "chart IS NULL"]
        return nodes + self._breaches(breached)

    def analysis(self, row: Row, _: str | None) -> list[Node]:
        """The answer with the track's analysis."""
        return [self.kept.raw(row["raw_key"])]

    #### ACTIVITY ##################################################################################

    def music_activity(self, row: Row, column: str | None) -> list[Node]:
        """The play, and the rows of its track; of a column those that say it."""
        at = datetime.fromisoformat(f"{row['played_at']}:00+00:00")
        own = [
            f"account = {quoted(row['account'])}",
            f"played_at >= {literal(at)}",
            f"played_at < {literal(at + timedelta(minutes=1))}",
        ]
        ident = row["track_id"]
        plays = self.tables.rows("plays", own)
        plays = [each for each in plays if each["track_id"] == ident or each["track_id"] is None]
        parts: list[tuple[str, Row]] = [("plays", each) for each in plays]
        if ident:
            of_track = [f"track_id = {quoted(ident)}"]
            for table in ("tracks", "audio_features", "track_sections"):
                parts += [(table, each) for each in self.tables.rows(table, of_track, limit=1)]
        albums = [each["album_id"] for _, each in parts if each.get("album_id")]
        if albums:
            of_album = [f"album_id = {quoted(albums[0])}"]
            parts += [("albums", each) for each in self.tables.rows("albums", of_album, limit=1)]
        if column is None:
            return [self.trace(table, each) for table, each in parts]
        return self._saying(column, parts)

    def _saying(self, column: str, parts: Iterable[tuple[str, Row]]) -> list[Node]:
        """The rows that may say a column, in the order in which they are asked."""
        said = _ACTIVITY.get(column, ())
        known = dict(parts)
        nodes: list[Node] = [Node("note", f"{column} is told by {', else '.join(said)}")]
        for one in said:
            table, _, name = one.partition(".")
            if table in known:
                nodes.append(self.trace(table, known[table], name))
                if known[table][name] is not None and column not in _OF_ALL:
                    break
        return nodes


# What an observation calls a play's column.
_GIVEN: Final = {"played_at": "time", "ended_at": "time"}


def _givers(column: str, follows: Mapping[str, Iterable[str]]) -> set[str]:
    """The columns that observations give and a play's column is, or follows from."""
    if column not in follows:
        return {column}
    found: set[str] = set()
    for part in follows[column]:
        found |= _givers(part, follows) if part in follows else {part}
    return found


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _of_chart(row: Row) -> list[str]:
    """The conditions for rows of a chart's day."""
    return [
        f"month = {quoted(row['chart_date'][:7])}",
        f"chart = {quoted(row['chart'])}",
        f"chart_date = DATE '{row['chart_date']}'",
    ]


def _source(key: str) -> str:
    """Who answered: `raw/<kind>/<source>/...`."""
    return key.split("/")[2]


def _shown(value: Any) -> Any:
    """A value in a line: lists without their brackets, and none that are empty."""
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"\[.*\]", value, re.DOTALL):
        value = re.sub(r"'([^']*)'", r"\1", value[1:-1])
    return shortened(value, _LONG) or None


TRACES: Final[Mapping[str, Callable[[Rows, Row, str | None], list[Node]]]] = {
    "observations": Rows.observations,
    "plays": Rows.plays,
    "captures": Rows.captures,
    "gaps": Rows.gaps,
    "account_days": Rows.account_days,
    "imports": Rows.imports,
    "import_rows": Rows.import_rows,
    "chart_entries": Rows.chart_entries,
    "tracks": lambda rows, row, column: rows.entity("tracks", row, column),
    "track_names": Rows.track_names,
    "albums": lambda rows, row, column: rows.entity("albums", row, column),
    "artists": lambda rows, row, column: rows.entity("artists", row, column),
    "audio_features": Rows.audio_features,
    "track_sections": Rows.analysis,
    "track_segments": Rows.analysis,
    "music_activity": Rows.music_activity,
    "country_profiles": Rows.country_profiles,
    "chart_days": Rows.chart_days,
    "data_quality": Rows.data_quality,
}
