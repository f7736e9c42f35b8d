"""The audit on the whole stack: what the runs left is the same, and five faults are found."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli import __main__ as cli
from tests.stack.conftest import FirstRun, Stack

Rows = list[dict[str, Any]]


class Lake:
    """The month's objects as they are, to be spoiled; `mend` puts back all that was."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self.whole = stack, dict[str, bytes]()
        self.month = stack.date[:7]

    def keys(self, table: str) -> list[str]:
        return sorted(self._stack.objects(f"lake/{table}/month={self.month}/"))

    def spoil(self, key: str, body: bytes | None) -> None:
        """Write an object past everybody who may, or delete it."""
        if key not in self.whole:
            self.whole[key] = self._stack.body(key)
        s3, where = self._stack.lake.target.s3, {"Bucket": self._stack.bucket, "Key": key}
        if body is None:
            s3.delete_object(**where)
        else:
            s3.put_object(**where, Body=body)

    def change(self, key: str, change: Callable[[Rows], Rows]) -> None:
        table = pq.ParquetFile(io.BytesIO(self._stack.body(key))).read()
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), table.schema), out)
        self.spoil(key, out.getvalue())

    def mend(self) -> None:
        for key, body in self.whole.items():
            self.spoil(key, body)
        for key in self._stack.objects("scratch/"):
            self._stack.lake.target.s3.delete_object(Bucket=self._stack.bucket, Key=key)


@pytest.fixture
def lake(stack: Stack, first: FirstRun) -> Iterator[Lake]:
    assert (first.capture["status"], first.daily["status"]) == ("SUCCEEDED", "SUCCEEDED")
    lake = Lake(stack)
    yield lake
    lake.mend()


@pytest.fixture
def command(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run `./soundlake ARGUMENTS` on the stack in this process; exit code and output."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["soundlake", *arguments])
        monkeypatch.setattr(cli, "choose", lambda *_: stack.lake.target)
        with pytest.raises(SystemExit) as ended:
            cli.entry()
        return int(ended.value.code or 0), capsys.readouterr().out

    return run


def test_five_faults_of_a_table_are_found_and_nothing_before(
    stack: Stack, lake: Lake, command: Callable[..., tuple[int, str]]
) -> None:
    code, said = command("audit", "--month", lake.month)
    assert "✓ audit: " in said, said
    assert code == 0
    assert stack.objects("scratch/") == {}

    deleted, added, changed, gone, swapped = lake.keys("chart_entries")[:5]
    another = stack.body(lake.keys("chart_entries")[5])
    lost = len(pq.ParquetFile(io.BytesIO(stack.body(gone))).read())
    lake.change(deleted, lambda rows: rows[1:])
    lake.change(added, lambda rows: [*rows, rows[-1] | {"position": 199}])
    lake.change(changed, lambda rows: [rows[0] | {"popularity": 101}, *rows[1:]])
    lake.spoil(gone, None)
    lake.spoil(swapped, another)
    (heard, *_) = lake.keys("plays")
    lake.change(heard, lambda rows: [row | {"account": "somebodyelse"} for row in rows])
    before = stack.objects("lake/")

    code, said = command("audit", "--month", lake.month, "--json")
    (found,) = json.loads(said)

    assert (code, found["status"]) == (1, "FAILED")
    assert [one for one in found["failed"] if "damaged" in one["error"]] == []
    lines = [
        json.loads(line)
        for one in found["differs"]
        for line in stack.body(one["report"]).decode().splitlines()
    ]
    of = {
        key: [line["what"] for line in lines if line["object"] == key]
        for key in (deleted, added, changed, gone, swapped)
    }
    assert of[deleted] == ["missing"]
    assert of[added] == ["extra"]
    assert of[changed] == ["changed"]
    assert of[gone] == ["no object", *["missing"] * lost]
    assert set(of[swapped]) == {"missing", "extra"}
    (column,) = [line["columns"] for line in lines if line["object"] == changed]
    assert column == ["popularity"]
    assert {line["columns"][0] for line in lines if line["object"] == heard} == {"account"}
    assert "chart_entries" in found["error"]
    assert "plays " in found["error"]
    assert "spotify:track:" not in said
    assert stack.objects("lake/") == before

    # The objects as they should be lie beside the reports, byte for byte.
    execution = found["execution"].rpartition(":")[2]
    for key in (deleted, added, changed, gone, swapped, heard):
        assert stack.body(f"scratch/audit/{execution}/{key}") == lake.whole[key]
