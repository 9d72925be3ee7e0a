"""A report that is made when pixels and history are gone has those of the report before it."""

import re
from dataclasses import replace

import pytest

from pipeline.report import earlier, render
from pipeline.report.content import Content, Failure
from pipeline.report.earlier import Earlier


@pytest.fixture
def content(content: Content) -> Content:
    return replace(content, failure=Failure("TooManyFailed", "3 of 8 images <could> not be predicted"))


def test_everything_that_may_be_gone_is_read_back_from_a_page(content: Content) -> None:
    found = earlier.read(render(content))
    assert found.rejected
    assert found.places == {image.uri: image.thumbnail for image in content.images}
    assert found.rejected == {image.uri: image.thumbnail for image in content.rejected if image.thumbnail}
    assert (found.sheets, found.spans) == (content.sheets, content.spans)
    assert (found.definition, found.failure, found.threshold) == (content.definition, content.failure, 0.5)


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<html><body>hello",
        '<script id="data">{}</script>',
        '<script id="data">[1, 2]</script>',
        '<script id="data">{"images": [["k"]], "sheets": [[1]], "spans": [], "definition": null, "failure": null}',
        "\ufffd" * 100,
    ],
)
def test_a_page_of_somebody_else_has_nothing(page: str) -> None:
    assert earlier.read(page) == Earlier()


def test_a_page_of_an_earlier_version_has_what_it_had(content: Content) -> None:
    page = re.sub(
        r'"threshold":[^,]*,"spans":.*?,"definition":.*?,"failure":[^]]*\]', '"threshold":null', render(content)
    )
    found = earlier.read(page)
    assert (len(found.places), found.spans, found.definition, found.failure) == (6, [], None, None)


def test_a_picture_of_another_type_is_left_out(content: Content) -> None:
    page = re.sub("image/(webp|jpeg)", "text/html", render(content))
    assert earlier.read(page).sheets == []
