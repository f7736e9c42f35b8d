"""Read: some files of an upload of listening history, into kept rows."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.deriving.importing import Import, keep_file
from soundlake.importing.errors import HistoryError
from soundlake.importing.packages import Member
from soundlake.observability import function
from soundlake.store.kept import Kept
from soundlake.store.objects import CorruptObjectError
from soundlake.store.uploads import UploadGoneError, UploadHead, Uploads


@function("Read")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{upload, import, files, execution}` to `{status, files, problems, counts}`.

    `upload` is `{bucket, key, etag, size}`, `files` are some of what Import tells. Of each file
    that can be read there is its `name`, `kind`, `number`, `rows`, `invalid` and `outside` ones,
    the `months` of the others with their number, the times of the `first` and the `last`, and
    whether they are `ordered`, null where nothing is covered from one to the other, and a mark of
    the `person` that they name; of each other one a sentence among the `problems`. What was kept
    before is not read again. `status` is `read`, or `failed` where the upload is gone or a kept
    file is damaged, with `error`.
    """
    import_ = Import.told(event["import"])
    kept = Kept(access.bucket(), import_.raw_prefix, event.get("execution"))
    upload = event["upload"]
    head = UploadHead(upload["key"], upload["size"], upload["etag"], import_.at)
    files, problems = [], []
    try:
        numbers = kept.numbers()
        with Uploads(upload["bucket"]).open(head) as source:
            for each in event["files"]:
                member = Member(**each)
                try:
                    files.append(keep_file(kept, import_, source, member, numbers))
                except HistoryError as error:
                    problems.append(access.small(str(error)))
    except (UploadGoneError, CorruptObjectError) as error:
        return access.failure(error)
    return {
        "status": "read",
        "files": files,
        "problems": problems,
        "counts": {"rows": sum(file["rows"] for file in files), "problems": len(problems)},
    }
