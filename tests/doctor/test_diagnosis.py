"""From lines to findings: once each, the likeliest cause first, with what they concern."""

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.doctor import Depth, Line, diagnose, lines_in_text

NO_RESPONSE = "2020-10-14T04:53:51.549:[sagemaker logs]: my-bucket/photos/{}: Unable to get response from algorithm"


def names(text: str) -> list[str]:
    return [finding.ailment.name for finding in diagnose(lines_in_text(text)).findings]


def test_a_failure_that_is_seen_often_is_told_once_with_its_count() -> None:
    (finding,) = diagnose(Line("MemoryError", "log", number) for number in range(1, 10_001)).findings
    assert (finding.count, finding.first.number) == (10_000, 1)


def test_a_cause_comes_before_the_symptom_that_was_logged_first() -> None:
    text = f"{NO_RESPONSE.format('a.jpg')}\nRuntimeError: CUDA out of memory."
    assert names(text) == ["gpu_out_of_memory", "no_response"]


def test_of_two_causes_the_first_in_the_log_comes_first() -> None:
    assert names("No space left on device\nMemoryError") == ["disk_full", "out_of_memory"]
    assert names("MemoryError\nNo space left on device") == ["out_of_memory", "disk_full"]


def test_what_passes_by_itself_comes_after_what_does_not() -> None:
    assert names("ThrottlingException: Rate exceeded\nMemoryError") == ["out_of_memory", "throttling"]


def test_a_message_that_is_broken_over_lines_is_one_message() -> None:
    text = "Got invalid dimensions for input: x for the following indices\n index: 1 Got: 224 Expected: 3\n index: 3"
    assert names(text) == ["channels_in_another_place"]


def test_a_message_does_not_go_on_in_another_file() -> None:
    lines = [Line("Got invalid dimensions for input: x for the following indices", "a"), Line("index: 0 Got: 2", "b")]
    assert [finding.ailment.name for finding in diagnose(lines).findings] == ["wrong_shape"]


@pytest.mark.parametrize(
    ("line", "uri"),
    [
        (NO_RESPONSE.format("a b.jpg"), "s3://my-bucket/photos/a b.jpg"),
        ("MemoryError over s3://photos/a%20b.jpg.", "s3://photos/a%20b.jpg"),
        ('cannot identify image file "s3://photos/two words.jpg"', "s3://photos/two words.jpg"),
    ],
)
def test_the_object_that_a_line_names_is_told(line: str, uri: str) -> None:
    (finding,) = diagnose(lines_in_text(line)).findings
    assert finding.objects == [uri]


def test_a_line_about_an_object_says_so_itself() -> None:
    (finding,) = diagnose([Line("MemoryError", "failed.csv", 2, "s3://photos/a\nb.jpg")]).findings
    assert finding.objects == ["s3://photos/a\nb.jpg"]


def test_no_more_than_a_few_objects_are_kept() -> None:
    (finding,) = diagnose(Line(NO_RESPONSE.format(f"{number}.jpg")) for number in range(1000)).findings
    assert len(finding.objects) == 3


def test_what_stands_around_a_message_is_told_with_it() -> None:
    (finding,) = diagnose(lines_in_text("role/r is not authorized to perform: s3:GetObject on x")).findings
    assert finding.example == "role/r is not authorized to perform: s3:GetObject on x"


def test_the_error_at_the_end_of_a_traceback_is_what_is_not_explained() -> None:
    text = 'Traceback (most recent call last):\n  File "error.py", line 1\n    fail()\nKeyError: "x"\nmore'
    unexplained = diagnose(lines_in_text(text)).unexplained
    assert unexplained is not None
    assert unexplained.text == 'KeyError: "x"'


@pytest.mark.parametrize("line", ["CustomException: no idea", "the job FAILED for reasons", "access was refused"])
def test_the_first_line_that_looks_like_an_error_is_what_is_not_explained(line: str) -> None:
    unexplained = diagnose(lines_in_text(f"starting\n{line}\nAnotherError: later")).unexplained
    assert unexplained is not None
    assert unexplained.text == line


def test_nothing_is_left_unexplained_where_something_is_explained() -> None:
    assert diagnose(lines_in_text("SomeError\nMemoryError")).unexplained is None


@given(st.text())
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    diagnose(lines_in_text(text))


@given(st.lists(st.sampled_from(["MemoryError", "s3://a/b: Unable to get response from algorithm", "fine", ""])))
def test_counts_are_those_of_the_lines(lines: list[str]) -> None:
    findings = {each.ailment.name: each.count for each in diagnose(Line(line) for line in lines).findings}
    assert findings.get("out_of_memory", 0) == lines.count("MemoryError")


def test_symptoms_are_never_before_causes() -> None:
    text = "Worker died.\nexit code: 137\nHandling signal: term\nAccessDenied"
    depths = [finding.ailment.depth for finding in diagnose(lines_in_text(text)).findings]
    assert depths == sorted(depths)
    assert Depth.SYMPTOM in depths


def test_memory_does_not_grow_with_the_log() -> None:
    def lines(count: int) -> Iterator[Line]:
        return (Line(f"{number} {NO_RESPONSE.format(number)}", "log", number) for number in range(count))

    def peak(count: int) -> int:
        tracemalloc.start()
        diagnose(lines(count))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    diagnose(lines(10))
    assert peak(4_000) < 2 * peak(400)


def test_a_line_that_tells_its_cause_is_no_symptom_besides() -> None:
    assert names("InvalidPrediction: the model answers NaN or infinity for s3://photos/a.jpg") == ["not_finite"]


def test_of_several_symptoms_in_a_line_the_most_specific_is_told() -> None:
    assert names("AlgorithmError: Model container failed to respond to ping.") == ["no_ping"]


def test_what_is_told_of_a_line_ends_with_the_line() -> None:
    (finding,) = diagnose(lines_in_text("MemoryError: 3 GB\nfine")).findings
    assert finding.example == "MemoryError: 3 GB"


def test_a_line_that_ends_with_the_name_of_an_error_is_told_with_the_next() -> None:
    (finding,) = diagnose(lines_in_text('{"Error": "ContractMismatch", "Cause": "model.onnx takes 8 x 8"}')).findings
    assert finding.example == "Error: ContractMismatch Cause: model.onnx takes 8 x 8"
