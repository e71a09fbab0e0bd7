#!/usr/bin/env python3
"""Very many mixed requests at many connections, with SIGTERM in the middle: none may be answered wrongly, none may be lost
that was sent before the signal, and the memory must stay where it is.

  tests/serverless/mixed_load.py build/examples/serverless/handler model.mnet [--requests 100000] [--connections 64]
      [--workers 1]

Half of the requests go to one handler, which then gets SIGTERM under full load; the other half go to the next one. Ends
with 1 if a request was answered wrongly or lost, or if a process grew by more than 2 MB after the first tenth.
"""
import argparse
import json
import random
import signal
import socket
import sys
import threading
import time

from support import Handler, JSON, b64, connect, encode_request, jpeg, png, read_response

FORM = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n%s\r\n--b--\r\n'
EVENT = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}


def chunked(path, body, headers):
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in (body[:50], body[50:]))
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{head}\r\n".encode() + chunks + b"0\r\nTrailer: 1\r\n\r\n"


def post(body, content_type, path="/classify", **headers):
    return encode_request("POST", path, body, {"Content-Type": content_type, **headers})


def kinds():
    """Name, share, request. The answer of each is the one that a handler without load gives."""
    pictures = [png(32, 24), png(200, 150), jpeg()]
    text = json.dumps({"image": b64(jpeg()), "top": 2}).encode()
    return [
        *[(f"image {i}", 12, post(picture, "image/png")) for i, picture in enumerate(pictures)],
        ("json", 10, post(text, "application/json")),
        ("form", 8, post(FORM % pictures[0], "multipart/form-data; boundary=b")),
        ("event", 6, post(json.dumps({**EVENT, "data_base64": b64(pictures[0])}).encode(), "application/cloudevents+json")),
        ("chunked", 8, chunked("/classify?top=1", pictures[1], {"Content-Type": "image/png"})),
        ("health", 8, encode_request("GET", "/healthz")),
        ("page", 2, encode_request("GET", "/")),
        ("not an image", 6, post(b"hello", "image/png")),
        ("damaged", 6, post(jpeg()[:len(jpeg()) // 2], "image/jpeg")),
        ("no json", 4, post(b"{", "application/json")),
        ("not found", 4, encode_request("GET", "/nope")),
        ("too large", 2, encode_request("POST", "/classify", headers={"Content-Length": "999999999"})),
    ]


def essence(response):
    """What must be the same each time: all but times and ids."""
    try:
        answer = json.loads(response.body)
    except ValueError:
        return response.status, response.body
    for field in ("timings", "id"):
        answer.pop(field, None)
    if isinstance(answer.get("data"), dict):
        answer["data"].pop("timings", None)
    return response.status, json.dumps(answer, sort_keys=True)


def memory(pid):
    """Private resident bytes of a process and its children."""
    total = 0
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        processes = [pid, *map(int, file.read().split())]
    for each in processes:
        with open(f"/proc/{each}/status") as file:
            total += next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))
    return total


class Load:
    def __init__(self, handler, connections, requests, expected, seed):
        self.handler, self.requests, self.expected = handler, requests, expected
        self.sent = self.answered = self.unsent = 0
        self.lock = threading.Lock()
        self.signalled = None
        self.wrong, self.lost, self.times = [], [], []
        self.threads = [threading.Thread(target=self.client, args=(random.Random(seed + n),)) for n in range(connections)]

    def client(self, dice):
        names, shares, texts = zip(*kinds())
        connection = None
        while self.signalled is None or time.monotonic() < self.signalled + 0.5:  # goes on sending into the drain
            name, text = dice.choices(list(zip(names, texts)), shares)[0]
            sent_at = None
            try:
                if connection is None:
                    connection = connect(self.handler.port, 60)
                connection.sendall(text)
                sent_at = time.monotonic()
                with self.lock:
                    self.sent += 1
                response = read_response(connection)
                with self.lock:
                    self.answered += 1
                    self.times.append(time.monotonic() - sent_at)
                if essence(response) != self.expected[name]:
                    self.wrong.append(f"{name}: {response}")
                if response.headers.get("connection") == "close" or dice.random() < 0.02:
                    connection.close()
                    connection = None
            except (OSError, ValueError) as failure:
                connection = None
                if self.signalled is None or (sent_at is not None and sent_at < self.signalled):
                    self.lost.append(f"{name}: {type(failure).__name__}: {failure}")
                else:
                    with self.lock:
                        self.unsent += 1
                    return  # the listener is closed: refused, or closed while it waited to be accepted

    def run(self):
        """Until so many are answered; then SIGTERM. Memory: the most in the first tenth, and the most after it."""
        early = late = 0
        for thread in self.threads:
            thread.start()
        while self.answered < self.requests and not (self.wrong or self.lost):
            now = memory(self.handler.process.pid)
            if self.answered < self.requests // 10:
                early = max(early, now)
            else:
                late = max(late, now)
            time.sleep(0.02)
        self.signalled = time.monotonic()
        self.handler.process.send_signal(signal.SIGTERM)
        for thread in self.threads:
            thread.join()
        status = self.handler.process.wait(30)
        took = time.monotonic() - self.signalled
        errors = [line for line in self.handler.stderr().splitlines() if "Sanitizer" in line]
        self.handler.stop()
        return early, late, status, took, errors


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("handler")
    parser.add_argument("model")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    failed = False
    for half in range(2):
        handler = Handler("--http", "--address=127.0.0.1", "--port=0", "--quiet", f"--workers={options.workers}",
                          "--model=" + options.model, program=options.handler)
        expected = {}
        for name, _, text in kinds():
            with connect(handler.port) as connection:
                connection.sendall(text)
                expected[name] = essence(read_response(connection))
        load = Load(handler, options.connections, options.requests // 2, expected, options.seed + half * 1000)
        started = time.monotonic()
        early, late, status, took, reports = load.run()
        grown = late - early
        failed = failed or bool(load.wrong or load.lost or reports) or status != 0 or grown > 2_000_000 * max(options.workers, 1)
        times = sorted(load.times)
        print(f"{load.answered} requests answered in {time.monotonic() - started:.0f} s, {len(load.wrong)} wrongly; "
              f"{len(load.lost)} lost that were sent before SIGTERM, {load.unsent} refused after it; "
              f"p50 {1000 * times[len(times) // 2]:.1f} ms, p99 {1000 * times[len(times) * 99 // 100]:.1f} ms; "
              f"private memory {early / 1e6:.2f} MB at most in the first tenth, {late / 1e6:.2f} MB after it; "
              f"exit status {status}, {took:.1f} s after SIGTERM", flush=True)
        for line in (load.wrong + load.lost + reports)[:10]:
            print("  " + line)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
