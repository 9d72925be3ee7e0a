"""Endpoints that predict one image: what is sent, what is answered, and what can go wrong between the two.

codec.py       what a codec is; codecs/, one a module
answers.py     what comes back, in every format that is read; triton_protocol.py, Triton's own
endpoint.py    what an endpoint is; sagemaker.py, one of SageMaker's, http.py, one at an address
prediction.py  `predict`: one image, sent to one endpoint
reducing.py    an image that is too large for a request, as the contract allows it to be made smaller
"""

from pipeline.endpoints.answers import Answer
from pipeline.endpoints.codec import Codec, Image, Request, Response
from pipeline.endpoints.codecs import CODECS
from pipeline.endpoints.endpoint import Endpoint
from pipeline.endpoints.http import HttpEndpoint
from pipeline.endpoints.prediction import Prediction, predict
from pipeline.endpoints.sagemaker import SageMakerEndpoint
from pipeline.inference.predictions import Box, Ranked

__all__ = [
    "CODECS",
    "Answer",
    "Box",
    "Codec",
    "Endpoint",
    "HttpEndpoint",
    "Image",
    "Prediction",
    "Ranked",
    "Request",
    "Response",
    "SageMakerEndpoint",
    "predict",
]
