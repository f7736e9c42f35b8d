"""The made-up world: sizes, tastes, drift and determinism."""

import time
from datetime import date, timedelta
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.spotify import ids
from local.spotify.countries import COUNTRIES
from local.spotify.made_up import MadeUpWorld, made_up_world
from local.spotify.playlists_csv import PlaylistRow
from local.spotify.world import ChartDef, World

DAY = date(2025, 3, 5)


def _chart(world: World, country: str, cadence: str = "daily") -> ChartDef:
    return next(c for c in world.charts if (c.country, c.cadence) == (country, cadence))


def _ids(world: World, chart: ChartDef, day: date) -> list[str]:
    return [one.id for one in world.chart_page(chart, day).places if one is not None]


def test_size(made_world: World) -> None:
    catalogue = made_world.catalogue
    assert 2300 < len(catalogue.tracks) < 2700
    assert 650 < len(catalogue.artists) < 750
    unknown = sum(track.features is None for track in catalogue.tracks.values())
    assert 0.005 < unknown / len(catalogue.tracks) < 0.02
    assert len({artist.name for artist in catalogue.artists.values()}) > 690
    for everything in (catalogue.tracks, catalogue.albums, catalogue.artists):
        assert all(ids.is_id(one) for one in everything)


def test_everything_named_exists(made_world: World) -> None:
    catalogue = made_world.catalogue
    for album in catalogue.albums.values():
        assert all(catalogue.tracks[i].album_id == album.id for i in album.track_ids)
        assert all(i in catalogue.artists for i in album.artist_ids)
        assert len(album.release_date) in (4, 7, 10)
    for track in catalogue.tracks.values():
        assert track.id in catalogue.albums[track.album_id].track_ids
        assert all(i in catalogue.artists for i in track.artist_ids)
        assert track.name
        assert 0 <= track.popularity <= 100
        assert track.duration_ms > 60_000


def test_charts(made_world: World) -> None:
    daily = [c for c in made_world.charts if c.cadence == "daily"]
    weekly = [c for c in made_world.charts if c.cadence == "weekly"]
    assert {c.country for c in daily} == {"GLOBAL", *COUNTRIES} - {"CY"}
    assert {c.country for c in weekly} == {"GLOBAL", *COUNTRIES} - {"NI"}
    assert len(daily) == len(weekly) == 74
    assert len({c.playlist_id for c in made_world.charts}) == 148
    assert _chart(made_world, "NO").name == "Top 50 - Norway"
    assert _chart(made_world, "CY", "weekly").name == "Top Songs - Cyprus"
    assert all("made up by Soundlake's local Spotify" in c.description for c in made_world.charts)
    for chart in made_world.charts:
        assert len(set(_ids(made_world, chart, DAY))) == 50


def test_charts_drift(made_world: World) -> None:
    daily = [c for c in made_world.charts if c.cadence == "daily"]
    tomorrow, later = DAY + timedelta(days=1), DAY + timedelta(days=45)
    kept, left, moved = [], [], 0
    for chart in daily:
        today = _ids(made_world, chart, DAY)
        kept.append(len(set(today) & set(_ids(made_world, chart, tomorrow))))
        left.append(len(set(today) & set(_ids(made_world, chart, later))))
        moved += today != _ids(made_world, chart, tomorrow)
    assert min(kept) >= 40
    assert moved > 60
    assert 15 < mean(left) < 42


def test_weekly_charts_change_on_fridays(made_world: World) -> None:
    chart = _chart(made_world, "NO", "weekly")
    friday = date(2025, 2, 28)
    assert friday.weekday() == 4
    pages = [made_world.chart_page(chart, friday + timedelta(days=n)) for n in range(-1, 8)]

    assert [page.published for page in pages] == [
        friday - timedelta(days=7),
        *[friday] * 7,
        friday + timedelta(days=7),
    ]
    assert pages[0].places != pages[1].places == pages[7].places != pages[8].places


def test_countries_have_tastes(made_world: MadeUpWorld) -> None:
    home = {song.track.id: song.home for song in made_world.songs}
    own = {}
    for chart in (c for c in made_world.charts if c.cadence == "daily" and c.country != "GLOBAL"):
        tracks = _ids(made_world, chart, DAY)
        own[chart.country] = sum(home[i] == chart.country for i in tracks)
    assert mean(own.values()) > 5

    def overlap(one: str, other: str) -> int:
        first, second = (
            _ids(made_world, _chart(made_world, country), DAY) for country in (one, other)
        )
        return len(set(first) & set(second))

    assert overlap("AR", "UY") > overlap("AR", "JP")
    everywhere = set.intersection(
        *(set(_ids(made_world, _chart(made_world, c), DAY)) for c in ("NO", "BR", "US"))
    )
    assert everywhere  # some hits are the world's


def test_genres_have_features_of_their_own(made_world: World) -> None:
    def energy(genre: str) -> float:
        catalogue = made_world.catalogue
        return mean(
            track.features.energy
            for track in catalogue.tracks.values()
            if track.features and catalogue.artists[track.artist_ids[0]].genres == (genre,)
        )

    assert energy("dance") > energy("ballad") + 0.25


def test_another_seed_is_another_world(made_world: World) -> None:
    again, other = made_up_world(1), made_up_world(2)
    assert list(again.catalogue.tracks.values()) == list(made_world.catalogue.tracks.values())
    assert set(other.catalogue.tracks).isdisjoint(made_world.catalogue.tracks)
    # A chart stays where it is, whatever is in it.
    assert [c.playlist_id for c in other.charts] == [c.playlist_id for c in made_world.charts]


def test_building_is_fast() -> None:
    start = time.process_time()
    world = made_up_world(3)
    world.chart_page(world.charts[0], DAY)
    assert time.process_time() - start < 1


def test_given_playlist_ids() -> None:
    rows = {"NO": PlaylistRow("Norge", "n" * 22)}
    world = made_up_world(1, playlists={"daily": rows})
    assert _chart(world, "NO").playlist_id == "n" * 22
    assert _chart(world, "NO", "weekly").playlist_id != "n" * 22


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)), index=st.integers(0, 145))
@settings(max_examples=40, deadline=None)
def test_any_day_has_a_full_chart(day: date, index: int) -> None:
    world = WORLD
    page = world.chart_page(world.charts[index], day)
    assert len({one.id for one in page.places if one is not None}) == 50
    assert day - timedelta(days=6) <= page.published <= day


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_ids_have_spotifys_form(parts: list[str]) -> None:
    assert ids.is_id(ids.base62_id(*parts))
    assert ids.base62_id(*parts) == ids.base62_id(*parts)


def test_ids_keep_parts_apart() -> None:
    assert ids.base62_id("a", "bc") != ids.base62_id("ab", "c")
    with pytest.raises(TypeError):
        ids.base62_id(1)  # type: ignore[arg-type]


WORLD = made_up_world(1)
