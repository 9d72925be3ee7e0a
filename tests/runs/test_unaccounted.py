"""A run that does not add up names the keys that differ, of whatever was lost between a map run and its batches."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.runs import keys, unaccounted
from pipeline.runs.run import Run
from pipeline.validation.batches import Batch, Counts

RESULTS = "example-results"


class Children:
    """Step Functions, as far as it is asked: the children of a map run, each with what it was given and answered."""

    def __init__(self, *children: tuple[Sequence[str], Any]) -> None:
        self._children = children

    def get_paginator(self, operation: str) -> "Children":
        assert operation == "list_executions"
        return self

    def paginate(self, **request: str) -> list[dict[str, Any]]:
        return [{"executions": [{"executionArn": str(number)} for number in range(len(self._children))]}]

    def describe_execution(self, **request: str) -> dict[str, Any]:
        given, answer = self._children[int(request["executionArn"])]
        described = {"input": json.dumps({"Items": [{"Key": key} for key in given]})}
        return described if answer is None else {**described, "output": json.dumps(answer)}


class Denied:
    def get_paginator(self, operation: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListExecutions")


def batch(name: str, listed: int, passed_over: int = 0) -> Batch:
    return Batch(name, Counts(listed, passed_over, 0, listed), ())


def answer(name: str, listed: int, passed_over: int = 0) -> dict[str, Any]:
    return {"batch": name, "listed": listed, "passed_over": passed_over}


def judge(s3: Any, run: Run, name: str, *found: str, bucket: str = "b") -> None:
    """The verdicts of a batch."""
    body = objects.dump_lines({"verdict": "skipped", "bucket": bucket, "key": key, "etag": "e"} for key in found)
    objects.put_bytes(s3, RESULTS, keys.verdicts_key(run.run_id, name), body)


def test_a_batch_whose_result_is_not_there_is_missed_with_all_its_keys(s3: Any, run: Run) -> None:
    children = Children((["a", "b"], answer("b1", 2)), (["c", "d"], answer("b2", 2)))

    assert unaccounted.of_map_run(run, children, "map", [batch("b1", 2)], s3) == " Without an account: 'c', 'd'."


def test_an_image_that_a_batch_left_out_is_named_and_what_is_no_image_is_not(s3: Any, run: Run) -> None:
    judge(s3, run, "b1", "a", "c")
    children = Children((["a", "b", "c", "folder/"], answer("b1", 2, 1)))

    assert unaccounted.of_map_run(run, children, "map", [batch("b1", 2, 1)], s3) == " Without an account: 'b'."


def test_of_a_batch_that_was_walked_the_images_without_an_answer_are_named(s3: Any, run: Run) -> None:
    judge(s3, run, "w1", "a")
    children = Children((["a", "b"], [answer("w1", 1)]))

    assert unaccounted.of_map_run(run, children, "map", [batch("w1", 1)], s3) == " Without an account: 'b'."


def test_a_child_that_did_not_answer_is_missed_with_all_its_images(s3: Any, run: Run) -> None:
    assert unaccounted.of_map_run(run, Children((["a"], None)), "map", [], s3) == " Without an account: 'a'."


def test_a_batch_that_no_child_answered_is_named(s3: Any, run: Run) -> None:
    children = Children((["a"], answer("b1", 1)))

    told = unaccounted.of_map_run(run, children, "map", [batch("b1", 1), batch("b9", 1)], s3)

    assert told == " Batches that it did not make: 'b9'."


def test_a_batch_whose_result_is_not_what_its_child_answered_is_named(s3: Any, run: Run) -> None:
    children = Children((["a", "b"], answer("b1", 2)), (["c"], answer("b2", 1)))

    told = unaccounted.of_map_run(run, children, "map", [batch("b1", 3), batch("b2", 1)], s3)

    assert told == " Batches of which their executions answered otherwise: 'b1'."


@pytest.mark.parametrize("answered", ["no result", {"batch": "b1"}, [1], 7])
def test_a_child_that_answered_something_else_does_not_hide_that_the_run_does_not_add_up(
    s3: Any, run: Run, answered: Any
) -> None:
    told = unaccounted.of_map_run(run, Children((["a"], answered)), "map", [batch("b1", 2)], s3)

    assert told.startswith(" Which they are could not be found out: a child answered no batch results (")


def test_twenty_keys_are_named_and_the_others_counted(s3: Any, run: Run) -> None:
    children = Children(([f"{number:03}" for number in range(160)], answer("b1", 160)))

    told = unaccounted.of_map_run(run, children, "map", [], s3)

    assert told.startswith(" Without an account: '000', '001', ")
    assert told.endswith("'019' and 140 more.")


def test_who_may_not_ask_is_told_so_beside_what_does_not_add_up(s3: Any, run: Run) -> None:
    told = unaccounted.of_map_run(run, Denied(), "map", [], s3)

    assert told.startswith(" Which they are could not be found out (An error occurred (AccessDeniedException)")


def test_images_of_a_batch_that_a_plan_left_out_are_named(s3: Any, run: Run) -> None:
    judge(s3, run, "b1", "a")
    judge(s3, run, "b2", "b", "c")

    assert unaccounted.of_plan(run, [batch("b1", 1)], s3) == "validated, and of no batch of the plan: 'b', 'c'"


def test_images_of_a_batch_that_was_validated_again_under_another_name_are_not_missed(s3: Any, run: Run) -> None:
    judge(s3, run, "b1", "a", "b")
    judge(s3, run, "b1-before", "a", "b")

    assert unaccounted.of_plan(run, [batch("b1", 2)], s3) == ""


def test_an_image_of_the_same_key_in_another_bucket_is_another_image(s3: Any, run: Run) -> None:
    judge(s3, run, "b1", "a")
    judge(s3, run, "b2", "a", bucket="c")

    assert unaccounted.of_plan(run, [batch("b1", 1)], s3) == "validated, and of no batch of the plan: 'a'"


def test_images_of_a_batch_that_a_plan_has_twice_are_named(s3: Any, run: Run) -> None:
    judge(s3, run, "b1", "a", "b")

    told = unaccounted.of_plan(run, [batch("b1", 2), batch("b1", 2)], s3)

    assert told == "of a batch that the plan has more than once: 'a', 'b'"


@pytest.mark.parametrize("body", [b"no JSON", b"[1]\n", b'{"verdict": "skipped"}\n'])
def test_verdicts_that_do_not_read_are_left_to_their_own_error(s3: Any, run: Run, body: bytes) -> None:
    objects.put_bytes(s3, RESULTS, keys.verdicts_key(run.run_id, "b2"), body)

    assert unaccounted.of_plan(run, [], s3) == ""
