"""The mutation run: which modules it takes, and what it makes of how a mutant's run ended."""

import pytest

from tests.mutants import __main__ as mutants
from tests.unit.helpers import REPO
from tests.unit.test_imports import DOMAIN


def test_every_module_of_the_domain_is_mutated_and_has_tests_of_its_own() -> None:
    assert set(mutants.MODULES) == set(DOMAIN)
    assert [path for path in mutants.TESTS if not (REPO / path).is_file()] == []


@pytest.mark.parametrize(
    ("end", "alone", "kind"),
    [
        (1, True, "killed"),
        (3, True, "killed"),
        (0, True, "survived"),
        (0, False, "killed"),
        (36, True, "timed out"),
        (-24, True, "timed out"),
        (33, False, "other"),
        (5, False, "other"),
        (-9, False, "other"),
        (None, False, "other"),
    ],
)
def test_a_mutant_survives_only_if_it_also_does_in_a_process_of_its_own(
    end: int | None, alone: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutants, "lives", lambda mutant: alone)

    assert mutants.kind(end, "soundlake.times.x_month_of__mutmut_1") == kind
