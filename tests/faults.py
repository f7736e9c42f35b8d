"""The faults that runs survive, each with the tests that make it: `docs/faults.md`.

`python -m tests.faults --write` writes the page; a test compares it, and looks for every test that
is named here.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "faults.md"


@dataclass(frozen=True)
class Fault:
    """One fault: how a test makes it, what happens then, and what makes up for it.

    `tests` are files of tests, each with the beginning of its tests' names.
    """

    name: str
    made: str
    happens: str
    then: str
    tests: tuple[tuple[str, str], ...]


RACES, FAULTS = "stack/test_kills_and_races.py", "stack/test_faults.py"
DAYS, DISK = "stack/test_other_days.py", "cli/test_embedded_aws.py"

LIST: Final = (
    Fault(
        "A function is killed in a write",
        "SIGKILL when half of an object is sent, or when it is written and nobody knows: in every "
        "step of a day, of a capture and of an import, and as a token or an item is stored",
        "The machine tries again; the lake is byte for byte what it is without the kill, and at "
        "most what was in flight is asked for again",
        "The same run",
        (
            (RACES, "test_a_day_whose_functions_are_each_killed"),
            (RACES, "test_a_capture_killed"),
            (FAULTS, "test_captures_killed_as_they_store_a_token"),
            (FAULTS, "test_an_import_killed_in_every_sort_of_write"),
            ("stack/test_features.py", "test_killed_in_mid_write"),
            ("stack/test_genres.py", "test_killed_in_mid_write"),
        ),
    ),
    Fault(
        "A function is killed again and again",
        "The same, at every try",
        "The run ends FAILED and names the step and the chart",
        "The next run, without asking again for what is kept",
        (
            (RACES, "test_a_run_whose_enrich_and_publish_keep_dying"),
            (RACES, "test_a_chart_whose_load_keeps_dying"),
            (RACES, "test_what_a_derive_that_keeps_dying_left"),
        ),
    ),
    Fault(
        "S3 answers 503 or 500",
        "In the place of its answer, in some writes after they were done",
        "botocore tries again; where the write was done its own 412 is met, and nothing is "
        "written twice",
        "The same invocation",
        ((FAULTS, "test_s3_that_is_slow_undecided_or_loses"),),
    ),
    Fault(
        "S3 answers 503 for a whole run",
        "To every write of one chart's object",
        "The run ends FAILED and names the chart",
        "The next run; Spotify is not asked again",
        ((FAULTS, "test_what_s3_refuses_for_a_whole_run"),),
    ),
    Fault(
        "S3 answers 409",
        "To the first write of answers, and to replacements in the lake",
        "A first write is sent again, since 409 does not say that anything is there; a "
        "replacement reads again",
        "The same invocation",
        (
            (FAULTS, "test_s3_that_is_slow_undecided_or_loses"),
            ("unit/test_objects.py", "test_a_first_write_that_s3"),
        ),
    ),
    Fault(
        "S3 answers 412",
        "To replacements in the lake",
        "The object is read again and the pure step done again",
        "The same invocation",
        ((FAULTS, "test_s3_that_is_slow_undecided_or_loses"),),
    ),
    Fault(
        "DynamoDB or Parameter Store throttles",
        "`ProvisionedThroughputExceededException` and `ThrottlingException` to reads and writes",
        "botocore tries again; nobody is asked more",
        "The same invocation; where it lasts, the next run",
        (
            (FAULTS, "test_throttled_tables_and_parameters"),
            (FAULTS, "test_tables_that_stay_throttled"),
        ),
    ),
    Fault(
        "Lambda throttles",
        "Load's and Derive's reserved concurrency is 0 during a run",
        "The machine tries again, then the run ends FAILED and says `Rate Exceeded`",
        "The next run, from what is kept",
        (
            (FAULTS, "test_a_function_that_lambda_throttles"),
            (FAULTS, "test_a_derive_that_lambda_throttles"),
        ),
    ),
    Fault(
        "Two runs at once",
        "Two daily runs of a day, or of different charts; two captures; a capture in a daily run. "
        "The one that is first at a write comes last",
        "Both succeed and leave what one leaves",
        "Nothing is to be made up for",
        (
            (RACES, "test_two_runs_of_a_day_at_once"),
            (RACES, "test_two_runs_of_different_charts"),
            (RACES, "test_two_captures_at_once"),
            (RACES, "test_a_capture_during_a_daily_run"),
        ),
    ),
    Fault(
        "A run across midnight",
        "Spotify's clock passes midnight, and the end of a month, while a run is under way",
        "No chart is filed under another day than Spotify showed it on; those of the old day that "
        "were not asked for are unavailable, and named. Every play is there once",
        "The next run reads the new day; Spotify shows no past one",
        (
            (DAYS, "test_a_daily_run_across_midnight"),
            (DAYS, "test_a_capture_across_the_end_of_a_month"),
        ),
    ),
    Fault(
        "A poisoned raw object",
        "A kept answer is damaged between two steps",
        "It is named and left as it is, and a chart's answer is superseded by another attempt; "
        "what is beside it goes on",
        "A chart and a look-up by asking again; a page by restoring its version, after which the "
        "next run reads it",
        (
            ("stack/test_troubles.py", "test_a_corrupt_raw_object"),
            (FAULTS, "test_a_poisoned_page"),
            (FAULTS, "test_poisoned_answers_of_look_ups"),
        ),
    ),
    Fault(
        "An update of the stack in a run",
        "CloudFormation configures functions anew while charts are asked for; on another "
        "engine Lambda answers `ResourceConflictException` four times",
        "The run goes on and succeeds; where Lambda refuses a function that is being changed, the "
        "machine tries again",
        "The same run",
        (
            ("stack/test_update.py", "test_a_run_goes_on"),
            ("statemachines/test_capture.py", "test_lambdas_own_errors"),
        ),
    ),
    Fault(
        "Clocks that differ",
        "Spotify's is 7 minutes ahead of the schedule, then behind, and weeks behind the "
        "functions'; S3 answers `RequestTimeTooSkewed`",
        "Spotify's time counts for what it says; no play is lost or doubled, there is no gap",
        "The same run",
        (
            (DAYS, "test_clocks_that_differ"),
            (FAULTS, "test_s3_that_is_slow_undecided_or_loses"),
        ),
    ),
    Fault(
        "A provider is down for a week",
        "Spotify answers 503 to everything for seven days",
        "Every run ends FAILED; what was known stays as it was",
        "The next run: all that Spotify still shows. The plays that it no longer does are in one "
        "gap with its bounds, the charts of these days are missing",
        ((DAYS, "test_a_week_without_spotify"),),
    ),
    Fault(
        "The disk of the embedded AWS is full",
        "A small disk is filled by another program, also while a daily run is between its answers "
        "and its tables",
        "S3 answers 507 `InsufficientStorage` and says what to do, runs end FAILED with it; what "
        "is kept stays whole, also over a restart",
        "The next run, once there is room; nothing that was kept is asked for again",
        ((DISK, "test_what_finds_no_room"), (FAULTS, "test_a_disk_that_fills_up_in_a_run")),
    ),
)

INTRODUCTION = """\
# Faults

What goes wrong around a run, and what becomes of it. Each row is made by tests, which check that
nothing is lost and nothing is there twice; most on the whole stack in the embedded AWS.
`python -m tests.faults --write` writes this page from the list in `tests/faults.py`; a test
compares them and looks for each test that is named.

| fault | how it is made | what happens | what makes up for it | tests in |
|---|---|---|---|---|
"""


def page() -> str:
    """The page's text."""
    rows = []
    for each in LIST:
        files = dict.fromkeys(f"`{file}`" for file, _ in each.tests)
        cells = (each.name, each.made, each.happens, each.then, ", ".join(files))
        rows.append(f"| {' | '.join(cells)} |\n")
    return INTRODUCTION + "".join(rows)


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/faults.md")
    if parser.parse_args().write:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
