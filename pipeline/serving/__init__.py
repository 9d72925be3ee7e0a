"""A model behind HTTP, as Batch Transform and endpoints ask for it.

    service.py       the whole of it, until it is told to stop
    connections.py   one connection: HTTP/1.1 in, HTTP/1.1 out; server.py listens, and ends in good order
    bodies.py        the body of a request, no larger than is allowed, into memory that is used again
    application.py   what each path answers; payloads.py, what a body of each content type holds
    model.py         the model, loaded once for each core, and every request's images spread over the cores
    replies.py       answers and refusals; answers.py, the lines for images that lie in no bucket

The server is the standard library's, with a thread for each connection. Measured with bodies of 24 MB, it spends 0.23 s
of processor time on a gigabyte; uvicorn takes 0.54 s with httptools and 1.03 s with h11. What is more, these threads
wait for the kernel's copy without the interpreter's lock, while an event loop holds it: a GPU takes 3 GB of shards in a
second, and one event loop cannot receive them.
"""
