"""Everything in this folder stays in this process, but for what says otherwise."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Close sockets in this folder's tests: neither AWS nor Spotify is asked."""
    for item in items:
        if HERE in item.path.parents:
            if item.get_closest_marker("enable_socket") is None:
                item.add_marker("disable_socket")
            # A function without counts has no metrics to write.
            item.add_marker(pytest.mark.filterwarnings("ignore:No application metrics"))
