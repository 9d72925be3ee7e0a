"""Map states: the item processor, and the readers, batchers and writers of the distributed mode.

Source: Developer Guide, "Map workflow state", "Using Map state in Distributed mode", "ItemReader", "ItemBatcher",
"ResultWriter".
"""

from typing import Any

from pipeline.local.states.definition.fields import Fields
from pipeline.local.states.definition.model import (
    Branch,
    ItemBatcher,
    ItemReader,
    ReaderConfig,
    ResultWriter,
    WriterConfig,
)
from pipeline.local.states.references import WHOLE_INPUT

MAX_LABEL_CHARACTERS = 40
MAX_BATCH_BYTES = 262_144
MAX_ITEMS = 100_000_000
_LABEL_FORBIDS = frozenset('?*<>{}[]:;,\\|^~$#%&`"')
_DISTRIBUTED_ONLY = (
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
)


def map_members(state: Fields, processor: Fields | None, branch: Branch) -> dict[str, Any]:
    """What a Map state has beyond other states, given its item processor (or legacy Iterator) and that one's states."""
    config = processor.child("ProcessorConfig") if processor else None
    mode, execution_type = _processor_config(config)
    if mode == "INLINE":
        for name in _DISTRIBUTED_ONLY:
            if state.has(name):
                state.problem(name, f"{name} needs a processor of Mode DISTRIBUTED")
    state.at_most_one("ItemSelector", "Parameters")
    for name in ("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"):
        state.at_most_one(name, name + "Path")
    item_selector = state.template("ItemSelector")
    legacy_selector = state.template("Parameters")
    return {
        "items_path": state.expression("ItemsPath") or WHOLE_INPUT,
        "item_selector": item_selector or legacy_selector,
        "processor": branch,
        "mode": mode,
        "execution_type": execution_type,
        "max_concurrency": state.integer("MaxConcurrency", 0) or 0,
        "max_concurrency_path": state.number_path("MaxConcurrencyPath"),
        "item_reader": _item_reader(state.child("ItemReader")),
        "item_batcher": _item_batcher(state.child("ItemBatcher")),
        "result_writer": _result_writer(state.child("ResultWriter")),
        "tolerated_failure_count": state.integer("ToleratedFailureCount", 0),
        "tolerated_failure_count_path": state.number_path("ToleratedFailureCountPath"),
        "tolerated_failure_percentage": state.number("ToleratedFailurePercentage", 0, 100),
        "tolerated_failure_percentage_path": state.number_path("ToleratedFailurePercentagePath"),
        "label": _label(state),
    }


def _processor_config(config: Fields | None) -> tuple[str, str | None]:
    if config is None:
        return "INLINE", None
    mode = config.option("Mode", ("INLINE", "DISTRIBUTED"), "INLINE")
    if mode == "DISTRIBUTED":
        config.required("ExecutionType")
    elif config.has("ExecutionType"):
        config.problem("ExecutionType", "ExecutionType needs Mode DISTRIBUTED")
    execution_type = config.option("ExecutionType", ("STANDARD", "EXPRESS"), None)
    config.close()
    return mode, execution_type


def _label(state: Fields) -> str | None:
    label = state.text("Label")
    if label is None:
        return None
    for character in label:
        if character.isspace() or character in _LABEL_FORBIDS or _is_control(character):
            state.problem("Label", f"Label contains invalid character: {character!r}")
            break
    if not 1 <= len(label) <= MAX_LABEL_CHARACTERS:
        state.problem("Label", f"Label must be 1 to {MAX_LABEL_CHARACTERS} characters long, got {len(label)}")
    return label


def _is_control(character: str) -> bool:
    return character <= "\x1f" or "\x7f" <= character <= "\x9f"


def _resource(fields: Fields, *, required: bool, actions: tuple[str, ...]) -> str | None:
    resource = fields.required_text("Resource") if required else fields.text("Resource")
    if resource and resource.rpartition(":::")[2] not in actions:
        expected = " or ".join(f"arn:aws:states:::{action}" for action in actions)
        fields.problem("Resource", f"'{resource}' is not supported here, expected {expected}")
    return resource


def _item_reader(fields: Fields | None) -> ItemReader | None:
    if fields is None:
        return None
    resource = _resource(fields, required=True, actions=("s3:getObject", "s3:listObjectsV2")) or ""
    fields.required("Parameters")
    config = fields.child("ReaderConfig")
    if resource.endswith(":getObject") and not (config and config.has("InputType")):
        fields.problem("ReaderConfig", "s3:getObject needs a ReaderConfig with an InputType")
    reader = ItemReader(resource, fields.template("Parameters"), _reader_config(config))
    fields.close()
    return reader


def _reader_config(fields: Fields | None) -> ReaderConfig:
    if fields is None:
        return ReaderConfig()
    fields.at_most_one("MaxItems", "MaxItemsPath")
    config = ReaderConfig(
        input_type=fields.option("InputType", ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"), None),
        manifest_type=fields.option("ManifestType", ("ATHENA_DATA", "S3_INVENTORY"), None),
        transformation=fields.option("Transformation", ("NONE", "LOAD_AND_FLATTEN"), "NONE"),
        csv_delimiter=fields.option("CSVDelimiter", ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"), "COMMA"),
        csv_header_location=fields.option("CSVHeaderLocation", ("FIRST_ROW", "GIVEN"), None),
        csv_headers=fields.texts("CSVHeaders"),
        items_pointer=fields.text("ItemsPointer"),
        max_items=fields.integer("MaxItems", 0, MAX_ITEMS),
        max_items_path=fields.number_path("MaxItemsPath"),
    )
    _check_csv(fields, config)
    if config.items_pointer is not None and not config.items_pointer.startswith("/"):
        fields.problem("ItemsPointer", "ItemsPointer must be a JSON Pointer, such as /orders/items")
    fields.close()
    return config


def _check_csv(fields: Fields, config: ReaderConfig) -> None:
    if config.input_type == "CSV" and config.csv_header_location is None:
        fields.problem("", "InputType CSV needs a CSVHeaderLocation")
    if (config.csv_header_location == "GIVEN") != (config.csv_headers is not None):
        fields.problem("", "CSVHeaders and CSVHeaderLocation GIVEN need each other")


def _item_batcher(fields: Fields | None) -> ItemBatcher | None:
    if fields is None:
        return None
    limits = ("MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath")
    if not any(map(fields.has, limits)):
        fields.problem("", f"an ItemBatcher needs one of {', '.join(limits)}")
    fields.at_most_one(*limits[:2])
    fields.at_most_one(*limits[2:])
    batcher = ItemBatcher(
        max_items_per_batch=fields.integer("MaxItemsPerBatch", 0) or None,
        max_items_per_batch_path=fields.number_path("MaxItemsPerBatchPath"),
        max_input_bytes_per_batch=fields.integer("MaxInputBytesPerBatch", 0, MAX_BATCH_BYTES) or None,
        max_input_bytes_per_batch_path=fields.number_path("MaxInputBytesPerBatchPath"),
        batch_input=fields.template("BatchInput"),
    )
    fields.close()
    return batcher


def _result_writer(fields: Fields | None) -> ResultWriter | None:
    if fields is None:
        return None
    if fields.has("Resource") != fields.has("Parameters"):
        fields.problem("", "Resource and Parameters of a ResultWriter need each other")
    if not fields.has("Resource") and not fields.has("WriterConfig"):
        fields.problem("", "a ResultWriter needs a WriterConfig, a Resource with Parameters, or both")
    writer = ResultWriter(
        resource=_resource(fields, required=False, actions=("s3:putObject",)),
        parameters=fields.template("Parameters"),
        config=_writer_config(fields.child("WriterConfig")),
    )
    fields.close()
    return writer


def _writer_config(fields: Fields | None) -> WriterConfig | None:
    if fields is None:
        return None
    config = WriterConfig(
        transformation=fields.option("Transformation", ("NONE", "COMPACT", "FLATTEN"), "NONE"),
        output_type=fields.option("OutputType", ("JSON", "JSONL"), "JSON"),
    )
    fields.close()
    return config
