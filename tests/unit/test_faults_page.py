"""The page of faults is what the list says, and every test that the list names is there."""

import re

import pytest

from tests.faults import LIST, PAGE, ROOT, Fault, page


def test_the_page_is_what_the_list_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("fault", LIST, ids=lambda fault: fault.name)
def test_its_tests_are_there(fault: Fault) -> None:
    assert fault.tests
    for file, name in fault.tests:
        text = ROOT.joinpath("tests", file).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\w*\(", text, re.MULTILINE), (file, name)
