"""Settings: everything a function needs from its environment, or a clear error."""

import pytest
from soundlake.settings import Settings, settings

from tests.unit.conftest import ENVIRONMENT
from tests.unit.helpers import (
    ACCOUNTS,
    ACCOUNTS_TABLE,
    ANALYSES_PER_DAY,
    API,
    BUCKET,
    BUDGET_TABLE,
    DAILY_REQUESTS,
    KWORB,
    MUSICBRAINZ,
    OWNER,
    PREFIX,
    RECCOBEATS,
)

NAMES = [name.upper() for name in Settings.__dataclass_fields__]


def test_settings_come_from_the_environment() -> None:
    assert settings() == Settings(
        data_bucket=BUCKET,
        parameter_prefix=PREFIX,
        accounts_table=ACCOUNTS_TABLE,
        budget_table=BUDGET_TABLE,
        quota_owner=OWNER,
        spotify_api_url=API,
        spotify_accounts_url=ACCOUNTS,
        analyses_per_day=str(ANALYSES_PER_DAY),
        feature_sources="spotify",
        reccobeats_api_url=RECCOBEATS,
        chart_sources="spotify",
        kworb_url=KWORB,
        genre_sources="spotify",
        musicbrainz_api_url=MUSICBRAINZ,
        contact="none",
        daily_requests=str(DAILY_REQUESTS),
        request_spacing_ms="0",
        source_spacing="100",
    )
    assert set(NAMES) <= set(ENVIRONMENT)


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", NAMES)
def test_a_missing_variable_is_named(
    name: str, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)

    with pytest.raises(RuntimeError) as refused:
        settings()

    assert str(refused.value) == f"The environment variable {name} is missing."


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings()

    monkeypatch.setenv("QUOTA_OWNER", "other")

    assert settings() is before
