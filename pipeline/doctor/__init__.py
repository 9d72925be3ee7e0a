"""The well-known failures, found in what services and libraries write, and told with cause and remedy.

    text, log file, run folder, error JSON ──► inputs.py ──► lines ──► diagnosis.py ──► findings, likeliest cause first
                                                                            ▲
                   signs.py: how a message is recognised ──► ailments/: every message that is known

A message is recognised by its wording, taken from the service or library that writes it. What is not known is said not
to be known, with the first line that looks like an error. Nothing here opens a connection or runs a model.
"""

from pipeline.doctor.ailments import AILMENTS
from pipeline.doctor.diagnosis import Diagnosis, Finding, diagnose
from pipeline.doctor.inputs import Line, lines_in_stream, lines_in_text, lines_of
from pipeline.doctor.signs import Ailment, Depth

__all__ = [
    "AILMENTS",
    "Ailment",
    "Depth",
    "Diagnosis",
    "Finding",
    "Line",
    "diagnose",
    "lines_in_stream",
    "lines_in_text",
    "lines_of",
]
