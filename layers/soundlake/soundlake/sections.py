"""Sections and segments: how a track is built over time, a row of each per analysed track."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import fmean
from typing import Any

from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import AudioAnalysis, Section, Segment, Segments
from soundlake.times import format_time

SOURCE = "spotify"
PARTS = ("track", "sections", "segments")  # that every analysis has, be they empty
NUMBERS = ("start", "loudness", "tempo")  # of a section, in s, dB and BPM
WHOLE_NUMBERS = ("key", "mode", "time_signature")
_MOST = 10**9  # no second, dB, BPM or key lies beyond it; what does is damage


def section_row(
    answer: Any, track_id: str, fetched_at: datetime, raw_key: str | None
) -> dict[str, Any]:
    """A row of `track_sections` from one answer of audio analysis (seconds, dB, BPM).

    Null for an answer means that Spotify has no analysis of this track: the row has no `source`
    then, so that it is not asked for again. Sections stand in the order of time. The
    sequences have one value per section, null where it is unknown; the averages, unrounded, are
    those of the known values. Raises BadAnswerError when the answer is no analysis, or lacks one of
    `PARTS`; a part that is null is unknown.
    """
    if answer is None:
        analysis = AudioAnalysis()
    else:
        analysis = AudioAnalysis.read(answer, where := f"the audio analysis of {track_id}")
        # What lacks a part is no analysis: its nulls would never be asked for again.
        if missing := [name for name in PARTS if name not in answer]:
            raise BadAnswerError(f"{where} has no {', '.join(missing)}")
    duration = _number(analysis.track.duration) if analysis.track else None
    sections = _in_time(analysis.sections)
    sequences = {
        name: None if sections is None else [_number(getattr(each, name)) for each in sections]
        for name in (*NUMBERS, *WHOLE_NUMBERS)
    }
    return {
        "track_id": track_id,
        "duration": duration,
        "sections": None if sections is None else len(sections),
        "section_duration_avg": duration / len(sections) if duration and sections else None,
        "loudness_avg": _mean(sequences["loudness"]),
        "tempo_avg": _mean(sequences["tempo"]),
        **{f"{name}_sequence": values for name, values in sequences.items()},
        "source": None if answer is None else SOURCE,
        "fetched_at": format_time(fetched_at),
        "raw_key": raw_key,
    }


def segment_row(
    answer: Any, track_id: str, fetched_at: datetime, raw_key: str | None
) -> dict[str, Any]:
    """A row of `track_segments` from one answer of audio analysis, segments in order of time.

    Raises BadAnswerError when the answer is no analysis.
    """
    found = Segments.read(answer, f"the audio analysis of {track_id}")
    return {
        "track_id": track_id,
        "segments": _segments(found.segments),
        "source": SOURCE,
        "fetched_at": format_time(fetched_at),
        "raw_key": raw_key,
    }


def _number[N: (int, float)](value: N | None) -> N | None:
    """The value, or null where it is none that a track can have: NaN, infinite, or huge."""
    return value if value is not None and abs(value) <= _MOST else None


def _mean(values: Iterable[float | None] | None) -> float | None:
    known = [value for value in values or () if value is not None]
    return fmean(known) if known else None


def _in_time[Part: (Section, Segment)](parts: Sequence[Part] | None) -> list[Part] | None:
    """By start; as Spotify gives them where a start is unknown."""
    if parts is None:
        return None
    starts = [_number(part.start) for part in parts]
    if None in starts:
        return list(parts)
    return sorted(parts, key=lambda part: part.start or 0.0)


def _segments(segments: Sequence[Segment] | None) -> list[dict[str, Any]] | None:
    ordered = _in_time(segments)
    if ordered is None:
        return None
    return [
        {
            name: _numbers(value) if isinstance(value, tuple) else _number(value)
            for name, value in segment
        }
        for segment in ordered
    ]


def _numbers(values: Sequence[float | None]) -> list[float | None]:
    # A track has thousands, nearly always all good: then one look at their sum is enough.
    if None not in values and sum(map(abs, values)) <= _MOST:  # type: ignore[arg-type]
        return list(values)
    return [_number(value) for value in values]
