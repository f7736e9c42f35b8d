"""A day's charts as the files that charts.spotify.com gives, made of a world's charts."""

from collections.abc import Iterable
from datetime import date

from local.spotify.world import ChartDef, Track, World
from tests.unit.chart_csv import chart_csv, file_row


def chart_files(world: World, day: date, charts: Iterable[ChartDef]) -> dict[str, bytes]:
    """Files by name. A chart has 50 places here, and files 200: a warning in data_quality.

    A file has no holes: who stands below one moves up.
    """
    found = {}
    for chart in charts:
        shown = [one for one in world.chart_page(chart, day).places if one is not None]
        rows = [_row(world, rank, one) for rank, one in enumerate(shown, 1)]
        name = f"regional-{chart.country.lower()}-{chart.cadence}-{day}.csv"
        found[name] = chart_csv(rows, chart.cadence)
    return found


def _row(world: World, rank: int, track: Track) -> dict[str, str]:
    artists = ", ".join(world.catalogue.artists[each].name for each in track.artist_ids)
    return file_row(
        rank,
        uri=f"spotify:track:{track.id}",
        artist_names=artists,
        track_name=track.name,
        source="Made-up Records",
    )
