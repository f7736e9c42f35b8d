"""Who may do what: `python -m tests.permissions [--write]`.

Prints the page, or writes docs/permissions.md. Fails where a statement has no reason.
"""

import argparse
import sys

from tests.permissions import page
from tests.permissions.statements import without_reason


def main() -> int:
    """Print or write, and say whether every statement has its reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.permissions", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/permissions.md")
    given = parser.parse_args()
    if given.write:
        page.PATH.write_text(page.page(), encoding="utf-8")
    else:
        print(page.page())
    missing = without_reason()
    for sentence in missing:
        print(sentence, file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
