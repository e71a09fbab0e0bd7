#!/usr/bin/env python3
"""Good and hostile requests, mixed, for minutes: every good one must be answered rightly, and the handler must neither
end nor displease a sanitizer.

  cmake --preset asan && cmake --build build-asan --target handler
  tests/serverless/hostile.py build-asan/examples/serverless/handler model.mnet [--minutes 10] [--seed N]

A failure prints the seed.
"""
import argparse
import json
import random
import socket
import struct
import sys
import threading
import time

from support import Handler, JSON, b64, connect, encode_request, jpeg, png, read_response, request

GOOD = [("image/png", png()), ("image/jpeg", jpeg()), ("application/json", json.dumps({"image": b64(jpeg()), "top": 2}).encode()),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + jpeg() + b"\r\n--b--\r\n"),
        ("application/cloudevents+json", json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": b64(png())}).encode())]


def spoilt(data, dice):
    """The same, with something wrong."""
    data = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        what = dice.randrange(5)
        at = dice.randrange(len(data)) if data else 0
        if what == 0 and data:
            data[at] = dice.randrange(256)
        elif what == 1:
            del data[at:at + dice.randint(1, 200)]
        elif what == 2:
            data[at:at] = bytes(dice.randrange(256) for _ in range(dice.randint(1, 20)))
        elif what == 3:
            data = data[:at]
        else:
            data[at:at] = dice.choice((b"\0", b"\r\n\r\n", b'"', b"{", b"[" * 500, b"--b", b"data:;base64,", b"=", b"\xff\xd8\xff", b"99999999999"))
    return bytes(data)


class Client:
    def __init__(self, port, dice, counts):
        self.port, self.dice, self.counts = port, dice, counts

    def good(self):
        """Sent whole at once. Where a full table made room at that moment, the client tries again, as clients do."""
        content_type, body = self.dice.choice(GOOD)
        for _ in range(5):
            try:
                response = request(self.port, "POST", "/classify", body, {"Content-Type": content_type})
            except OSError:
                self.counts["again"] = self.counts.get("again", 0) + 1
                continue
            break
        assert response.status == 200 and b'"results"' in response.body, response

    def refused_or_not(self, *arguments):
        try:
            response = request(self.port, *arguments)
        except OSError:  # closed to make room in a full table
            self.counts["closed"] = self.counts.get("closed", 0) + 1
            return
        assert 200 <= response.status < 600, response
        if response.status >= 400 and arguments[0] != "HEAD":
            assert list(response.json()) == ["error"] and b"\n" not in response.body, response

    def spoilt_body(self):
        content_type, body = self.dice.choice(GOOD)
        self.refused_or_not("POST", "/classify", spoilt(body, self.dice), {"Content-Type": content_type})

    def wrong_type(self):
        content_type, _ = self.dice.choice(GOOD)
        self.refused_or_not("POST", "/", self.dice.choice(GOOD)[1], {"Content-Type": content_type, "ce-id": self.dice.choice("abc")})

    def odd_request(self):
        method = self.dice.choice(("GET", "POST", "PUT", "BREW", "HEAD"))
        path = self.dice.choice(("/", "/classify?top=99999", "/metrics", "/nope", "/classify?top", "/%", "/?top=&&=", "//"))
        self.refused_or_not(method, path, spoilt(b"x" * 20, self.dice))

    def raw(self, data, read):
        connection = connect(self.port)
        try:
            connection.sendall(data)
            if read:
                connection.settimeout(5)
                while connection.recv(65536):
                    pass
        except OSError:
            pass
        finally:
            if self.dice.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def spoilt_http(self):
        content_type, body = self.dice.choice(GOOD)
        whole = encode_request("POST", "/classify", body, {"Content-Type": content_type, "Connection": "close"})
        head = spoilt(whole[:whole.index(b"\r\n\r\n") + 4], self.dice)
        self.raw(head + body, self.dice.random() < 0.3)

    def hang_up(self):
        content_type, body = self.dice.choice(GOOD)
        whole = encode_request("POST", "/classify", body, {"Content-Type": content_type})
        self.raw(whole[:self.dice.randrange(len(whole) + 1)], False)

    def large(self):
        self.refused_or_not("POST", "/classify", bytes(self.dice.choice((299_999, 300_001, 3_000_000))))

    def deep(self):
        self.refused_or_not("POST", "/classify", self.dice.choice((b"[", b'{"a":', b"1,")) * 50_000, JSON)

    def huge_picture(self):
        self.refused_or_not("POST", "/classify", png(claimed=(self.dice.randrange(70000), self.dice.randrange(70000))))

    def slow(self):
        connection = connect(self.port)
        try:
            connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
            assert read_response(connection).status in (408, 503)  # 503: its memory made room
        except OSError:
            pass  # closed to make room in a full table
        finally:
            connection.close()

    CHUNKED = b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    def flood(self):
        """More than any limit of one kind: a chunk's extensions, trailers, header lines, tiny chunks."""
        first, block = self.dice.choice((
            (self.CHUNKED + b"1;", b"a" * 10_000), (self.CHUNKED + b"0\r\na: ", b"b" * 10_000),
            (self.CHUNKED + b"0\r\n", b"a: b\r\n" * 1000), (self.CHUNKED, b"1\r\na\r\n" * 1000),
            (b"GET / HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n" * 1000), (b"", b"\r\n" * 1000)))
        connection = connect(self.port)
        try:
            connection.sendall(first)
            for _ in range(self.dice.randint(1, 200)):
                connection.sendall(block)
        except OSError:
            pass
        finally:
            connection.close()

    def slow_bodies(self):
        """Several large bodies that stop before their end."""
        held = [connect(self.port) for _ in range(20)]
        try:
            for each in held:
                each.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 299999\r\n\r\n" + bytes(self.dice.randrange(299_999)))
            self.good()
        except OSError:
            pass  # made room for another client's
        finally:
            for each in held:
                each.close()

    def half_open(self):
        """A table full of half a header each."""
        held = []
        try:
            for _ in range(600):
                held.append(connect(self.port))
                held[-1].sendall(self.dice.choice((b"", b"G", b"POST /classify HTTP/1.1\r\nHost: x\r\n")))
        except OSError:
            pass
        finally:
            for each in held:
                each.close()

    def run(self, until):
        hostile = [self.spoilt_body] * 8 + [self.wrong_type, self.odd_request, self.spoilt_http, self.spoilt_http, self.hang_up,
                   self.large, self.deep, self.huge_picture, self.flood] * 2 + [self.slow, self.slow_bodies, self.half_open]
        while time.monotonic() < until:
            step = self.good if self.dice.random() < 0.4 else self.dice.choice(hostile)
            step()
            self.counts[step.__name__] = self.counts.get(step.__name__, 0) + 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("handler")
    parser.add_argument("model")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    handler = Handler("--http", "--address=127.0.0.1", "--port=0", "--max-body=300000", "--max-pixels=100000", "--timeout=2",
                      "--max-buffered=8000000", "--quiet", "--model=" + options.model, program=options.handler)
    until = time.monotonic() + 60 * options.minutes
    counts, failures = {}, []

    def client(number):
        try:
            Client(handler.port, random.Random(options.seed + number), counts).run(until)
        except Exception as failure:
            failures.append(f"client {number}: {type(failure).__name__}: {failure}")

    threads = [threading.Thread(target=client, args=(n,)) for n in range(options.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status = handler.stop()
    reports = [line for line in handler.err_text.splitlines() if "Sanitizer" in line or "runtime error" in line]
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    for line in failures + reports[:20]:
        print(line)
    print(f"exit status {status}, {len(failures)} clients failed, {len(reports)} lines from sanitizers")
    sys.exit(0 if status == 0 and not failures and not reports else 1)


if __name__ == "__main__":
    main()
