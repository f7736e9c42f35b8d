"""Import: one upload, recognised by its content, and taken away in the end.

A chart is kept here; of a history is told what there is to read.
"""

from dataclasses import dataclass
from typing import Any, BinaryIO

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from soundlake import access
from soundlake.chart_files import (
    ChartFileError,
    check,
    is_chart_file,
    is_named_as_chart,
    name_of,
    read_chart_file,
)
from soundlake.countries import COUNTRIES
from soundlake.importing import groups
from soundlake.importing.beginning import (
    TOLD,
    Asked,
    begin,
    conclude,
    fetched,
    owner,
    withdraw,
)
from soundlake.importing.called import upload_called
from soundlake.importing.errors import HistoryError
from soundlake.importing.packages import HEAD, recognise
from soundlake.inputs import wrong
from soundlake.observability import function
from soundlake.store.uploads import (
    LARGEST,
    TooLargeError,
    UploadGoneError,
    UploadHead,
    Uploads,
)
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


class _Undo(BaseModel):
    import_id: str = Field(min_length=1)
    account: str | None = None


class _Derive(BaseModel):
    account: str = Field(min_length=1)


class ImportInput(BaseModel):
    """The import machine's input: S3's event and what is said of the file, `undo`, or `derive`."""

    model_config = ConfigDict(extra="ignore")  # S3's event has much more

    @model_validator(mode="before")
    @classmethod
    def _of_the_listener(cls, given: Any) -> Any:
        """An event's `account` is AWS's, and says nothing of whose history it is."""
        if isinstance(given, dict) and "detail-type" in given:
            return {"detail": given.get("detail")}
        return given

    detail: _Detail | None = None
    chart: str | None = None
    date: str | None = None
    account: str | None = None
    since: str | None = None
    until: str | None = None
    undo: _Undo | None = None
    derive: _Derive | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """The run of the machine that an invocation is a step of."""

    start_time: str
    execution: str | None  # one that began before an update names none


@function("Import")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{input, start_time, execution}` to `{status, ...}`, for the machine to branch on.

    A chart: `{status: kept, bucket, key, etag, name, chart, date, file, ...}`; `file` is its name
    in the raw zone, `file_key` where that has it, and `neighbour_keys` the files of the chart's
    nearest days. A history: `{status: history, upload, import, parts}`, the parts being lists of
    files to read; or `{status: known, import}` where the very file was imported. An import that is
    to be taken back: `{status: withdrawn, import, groups}`; an account whose plays are to be
    derived anew: `{status: deriving, import, groups}`. `{status: refused, error}` where it is
    nothing that can be imported, `{status: gone}` where there is no such upload (any more),
    `{status: failed, error}` where the raw zone has it damaged, or the input is none.

    `{forget: {bucket, key, etag}, concluded, execution}` deletes the upload, to `{status:
    forgotten}`; one that another file has replaced stays, to `{status: replaced}`: it has a run of
    its own.
    `concluded` is the place in the raw zone of an import that is over; `{status: withdrawn, error}`
    where it was taken back before it was.
    """
    execution = event.get("execution")
    if "forget" in event:
        return _forget(event["forget"], event.get("concluded"), execution)
    try:
        given = ImportInput.model_validate(event["input"])
    except ValidationError as error:
        field, why = wrong(error)
        return {"status": "failed", "error": f"The input's {field!r} is wrong ({why})."}
    run = _Run(event["start_time"], execution)
    if given.undo is not None:
        return _undo(given.undo, run)
    if given.derive is not None:
        return _derive(given.derive.account, event["start_time"])
    if given.detail is None:
        error = (
            "The input has neither an upload ('detail'), nor an import to 'undo', nor an account "
            "to 'derive'."
        )
        return {"status": "failed", "error": error}
    return _upload(given, given.detail, run)


def _forget(upload: dict[str, Any], concluded: str | None, execution: str | None) -> dict[str, Any]:
    stands = conclude(access.imports(execution), concluded) if concluded else True
    deleted = Uploads(upload["bucket"]).delete(upload["key"], upload["etag"])
    if concluded and not stands:
        ident = concluded.split("/")[3]
        error = (
            "It was taken back while it was imported, and some of its rows may be there: take it "
            f"back once more, ./soundlake import --undo {ident}."
        )
        return {"status": "withdrawn", "error": error}
    return {"status": "forgotten" if deleted else "replaced"}


def _upload(given: ImportInput, detail: _Detail, run: _Run) -> dict[str, Any]:
    bucket, key = detail.bucket.name, detail.object.key
    about = {"bucket": bucket, "key": key, "name": _called(key.rpartition("/")[2])}
    uploads = Uploads(bucket)
    head = uploads.head(key)
    if head is None:
        return about | {"status": "gone"}
    about["etag"] = head.etag
    try:
        return about | _import(given, bucket, head, run)
    except UploadGoneError:
        return about | {"status": "gone"}
    except access.FORESEEN as error:
        return about | access.failure(error)


def _called(name: str) -> str:
    """What an upload is called of which only its name is known: charts are nobody's."""
    return name if is_named_as_chart(name) else upload_called(name)


def _import(given: ImportInput, bucket: str, head: UploadHead, run: _Run) -> dict[str, Any]:
    name = head.key.rpartition("/")[2]
    try:
        with fetched(Uploads(bucket), head) as (file, sha256):
            if _is_chart(given, name, file.read(HEAD)):
                file.seek(0)
                return {"name": name, **_chart(given, name, head, file, run)}
            file.seek(0)
            package = recognise(file, upload_called(name), redacted=True)
        asked = Asked.read(given.account, given.since, given.until)
        now = parse_time(run.start_time)
        told = begin(
            access.imports(run.execution),
            package,
            account=owner(access.accounts_table(), asked, head.key, sha256, now),
            asked=asked,
            about={"sha256": sha256, "bytes": head.size, "name": package.name},
            start_time=run.start_time,
        )
    except (HistoryError, TooLargeError) as error:
        return _refused(error)
    upload = {"bucket": bucket, "key": head.key, "etag": head.etag, "size": head.size}
    return told | {"upload": upload, "counts": {told["status"]: 1}}


def _chart(
    given: ImportInput, name: str, head: UploadHead, file: BinaryIO, run: _Run
) -> dict[str, Any]:
    """A chart that is kept, or why not; it is nobody's, so it may be called by its name."""
    try:
        kept = _keep_chart(given, name, head, file, run)
    except (ChartFileError, TooLargeError) as error:
        return _refused(error)
    return {"status": "kept", **kept, "counts": {"kept": 1}}


def _is_chart(given: ImportInput, name: str, head: bytes) -> bool:
    """Whether a file is a chart, or at least said to be one: then it is told what is wrong."""
    said = given.chart is not None or given.date is not None
    return said or is_named_as_chart(name) or is_chart_file(head)


def _undo(undo: _Undo, run: _Run) -> dict[str, Any]:
    about = {"name": undo.import_id}
    try:
        told = withdraw(access.imports(run.execution), undo.account, undo.import_id, run.start_time)
    except HistoryError as error:
        return about | _refused(error) | {"status": "failed"}
    except access.FORESEEN as error:
        return about | access.failure(error)
    return about | {"status": "withdrawn", "import": told, "groups": _all_months(told["account"])}


def _derive(account: str, start_time: str) -> dict[str, Any]:
    """All months of an account, for plays that are made of the same observations in a new way."""
    about = {"name": account}
    try:
        if not access.accounts_table().has(account):
            error = f"There is no account {account!r}; ./soundlake accounts lists those there are."
            return about | {"status": "failed", "error": error}
        found = _all_months(account)
    except access.FORESEEN as error:
        return about | access.failure(error)
    nothing = dict.fromkeys(TOLD)
    told = nothing | {"account": account, "import_id": "", "raw_prefix": "", "at": start_time}
    return about | {"status": "deriving", "import": told, "groups": found}


def _all_months(account: str) -> list[groups.Group]:
    keys = access.bucket().keys("lake/observations/")
    own = f"/{account}.parquet"
    months = sorted({key.split("/")[2].removeprefix("month=") for key in keys if key.endswith(own)})
    return groups.every(months)


def _refused(error: Exception) -> dict[str, Any]:
    sentence = shortened(str(error), SENTENCE)
    return {"status": "refused", "error": sentence, "counts": {"refused": 1}}


def _keep_chart(
    given: ImportInput, name: str, head: UploadHead, upload: BinaryIO, run: _Run
) -> dict[str, Any]:
    """Read an upload as a chart file and keep it: what the steps after it need to know.

    Nothing is kept that could not be read: it may be anything, also something personal.
    """
    if head.size > LARGEST:
        raise TooLargeError(head.size, LARGEST)
    body = upload.read()
    file = read_chart_file(body)
    of = name_of(name, given.chart, given.date)
    check(file, of, parse_time(run.start_time).date())
    files = access.chart_files(run.execution)
    key = files.keep(of.chart, of.chart_date, body, at=head.at, name=name)
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
