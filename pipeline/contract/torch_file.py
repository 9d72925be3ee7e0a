"""What a model of torch's says of itself, read without torch: both kinds are zip archives.

    model.pt2   <name>/models/<name>.json     an ExportedProgram: its graph, the types of its tensors     ─► Signature
                <name>/data/...               weights and constants; sample inputs, for which nobody asks
    model.pt    <name>/code/...               TorchScript's functions; it declares no shapes              ─► nothing

torch.save writes archives too, with a pickle in them and no code: weights, or a module that only its author's Python
can load. Those are no models. Nor is an export with a pickle among its constants: unpickling runs whatever it says.

What a graph names besides operators is refused by contract/torch_code.py.

The JSON is torch/_export/serde/schema.py, major version 8 (torch 2.6 and later). What it does not say as expected stays
open: the runtime tries every torch model on one batch.
"""

import json
import re
import zipfile
from collections.abc import Mapping
from typing import IO, Any

from pipeline.contract.model_files import ModelFile
from pipeline.contract.signature import Dimension, Signature, TensorType
from pipeline.contract.torch_code import refuse_foreign_code
from pipeline.errors import InvalidModelPackage

_LARGEST_PROGRAM = 256 * 1024 * 1024
"""Bytes of a graph. The largest vision models have some megabytes."""

_ELEMENT_TYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    12: "bool",
    13: "bfloat16",
}
"""ScalarType, without complex numbers and the floats of 8 bits, which no image is fed in."""

_PICKLED_OBJECTS = "opaque_obj"
"""Begins the name of a constant that torch.export.load unpickles."""


def read_torch_model(file: IO[bytes], kind: ModelFile, source: str) -> Signature | None:
    """What is known of a model.pt2 or model.pt; None where it says nothing of itself.

    `file` has to be seekable. Raises InvalidModelPackage, naming `source`, where it is no such model, and says what it
    is instead.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            # Everything lies in one folder, which is named after the file that was once saved.
            names = {name.partition("/")[2]: name for name in archive.namelist()}
            _refuse_pickles(names, kind, source)
            return _exported(archive, names, source) if kind is ModelFile.EXPORTED else None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        raise InvalidModelPackage(
            f"{source} is no torch model: a whole one is a zip archive ({error}). {_HOW[kind]}"
        ) from error


_HOW = {
    ModelFile.EXPORTED: "Export it with torch.export.export and torch.export.save.",
    ModelFile.TORCHSCRIPT: "Save it with torch.jit.save; better, export it with torch.export.save, as model.pt2.",
}


def _refuse_pickles(names: Mapping[str, str], kind: ModelFile, source: str) -> None:
    is_script = any(name.startswith("code/") for name in names)
    is_exported = any(name.startswith("models/") and name.endswith(".json") for name in names)
    if kind is ModelFile.EXPORTED and not is_exported:
        if is_script:
            raise InvalidModelPackage(f"{source} is TorchScript: name it {ModelFile.TORCHSCRIPT}.")
        what = (
            "was written by torch.save" if "data.pkl" in names else "holds no exported program that torch still reads"
        )
        raise InvalidModelPackage(f"{source} {what}. {_HOW[kind]}")
    if kind is ModelFile.TORCHSCRIPT and not is_script:
        if is_exported:
            raise InvalidModelPackage(f"{source} is an exported program: name it {ModelFile.EXPORTED}.")
        raise InvalidModelPackage(
            f"{source} was written by torch.save: weights, or a pickled module, which is never loaded. {_HOW[kind]}"
        )
    if any(name.startswith(f"data/constants/{_PICKLED_OBJECTS}") for name in names):
        raise InvalidModelPackage(
            f"{source} has a pickled object among its constants, and nothing is unpickled here: export the model"
            " without objects of its own."
        )


def _exported(archive: zipfile.ZipFile, names: Mapping[str, str], source: str) -> Signature | None:
    programs = [name for name in names if name.startswith("models/") and name.endswith(".json")]
    if len(programs) > 1:
        raise InvalidModelPackage(f"{source} holds {len(programs)} programs; expected one. {_HOW[ModelFile.EXPORTED]}")
    described = archive.getinfo(names[programs[0]])
    if described.file_size > _LARGEST_PROGRAM:
        raise InvalidModelPackage(f"{source} has a graph of {described.file_size:,} bytes; no model is that large.")
    program = _parsed(archive.read(described), source)
    refuse_foreign_code(program, source)
    try:
        graph = program["graph_module"]
        return Signature(_inputs(graph), _outputs(graph), ModelFile.EXPORTED)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None


def _parsed(data: bytes, source: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidModelPackage(f"{source} has a graph that is no JSON: {error}. Export the model again.") from error


def _inputs(graph: Mapping[str, Any]) -> tuple[TensorType, ...]:
    fed = [each["user_input"]["arg"] for each in graph["signature"]["input_specs"] if "user_input" in each]
    names = [argument["as_tensor"]["name"] for argument in fed]
    # A single input is fed by position: what its function calls it is nobody's concern.
    return tuple(_tensor(graph, name, name if len(names) > 1 else "") for name in names)


def _outputs(graph: Mapping[str, Any]) -> tuple[TensorType, ...]:
    """The tensors of the answer, named as `output.name` may name them: a dictionary's keys, a tuple's positions."""
    answered = [each["user_output"]["arg"] for each in graph["signature"]["output_specs"] if "user_output" in each]
    tree = json.loads(graph["module_call_graph"][0]["signature"]["out_spec"])[1]
    if tree["type"] is None:
        names = [""]
    elif tree["type"] in ("builtins.dict", "collections.OrderedDict"):
        names = [str(key) for key in json.loads(tree["context"])]
    else:
        names = [str(position) for position in range(len(answered))] if len(answered) > 1 else [""]
    return tuple(
        _tensor(graph, argument["as_tensor"]["name"], name) for argument, name in zip(answered, names, strict=True)
    )


def _tensor(graph: Mapping[str, Any], node: str, name: str) -> TensorType:
    described = graph["graph"]["tensor_values"][node]
    dtype = _ELEMENT_TYPES.get(described["dtype"], f"torch's type {described['dtype']}")
    return TensorType(name, dtype, tuple(map(_dimension, described["sizes"])))


def _dimension(size: Mapping[str, Any]) -> Dimension:
    """A whole number, or the symbol of one that is free: {"as_expr": {"expr_str": "Symbol('s31', integer=True)"}}."""
    if "as_int" in size:
        return int(size["as_int"])
    symbol = re.match(r"Symbol\('(\w+)'", size["as_expr"]["expr_str"])
    return symbol[1] if symbol else None
