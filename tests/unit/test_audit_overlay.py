"""A bucket seen through what is derived: it is read, and never written."""

import pytest
from soundlake.auditing.overlay import Overlay
from soundlake.store.objects import ConflictError

from tests.unit.helpers import Zones

HERE, HIDDEN, MADE = "lake/plays/a.parquet", "lake/plays/b.parquet", "lake/plays/c.parquet"


@pytest.fixture
def overlay(zones: Zones) -> Overlay:
    zones.put(HERE, b"here")
    zones.put(HIDDEN, b"hidden")
    return Overlay(zones.bucket, [HIDDEN])


def body(overlay: Overlay, key: str) -> bytes | None:
    stored = overlay.get(key)
    return stored.body if stored else None


def test_what_is_hidden_is_not_there_until_it_is_made(overlay: Overlay) -> None:
    assert (body(overlay, HERE), body(overlay, HIDDEN)) == (b"here", None)
    assert list(overlay.keys("lake/plays/")) == [HERE]

    overlay.put(HIDDEN, b"made")

    assert body(overlay, HIDDEN) == b"made"
    assert list(overlay.keys("lake/plays/")) == [HERE, HIDDEN]


def test_an_objects_end_is_of_what_there_is(overlay: Overlay) -> None:
    assert [overlay.end(key, 3) for key in (HERE, HIDDEN, MADE)] == [b"ere", None, None]

    overlay.put(HERE, b"other", overwrite=True)
    overlay.put(HIDDEN, b"made")

    assert [overlay.end(key, 3) for key in (HERE, HIDDEN)] == [b"her", b"ade"]


def test_nothing_reaches_the_bucket(overlay: Overlay, zones: Zones) -> None:
    before = zones.versions()
    overlay.put(MADE, b"made")
    stored = overlay.get(HERE)
    assert stored is not None
    overlay.put(HERE, b"other", etag=stored.etag)

    assert (body(overlay, HERE), body(overlay, MADE)) == (b"other", b"made")
    assert zones.versions() == before


def test_keys_are_in_order_and_each_there_once(overlay: Overlay) -> None:
    overlay.put(HERE, b"other", overwrite=True)
    overlay.put(MADE, b"made")
    overlay.put(HIDDEN, b"made")

    assert list(overlay.keys("lake/plays/")) == [HERE, HIDDEN, MADE]
    assert list(overlay.keys("lake/plays/", after=HERE)) == [HIDDEN, MADE]
    assert set(overlay.etags("lake/plays/")) == set(overlay.written("lake/plays/"))


def test_what_was_made_is_replaced_on_its_own_etag_alone(overlay: Overlay) -> None:
    overlay.put(MADE, b"made")
    with pytest.raises(ConflictError):
        overlay.put(MADE, b"again")
    with pytest.raises(ConflictError):
        overlay.put(MADE, b"again", etag='"another"')
    stored = overlay.get(MADE)
    assert stored is not None
    overlay.put(MADE, b"again", etag=stored.etag)
    assert body(overlay, MADE) == b"again"
