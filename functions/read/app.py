"""Read: some files of an upload of listening history, into kept rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc
from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.deriving.importing import Import, read_entries, told
from soundlake.deriving.plays import months_of
from soundlake.importing.columns import array
from soundlake.importing.covering import span_of
from soundlake.importing.errors import HistoryError
from soundlake.importing.packages import Member
from soundlake.importing.reading import keep
from soundlake.observability import function
from soundlake.store.kept import Kept, KeptFile
from soundlake.store.objects import CorruptObjectError
from soundlake.store.uploads import UploadGoneError, UploadHead, Uploads


@function("Read")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{upload, import, files}` to `{status, files, problems, counts}`.

    `upload` is `{bucket, key, etag, size}`, `files` are some of what Import tells. Of each file
    that can be read there is its `name`, `kind`, `number`, `rows`, `invalid` and `outside` ones,
    the `months` of the others with their number, the times of the `first` and the `last`, and
    whether they are `ordered`, null where nothing is covered from one to the other; of each other
    one a sentence among the `problems`. What was kept before is not read again. `status` is `read`,
    or `failed` where the upload is gone or a kept file is damaged, with `error`.
    """
    import_ = Import.told(event["import"])
    kept = Kept(access.bucket(), import_.raw_prefix)
    upload = event["upload"]
    head = UploadHead(upload["key"], upload["size"], upload["etag"], import_.at)
    files, problems = [], []
    try:
        with Uploads(upload["bucket"]).open(head) as source:
            for each in event["files"]:
                member = Member(**each)
                found = kept.read(member.number)
                if found is None:
                    try:
                        rows = keep(source, member)
                    except HistoryError as error:
                        problems.append(access.small(str(error)))
                        continue
                    key = kept.write(member.number, member.name, member.kind, rows)
                    found = KeptFile(key, member.name, member.kind, rows)
                files.append(_told(member, found, import_))
    except (UploadGoneError, CorruptObjectError) as error:
        return access.failure(error)
    return {
        "status": "read",
        "files": files,
        "problems": problems,
        "counts": {"rows": sum(file["rows"] for file in files), "problems": len(problems)},
    }


def _told(member: Member, file: KeptFile, import_: Import) -> Mapping[str, Any]:
    rows, left_out = read_entries(file, import_)
    plays = rows.filter(pc.is_null(rows.column("problem")))
    inside = rows.filter(array(np.asarray(pc.is_null(rows.column("problem"))) & ~left_out))
    months, counts = np.unique(months_of(inside.column("time")), return_counts=True)
    times: Any = pc.min_max(plays.column("time"))
    span = span_of(rows, member.kind, member.name)
    return {
        "number": member.number,
        "name": member.name,
        "kind": member.kind,
        "rows": rows.num_rows,
        "invalid": rows.num_rows - plays.num_rows,
        "outside": plays.num_rows - inside.num_rows,
        "months": dict(zip(months.astype(str).tolist(), counts.tolist(), strict=True)),
        "first": told(times["min"].as_py()) if plays.num_rows else None,
        "last": told(times["max"].as_py()) if plays.num_rows else None,
        "ordered": span.ordered if span else None,
    }
