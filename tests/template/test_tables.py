"""The Glue tables, held against the pinned schemas, and every key against where Athena looks."""

import re
from typing import Any

import pyarrow as pa
import pytest
from soundlake.store.lake import object_key
from soundlake.store.schemas import SCHEMAS

from tests.template.translated import DEFAULT, source

LAKE = f"s3://{DEFAULT.properties('DataBucket')['BucketName']}/lake"
TABLES: dict[str, dict[str, Any]] = {
    properties["TableInput"]["Name"]: properties
    for properties in DEFAULT.of_type("AWS::Glue::Table").values()
}
MONTHS = ("2006-01", "2019-12", "2025-03", "2026-11")
NAMES = ("main", "daily-NO", "weekly-GLOBAL")


def _hive(kind: pa.DataType) -> str:
    """A column's type as Athena names it."""
    if pa.types.is_list(kind):
        return f"array<{_hive(kind.value_type)}>"
    if pa.types.is_struct(kind):
        fields = (kind.field(index) for index in range(kind.num_fields))
        return f"struct<{','.join(f'{each.name}:{_hive(each.type)}' for each in fields)}>"
    return {
        pa.string(): "string",
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.timestamp("ms"): "timestamp",
    }[kind]


def _input(table: str) -> dict[str, Any]:
    given: dict[str, Any] = TABLES[table]["TableInput"]
    return given


def _projected(table: str, month: str) -> str:
    """Where Athena looks for a month of a table."""
    template = str(_input(table)["Parameters"]["storage.location.template"])
    return template.replace("${month}", month)


def test_every_schema_is_a_table_and_the_reverse() -> None:
    assert set(TABLES) == set(SCHEMAS)
    assert len(TABLES) == len(DEFAULT.of_type("AWS::Glue::Table"))


@pytest.mark.parametrize("table", SCHEMAS)
def test_columns_are_those_of_the_pinned_schema(table: str) -> None:
    declared = [
        (column["Name"], column["Type"]) for column in _input(table)["StorageDescriptor"]["Columns"]
    ]
    assert declared == [(field.name, _hive(field.type)) for field in SCHEMAS[table]]


@pytest.mark.parametrize("table", SCHEMAS)
def test_a_table_is_parquet_under_its_own_name(table: str) -> None:
    given = _input(table)
    storage = given["StorageDescriptor"]
    assert given["TableType"] == "EXTERNAL_TABLE"
    assert given["Description"]
    assert storage["Location"] == f"{LAKE}/{table}/"
    formats = (storage["InputFormat"], storage["OutputFormat"])
    assert formats == tuple(
        f"org.apache.hadoop.hive.ql.io.parquet.MapredParquet{way}Format"
        for way in ("Input", "Output")
    )
    serde = storage["SerdeInfo"]["SerializationLibrary"]
    assert serde == "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    assert (TABLES[table]["DatabaseName"], TABLES[table]["CatalogId"]) == (
        "soundlake_dev",
        "123456789012",
    )


@pytest.mark.parametrize("table", SCHEMAS)
def test_months_are_projected_exactly(table: str) -> None:
    given = _input(table)
    (partition,) = given["PartitionKeys"]
    assert (partition["Name"], partition["Type"]) == ("month", "string")
    assert "month" not in SCHEMAS[table].names
    assert given["Parameters"] == {
        "classification": "parquet",
        "projection.enabled": "true",
        "projection.month.type": "date",
        "projection.month.format": "yyyy-MM",
        "projection.month.range": "2006-01,NOW",
        "projection.month.interval": "1",
        "projection.month.interval.unit": "MONTHS",
        "storage.location.template": f"{LAKE}/{table}/month=${{month}}/",
    }


@pytest.mark.parametrize("month", MONTHS)
@pytest.mark.parametrize("table", SCHEMAS)
def test_a_key_lies_where_one_table_looks(table: str, month: str) -> None:
    for name in (*NAMES, table):
        key = object_key(table, month, name)
        address = f"{LAKE.removesuffix('/lake')}/{key}"
        looking = [
            (each, other)
            for each in TABLES
            for other in MONTHS
            if address.startswith(_projected(each, other))
            and "/" not in address.removeprefix(_projected(each, other))
        ]
        assert looking == [(table, month)]


def test_no_table_lies_inside_another() -> None:
    places = [_input(table)["StorageDescriptor"]["Location"] for table in TABLES]
    assert not [(a, b) for a in places for b in places if a != b and a.startswith(b)]


def test_the_database_is_the_stages() -> None:
    (database,) = DEFAULT.of_type("AWS::Glue::Database").values()
    assert database["DatabaseInput"]["Name"] == "soundlake_dev"
    assert DEFAULT.of_type("AWS::Glue::Crawler") == {}


#### QUERIES #######################################################################################


def test_the_workgroup_is_enforced_limited_and_encrypted() -> None:
    (group,) = DEFAULT.of_type("AWS::Athena::WorkGroup").values()
    assert group["Name"] == "soundlake-dev"
    settings = group["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == 10_000_000_000
    assert settings["PublishCloudWatchMetricsEnabled"] is True
    assert settings["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    results = settings["ResultConfiguration"]
    assert results["OutputLocation"] == f"{LAKE.removesuffix('/lake')}/athena/"
    assert results["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}


QUERIES = {
    properties["Name"]: properties
    for properties in DEFAULT.of_type("AWS::Athena::NamedQuery").values()
}
_KEYWORDS = set(
    re.findall(
        r"\w+",
        "select from where join on and or as group by order desc asc limit with over case when "
        "then else end is not null nulls first last like in between distinct having left full "
        "inner cross union all partition integer true",
    )
)
_WORDS = re.compile(r"[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_][A-Za-z_0-9]*)?|\S")


def unknown(sql: str) -> set[str]:
    """The tables and columns of a simple query that are not declared.

    Words are looked at one by one, which is enough for queries of SELECT, FROM, JOIN and WITH.
    """
    words = _WORDS.findall(re.sub(r"'[^']*'|\b\d[\w.]*", "''", re.sub(r"--.*", "", sql)))
    lower = [word.lower() for word in words]
    pairs = list(zip(lower, [*lower[1:], ""], strict=True))
    own = {a for a, b in pairs if b == "as" and a.isidentifier() and a not in _KEYWORDS} & {
        word for at, word in enumerate(lower) if lower[at - 1] in {"with", ","}
    }
    named = {b for a, b in pairs if a in {"from", "join"} and b.isidentifier()}
    tables = named - own
    aliases = {
        lower[at + 2]: lower[at + 1]
        for at in range(len(lower) - 2)
        if lower[at] in {"from", "join"}
        and lower[at + 2].isidentifier()
        and lower[at + 2] not in _KEYWORDS
    }
    made = {b for a, b in pairs if a == "as"}
    for listed in re.findall(r"(?i)\bas \w+ \(([a-z, ]+)\)", sql):  # an alias with its columns
        made |= set(listed.lower().split(", "))
    found = tables - set(SCHEMAS)
    columns = {name for table in tables & set(SCHEMAS) for name in SCHEMAS[table].names}
    for word, following in pairs:
        alias, dot, column = word.partition(".")
        if dot:
            table = aliases.get(alias, alias)
            schema = {*SCHEMAS[table].names, "month"} if table in SCHEMAS else set()
            if column not in (columns | made if table in own else schema):
                found.add(word)
        elif word.isidentifier() and following != "(" and word not in _KEYWORDS:
            known = columns | made | own | named | set(aliases) | {"month"}
            found |= {word} - known
    return found


@pytest.mark.parametrize("name", QUERIES)
def test_a_named_query_uses_what_is_declared(name: str) -> None:
    query = QUERIES[name]
    assert unknown(query["QueryString"]) == set()
    assert query["Description"]
    assert (query["Database"], query["WorkGroup"]) == ("soundlake_dev", "soundlake-dev")


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT track_name FROM plays", set()),
        ("SELECT p.track_id FROM plays p JOIN tracks t ON t.track_id = p.track_id", set()),
        ("WITH a AS (SELECT name FROM tracks) SELECT name FROM a", set()),
        ("WITH a AS (SELECT name AS b FROM tracks) SELECT x.b FROM a x", set()),
        ("WITH a AS (SELECT name FROM tracks) SELECT x.loved FROM a x", {"x.loved"}),
        ("SELECT max(track_name) AS best FROM plays ORDER BY best", set()),
        ("SELECT track_name FROM listens", {"listens", "track_name"}),
        ("SELECT loved FROM plays", {"loved"}),
        ("SELECT p.loved FROM plays p", {"p.loved"}),
        ("SELECT t.played_at FROM plays p JOIN tracks t ON true", {"t.played_at"}),
        ("SELECT name FROM tracks  -- loved\nWHERE hated", {"hated"}),
        ("SELECT name FROM tracks WHERE isrcs = 'x'", {"isrcs"}),
        ("SELECT isrc, n FROM tracks CROSS JOIN (VALUES (1), (2)) AS one (n)", set()),
        ("SELECT m FROM tracks CROSS JOIN (VALUES (1), (2)) AS one (n)", {"m"}),
    ],
)
def test_what_is_not_declared_would_be_noticed(sql: str, found: set[str]) -> None:
    assert unknown(sql) == found


def test_query_names_are_words_and_hyphens() -> None:
    assert len(QUERIES) == len(DEFAULT.of_type("AWS::Athena::NamedQuery"))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in QUERIES)
    assert set(source()["Resources"]) >= {"TopTracksQuery"}
