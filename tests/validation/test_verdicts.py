"""Verdicts: each line reads back, whatever the key, and a line that is none is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import objects
from pipeline.errors import CorruptVerdicts
from pipeline.shards import Row
from pipeline.validation import verdicts
from pipeline.validation.verdicts import Accepted, Rejected, Verdict

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
keys = st.one_of(
    text, st.sampled_from(["../../etc/passwd", "a%2Fb+c d", "line\nbreak\r", "\u2028", "\u202egpj", "x" * 1024])
)
counts = st.integers(0, 2**40)
rows = st.builds(Row, bucket=text, key=keys, etag=text, size=counts, width=counts, height=counts)
texts = st.lists(text, max_size=3).map(tuple)
accepted = st.builds(Accepted, row=rows, format=text, conversions=texts, notes=texts, shard=text)
rejected = st.builds(
    Rejected, bucket=text, key=keys, etag=text, size=counts, reason=text, detail=text, notes=texts, quarantined=text
)


@given(found=st.lists(accepted | rejected, max_size=3))
def test_verdicts_read_back_from_their_lines_whatever_the_keys(found: list[Verdict]) -> None:
    lines = objects.dump_lines(map(verdicts.to_json, found)).split(b"\n")[:-1]

    assert [verdicts.from_json(json.loads(line)) for line in lines] == found


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"verdict": "perhaps"},
        {"verdict": "accepted", "key": "a.jpg"},
        {"verdict": "rejected", "bucket": "b", "key": "a.jpg", "etag": "e", "size": 1, "reason": "empty", "notes": []},
        [],
        None,
        "accepted",
    ],
)
def test_a_line_that_is_no_verdict_is_refused_and_shown(line: Any) -> None:
    with pytest.raises(CorruptVerdicts, match=r"verdict"):
        verdicts.from_json(line)
