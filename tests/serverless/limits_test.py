#!/usr/bin/env python3
"""What clients can make the handler hold: memory, connections, time. And that the other clients do not notice."""
import resource
import threading
from support import *

CHUNKED = b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
MEGABYTE = 1_000_000


def private_memory(handler):
    """Resident bytes that are the process's own, and the most that was resident at any time."""
    with open(f"/proc/{handler.process.pid}/status") as file:
        fields = dict(re.findall(r"(RssAnon|VmHWM):\s+(\d+) kB", file.read()))
    return int(fields["RssAnon"]) * 1024, int(fields["VmHWM"]) * 1024


def answer_of(connection):
    """The status that the server answers with, or None where it closed without an answer."""
    try:
        return read_response(connection).status
    except OSError:
        return None


class Memory(TestCase):
    """Each of these ran to gigabytes, or to as much as the client sent."""

    def flood(self, first, block, megabytes, allowed_growth):
        with http_handler("--max-body=2000000") as handler, connect(handler.port) as connection:
            handler.request("POST", "/classify", png())
            _, before = private_memory(handler)
            connection.sendall(first)
            sent = 0
            try:
                while sent < megabytes * MEGABYTE:
                    connection.sendall(block)
                    sent += len(block)
            except OSError:
                pass
            status = answer_of(connection)
            _, after = private_memory(handler)
            self.assertIn(status, (400, 413, 431, None))
            if not SANITIZED:
                self.assertLess(after - before, allowed_growth, f"after {sent} bytes")
            self.assertEqual(handler.request("GET", "/healthz").status, 200)
            return status

    def test_chunk_extensions(self):
        self.assertIn(self.flood(CHUNKED + b"1;", b"a" * 100_000, 100, 4 * MEGABYTE), (431, None))

    def test_trailers(self):
        self.assertIn(self.flood(CHUNKED + b"0\r\n", b"a: b\r\n" * 20_000, 100, 4 * MEGABYTE), (431, None))
        self.assertIn(self.flood(CHUNKED + b"0\r\na: ", b"b" * 100_000, 100, 4 * MEGABYTE), (431, None))

    def test_many_header_lines(self):
        self.assertIn(self.flood(b"GET / HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n" * 2000, 50, 4 * MEGABYTE), (431, None))
        with http_handler() as handler, connect(handler.port) as connection:
            try:  # one at a time, so that each is parsed as it arrives
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
                for _ in range(2000):
                    connection.sendall(b"abcdef: 123456\r\n")
            except OSError:
                pass
            self.assertIn(answer_of(connection), (431, None))

    def test_a_trailer_of_100_kilobytes_is_answered(self):
        with http_handler() as handler, connect(handler.port) as connection:
            connection.sendall(CHUNKED + b"0\r\nx: ")
            try:
                connection.sendall(b"y" * 100_000 + b"\r\n\r\n")
            except OSError:
                pass
            self.assertRefused(read_response(connection), 431, "trailers")

    def test_trailers_are_not_headers(self):
        with http_handler() as handler, connect(handler.port) as connection:
            body = b"%x\r\n%s\r\n0\r\nContent-Type: application/json\r\nce-id: 1\r\n\r\n" % (len(png()), png())
            connection.sendall(CHUNKED + body)
            self.assertEqual(read_response(connection).status, 200)

    def test_many_tiny_chunks(self):
        self.flood(CHUNKED, b"1\r\na\r\n" * 10_000, 100, 8 * MEGABYTE)

    def test_bodies_that_are_claimed_but_not_sent(self):
        with http_handler("--max-body=8000000", env={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}) as handler:
            held = [connect(handler.port) for _ in range(100)]  # 800 MB in claims
            for each in held:
                each.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\nx")
            time.sleep(0.2)
            self.assertEqual(handler.request("POST", "/classify", png()).status, 200)
            for each in held:
                each.close()

    def test_slow_bodies(self):
        """Together they obey --max-buffered; the oldest is refused, so that a client that sends at once is served."""
        limit = 10 * MEGABYTE
        with http_handler("--max-body=2000000", f"--max-buffered={limit}") as handler:
            handler.request("POST", "/classify", png())
            before, _ = private_memory(handler)
            slow = [connect(handler.port) for _ in range(20)]
            for each in slow:
                each.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + bytes(1_500_000))
            time.sleep(0.3 * SLOW)
            own, _ = private_memory(handler)
            if not SANITIZED:  # sanitizers keep freed memory
                self.assertLess(own - before, 3 * limit)  # strings grow by doubling
            self.assertEqual(handler.request("POST", "/classify", png()).status, 200)
            slow[0].settimeout(5 * SLOW)
            refused = read_response(slow[0])
            self.assertRefused(refused, 503, "buffered")
            self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
            for each in slow:
                each.close()
            time.sleep(0.2 * SLOW)
            own, _ = private_memory(handler)
            if not SANITIZED:
                self.assertLess(own - before, 8 * MEGABYTE)  # and returned, except for holes in the heap


class Connections(TestCase):
    def test_half_sent_headers_do_not_shut_out_others(self):
        with http_handler() as handler:
            half = []
            for number in range(800):
                half.append(connect(handler.port))
                half[-1].sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\n")
            started = time.monotonic()
            for _ in range(20):
                self.assertEqual(handler.request("POST", "/classify", png()).status, 200)
            self.assertLess(time.monotonic() - started, 10 * SLOW)
            for each in half:
                each.close()

    def test_half_sent_headers_go_before_idle_connections(self):
        with http_handler() as handler:
            idle = connect(handler.port)
            self.assertEqual(request(0, "GET", "/healthz", connection=idle).status, 200)
            half = [connect(handler.port) for _ in range(500)]
            for each in half:
                each.sendall(b"GET / HT")
            time.sleep(1.2)
            more = [connect(handler.port) for _ in range(100)]
            self.assertEqual(handler.request("GET", "/healthz").status, 200)
            self.assertEqual(request(0, "GET", "/healthz", connection=idle).status, 200)
            for each in [idle, *half, *more]:
                each.close()

    def busy(self, handler, connections, seconds, body):
        """Classifies on so many connections for some seconds: how long each request took, per connection."""
        times = [[] for _ in range(connections)]
        until = time.monotonic() + seconds
        failures = []

        def client(own):
            try:
                with connect(handler.port, 60) as connection:
                    while time.monotonic() < until:
                        started = time.monotonic()
                        response = request(0, "POST", "/classify", body, connection=connection)
                        assert response.status == 200, response
                        own.append(time.monotonic() - started)
            except Exception as failure:
                failures.append(failure)
        threads = [threading.Thread(target=client, args=(own,)) for own in times]
        for thread in threads:
            thread.start()
        return threads, times, failures

    def test_health_is_answered_while_128_connections_are_busy(self):
        body = png_of_zeros(1500, 1500)  # 10 to 20 ms each
        with http_handler() as handler:
            threads, times, failures = self.busy(handler, 128, 4, body)
            time.sleep(1)
            waits = []
            for _ in range(10):
                started = time.monotonic()
                self.assertEqual(handler.request("GET", "/healthz").status, 200)  # a new connection each time
                waits.append(time.monotonic() - started)
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
            self.assertLess(sorted(waits)[8], 1 * SLOW, waits)
            # Every connection has its turn: the least and the most served are not far apart.
            counts = [len(own) for own in times]
            self.assertGreaterEqual(min(counts), max(counts) // 2 - 1, counts)

    def test_requests_above_the_queue_length_are_shed(self):
        body = png_of_zeros(2000, 2000)
        with http_handler("--max-queue=4") as handler:
            statuses, retries = [], []

            def client():
                response = handler.request("POST", "/classify", body)
                statuses.append(response.status)
                if response.status == 503:
                    retries.append(int(response.headers["retry-after"]))
                    assert "wait already" in response.json()["error"], response
            threads = [threading.Thread(target=client) for _ in range(30)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(set(statuses), {200, 503})
            self.assertGreaterEqual(statuses.count(200), 5)
            self.assertTrue(all(1 <= seconds <= 60 for seconds in retries))
            with connect(handler.port) as connection:  # a refused request was read whole: the connection goes on
                self.assertEqual(request(0, "POST", "/classify", png(), connection=connection).status, 200)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    main()
