"""What people are told of an image."""

from pipeline.endpoints import telling
from pipeline.errors import EndpointRefused


def test_nothing_in_an_endpoints_words_moves_the_cursor() -> None:
    words = "'a.jpg': http://host answers: \x1b[2Jgone\nimagebatch: all is well"
    told = telling.failed("a.jpg", EndpointRefused(words), words, as_json=False)
    assert told == "imagebatch: 'a.jpg': http://host answers: \\x1b[2Jgone\\nimagebatch: all is well"
