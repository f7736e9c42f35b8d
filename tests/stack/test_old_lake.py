"""What an earlier version wrote is answered by SQL, with nulls for the columns that came since."""

from collections.abc import Iterator

import pytest

from tests import old_lake
from tests.stack.conftest import Stack

ACCOUNT = "oldlake00001"


@pytest.fixture(scope="module")
def old(stack: Stack) -> Iterator[Stack]:
    """The lake with old objects beside its own, which end with these tests."""
    s3, objects = stack.lake.target.s3, old_lake.objects(ACCOUNT)
    try:
        for key, body in objects.items():
            s3.put_object(Bucket=stack.bucket, Key=key, Body=body)
        yield stack
    finally:
        for key in objects:
            for each in s3.list_object_versions(Bucket=stack.bucket, Prefix=key)["Versions"]:
                s3.delete_object(Bucket=stack.bucket, Key=key, VersionId=each["VersionId"])


@pytest.mark.parametrize("table", old_lake.TABLES)
def test_a_table_with_old_objects_is_asked_for_every_column(old: Stack, table: str) -> None:
    found = old.ask(f"SELECT * FROM {table} WHERE month = '{old_lake.MONTH}'")

    written = old_lake.rows(table, ACCOUNT)
    assert len(found) == len(written)
    new = set(found[0]) - set(written[0]) - {"month"}
    assert all(row[name] is None for row in found for name in new)
    texts = [name for name, value in written[0].items() if isinstance(value, str)]
    assert sorted(tuple(row[name] for name in texts) for row in found) == sorted(
        tuple(row[name] for name in texts) for row in written
    )
