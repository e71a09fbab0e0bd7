#!/usr/bin/env python3
"""What operators need: logs as JSON, metrics, CORS, several workers, a health check without a shell."""
import threading
from support import *


def metric_values(handler):
    values = {}
    for line in handler.request("GET", "/metrics").body.decode().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            values[name] = float(value)
    return values


class Logs(TestCase):
    TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

    def lines(self, stream):
        lines = [json.loads(line) for line in stream.splitlines()]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["severity"], ("INFO", "ERROR"))
        return lines

    def test_json(self):
        with http_handler("--log=json") as handler:
            headers = {"traceparent": f"00-{self.TRACE}-{self.SPAN}-01", "X-Request-Id": "request-7"}
            self.assertEqual(handler.request("POST", "/classify", png(), headers).status, 200)
            cloud = {"X-Cloud-Trace-Context": f"{self.TRACE}/12345;o=1"}
            self.assertEqual(handler.request("POST", "/classify", png(), cloud).status, 200)
            self.assertEqual(handler.request("POST", "/classify", "\u2603", headers).status, 415)
            handler.request("GET", "/\xff\"\\".encode("latin-1").decode("latin-1"))
            listening, first, second = self.lines(handler.stdout())
            self.assertRegex(listening["message"], "^listening on 127.0.0.1 port")
            self.assertEqual((first["message"], first["requestId"], first["traceId"], first["spanId"]),
                             ("classified", "request-7", self.TRACE, self.SPAN))
            for stage in ("decodeImage", "imageToInput", "loadModel", "classify", "main"):
                self.assertGreaterEqual(first[stage], 0)
            self.assertGreater(first["residentBytes"], 1e6)
            self.assertNotIn("loadModel", second)
            self.assertEqual((second["traceId"], second["spanId"]), (self.TRACE, "12345"))
            self.assertRegex(second["requestId"], "^[0-9a-f]{32}$")
            errors = self.lines(handler.stderr())
            self.assertEqual((errors[0]["kind"], errors[0]["traceId"], errors[0]["requestId"]),
                             ("not_an_image", self.TRACE, "request-7"))
            self.assertEqual(errors[1]["kind"], "not_found")

    def test_malformed_ids_are_ignored(self):
        with http_handler("--log=json") as handler:
            for headers in ({"traceparent": "00-xyz-1-01"}, {"traceparent": f"00-{'0' * 32}-{self.SPAN}-01"}, {"traceparent": "0" * 55},
                            {"X-Cloud-Trace-Context": "x/y"}, {"X-Request-Id": "a b"}, {"X-Request-Id": "x" * 5000}):
                self.assertEqual(handler.request("POST", "/classify", png(), headers).status, 200)
            for line in self.lines(handler.stdout())[1:]:
                self.assertNotIn("traceId", line)
                self.assertRegex(line["requestId"], "^[0-9a-f]{32}$")

    def test_project_of_cloud_logging(self):
        with http_handler("--log=json", env={"GOOGLE_CLOUD_PROJECT": "mine"}) as handler:
            handler.request("POST", "/classify", png(), {"traceparent": f"00-{self.TRACE}-{self.SPAN}-01"})
            line = self.lines(handler.stdout())[-1]
            self.assertEqual(line["logging.googleapis.com/trace"], f"projects/mine/traces/{self.TRACE}")

    def test_errors_at_the_start(self):
        done = subprocess.run([HANDLER, "--log=json", "--address=127.0.0.1", "--port=0", "--model=/nowhere.mnet"], capture_output=True,
                              text=True, env=sanitizer_environment(), timeout=20 * SLOW)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere.mnet", self.lines(done.stderr)[0]["message"])


class Metrics(TestCase):
    def test_requests(self):
        with http_handler() as handler:
            handler.request("POST", "/classify", png())
            handler.request("POST", "/classify", b"no image")
            handler.request("GET", "/healthz")
            values = metric_values(handler)
            self.assertEqual(values["mobilenet_requests_in_flight"], 0)
            self.assertEqual(values["mobilenet_request_seconds_count"], 2)
            self.assertEqual(values['mobilenet_request_seconds_bucket{le="+Inf"}'], 2)
            self.assertGreater(values["mobilenet_request_seconds_sum"], 0)
            self.assertGreaterEqual(values["mobilenet_request_seconds_sum"] + 1e-6, values['mobilenet_stage_seconds_sum{stage="main"}'])
            info = [name for name in values if name.startswith("mobilenet_build_info")]
            self.assertRegex(info[0], r'^mobilenet_build_info\{version="\d+\.\d+\.\d+",backend="[a-z]+",jpeg_decoder="[a-z_-]+"\}$')

    def test_in_flight(self):
        with http_handler() as handler:
            threads = [threading.Thread(target=handler.request, args=("POST", "/classify", png_of_zeros(4000, 4000))) for _ in range(8)]
            for thread in threads:
                thread.start()
            most = 0
            while any(thread.is_alive() for thread in threads):
                most = max(most, metric_values(handler)["mobilenet_requests_in_flight"])
            for thread in threads:
                thread.join()
            self.assertGreaterEqual(most, 2)
            self.assertEqual(metric_values(handler)["mobilenet_requests_in_flight"], 0)


class CrossOrigin(TestCase):
    def test_off(self):
        with http_handler() as handler:
            self.assertRefused(handler.request("OPTIONS", "/classify", headers={"Origin": "https://a.example"}), 405)
            self.assertNotIn("access-control-allow-origin", handler.request("GET", "/healthz", headers={"Origin": "https://a.example"}).headers)

    def test_any_origin(self):
        with http_handler("--allow-origin=*") as handler:
            asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
            preflight = handler.request("OPTIONS", "/classify", headers=asked)
            self.assertEqual(preflight.status, 204)
            self.assertEqual(preflight.headers["access-control-allow-origin"], "*")
            self.assertIn("POST", preflight.headers["access-control-allow-methods"])
            self.assertIn("Content-Type", preflight.headers["access-control-allow-headers"])
            for body, status in ((png(), 200), (b"no image", 415)):  # a page can read an error only with the header
                response = handler.request("POST", "/classify", body, {"Origin": "https://a.example"})
                self.assertEqual((response.status, response.headers["access-control-allow-origin"]), (status, "*"))

    def test_some_origins(self):
        with http_handler(env={"MOBILENET_ALLOW_ORIGIN": "https://a.example,http://localhost:8000"}) as handler:
            for origin in ("https://a.example", "http://localhost:8000"):
                response = handler.request("POST", "/classify", png(), {"Origin": origin})
                self.assertEqual((response.headers["access-control-allow-origin"], response.headers["vary"]), (origin, "Origin"))
            for origin in ("https://b.example", "https://a.example.evil", "", None):
                response = handler.request("POST", "/classify", png(), {"Origin": origin})
                self.assertNotIn("access-control-allow-origin", response.headers)
                self.assertEqual(response.headers["vary"], "Origin")


class Workers(TestCase):
    def workers(self, handler):
        with open(f"/proc/{handler.process.pid}/task/{handler.process.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]

    def test_workers_share_a_port_and_their_numbers(self):
        with http_handler("--workers=3") as handler:
            while handler.stdout().count("listening on") < 3:
                time.sleep(0.01)
            self.assertEqual(len(self.workers(handler)), 3)
            for _ in range(60):
                self.assertEqual(handler.request("POST", "/classify", png()).status, 200)
            self.assertEqual(handler.stdout().count("loadModel"), 3)  # each of them has answered
            # A worker counts a request's seconds after the client has its answer, and another worker may be asked first.
            deadline = time.monotonic() + 10 * SLOW
            while metric_values(handler)["mobilenet_request_seconds_count"] < 60 and time.monotonic() < deadline:
                time.sleep(0.01)
            for _ in range(10):
                values = metric_values(handler)  # whichever worker answers
                self.assertEqual(values["mobilenet_requests_total"], 60)
                self.assertEqual(values["mobilenet_request_seconds_count"], 60)

    def test_a_worker_that_crashes_is_replaced(self):
        with http_handler("--workers=2") as handler:
            while handler.stdout().count("listening on") < 2:
                time.sleep(0.01)
            time.sleep(1.1)
            os.kill(self.workers(handler)[0], signal.SIGKILL)
            deadline = time.monotonic() + 10 * SLOW
            while handler.stdout().count("listening on") < 3 and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertEqual(len(self.workers(handler)), 2)
            self.assertIn("another one takes its place", handler.stderr())
            for _ in range(20):
                self.assertEqual(handler.request("POST", "/classify", png()).status, 200)

    def test_one_that_cannot_start_ends_all(self):
        done = subprocess.run([HANDLER, "--workers=2", "--address=127.0.0.1", "--port=0", "--model=/nowhere.mnet"], capture_output=True,
                              text=True, env=sanitizer_environment(), timeout=20 * SLOW)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere.mnet", done.stderr)

    def test_signals_are_passed_on(self):
        handler = http_handler("--workers=2", "--drain-delay=30")
        workers = self.workers(handler)
        handler.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        self.assertRefused(handler.request("GET", "/readyz"), 503)
        handler.process.send_signal(signal.SIGTERM)
        self.assertEqual(handler.process.wait(10 * SLOW), 1)
        handler.stop()
        for pid in workers:
            self.assertFalse(os.path.exists(f"/proc/{pid}"))


class Health(TestCase):
    def ask(self, *arguments):
        return subprocess.run([HANDLER, "--health", *arguments], capture_output=True, text=True, env=sanitizer_environment(),
                              timeout=20 * SLOW)

    def test_health(self):
        with http_handler() as handler:
            for address in ("127.0.0.1", "0.0.0.0"):
                done = self.ask(f"--address={address}", f"--port={handler.port}")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = self.ask("--address=127.0.0.1", f"--port={handler.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("refused", done.stderr)
        self.assertEqual(self.ask("--address=name.example").returncode, 1)
        with Handler("--openwhisk", "--address=127.0.0.1", "--port=0") as handler:  # another protocol: no /healthz
            self.assertIn("404", self.ask(f"--port={handler.port}").stderr)


if __name__ == "__main__":
    main()
