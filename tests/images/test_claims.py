"""What names claim: a lie is noted in words of ours, and what claims nothing is no lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images import claims
from pipeline.images.claims import false_claims
from pipeline.limits import FORMATS

any_text = st.text(max_size=40)
formats = st.sampled_from([*sorted(FORMATS), "HTML", "JPEG XL"])


def test_a_name_that_is_true_is_not_noted() -> None:
    assert false_claims("in/a.jpg", "image/jpeg", "JPEG") == ()


def test_each_claim_that_is_false_is_noted() -> None:
    assert false_claims("in/a.png", "image/webp", "JPEG") == (
        "suffix: .png, but the bytes are JPEG",
        "Content-Type: image/webp, but the bytes are JPEG",
    )


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "jpe", "jfif", "JPG", "JpEg"])
def test_every_suffix_of_a_format_claims_it_in_any_case(suffix: str) -> None:
    assert false_claims(f"a.{suffix}", None, "JPEG") == ()
    assert false_claims(f"a.{suffix}", None, "PNG") == (f"suffix: .{suffix.lower()}, but the bytes are PNG",)


def test_an_iphones_suffix_names_heif() -> None:
    assert false_claims("IMG_0001.HEIC", "image/heic", "HEIF") == ()


def test_foreign_bytes_are_named() -> None:
    assert false_claims("a.jpg", None, "HTML") == ("suffix: .jpg, but the bytes are HTML",)


@pytest.mark.parametrize(
    "key", ["a", "jpg", "a.", "a.jpg.part", "a.jpg/b", "folder.png/a", "a.jpg ", "a.JPEG2000", "png/jpg"]
)
def test_a_key_without_a_known_suffix_claims_nothing(key: str) -> None:
    assert false_claims(key, None, "GIF") == ()


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/octet-stream", "binary/octet-stream", "image/*", "application/x-image", ";;", "jpeg"],
)
def test_a_type_that_says_no_format_claims_nothing(content_type: str | None) -> None:
    assert false_claims("a", content_type, "GIF") == ()


@pytest.mark.parametrize("content_type", ["image/gif", "IMAGE/GIF", "image/gif; charset=utf-8", " image/gif ;q=1"])
def test_the_parameters_of_a_type_do_not_count(content_type: str) -> None:
    assert false_claims("a", content_type, "GIF") == ()
    assert false_claims("a", content_type, "PNG") == ("Content-Type: image/gif, but the bytes are PNG",)


@given(key=any_text, content_type=st.none() | any_text)
def test_of_unknown_bytes_nothing_is_a_lie(key: str, content_type: str | None) -> None:
    assert false_claims(key, content_type, None) == ()


@given(name=any_text, suffix=st.sampled_from(["png", "jpg", "tif"]), content_type=any_text, found=formats)
def test_a_note_holds_nothing_of_a_hostile_name(name: str, suffix: str, content_type: str, found: str) -> None:
    """Notes are counted, and shown in messages: there are only so many of them."""
    for note in false_claims(f"{name}.{suffix}", content_type, found):
        assert note == f"suffix: .{suffix}, but the bytes are {found}" or note.startswith("Content-Type: ")
        assert note.isprintable()
        assert claims.kind(note) in {claims.SUFFIX, claims.CONTENT_TYPE}
