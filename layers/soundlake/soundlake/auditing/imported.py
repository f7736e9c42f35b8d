"""An import, added up again of its kept rows: its own row, and its ledger; and what is of none."""

from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundlake.auditing.overlay import Overlay
from soundlake.auditing.subject import Subject, UnsettledError, of_these, subject
from soundlake.deriving.importing import Import, grouped, read_entries, tell, write_others
from soundlake.store.imports import BEGUN, WITHDRAWN, Imports
from soundlake.store.kept import Kept
from soundlake.store.lake import Lake, Row, encode_rows, object_key
from soundlake.store.objects import Bucket
from soundlake.store.schemas import SCHEMAS
from soundlake.times import naive_ms, parse_time

IMPORTS, ROWS = "imports", "import_rows"
# What an import met with when it ran: rows of others that have come or gone since, files that could
# not be read, what the file was called.
AS_THEN = ("imported", "duplicate", "merged", "problems", "withdrawn_at", "name")
# What a row of the ledger says of itself.
OWN = ["account", "import_id", "file", "row", "raw_key"]


def derived(bucket: Bucket, raw_prefix: str) -> list[Subject]:
    """The import's row and the parts of its ledger, each beside what follows from its kept rows.

    Raises UnsettledError where the import is not over, CorruptObjectError where a kept file is
    missing or damaged.
    """
    standing = Imports(bucket).standing(raw_prefix)
    if not any(key.endswith("-concluded.json") for key in bucket.keys(raw_prefix)):
        return []  # it never came to an end, so nothing is said of it
    if standing is None or standing.what == BEGUN:
        raise UnsettledError("The import is not over; import the same file again to end it.")
    import_ = Import.told(standing.begun)
    kept = Kept(bucket, raw_prefix)
    files = [tell(kept.need(number), import_, number) for number in kept.numbers()]
    return [
        _row(bucket, import_, dict(standing.begun), files, withdrawn=standing.what == WITHDRAWN),
        _ledger(bucket, kept, import_, files),
        _others(bucket, kept, import_, files),
    ]


def of_none(bucket: Bucket, account: str, month: str) -> list[Subject]:
    """The month's rows of imports, and parts of ledgers, that no import of the account left.

    Those that an import left are compared with it. Raises CorruptObjectError where a record of an
    import cannot be read.
    """
    begun = Imports(bucket).standings(account)
    known = {one.begun["import_id"] for one in begun.values()}
    key = object_key(IMPORTS, month, account)
    own = subject(bucket, IMPORTS, key, SCHEMAS[IMPORTS].empty_table(), whole=False)
    if own.there is not None:
        left = pc.invert(
            pc.is_in(own.there.column("import_id"), pa.array(sorted(known), pa.string()))
        )
        own = replace(own, there=own.there.filter(left))
    found = [own]
    for part in Lake(bucket).keys(ROWS, month):
        owner, _, rest = part.rpartition("/")[2].partition(".")
        if owner == account and rest.partition("-")[0] not in known:
            found.append(subject(bucket, ROWS, part, SCHEMAS[ROWS].empty_table(), whole=False))
    return found


def _row(
    bucket: Bucket,
    import_: Import,
    given: dict[str, Any],
    files: list[dict[str, Any]],
    *,
    withdrawn: bool,
) -> Subject:
    """The import's own row, but for what it met with when it ran."""
    key = object_key(IMPORTS, import_.month, import_.account)
    read = grouped(import_, [{"files": files, "problems": []}])["read"]
    times = [file[name] for file in files for name in ("first", "last") if file[name]]
    row: Row = {
        "account": import_.account,
        "import_id": import_.import_id,
        "imported_at": naive_ms(import_.at),
        "status": "withdrawn" if withdrawn else "imported",
        **{name: given[name] for name in ("kind", "sha256", "bytes", "raw_prefix")},
        "files": len(files),
        "rows": sum(file["rows"] for file in files),
        "outside": sum(file["outside"] for file in files),
        "invalid": sum(file["invalid"] for file in files),
        "from_time": min(times, default=None),
        "to_time": max(times, default=None),
        "covered": [
            {name: naive_ms(parse_time(span[name])) for name in ("from_time", "to_time")}
            for span in read["covered"]
        ],
    }
    names = [name for name in SCHEMAS[IMPORTS].names if name not in AS_THEN]
    made = encode_rows([row], SCHEMAS[IMPORTS], key).select(names)
    found = subject(bucket, IMPORTS, key, made, whole=False)
    if found.there is None:
        return found
    own = of_these(found.there, "import_id", {import_.import_id})
    return Subject(IMPORTS, key, found.etag, own, made, whole=False)


def _ledger(bucket: Bucket, kept: Kept, import_: Import, files: list[dict[str, Any]]) -> Subject:
    """That every kept row that is a play has its row in the ledger, once.

    What became of it is as it was then: later imports and captures may say otherwise.
    """
    lake, words, problems = Lake(bucket), _Words(), list[str]()
    parts = [key for key in _parts(lake, import_) if not key.endswith("-others.parquet")]
    there, made = [words.coded(SCHEMAS[ROWS].empty_table().select(OWN))], list[pa.Table]()
    for part in parts:
        rows, unreadable = lake.readable(ROWS, [part], OWN)
        there.append(words.coded(rows))
        problems += unreadable
    for file in sorted(files, key=itemgetter("number")):
        found = kept.need(file["number"])
        entries, left_out = read_entries(found, import_)
        is_play = np.asarray(pc.is_null(entries.column("problem"))) & ~left_out
        numbers = entries.column("row").filter(pa.array(is_play)).combine_chunks()
        said = {"account": import_.account, "import_id": import_.import_id}
        said |= {"file": found.name, "raw_key": found.key}
        made.append(words.repeated(said, numbers.cast(pa.int32())))
    key = f"lake/{ROWS}/month={import_.month}/{import_.account}.{import_.import_id}"
    etags = bucket.etags(f"lake/{ROWS}/month={import_.month}/")
    return Subject(
        ROWS,
        key,
        " ".join(etags[each] for each in parts if each in etags) or None,
        words.told(_sorted(pa.concat_tables(there))),
        words.told(_sorted(pa.concat_tables([there[0], *made]))),
        whole=False,
        why="; ".join(problems) or None,
    )


class _Words:
    """Texts as numbers, the same in all tables: a long ledger repeats a few of them endlessly."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def _code(self, word: str) -> int:
        return self._codes.setdefault(word, len(self._codes))

    def coded(self, rows: pa.Table) -> pa.Table:
        """Rows with numbers for texts."""
        columns: dict[str, Any] = {"row": rows.column("row")}
        for name in rows.column_names:
            if name != "row":
                found: Any = rows.column(name).combine_chunks().dictionary_encode()
                codes = [self._code(each) for each in found.dictionary.to_pylist()]
                columns[name] = pa.array(codes, pa.int32()).take(found.indices)
        return pa.table(columns).select(OWN)

    def repeated(self, said: dict[str, str], rows: Any) -> pa.Table:
        """These rows' numbers, each with the same texts."""
        codes = {name: pa.scalar(self._code(word), pa.int32()) for name, word in said.items()}
        columns: dict[str, Any] = {
            name: rows if name == "row" else pa.repeat(codes[name], len(rows)) for name in OWN
        }
        return pa.table(columns)

    def told(self, coded: pa.Table) -> pa.Table:
        """The rows with their texts, each of which is held once."""
        words = pa.array(list(self._codes), pa.string())
        columns: dict[str, Any] = {}
        for name in coded.column_names:
            codes: Any = coded.column(name).combine_chunks()
            told = codes if name == "row" else pa.DictionaryArray.from_arrays(codes, words)
            columns[name] = told
        return pa.table(columns)


def _sorted(rows: pa.Table) -> pa.Table:
    found: pa.Table = rows.sort_by([("raw_key", "ascending"), ("row", "ascending")])
    return found.combine_chunks()


def _others(bucket: Bucket, kept: Kept, import_: Import, files: list[dict[str, Any]]) -> Subject:
    """The ledger of those rows that are no play, or were not asked for."""
    key = object_key(ROWS, import_.month, f"{import_.account}.{import_.import_id}-others")
    lake = Lake(Overlay(bucket, [key]))
    refused = [file["number"] for file in files if file["invalid"] or file["outside"]]
    write_others(lake, kept, import_, refused)
    return subject(bucket, ROWS, key, lake.read(ROWS, [key]))


def _parts(lake: Lake, import_: Import) -> list[str]:
    start = f"/{import_.account}.{import_.import_id}-"
    return [key for key in lake.keys(ROWS, import_.month) if start in key]
