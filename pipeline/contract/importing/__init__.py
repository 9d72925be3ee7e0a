"""A contract made of what a model's authors wrote down for another library.

    preprocessor_config.json  (Hugging Face)  ──► huggingface.py ─┐
    config.json               (timm)          ──► timm_config.py ─┴─► Recipe ──► complete() ──► ModelContract
                                                     model.onnx, where there is one ──┘

Neither library says everything that a contract says, and a contract cannot say everything that they do. So an import is
a contract and its notes: a sentence for every field that has no counterpart, was assumed, or was not read. Pixels that
cannot be had by any contract are refused (`CannotImport`); nothing is left out in silence.
"""

from pipeline.contract.importing.foreign import CannotImport, Effect, Note
from pipeline.contract.importing.huggingface import from_hf
from pipeline.contract.importing.recipe import Imported, Recipe, complete
from pipeline.contract.importing.timm_config import from_timm

__all__ = ["CannotImport", "Effect", "Imported", "Note", "Recipe", "complete", "from_hf", "from_timm"]
