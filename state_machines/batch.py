"""The batch state machine: every image of a run's sources, from listing to message.

    StartRun
    ChooseStart            already started: AlreadyStarted
    ForEachSource          > ChooseSource
                               a prefix: ValidateImages, distributed > ValidateBatch; one that dies: WalkBatch
                               a listing: ValidateListedImages, the same over images that somebody chose
    PlanInference
    ChooseEngine               no image accepted: NothingToInfer
                               processing: RunProcessingJobs > RunProcessingJob (state_machines/processing_jobs.py)
                               transform: RunTransformJobs > RunTransformJob (state_machines/transform_jobs.py)
    AggregatePredictions
    WriteReport                without it, where that fails
    Notify, PublishEvent, Done

An input that is wrong, which no redrive makes right, ends in InputRefused. Whatever else fails, fails where it is: a
redrive enters the state that was not left, so what leads anywhere else could only fail again. People are told by
ReportFailureFunction, which a rule calls when an execution has failed, timed out or been stopped (infra/template.yaml).

The functions below follow that order. docs/architecture.md has the shapes that travel between states; a ResultSelector
here names what a step answers, so a field that it does not name does not travel.

`${...}` are the template's DefinitionSubstitutions. They stand inside strings only: the rendering stays valid JSON.
"""

from typing import Any

from state_machines.processing_jobs import run_processing_jobs
from state_machines.sdk import Catch, Chain, Choice, ChoiceRule, Fail, Graph, Map, Pass, State, Succeed, Task
from state_machines.tasks import ALL, DIED, EVENTS_FAULTS, backoff, invoke, publish
from state_machines.transform_jobs import run_transform_jobs

# Where the items of a source come from: S3's own listing of a prefix, or the lines of pipeline/runs/listings.py.
PREFIX = {
    "Resource": "arn:aws:states:::s3:listObjectsV2",
    "Parameters": {"Bucket.$": "$.source.bucket", "Prefix.$": "$.source.prefix"},
}
LISTING = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSONL"},
    "Parameters": {"Bucket.$": "$.source.listing.bucket", "Key.$": "$.source.listing.key"},
}

EXECUTION = {"arn.$": "$$.Execution.Id", "name.$": "$$.Execution.Name", "started_at.$": "$$.Execution.StartTime"}


def definition() -> dict[str, Any]:
    """The machine as the dictionary that its JSON holds."""
    main = Chain(
        [
            start_run(),
            choose_start(),
            for_each_source(),
            plan_inference(),
            choose_engine := Choice("ChooseEngine"),
            run_processing_jobs(),
            aggregate := aggregate_predictions(),
            report := write_report(),
            announce := notify(),
            publish_event(),
            Succeed("Done", output_path="$.results"),
        ]
    )
    transform = run_transform_jobs()
    transform.next(aggregate)
    choose_engine.add_choice(ChoiceRule.StringEquals("$.plan.engine", "none"), nothing_to_infer(aggregate))
    choose_engine.add_choice(ChoiceRule.StringEquals("$.plan.engine", "transform"), transform)
    report.add_catch(Catch(error_equals=ALL, result_path=None, next_step=announce))
    machine = Graph(main, comment="imagebatch: predictions for every image of a run's sources.")
    rendered: dict[str, Any] = machine.to_dict()
    return rendered


def start_run() -> Task:
    """Check the input and claim the run. The state becomes `{"run": ...}`: the input is kept in run.json."""
    start = invoke(
        "StartRun",
        "StartRunFunction",
        {"execution": EXECUTION, "input.$": "$$.Execution.Input"},
        comment="Turn whatever triggered this execution into a run, checked and claimed.",
        timeout_seconds=70,
        result_selector={
            "run": {
                "run_id.$": "$.Payload.run_id",
                "bucket.$": "$.Payload.bucket",
                "key.$": "$.Payload.key",
                "sources.$": "$.Payload.sources",
                "engine.$": "$.Payload.engine",
                "model.$": "$.Payload.model",
                "contract_digest.$": "$.Payload.contract_digest",
                "top_k.$": "$.Payload.top_k",
                "execution_arn.$": "$.Payload.execution_arn",
                "claimed.$": "$.Payload.claimed",
                "note.$": "$.Payload.note",
            }
        },
        result_path="$",
    )
    start.add_catch(Catch(error_equals=["InvalidRunInput"], result_path="$", next_step=refuse_input()))
    return start


def refuse_input() -> Chain:
    """What a Lambda raised comes as JSON with a stack trace; whoever opens the execution reads a sentence."""
    read = Pass("ReadInputError", parameters={"Error.$": "$.Error", "cause.$": "States.StringToJson($.Cause)"})
    return Chain([read, Fail("InputRefused", error_path="$.Error", cause_path="$.cause.errorMessage")])


def choose_start() -> Choice:
    """A trigger that is delivered twice starts two executions: the second has nothing to do, and that is no failure."""
    choice = Choice("ChooseStart")
    choice.add_choice(
        ChoiceRule.BooleanEquals("$.run.claimed", False),
        Succeed("AlreadyStarted", comment="Another execution has this run.", output_path="$.run"),
    )
    return choice


def for_each_source() -> Map:
    """One distributed map per source: a distributed map reads one prefix, or one listing."""
    choose = Choice("ChooseSource")
    choose.add_choice(ChoiceRule.StringEquals("$.source.kind", "listing"), validate_images("Listed", LISTING))
    choose.default_choice(validate_images("", PREFIX))
    return Map(
        "ForEachSource",
        items_path="$.run.sources",
        item_selector={"run.$": "$.run", "source.$": "$$.Map.Item.Value"},
        # 4 sources of 200 functions each stay under a new account's usual 1,000 concurrent functions.
        max_concurrency=4,
        processor=choose,
        result_path="$.validated",
    )


def validate_images(listed: str, item_reader: dict[str, Any]) -> Map:
    """Read the items of a source, and validate its images in batches.

    Where the items come from is part of a distributed map and no value in it, so there is a map for each kind of
    source, alike in all else; `listed` tells the names of its states apart, which are unique in the whole machine.

    The children are STANDARD executions. EXPRESS ones are cheaper, but end after five minutes, and a batch with several
    images that hang the decoder takes longer than that to walk.
    """
    return Map(
        f"Validate{listed}Images",
        comment="Verdicts and shards for every image of the source.",
        label=f"Validate{listed}Images",
        execution_type="STANDARD",
        max_concurrency=200,
        item_reader=item_reader,
        item_batcher={
            "MaxItemsPerBatch": 160,
            # Half of the 256 KB that a state may hold: the rest is for a caught error and the walk's results.
            "MaxInputBytesPerBatch": 131072,
            "BatchInput": {
                "run": {
                    "bucket.$": "$.run.bucket",
                    "key.$": "$.run.key",
                    "execution_arn.$": "$.run.execution_arn",
                },
                "bucket.$": "$.source.bucket",
            },
        },
        processor=validate_batch(listed),
        result_writer={
            "Resource": "arn:aws:states:::s3:putObject",
            # FLATTEN: a batch answers one result and a walk a list of them; either way a line holds one result.
            "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"},
            "Parameters": {
                "Bucket.$": "$.run.bucket",
                "Prefix.$": "States.Format('runs/{}/map/{}', $.run.run_id, $.source.index)",
            },
        },
    )


def validate_batch(listed: str) -> Task:
    """Validate a batch in one go; where the function dies twice over it, find the image that kills it."""
    batch = invoke(
        f"Validate{listed}Batch",
        "ValidateImagesFunction",
        {"run.$": "$.BatchInput.run", "bucket.$": "$.BatchInput.bucket", "items.$": "$.Items"},
        timeout_seconds=310,
        output_path="$.Payload",
    )
    batch.add_catch(Catch(error_equals=DIED, result_path="$.error", next_step=walk_batch(listed)))
    return batch


def walk_batch(listed: str) -> Map:
    """Validate the batch image by image, and reject the one that kills the function: it never costs the others."""
    image = invoke(f"Validate{listed}Image", "ValidateImagesFunction", "$", timeout_seconds=60, output_path="$.Payload")
    condemn = invoke(
        f"Condemn{listed}Image",
        "ValidateImagesFunction",
        "$",
        comment="Reject the image unopened: $.condemn is what it did to the function.",
        timeout_seconds=60,
        output_path="$.Payload",
    )
    image.add_catch(Catch(error_equals=DIED, result_path="$.condemn", next_step=condemn))
    return Map(
        f"Walk{listed}Batch",
        items_path="$.Items",
        item_selector={
            "run.$": "$.BatchInput.run",
            "bucket.$": "$.BatchInput.bucket",
            "items.$": "States.Array($$.Map.Item.Value)",
        },
        # One at a time: a walk is rare, and takes no functions from the batches that go on beside it.
        max_concurrency=1,
        processor=image,
    )


def plan_inference() -> Task:
    return invoke(
        "PlanInference",
        "PlanInferenceFunction",
        {"run.$": "$.run", "validated.$": "$.validated"},
        comment="Check that every listed image has a verdict, and cut the shards into partitions, one per job.",
        timeout_seconds=310,
        result_selector={
            "key.$": "$.Payload.key",
            "engine.$": "$.Payload.engine",
            "counts.$": "$.Payload.counts",
            "transform.$": "$.Payload.transform",
            "partitions.$": "$.Payload.partitions",
            "max_concurrency.$": "$.Payload.max_concurrency",
            "network.$": "$.Payload.network",
        },
        result_path="$.plan",
    )


def nothing_to_infer(following: State) -> Pass:
    """No image was accepted: an empty run ends as every other does, with a summary and a message."""
    nothing = Pass("NothingToInfer", result=[], result_path="$.partitions")
    nothing.next(following)
    return nothing


def aggregate_predictions() -> Task:
    return invoke(
        "AggregatePredictions",
        "AggregatePredictionsFunction",
        {"run.$": "$.run", "plan.$": "$.plan", "partitions.$": "$.partitions"},
        comment="Account for every listed image, and write the results that people use.",
        timeout_seconds=910,
        result_selector={
            "summary.$": "$.Payload.summary",
            "results.$": "$.Payload.results",
            "message.$": "$.Payload.message",
        },
        result_path="$.results",
    )


def write_report() -> Task:
    """The page about the results; a run that has them all does not fail over it."""
    return invoke(
        "WriteReport",
        "WriteReportFunction",
        {"run.$": "$.run", "message.$": "$.results.message"},
        comment="Make report.html, and say in the message where it is.",
        timeout_seconds=310,
        result_selector={"subject.$": "$.Payload.message.subject", "body.$": "$.Payload.message.body"},
        result_path="$.results.message",
    )


def notify() -> Task:
    return publish("Notify", "$.results.message", comment="Tell people.")


def publish_event() -> Task:
    return Task(
        "PublishEvent",
        comment="Tell programs.",
        resource="arn:aws:states:::events:putEvents",
        timeout_seconds=30,
        parameters={
            "Entries": [
                {
                    "Source": "imagebatch",
                    "DetailType": "Run Finished",
                    "Detail": {
                        "run_id.$": "$.run.run_id",
                        "model.$": "$.run.model",
                        "results.$": "$.results.results",
                        "summary.$": "$.results.summary",
                    },
                }
            ]
        },
        result_path=None,
        retry=[backoff(EVENTS_FAULTS)],
    )
