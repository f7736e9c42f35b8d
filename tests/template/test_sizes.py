"""How large functions are, unzipped, with every layer, where they are deployed: arm64."""

import pytest

from tests.benchmarks.functions import LIMIT, PANDAS, Size, sizes
from tests.template.translated import functions


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_function_with_its_layers_is_within_lambdas_limit() -> None:
    found = sizes()
    assert set(found) == set(functions())
    assert {verb: size.total for verb, size in found.items() if size.total > LIMIT} == {}
    # Each has its own code, the shared package with its dependencies, and Powertools.
    assert all(size.own > 0 for size in found.values())
    assert all(size.layer > 1e6 for size in found.values())
    assert all(10e6 < size.powertools < 40e6 for size in found.values())
    assert {size.pandas for size in found.values()} == {0, PANDAS}


def test_a_function_over_the_limit_would_be_noticed() -> None:
    """As pandas from the packages would be: 274 MB for arm64."""
    assert Size(own=0, layer=0, powertools=0, pandas=274_260_681).total > LIMIT
    assert Size(own=1, layer=2, powertools=3, pandas=4).total == 10
