"""A model server that does what the body of a request says, one word and its argument; the rest it sends back.

Variables: MEETING, how many requests `meet` waits for; FAILING_PINGS, how many pings fail; PARAMETERS, what
/execution-parameters answers; FIFO, what `wait` writes into before it waits for ever; DEAF, not to end on SIGTERM.
"""

import http.server
import json
import os
import signal
import threading
import time
from pathlib import Path

ROOT = Path(os.environ["IMAGEBATCH_ROOT"])
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


class Counters:
    """What is counted over all requests."""

    lock = threading.Lock()
    meeting = threading.Barrier(int(os.environ.get("MEETING", "1")))
    failing_pings = int(os.environ.get("FAILING_PINGS", "0"))
    under_way = 0
    peak = 0
    flaky = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/ping":
            Counters.failing_pings -= 1
            self.answer(503 if Counters.failing_pings >= 0 else 200)
        elif "PARAMETERS" in os.environ:
            self.answer(200, os.environ["PARAMETERS"])
        else:
            self.answer(404)

    def do_POST(self) -> None:
        with Counters.lock:
            Counters.under_way += 1
            Counters.peak = max(Counters.peak, Counters.under_way)
        try:
            self.obey(self.body().decode())
        finally:
            with Counters.lock:
                Counters.under_way -= 1

    def obey(self, body: str) -> None:
        command, _, argument = body.partition(" ")
        match command:
            case "look":
                model = ROOT / "opt/ml/model"
                files = {str(path.relative_to(model)): path.read_text() for path in model.rglob("*") if path.is_file()}
                told = {"files": files, "headers": dict(self.headers), "environment": dict(os.environ)}
                self.answer(200, json.dumps(told))
            case "status":
                self.answer(int(argument), f"told to say {argument}\nand more")
            case "flaky":
                Counters.flaky += 1
                self.answer(200 if Counters.flaky > int(argument) else 500, str(Counters.flaky))
            case "meet":
                Counters.meeting.wait(30)
                self.answer(200, str(Counters.peak))
            case "wait":
                with Path(os.environ["FIFO"]).open("w") as fifo:
                    fifo.write("x")
                    fifo.flush()
                    time.sleep(600)
            case "crash":
                print("the model ran out of memory", flush=True)
                os._exit(9)
            case "drop":
                self.close_connection = True
            case "typed":
                self.answer(200, argument, self.headers["Content-Type"])
            case _:
                self.answer(200, body)

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self, status: int, text: str = "", content_type: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if ATTRIBUTES in self.headers:
            self.send_header(ATTRIBUTES, self.headers[ATTRIBUTES])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    if "DEAF" in os.environ:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("serving", flush=True)
    address = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()
