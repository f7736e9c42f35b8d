"""Whatever is captured and imported, in whatever order and undone wherever: the same plays."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from soundlake import access
from soundlake.deriving.captures import derive
from soundlake.deriving.importing import (
    Import,
    grouped,
    merge_months,
    play_months,
    read_entries,
    told,
)
from soundlake.deriving.plays import months_of
from soundlake.importing import groups
from soundlake.importing.packages import recognise
from soundlake.importing.reading import keep
from soundlake.plays import read_page
from soundlake.store.captures import CaptureKey
from soundlake.store.kept import Kept
from soundlake.store.lake import Lake, month_of_key
from soundlake.times import month_of

from tests.figures.memory import MemoryBucket
from tests.unit.exported_rows import file_of, heard
from tests.unit.helpers import ACCOUNT, played, recently_played

START = datetime(2026, 9, 30, 23, 50, tzinfo=UTC)
AT = datetime(2026, 11, 21, tzinfo=UTC)

# A listening: the minute and second of its end, which track, how long it was heard.
Listening = tuple[int, int, int, int]
LIFE = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.integers(0, 2),
        st.integers(1, 3),
        st.sampled_from([20_000, 180_000, 180_000, 400_000]),
    ),
    min_size=1,
    max_size=10,
)


def ended(listening: Listening) -> datetime:
    minute, second, _, _ = listening
    return START + timedelta(minutes=minute, seconds=second)


def begun(listening: Listening) -> datetime:
    """As captures tell it here, so one play's times may lie in two months."""
    return ended(listening) - timedelta(milliseconds=listening[3])


class World:
    """A lake in memory, to which captures and imports of one life are done."""

    def __init__(self, life: Sequence[Listening]) -> None:
        self._life = life
        self._bucket = MemoryBucket("made-up", lambda: AT, "nothing/")
        self._lake = Lake(self._bucket)

    def capture(self, number: int, heard_: Sequence[int]) -> None:
        rows = sorted({self._life[each] for each in heard_}, key=begun, reverse=True)
        at = AT + timedelta(hours=number)
        page = read_page(
            recently_played([played(each[2], begun(each)) for each in rows]),
            account=ACCOUNT,
            raw_key=CaptureKey(ACCOUNT, at, f"run-{number}").text,
            capture_id=f"run-{number}",
            captured_at=at,
            observed_at=at,
        )
        derive(self._lake, ACCOUNT, [page], month_of(at), lambda _: None)

    def take_in(self, number: int, rows: Sequence[int]) -> None:
        """Import a file of some of the life's rows, again if need be."""
        content = [
            heard(
                track,
                ended((*when, track, ms)),
                ms,
                spotify_track_uri=played(track, AT)["track"]["uri"],
            )
            for *when, track, ms in (self._life[each] for each in rows)
        ]
        file = BytesIO(file_of(content))
        (member,) = recognise(file, "endsong_0.json").files
        import_, kept = self._import(number)
        kept.write(1, member.name, member.kind, keep(file, member))
        found, _ = read_entries(kept.need(1), import_)
        months = [str(each) for each in months_of(found.column("time"))]
        counts = {month: months.count(month) for month in sorted(set(months))}
        read = {
            "number": 1,
            "name": member.name,
            "kind": member.kind,
            "rows": len(rows),
            "invalid": 0,
            "outside": 0,
            "months": counts,
            "first": told(found.column("time")[0].as_py()),
            "last": told(found.column("time")[0].as_py()),
            "ordered": None,
        }
        outcomes = self._done(
            import_, kept, grouped(import_, [{"files": [read], "problems": []}])["groups"]
        )
        assert sum(outcomes) == len(rows)

    def take_back(self, number: int) -> None:
        import_, kept = self._import(number, withdrawn=True)
        months = sorted({month_of_key(key) for key in self._lake.keys("observations")})
        self._done(import_, kept, groups.every(months))

    def _import(self, number: int, *, withdrawn: bool = False) -> tuple[Import, Kept]:
        prefix = f"raw/imports/{ACCOUNT}/{number:016d}/"
        given = {
            "account": ACCOUNT,
            "import_id": f"{number:016d}",
            "raw_prefix": prefix,
            "at": "2026-11-21T00:00:00.000Z",
            "since": None,
            "until": None,
        }
        return Import.told(given, withdrawn=withdrawn), Kept(self._bucket, prefix)

    def _done(self, import_: Import, kept: Kept, divided: list[Any]) -> list[int]:
        for group in divided:
            merge_months(self._lake, kept, import_, group)
        found = [play_months(self._lake, kept, import_, group, None) for group in divided]
        return [sum(each["outcomes"].values()) for each in found]

    def listened(self) -> dict[str, list[Any]]:
        return {
            table: [
                row
                for key in self._lake.keys(table)
                for row in self._lake.read(table, [key]).to_pylist()
            ]
            for table in ("observations", "plays")
        }


@st.composite
def lives(draw: Any) -> tuple[list[Listening], list[Any], list[Any], int]:
    """A life, what is done of it in some order, the same in another, and which import is undone."""
    life = draw(LIFE)
    some = st.lists(st.integers(0, len(life) - 1), min_size=1, max_size=len(life) + 2)
    captures = draw(st.lists(some, max_size=2))
    files = draw(st.lists(some, min_size=1, max_size=3))
    done: list[Any] = [("capture", number, rows) for number, rows in enumerate(captures)]
    done += [("take_in", number, rows) for number, rows in enumerate(files)]
    return (
        life,
        draw(st.permutations(done)),
        draw(st.permutations(done)),
        draw(st.integers(0, len(files) - 1)),
    )


def do(life: Sequence[Listening], actions: Sequence[Any]) -> dict[str, list[Any]]:
    world = World(life)
    alone = patch.object(groups, "GROUP_ROWS", 1)  # a group for each month
    with alone, patch.object(access, "zone_of", lambda _: None):
        for what, *given_ in actions:
            getattr(world, what)(*given_)
    return world.listened()


@settings(max_examples=40)  # each is some dozen lakes
@given(lives(), st.integers(0, 9))
def test_neither_order_nor_what_was_taken_back_makes_a_difference(drawn: Any, later: int) -> None:
    life, one, other, undone = drawn

    assert do(life, one) == do(life, other)

    without = [each for each in other if each[:2] != ("take_in", undone)]
    place = one.index(next(each for each in one if each[:2] == ("take_in", undone)))
    after = place + 1 + later % (len(one) - place)
    actions = [*one[:after], ("take_back", undone), *one[after:]]
    assert do(life, actions) == do(life, without)


@settings(max_examples=40)  # each is some dozen lakes
@given(lives())
def test_importing_again_changes_nothing(drawn: Any) -> None:
    life, one, _, again = drawn
    repeated = next(each for each in one if each[:2] == ("take_in", again))

    assert do(life, [*one, repeated]) == do(life, one)
    assert do(life, [*one, ("take_back", again), repeated]) == do(life, one)
