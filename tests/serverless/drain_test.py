#!/usr/bin/env python3
"""SIGTERM: nothing that was sent is lost, and the process ends in time."""
import threading
from support import *

SLOW_IMAGE = png_of_zeros(3000, 3000)  # tens of milliseconds to decode


def refuses(port):
    try:
        connect(port).close()
        return False
    except OSError:
        return True


class Drain(TestCase):
    def ends(self, handler, seconds):
        """Exit status; the time since `self.signalled`."""
        status = handler.process.wait(30 * SLOW)
        self.assertLess(time.monotonic() - self.signalled, seconds * SLOW)
        handler.stop()
        return status

    def signal(self, handler):
        self.signalled = time.monotonic()
        handler.process.send_signal(signal.SIGTERM)

    def test_requests_that_were_sent_are_answered(self):
        """Sent on new and on used connections, while others are computed."""
        handler = http_handler()
        connections = [connect(handler.port, 60) for _ in range(32)]
        for used in connections[:16]:
            self.assertEqual(request(0, "GET", "/healthz", connection=used).status, 200)
        for each in connections:
            each.sendall(encode_request("POST", "/classify", SLOW_IMAGE))
        self.signal(handler)
        for each in connections:
            self.assertEqual(read_response(each).status, 200)
            each.close()
        self.assertEqual(self.ends(handler, 10), 0)

    def test_requests_on_open_connections_after_the_signal_are_answered(self):
        handler = http_handler()
        connections = [connect(handler.port) for _ in range(8)]
        for used in connections[:4]:
            request(0, "GET", "/healthz", connection=used)
        time.sleep(0.2)
        self.signal(handler)
        time.sleep(0.3)
        for each in connections:
            response = request(0, "POST", "/classify", png(), connection=each)
            self.assertEqual((response.status, response.headers["connection"]), (200, "close"))
            each.close()
        self.assertEqual(self.ends(handler, 5), 0)

    def test_pipelined_requests_are_all_answered(self):
        handler = http_handler()
        with connect(handler.port) as connection:
            connection.sendall(encode_request("POST", "/classify", SLOW_IMAGE) + 5 * encode_request("POST", "/classify", png()))
            time.sleep(0.05)
            self.signal(handler)
            data = b""
            while True:
                more = connection.recv(65536)
                if not more:
                    break
                data += more
            self.assertEqual(data.count(b"HTTP/1.1 200 OK"), 6)
            self.assertLessEqual(data.count(b"Connection: close"), 1)  # none where all was answered before the signal
        self.assertEqual(self.ends(handler, 5), 0)

    def test_drain_delay(self):
        """For a while nothing changes but /readyz, which a load balancer reads."""
        handler = http_handler("--drain-delay=2")
        self.assertEqual(handler.request("GET", "/readyz").status, 200)
        self.signal(handler)
        time.sleep(0.2)
        not_ready = handler.request("GET", "/readyz")
        self.assertRefused(not_ready, 503, "about to end")
        self.assertEqual(handler.request("GET", "/healthz").status, 200)
        response = handler.request("POST", "/classify", png())
        self.assertEqual((response.status, response.headers["connection"]), (200, "close"))
        self.assertLess(time.monotonic() - self.signalled, 1.9 * SLOW)
        while not refuses(handler.port):
            time.sleep(0.05)
            self.assertLess(time.monotonic() - self.signalled, 5 * SLOW)
        self.assertGreater(time.monotonic() - self.signalled, 1.9)
        self.assertEqual(self.ends(handler, 8), 0)

    def test_stalled_requests_do_not_hold_the_process(self):
        handler = http_handler()
        stalled = [connect(handler.port) for _ in range(3)]
        stalled[0].sendall(b"POST /cl")
        stalled[1].sendall(encode_request("POST", "/classify", png())[:-10])
        time.sleep(0.1)
        self.signal(handler)
        self.assertEqual(stalled[2].recv(1), b"")
        for each in stalled[:2]:
            self.assertRefused(read_response(each), 408, "about to end")
        self.assertEqual(self.ends(handler, 9.5), 0)
        for each in stalled:
            each.close()

    def test_client_that_does_not_read_does_not_hold_the_process(self):
        handler = http_handler()
        lazy = connect(handler.port)
        lazy.setblocking(False)
        try:
            while True:
                lazy.send(encode_request("GET", "/") * 50)
        except BlockingIOError:
            pass
        time.sleep(0.2)
        self.signal(handler)
        self.ends(handler, 10)
        lazy.close()

    def test_second_signal(self):
        handler = http_handler("--drain-delay=60")
        stalled = connect(handler.port)
        stalled.sendall(b"POST /cl")
        time.sleep(0.1)
        self.signal(handler)
        time.sleep(0.3)
        self.assertIsNone(handler.process.poll())
        self.signal(handler)
        self.assertEqual(self.ends(handler, 2), 1)
        self.assertIn("second signal", handler.err_text)
        stalled.close()

    def test_nothing_is_lost_at_any_moment(self):
        """Clients that send all the time: each request that was sent before the signal is answered."""
        for round in range(5):
            handler = http_handler()
            failures, answered, stop = [], [0], threading.Event()

            def client():
                while not stop.is_set():
                    try:
                        connection = connect(handler.port, 30)
                    except OSError:
                        return
                    sent = time.monotonic()
                    try:
                        connection.sendall(encode_request("POST", "/classify", png()))
                        response = read_response(connection)
                        assert response.status == 200, response
                        answered[0] += 1
                    except Exception as failure:
                        if not self.signalled or sent < self.signalled:
                            failures.append(failure)
                        return
                    finally:
                        connection.close()

            self.signalled = 0
            threads = [threading.Thread(target=client) for _ in range(16)]
            for thread in threads:
                thread.start()
            time.sleep(0.3 + 0.05 * round)
            self.signal(handler)
            for thread in threads:
                thread.join()
            stop.set()
            self.assertEqual(failures, [])
            self.assertGreater(answered[0], 0)
            self.assertEqual(self.ends(handler, 10), 0)


if __name__ == "__main__":
    main()
