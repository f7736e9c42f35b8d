"""Access: the data bucket, and a foreseen error as a result."""

import pytest
from soundlake import access
from soundlake.spotify.errors import (
    BadAnswerError,
    CredentialsError,
    MissingSecretError,
    RateLimitedError,
    SpotifyError,
    UnavailableError,
)
from soundlake.store.objects import CorruptObjectError

from tests.unit.helpers import BUCKET, Zones


def test_the_bucket_is_the_settings(zones: Zones) -> None:
    assert access.bucket().name == BUCKET
    assert access.bucket() is access.bucket()


def test_a_rate_limit_is_a_result_with_its_seconds() -> None:
    assert access.failure(RateLimitedError(7)) == {
        "status": "rate_limited",
        "retry_after": 7,
        "error": "Spotify's rate limit: wait 7 s.",
    }


def test_an_unreachable_spotify_is_a_result_with_its_seconds() -> None:
    assert access.failure(UnavailableError("a sentence")) == {
        "status": "unavailable",
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
