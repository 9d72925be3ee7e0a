"""Limits: what a run may change, in which words it is refused what it may not, and that they read back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.limits import DEFAULT_LIMITS, FORMATS, Animation, Limits, from_text

limits = st.builds(
    Limits,
    st.frozensets(st.sampled_from(sorted(FORMATS)), min_size=1),
    st.integers(1),
    st.integers(1),
    st.integers(1),
    st.sampled_from(Animation),
)


@given(limits)
def test_limits_read_back_as_they_were_written(one: Limits) -> None:
    assert Limits.from_json(one.to_json()) == one


def test_formats_have_the_names_that_people_use_for_them() -> None:
    assert DEFAULT_LIMITS.changed({"formats": ["jpg", " Tif ", "heic"]}).formats == {"JPEG", "TIFF", "HEIF"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_pixel": 1}, "max_pixel: there is no such limit; the limits are formats, max_bytes, max_pixels"),
        ({"max_pixels": 0}, "max_pixels: expected a whole number of at least 1, got 0"),
        ({"max_pixels": True}, "max_pixels: expected a whole number of at least 1, got true"),
        ({"max_bytes": 1.5}, "max_bytes: expected a whole number of at least 1, got 1.5"),
        ({"min_side": "32"}, "min_side: expected a whole number of at least 1, got '32'"),
        ({"formats": []}, "formats: expected a list of formats out of AVIF, BMP, GIF"),
        ({"formats": "JPEG"}, "formats: expected a list of formats out of AVIF, BMP, GIF"),
        ({"formats": ["JPEG", "PDF"]}, "formats: 'PDF' is not decoded here; the formats are AVIF"),
        ({"animated": True}, "animated: expected one of first_frame, reject, got true"),
    ],
)
def test_what_is_no_limit_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}"):
        DEFAULT_LIMITS.changed(fields)


def test_limits_are_read_from_text() -> None:
    text = {"formats": "jpeg,png", "max_pixels": "9", "animated": "reject", "min_side": "-1"}
    assert from_text(text) == {"formats": ["jpeg", "png"], "max_pixels": 9, "animated": "reject", "min_side": "-1"}
