"""What the tests of the handler share: images made by hand, a running handler, an HTTP client that shows everything.

Python's standard library only. The environment says where things are:
  MOBILENET_HANDLER     the executable
  WHISK_CASES           the executable with OpenWhisk's test actions
  MOBILENET_TEST_MODEL  a packed model with at least three classes
  MOBILENET_PROGRAM     mobilenet, which converts the reference models; optional
  MOBILENET_TEST_DATA   photos, models and recorded answers; optional
"""
import base64
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
HANDLER = os.environ.get("MOBILENET_HANDLER", "")
WHISK_CASES = os.environ.get("WHISK_CASES", "")
MODEL = os.environ.get("MOBILENET_TEST_MODEL", "")
PROGRAM = os.environ.get("MOBILENET_PROGRAM", "")
DATA = os.environ.get("MOBILENET_TEST_DATA", "")
SLOW = float(os.environ.get("MOBILENET_TEST_PATIENCE", "1"))  # >1 for sanitizers and busy machines
SANITIZED = SLOW > 1
END_MARK = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"


# ---- images

def png(width=32, height=24, claimed=None, rows=None):
    """A gradient. claimed: (width, height) that the header says instead."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    rows = rows or b"".join(b"\0" + bytes((x * 7 + y * c) & 255 for x in range(width) for c in (3, 5, 9))
                            for y in range(height))
    w, h = claimed or (width, height)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def png_of_zeros(width, height):
    """Black, and very small for what it is."""
    return png(width, height, rows=bytes((3 * width + 1) * height))


def jpeg():
    """20x13 pixels, from the decoder's tests."""
    with open(os.path.join(HERE, "..", "support", "tiny_images.hpp")) as file:
        text = file.read()
    return bytes(int(n, 16) for n in re.findall("0x[0-9a-f]+", re.search(r"jpeg_baseline\[\] = {(.*?)};", text, re.S)[1]))


def b64(data):
    return base64.b64encode(data).decode()


# ---- processes

class Handler:
    """A running handler on a port of 127.0.0.1 that the system chose; stdout and stderr go to files."""

    def __init__(self, *arguments, env=None, program=None, listens=True):
        self.out = tempfile.TemporaryFile()
        self.err = tempfile.TemporaryFile()
        environment = {"MOBILENET_MODEL": MODEL, **(env or {})}
        self.process = subprocess.Popen([program or HANDLER, *arguments], stdout=self.out, stderr=self.err,
                                        env={**sanitizer_environment(), **environment})
        self.port = None
        if listens:
            deadline = time.monotonic() + 20 * SLOW
            while self.port is None and self.process.poll() is None and time.monotonic() < deadline:
                found = re.search(r"listening on \S+ port (\d+)", self.stdout())
                self.port = int(found[1]) if found else time.sleep(0.005)
            assert self.port, f"does not listen: {self.stdout()}{self.stderr()}"

    @staticmethod
    def read(file):
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), size, 0).decode(errors="replace")

    def stdout(self):
        return self.read(self.out)

    def stderr(self):
        return self.read(self.err)

    def request(self, *arguments, **named):
        return request(self.port, *arguments, **named)

    def stop(self, number=signal.SIGTERM):
        """Exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(20 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.out_text, self.err_text = self.stdout(), self.stderr()
            self.out.close()
            self.err.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        status = self.stop()
        if kind is None:
            assert status == 0, f"exit status {status}: {self.err_text}"


def sanitizer_environment():
    return {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}


def http_handler(*arguments, **named):
    return Handler("--http", "--address=127.0.0.1", "--port=0", *arguments, **named)


# ---- HTTP by hand, so that every byte of the answer can be looked at

class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]}"


def connect(port, timeout=20):
    connection = socket.create_connection(("127.0.0.1", port), timeout * SLOW)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_response(connection, head_request=False, already=b""):
    data = already
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError(f"the connection ended after {data!r}")
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    status = int(lines[0].split()[1])
    headers = {}
    for line in lines[1:]:
        name, value = line.split(": ", 1)
        assert name.lower() not in headers, f"{name} comes twice"
        headers[name.lower()] = value
    if status == 100:
        return read_response(connection, head_request, body)
    assert "transfer-encoding" not in headers, "chunked"
    length = 0 if head_request or status == 204 else int(headers["content-length"])
    while len(body) < length:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError(f"the body ended after {len(body)} of {length} bytes")
        body += more
    assert len(body) == length, f"{len(body) - length} bytes after the body"
    return Response(status, headers, body)


def encode_request(method, path, body=b"", headers=None):
    lines = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **(headers or {})}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines.items() if v is not None) + "\r\n"
    return head.encode() + body


def request(port, method, path, body=b"", headers=None, connection=None):
    if isinstance(body, str):
        body = body.encode()
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    own = connection or connect(port)
    try:
        try:
            own.sendall(encode_request(method, path, body, headers))
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before the end; the answer is there all the same
        return read_response(own, method == "HEAD")
    finally:
        if connection is None:
            own.close()


# ---- npm packages: beside the tests, or where NODE_PATH says

def run_node(script, *arguments):
    return subprocess.run(["node", os.path.join(HERE, script), *arguments], capture_output=True, text=True, timeout=120 * SLOW)


def skip_without_npm(package):
    try:
        found = subprocess.run(["node", "-e", f"require.resolve('{package}')"], cwd=HERE, capture_output=True).returncode == 0
    except FileNotFoundError:
        found = False
    if not found:
        print(f"skipped: Node.js or its package {package} is not installed (npm install in tests/serverless)")
        sys.exit(77)


JSON = {"Content-Type": "application/json"}


class TestCase(unittest.TestCase):
    longMessage = True

    def assertAnswer(self, answer, classes=3):
        """A classification, whatever protocol it came by."""
        results = answer["results"]
        self.assertEqual(len(results), classes, answer)
        probabilities = [r["probability"] for r in results]
        self.assertEqual(probabilities, sorted(probabilities, reverse=True))
        for r in results:
            self.assertEqual(sorted(r), ["classIndex", "className", "probability"])
            self.assertGreaterEqual(r["probability"], 0)
            self.assertLessEqual(r["probability"], 1)
        for stage in ("decodeImage", "imageToInput", "classify", "main"):
            self.assertGreaterEqual(answer["timings"][stage], 0)

    def assertRefused(self, response, status, *words):
        self.assertEqual(response.status, status, response)
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertNotIn(b"\n", response.body)
        error = response.json()
        self.assertEqual(list(error), ["error"])
        for word in words:
            self.assertIn(word, error["error"])


def main():
    if not HANDLER or not MODEL or not os.path.exists(MODEL):
        print("skipped: MOBILENET_HANDLER and MOBILENET_TEST_MODEL name no executable and no packed model")
        sys.exit(77)
    unittest.main(verbosity=1)
