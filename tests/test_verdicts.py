"""Verdicts: each line reads back, whatever the key, and a line that is none is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import verdicts
from pipeline.errors import CorruptVerdicts
from pipeline.shards import Row
from pipeline.verdicts import Accepted, Rejected, Verdict

text = st.text(max_size=30)
counts = st.integers(0, 2**40)
rows = st.builds(Row, bucket=text, key=text, etag=text, size=counts, width=counts, height=counts)
all_verdicts = st.builds(
    Accepted, row=rows, format=text, conversions=st.lists(text).map(tuple), shard=text
) | st.builds(Rejected, bucket=text, key=text, etag=text, size=counts, reason=text, detail=text)


@given(verdict=all_verdicts)
def test_a_verdict_reads_back_from_its_line(verdict: Verdict) -> None:
    assert verdicts.from_json(json.loads(json.dumps(verdicts.to_json(verdict)))) == verdict


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"verdict": "perhaps"},
        {"verdict": "accepted", "key": "a.jpg"},
        {"verdict": "rejected", "bucket": "b", "key": "a.jpg", "etag": "e", "size": 1, "reason": "empty"},
        [],
        None,
        "accepted",
    ],
)
def test_a_line_that_is_no_verdict_is_refused_and_shown(line: Any) -> None:
    with pytest.raises(CorruptVerdicts, match=r"verdict"):
        verdicts.from_json(line)
