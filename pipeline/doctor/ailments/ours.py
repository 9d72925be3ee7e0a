"""The errors of pipeline/errors.py that a run may end with, and what failed.csv says beside them."""

from pipeline.doctor.signs import Depth, ailment

_CHECK = "`imagebatch contract check MODEL_DIR` shows every such problem at once."

AILMENTS = (
    ailment(
        "unknown_model",
        "The model package that the run names is not there",
        "UnknownModel",
        why="There is no models/<model>/contract.json in the results bucket.",
        remedy="Upload the package, or name another `model` in the run's input.",
    ),
    ailment(
        "invalid_run_input",
        "The run's input is not understood",
        "InvalidRunInput",
        why="A field is unknown or misspelt, or a value is not what it should be; the message names it.",
        remedy="Correct the input and start again: nothing was listed and nothing was written.",
    ),
    ailment(
        "invalid_replay",
        "The run cannot be replayed",
        "InvalidReplay",
        why="The run is not there, left no results, or is asked for a reason that does not exist.",
        remedy="Do what the message says. `imagebatch replay --help` shows how runs and reasons are named.",
    ),
    ailment(
        "over_budget",
        "The run would cost more than it may",
        "OverBudget",
        why="Its estimate is above `max_cost_usd` of its input, or above the stack's MaxCostUsd. No job was started.",
        remedy="Raise the limit: `imagebatch resume RUN --max-cost USD` goes on from what is validated. "
        "`imagebatch plan` shows what makes the sum; docs/costs.md, what it leaves out.",
    ),
    ailment(
        "unknown_price",
        "What the run would cost is not known, and it has a limit",
        "UnknownPrice",
        why="No price ships for this region or instance type, so that nothing can be held against the limit.",
        remedy="Put the price into prices.json of the results bucket (docs/costs.md), or take the limit away.",
    ),
    ailment(
        "invalid_prices",
        "A file of prices does not read",
        "InvalidPrices",
        why="A field is unknown, or a value is not what it should be; the message names the file and the field.",
        remedy="Correct it: docs/costs.md shows the form.",
    ),
    ailment(
        "unknown_deployment",
        "The stack is not there, or its local cloud is not running",
        "UnknownDeployment",
        why="The stack has another name or is in another account or region, or `imagebatch up` is not running.",
        remedy="Check --stack, --profile and --region; or start `imagebatch up`, and name its folder by --local.",
    ),
    ailment(
        "unknown_run",
        "The run is not there",
        "UnknownRun",
        why="Its name is misspelt, or it is of another stack.",
        remedy="`imagebatch runs` lists those that are there.",
    ),
    ailment(
        "unusable_photos",
        "The contract cannot be checked with these photos",
        "UnusablePhotos",
        why="The folder is missing or holds no photo, or the file of labels does not read; the message names the line.",
        remedy="Do what the message says: `imagebatch contract check --help` shows what is expected.",
    ),
    ailment(
        "invalid_contract",
        "contract.json breaks a rule",
        "InvalidContract",
        why="A field is missing, unknown, or not what it should be; the message starts with its path.",
        remedy=f"Correct that field: docs/contract.md lists them. {_CHECK}",
    ),
    ailment(
        "invalid_model_package",
        "A file of the model package is missing or does not read",
        "InvalidModelPackage",
        why="A package is a folder with contract.json, model.onnx, and labels where the contract names them.",
        remedy=f"Put the file there that the message names. {_CHECK}",
    ),
    ailment(
        "contract_mismatch",
        "Model, contract and shards do not fit together",
        "ContractMismatch",
        why="The model is not what the contract says, or the package was replaced while the run was under way.",
        remedy=f"{_CHECK} If the package was replaced, start a new run: shards of another contract are refused.",
    ),
    ailment(
        "corrupt_artifact",
        "A file that a run wrote does not read back",
        "CorruptShard",
        "CorruptVerdicts",
        "CorruptPredictions",
        "CorruptLedger",
        "CorruptArtifact",
        why="It was changed, cut off, or written by another version.",
        remedy="`imagebatch resume RUN` makes it anew. Keep the object that the message names, if it happens again: it"
        " should not.",
    ),
    ailment(
        "does_not_add_up",
        "The run lost an image, or counted one twice",
        "RunDoesNotAddUp",
        why="listed = predicted + rejected + failed + skipped does not hold. This is checked, and should never fail.",
        remedy="Do not use the results. Keep the run's objects for whoever looks into it, and start a new run.",
    ),
    ailment(
        "setting",
        "A function lacks a setting, or has one that makes no sense",
        "MissingSetting",
        "InvalidSetting",
        why="Settings are environment variables, which infra/template.yaml fills in; the message names the variable.",
        remedy="Deploy the template again, with the parameter corrected.",
    ),
    ailment(
        "invalid_prediction",
        "The model answered something that is no prediction",
        "InvalidPrediction",
        why="It did not run on the batch, or its output has not one row of finite numbers for each image.",
        remedy=f"The message says which. {_CHECK}",
        depth=Depth.SYMPTOM,
    ),
    ailment(
        "no_predictions",
        "A job ended well and left nothing for some images",
        "NoPredictions",
        why="Its output has no line for images that were in its shards.",
        remedy="Look into the job's log. A container of your own has to answer for every image that it gets.",
        depth=Depth.SYMPTOM,
    ),
    ailment(
        "too_many_failed",
        "More images failed than the run allows",
        "TooManyFailed",
        why="The share of images without a prediction passed `max_failed_fraction`. What was predicted is kept.",
        remedy="failed.csv says why, image by image. Remove that cause, or allow more by `max_failed_fraction`.",
        depth=Depth.SYMPTOM,
    ),
    ailment(
        "too_many_children",
        "Too many batches of the distributed map failed",
        "States.ExceedToleratedFailureThreshold",
        why="Step Functions says only that; what happened is in the executions of the map's children.",
        remedy="Open the map run of the execution in the console, and give the Error and Cause of a failed child to"
        " this command.",
        depth=Depth.SYMPTOM,
    ),
)
