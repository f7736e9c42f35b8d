"""Access: the zones of the data bucket, what was asked, and a foreseen error as a result."""

from dataclasses import replace

import pytest
from soundlake import access, asking
from soundlake.spotify.errors import (
    BadAnswerError,
    CredentialsError,
    MissingSecretError,
    RateLimitedError,
    SpotifyError,
    UnavailableError,
)
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import Raw
from soundlake.store.staging import Staging

from tests.unit.helpers import ACCOUNT, BUCKET, NORWAY, FakeSpotify, Zones, playlist


def test_the_bucket_is_the_settings(zones: Zones) -> None:
    assert access.bucket().name == BUCKET
    assert access.bucket() is access.bucket()


def test_the_zones_lie_in_the_settings_bucket(zones: Zones) -> None:
    Staging(zones.bucket).write("staging/one", {"a": 1})
    zones.put("raw/things/one.json.gz", b"")

    assert isinstance(access.raw(), Raw)
    assert access.raw().keys("raw/things/") == ["raw/things/one.json.gz"]
    assert access.staging().read("staging/one") == {"a": 1}


def test_who_asked_nobody_counts_nothing_but_the_tries_before() -> None:
    assert access.counted(None) == {"requests": {}, "counts": {"requests": 0}}
    assert access.counted(None, {"albums": 2}) == {
        "requests": {"albums": 2},
        "counts": {"requests": 0},
    }


def test_requests_add_up_and_the_counts_are_those_of_this_try(spotify: FakeSpotify) -> None:
    spotify.playlists[NORWAY] = [playlist([])]
    client = asking.spotify()
    client.playlist(NORWAY)

    assert access.counted(client, {"playlists/{id}": 2, "albums": 1}) == {
        "requests": {"api/token": 1, "playlists/{id}": 3, "albums": 1},
        "counts": {"requests": 2},
    }


def test_a_rate_limit_is_a_result_with_its_seconds() -> None:
    assert access.failure(RateLimitedError(7)) == {
        "status": "rate_limited",
        "retry_after": 7,
        "error": "Spotify's rate limit: wait 7 s.",
    }


def test_an_unreachable_spotify_is_a_result_with_its_seconds() -> None:
    assert access.failure(UnavailableError("a sentence")) == {
        "status": "unreachable",
        "retry_after": 60,
        "error": "a sentence",
    }


@pytest.mark.parametrize(
    "error",
    [
        SpotifyError("a sentence"),
        CredentialsError("a sentence"),
        BadAnswerError("a sentence"),
        MissingSecretError("a sentence"),
        CorruptObjectError("a sentence"),
    ],
)
def test_a_foreseen_error_is_a_result_with_its_sentence(error: Exception) -> None:
    assert isinstance(error, access.FORESEEN)
    assert access.failure(error) == {"status": "failed", "error": "a sentence"}


@pytest.mark.parametrize("error", [SpotifyError, UnavailableError])
def test_a_long_sentence_in_any_script_stays_small(error: type[Exception]) -> None:
    told = access.failure(error("\u4e2d" * 3000))["error"]

    assert len(told.encode()) == 240
    assert told.startswith("\\u4e2d\\u4e2d")
    assert told.endswith("...")


def test_an_accounts_own_time_zone_is_told(tables: object) -> None:
    before = access.accounts_table().get(ACCOUNT)
    assert before is not None

    assert access.zone_of(ACCOUNT) is None
    assert access.accounts_table().replace(before, replace(before, time_zone="Europe/Oslo"))
    assert access.zone_of(ACCOUNT) == "Europe/Oslo"
