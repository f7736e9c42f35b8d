"""docs/permissions.md, and the reasons it gives."""

from pathlib import Path

import pytest
from soundlake.store.schemas import SCHEMAS

from tests.permissions import page, refusals, statements
from tests.template.translated import DEFAULT, TEMPLATE, functions, machines

ROLES = list(DEFAULT.of_type(statements.ROLE))


def test_the_page_is_of_the_template() -> None:
    written = page.PATH.read_text(encoding="utf-8")
    assert written == page.page(), "run make permissions ARGS=--write"


def test_every_statement_has_a_reason() -> None:
    assert statements.without_reason() == []


@pytest.mark.parametrize("role", ROLES)
def test_what_is_said_of_everything_there_is_has_a_reason(role: str) -> None:
    for statement in statements.statements(role):
        if statement.everywhere:
            assert len(statement.why) > 20
    managed = DEFAULT.properties(role).get("ManagedPolicyArns", [])
    assert {arn.rpartition("/")[2] for arn in managed} <= set(statements.MANAGED)


def test_a_reason_that_is_missing_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, less = TEMPLATE.read_text(encoding="utf-8"), tmp_path / "template.yaml"
    comment = "            # The account's own time zone.\n"
    assert text.count(comment) == 1
    less.write_text(text.replace(comment, ""), encoding="utf-8")
    monkeypatch.setattr(statements, "TEMPLATE", less)
    statements._reasons.cache_clear()
    try:
        (sentence,) = statements.without_reason()
    finally:
        statements._reasons.cache_clear()
    assert sentence.startswith("DeriveFunctionRole: say in a comment above the statement")
    assert "dynamodb:GetItem" in sentence


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        ("*", "everything"),
        ("arn:aws:s3:::soundlake-dev-123456789012-eu-north-1", "the data bucket"),
        ("arn:aws:s3:::soundlake-dev-123456789012-eu-north-1/raw/x/*", "`raw/x/*`"),
        ("arn:aws:s3:::soundlake-dev-uploads-123456789012-eu-north-1/*",
         "any object of the uploads bucket"),
        ("arn:aws:dynamodb:eu-north-1:1:table/soundlake-dev-budget", "table `budget`"),
        ("arn:aws:lambda:eu-north-1:1:function:soundlake-dev-plan", "function `plan`"),
        ("arn:aws:ssm:eu-north-1:1:parameter/soundlake/dev/spotify/app",
         "parameter `/soundlake/<stage>/spotify/app`"),
    ],
)  # fmt: skip
def test_a_place_is_said_in_words(arn: str, words: str) -> None:
    assert page.place(arn) == words


def test_refusals_are_tried_for_every_table_and_function() -> None:
    tables = [table for each in refusals.TABLES.values() for table in each]
    assert sorted(tables) == sorted(SCHEMAS)
    invoked = {deed.what for deed in refusals.DEEDS if deed.what.startswith("invoke ")}
    assert invoked == {f"invoke {verb}" for verb in functions()}
    started = {deed.what for deed in refusals.DEEDS if deed.what.startswith("start the machine ")}
    assert started == {f"start the machine {name}" for name in machines()}
    words = {refusals.word(role) for role in ROLES}
    assert len(words) == len(ROLES)
    assert {word for deed in refusals.DEEDS for word in deed.may} <= words
