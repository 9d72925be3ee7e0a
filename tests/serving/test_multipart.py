"""Forms, as other libraries write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request
from urllib3.filepost import encode_multipart_formdata

from pipeline.serving.multipart import MalformedFormError, Part, parts

TYPE = "multipart/form-data; boundary=b"
contents = st.binary(max_size=200) | st.sampled_from([b"\r\n", b"--b", b"\r\n--c", b"\r\n\r\n", b"--", b"\n--b--"])
names = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"\\'), min_size=1, max_size=20)


def read(body: bytes, content_type: str = TYPE, most: int = 10) -> list[Part]:
    return list(parts(content_type, memoryview(body), most))


@given(files=st.lists(st.tuples(names, names, contents), min_size=1, max_size=5))
def test_a_form_of_urllib3_reads_back(files: list[tuple[str, str, bytes]]) -> None:
    fields = [(name, (filename, content)) for name, filename, content in files]
    body, content_type = encode_multipart_formdata(fields)
    assert [(part.name, part.filename, bytes(part.content)) for part in read(body, content_type)] == files


def test_a_form_of_requests_reads_back() -> None:
    prepared = Request("POST", "http://host/", files={"a": ("a.jpg", b"\xff\xd8\r\n"), "b": ("b.png", b"")}).prepare()
    assert isinstance(prepared.body, bytes)
    found = read(prepared.body, prepared.headers["Content-Type"])
    assert [(part.filename, bytes(part.content)) for part in found] == [("a.jpg", b"\xff\xd8\r\n"), ("b.png", b"")]


def test_a_part_is_a_view_of_the_body() -> None:
    body = bytearray(b"--b\r\nContent-Type: image/png\r\n\r\nabc\r\n--b--\r\n")
    (part,) = parts(TYPE, memoryview(body), 1)
    body[body.index(b"abc")] = ord("x")
    assert bytes(part.content) == b"xbc"


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\n\r\nabc\r\n--b--",
        b"a preamble\r\n--b\r\n\r\nabc\r\n--b--\r\nan epilogue",
        b"--b \t\r\n\r\nabc\r\n--b--",
        b"--b\r\nX-Header: a\r\n\r\nabc\r\n--b--\r\n",
    ],
    ids=["no headers", "preamble and epilogue", "padding", "foreign header"],
)
def test_what_the_standard_allows_reads(body: bytes) -> None:
    assert [bytes(part.content) for part in read(body)] == [b"abc"]


def test_a_memory_that_is_longer_than_the_body_is_not_looked_at() -> None:
    body = b"--b\r\n\r\nabc"
    memory = memoryview(bytearray(body + b"\r\n--b--"))
    with pytest.raises(MalformedFormError, match="ends early"):
        list(parts(TYPE, memory[: len(body)], 10))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "ends early"),
        (b"abc", "ends early"),
        (b"--b\r\n\r\nabc", "ends early"),
        (b"--b\r\nContent-Type: a\r\n--b--", "no end of its headers"),
        (b"--bc\r\n\r\nabc\r\n--b--", "followed by something else"),
    ],
)
def test_a_broken_form_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(MalformedFormError, match=words):
        read(body)


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=", "", "a; boundary=é"])
def test_a_form_without_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(MalformedFormError, match="no boundary"):
        read(b"--b\r\n\r\nabc\r\n--b--", content_type)


def test_a_form_of_too_many_parts_is_refused() -> None:
    body = b"--b\r\n\r\nabc\r\n" * 3 + b"--b--"
    assert len(read(body, most=3)) == 3
    with pytest.raises(MalformedFormError, match="more than 2 parts"):
        read(body, most=2)


@given(content_type=st.text(st.characters(codec="latin-1"), max_size=40).map("multipart/form-data; boundary".__add__))
def test_no_content_type_is_more_than_malformed(content_type: str) -> None:
    with contextlib.suppress(MalformedFormError):
        read(b"--b\r\n\r\nabc\r\n--b--", content_type)


@given(
    body=st.lists(
        st.sampled_from([b"--b", b"--", b"\r\n", b"a: b", b"x", b'Content-Disposition: form; name="']), max_size=20
    )
)
def test_no_body_is_more_than_malformed(body: list[bytes]) -> None:
    with contextlib.suppress(MalformedFormError):
        read(b"".join(body))
