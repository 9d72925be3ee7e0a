"""JSONPath as Step Functions reads it: the dialect of Jayway JsonPath, compiled once and read many times.

    compile("$.items[0].id").read(document)     the value, or PathNotFound
    compile("$.items[*].id").read(document)     a list; `[]` where nothing matches, even below a missing property
    ReferencePath.compile("$.a.b").write(document, value)   a new document

A *definite* path (names and single indexes only) finds one value. Wildcards, slices, unions, filters and `..` make a
path *indefinite*: it finds a list. Reference paths are definite by definition, and the only ones that can be written.

Source: Amazon States Language, sections "Paths" and "Reference Paths"; the Jayway JsonPath README for the dialect.
"""

from pipeline.local.states.jsonpath.parser import compile
from pipeline.local.states.jsonpath.path import Path, PathNotFound
from pipeline.local.states.jsonpath.reference import ReferencePath

__all__ = ["Path", "PathNotFound", "ReferencePath", "compile"]
