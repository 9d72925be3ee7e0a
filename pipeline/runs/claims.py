"""Claims: of many deliveries of one trigger, one execution has the run.

A claim is one conditional write, of an object that is called after a hash of the trigger's identity: deliveries of one
trigger meet in it, however far apart they are. The first execution there has the run, and a later one ends without
doing anything, and says which run it is. The same execution finds its own claim and goes on with it: Lambda may have
been retried after the write.

    claims/<hash>.json      {"run_id", "execution_arn", "identity"}
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import names, objects
from pipeline.errors import InvalidRunInput
from pipeline.runs.keys import claim_key, run_key
from pipeline.runs.run import Run
from pipeline.runs.sources import Source
from pipeline.runs.triggers import how_to_run_again

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_RUN_HASH_LENGTHS = (names.RUN_HASH_LENGTH, 10, 20, 40)
_CLAIM_HASH_LENGTH = 40


def claim(s3: "S3Client", run: Run, subject: str, sources: Callable[[str], tuple[Source, ...]]) -> tuple[Run, str]:
    """The run by its id, and the ARN of the execution that has it; run.json is written where that is the run's own.

    `subject` is what the run id calls the run, and `sources` what it is over, which may depend on the id. Raises
    InvalidRunInput where every run id is taken.
    """
    identity = run.trigger.identity
    key = claim_key(names.fingerprint(identity, length=_CLAIM_HASH_LENGTH))
    for length in _RUN_HASH_LENGTHS:
        run_id = names.run_id(run.trigger.time, subject, identity, length)
        document = {"run_id": run_id, "execution_arn": run.execution_arn, "identity": identity}
        if length != _RUN_HASH_LENGTHS[0]:
            objects.put_json(s3, run.bucket, key, document)
        elif not objects.put_json_if_absent(s3, run.bucket, key, document):
            holder = objects.get_json(s3, run.bucket, key)
            if holder["execution_arn"] != run.execution_arn:
                run_id, other = holder["run_id"], str(holder["execution_arn"])
                return replace(run, run_id=run_id, execution_arn=other, sources=sources(run_id)), other
        run = replace(run, run_id=run_id, sources=sources(run_id))
        if objects.put_json_if_absent(s3, run.bucket, run_key(run_id), run.to_json()):
            return run, run.execution_arn
        # Written before this function was retried; or another trigger's, whose hash begins alike.
        if objects.get_json(s3, run.bucket, run_key(run_id))["trigger"]["identity"] == identity:
            return run, run.execution_arn
    raise InvalidRunInput(f"No run id is free for {subject!r} at {run.trigger.time.isoformat()}; start the run again.")


def already_started(run: Run, holder: str) -> str:
    """What the execution says that finds the run of its trigger taken by the execution `holder`."""
    return (
        f"The run {run.run_id} is this {run.trigger.kind}'s, and was started by the execution {holder}."
        f" Nothing was done here. {how_to_run_again(run.trigger)}"
    )
