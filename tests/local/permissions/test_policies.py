"""Statements against calls, as IAM evaluates them."""

import pytest

from pipeline.local.permissions.policies import Call, Policy

READ = Call("s3:GetObject", "arn:aws:s3:::photos/a/b.jpg")


def statement(action="s3:GetObject", resource="arn:aws:s3:::photos/*", effect="Allow", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def test_what_a_statement_names_is_allowed():
    assert Policy([statement()]).allows(READ)


def test_what_no_statement_names_is_refused():
    assert not Policy([]).allows(READ)


def test_actions_are_compared_without_their_case():
    assert Policy([statement("S3:getobject")]).allows(READ)


def test_resources_are_compared_with_their_case():
    assert not Policy([statement(resource="arn:aws:s3:::Photos/*")]).allows(READ)


def test_one_of_several_resources_is_enough():
    assert Policy([statement(resource=["arn:aws:s3:::other/*", "arn:aws:s3:::photos/*"])]).allows(READ)


@pytest.mark.parametrize(
    ("pattern", "matches"), [("a/*", True), ("?/b.jpg", True), ("a/b.jp", False), ("[a]/*", False)]
)
def test_wildcards_are_a_star_and_a_question_mark(pattern, matches):
    assert Policy([statement(resource=f"arn:aws:s3:::photos/{pattern}")]).allows(READ) is matches


def test_a_deny_wins():
    assert not Policy([statement(), statement(effect="Deny")]).allows(READ)


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ({"StringLike": {"s3:prefix": "runs/*"}}, True),
        ({"StringLike": {"s3:prefix": ["models/*", "runs/*"]}}, True),
        ({"StringLike": {"s3:prefix": "models/*"}}, False),
        ({"StringEquals": {"s3:prefix": "runs/1/"}}, True),
        ({"StringEquals": {"S3:Prefix": "runs/1/"}}, True),
        ({"StringEquals": {"aws:SourceAccount": "1"}}, False),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, True),
        ({"StringLike": {"s3:prefix": "runs/*"}, "StringEquals": {"aws:SourceAccount": "1"}}, False),
        ({"NumericLessThan": {"s3:prefix": "1"}}, False),
    ],
)
def test_every_condition_has_to_hold(condition, matches):
    call = Call("s3:ListBucket", "arn:aws:s3:::results", (("s3:prefix", "runs/1/"),))
    assert Policy([statement("s3:ListBucket", "arn:aws:s3:::results", Condition=condition)]).allows(call) is matches
