"""Import: one upload, recognised by its content and kept; and in the end it is taken away."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from soundlake import access
from soundlake.chart_files import (
    ChartFileError,
    check,
    name_of,
    read_chart_file,
)
from soundlake.countries import COUNTRIES
from soundlake.observability import function
from soundlake.store.uploads import TooLargeError, Upload, Uploads
from soundlake.texts import shortened
from soundlake.times import parse_time

SENTENCE = 1000  # characters of a refusal; a person reads it where the run ended


class _Bucket(BaseModel):
    name: str = Field(min_length=3)


class _Object(BaseModel):
    key: str = Field(min_length=1)


class _Detail(BaseModel):
    bucket: _Bucket
    object: _Object


class ImportInput(BaseModel):
    """The import machine's input: S3's event, and what a person says of the file."""

    model_config = ConfigDict(extra="ignore")  # S3's event has much more

    detail: _Detail
    chart: str | None = None
    date: str | None = None


@function("Import")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{input, start_time}` to `{status: kept, bucket, key, etag, name, chart, date, file, ...}`.

    `file` is its name in the raw zone, `file_key` where that has it, and `neighbour_keys` the files
    of the chart's nearest days. `{status: refused, error}` where it is nothing that can be
    imported, `{status: gone}` where there is no such upload (any more), `{status: failed, error}`
    where the raw zone has it damaged, or the input is none.

    `{forget: {bucket, key, etag}}` deletes the upload, to `{status: forgotten}`; one that another
    file has replaced stays, to `{status: replaced}`: it has a run of its own.
    """
    if "forget" in event:
        upload = event["forget"]
        deleted = Uploads(upload["bucket"]).delete(upload["key"], upload["etag"])
        return {"status": "forgotten" if deleted else "replaced"}
    try:
        given = ImportInput.model_validate(event["input"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "input"
        return {"status": "failed", "error": f"The input's {field!r} is wrong ({first['msg']})."}
    bucket, key = given.detail.bucket.name, given.detail.object.key
    about = {"bucket": bucket, "key": key, "name": key.rpartition("/")[2]}
    uploads = Uploads(bucket)
    try:
        upload = uploads.get(key)
    except TooLargeError as error:
        return about | {"etag": error.etag} | _refused(error)
    if upload is None:
        return about | {"status": "gone"}
    about["etag"] = upload.etag
    return about | _import(given, about["name"], upload, event["start_time"])


def _import(given: ImportInput, name: str, upload: Upload, start_time: str) -> dict[str, Any]:
    try:
        kept = _keep_chart(given, name, upload, start_time)
    except ChartFileError as error:
        return _refused(error)
    except access.FORESEEN as error:
        return access.failure(error)
    return {"status": "kept", **kept, "counts": {"kept": 1}}


def _refused(error: Exception) -> dict[str, Any]:
    sentence = shortened(str(error), SENTENCE)
    return {"status": "refused", "error": sentence, "counts": {"refused": 1}}


def _keep_chart(given: ImportInput, name: str, upload: Upload, start_time: str) -> dict[str, Any]:
    """Read an upload as a chart file and keep it: what the steps after it need to know.

    Nothing is kept that could not be read: it may be anything, also something personal.
    """
    file = read_chart_file(upload.body)
    of = name_of(name, given.chart, given.date)
    check(file, of, parse_time(start_time).date())
    files = access.chart_files()
    key = files.keep(of.chart, of.chart_date, upload.body, at=upload.at, name=name)
    country = COUNTRIES.get(of.country)
    return {
        "chart": {
            "chart": of.chart,
            "country": of.country,
            "country_name": country.name if country else "Global",
            "cadence": of.cadence,
        },
        "date": of.chart_date.isoformat(),
        "file": key.name,
        "file_key": key.text,
        "neighbour_keys": [each.text for each in files.neighbours(of.chart, of.chart_date)],
    }
