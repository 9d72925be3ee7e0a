"""Reconciling a batch: each listed image is one outcome, and whatever does not fit is a problem that names the key."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.inference.predictions import Prediction, Ranked, ShardFailure
from pipeline.results.predicted import Predicted
from pipeline.results.reconcile import Failed, reconcile
from pipeline.shards import Row
from pipeline.validation.batches import Batch, BatchShard, Counts
from pipeline.validation.verdicts import Accepted, Rejected, Verdict


def row(key: str, etag: str = "e") -> Row:
    return Row("images", key, etag, 10, 4, 3)


def accepted(key: str, shard: str = "b-0") -> Accepted:
    return Accepted(row(key), "JPEG", (), (), shard)


def rejected(key: str) -> Rejected:
    return Rejected("images", key, "e", 10, "corrupt", "words")


def prediction(key: str, etag: str = "e", shard: str = "b-0") -> Prediction:
    return Prediction(row(key, etag), "tiny", "digest", "run", shard, (Ranked("cat", 0, 1.0),))


def batch_of(verdicts: list[Verdict], **rows: int) -> Batch:
    """The batch that these verdicts make, with shards of so many rows."""
    taken = sum(isinstance(verdict, Accepted) for verdict in verdicts)
    shards = tuple(BatchShard(name.replace("_", "-"), count, 1, "p0000") for name, count in rows.items())
    return Batch("b", Counts(len(verdicts), 0, taken, len(verdicts) - taken), shards)


def test_predicted_and_rejected_images_are_told_apart() -> None:
    verdicts: list[Verdict] = [accepted("a"), rejected("x"), accepted("b")]
    outcomes = reconcile(batch_of(verdicts, b_0=2), verdicts, {"b-0": Predicted.of([prediction("a"), prediction("b")])})

    assert [each.images for each in outcomes.predicted] == [[("a", "e"), ("b", "e")]]
    assert [verdict.key for verdict in outcomes.rejected] == ["x"]
    assert (outcomes.failed, outcomes.problems) == ((), ())


def test_the_images_of_a_failed_shard_fail_with_its_error() -> None:
    verdicts: list[Verdict] = [accepted("a", "b-0"), accepted("b", "b-1")]
    shards = {"b-0": Predicted.of([prediction("a")]), "b-1": ShardFailure("b-1", "InvalidPrediction", "NaN")}

    outcomes = reconcile(batch_of(verdicts, b_0=1, b_1=1), verdicts, shards)

    assert outcomes.failed == (Failed(row("b"), "p0000", "InvalidPrediction", "NaN"),)
    assert outcomes.problems == ()


def test_an_accepted_image_without_a_prediction_is_a_problem() -> None:
    verdicts: list[Verdict] = [accepted("a"), accepted("b")]
    outcomes = reconcile(batch_of(verdicts, b_0=2), verdicts, {"b-0": Predicted.of([prediction("a")])})

    assert outcomes.problems == ("'b' was accepted and shard b-0 does not predict it",)


def test_a_prediction_of_an_image_that_was_not_accepted_is_a_problem() -> None:
    verdicts: list[Verdict] = [accepted("a"), rejected("x")]
    outcomes = reconcile(batch_of(verdicts, b_0=1), verdicts, {"b-0": Predicted.of([prediction("a"), prediction("x")])})

    assert outcomes.problems == ("'x' is predicted by shard b-0 more often than it was accepted",)


def test_a_prediction_of_other_bytes_is_no_prediction_of_the_image() -> None:
    verdicts: list[Verdict] = [accepted("a")]
    outcomes = reconcile(batch_of(verdicts, b_0=1), verdicts, {"b-0": Predicted.of([prediction("a", etag="other")])})

    assert len(outcomes.problems) == 2


def test_an_image_predicted_twice_is_a_problem() -> None:
    verdicts: list[Verdict] = [accepted("a")]
    outcomes = reconcile(batch_of(verdicts, b_0=1), verdicts, {"b-0": Predicted.of([prediction("a"), prediction("a")])})

    assert outcomes.problems == ("'a' is predicted by shard b-0 more often than it was accepted",)


def test_an_image_judged_twice_is_a_problem() -> None:
    verdicts: list[Verdict] = [rejected("x"), rejected("x")]
    outcomes = reconcile(batch_of(verdicts), verdicts, {})

    assert outcomes.problems == ("'x' has 2 verdicts",)


def test_fewer_verdicts_than_the_batch_counted_are_a_problem() -> None:
    verdicts: list[Verdict] = [accepted("a"), rejected("x")]
    outcomes = reconcile(batch_of(verdicts, b_0=1), verdicts[:1], {"b-0": Predicted.of([prediction("a")])})

    assert outcomes.problems == (
        "batch b counted 1 accepted, 1 rejected and 0 skipped, and its verdicts are 1, 0 and 0",
    )


def test_a_shard_with_other_rows_than_the_verdicts_name_is_a_problem() -> None:
    verdicts: list[Verdict] = [accepted("a", "b-0"), accepted("b", "b-0")]
    shards = {"b-0": Predicted.of([prediction("a"), prediction("b")]), "b-1": Predicted.of([])}

    outcomes = reconcile(batch_of(verdicts, b_0=1, b_1=1), verdicts, shards)

    assert "shard b-0 packs 1 images, and 2 verdicts name it" in outcomes.problems


@given(fates=st.lists(st.sampled_from(["predicted", "rejected", "failed"]), max_size=30))
def test_every_image_has_exactly_one_outcome(fates: list[str]) -> None:
    shard = {"predicted": "b-0", "failed": "b-1"}
    verdicts: list[Verdict] = [
        rejected(str(number)) if fate == "rejected" else accepted(str(number), shard[fate])
        for number, fate in enumerate(fates)
    ]
    predictions = [prediction(str(number)) for number, fate in enumerate(fates) if fate == "predicted"]
    batch = batch_of(verdicts, b_0=fates.count("predicted"), b_1=fates.count("failed"))

    outcomes = reconcile(
        batch, verdicts, {"b-0": Predicted.of(predictions), "b-1": ShardFailure("b-1", "JobFailed", "no")}
    )

    assert outcomes.problems == ()
    assert (sum(map(len, outcomes.predicted)), len(outcomes.rejected), len(outcomes.failed)) == tuple(
        map(fates.count, ("predicted", "rejected", "failed"))
    )
