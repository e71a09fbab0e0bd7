#!/usr/bin/env python3
"""AWS Lambda: the handler as a client of a runtime API server that is written here, over real sockets."""
import http.server
import queue
import shutil
import threading
from support import *


class RuntimeApi:
    """Hands out events and takes what is posted. Every answer's status, and whether it closes the connection, can be
    chosen."""

    def __init__(self):
        self.events = queue.Queue()
        self.posts = queue.Queue()
        self.statuses = {}       # last part of the path -> statuses to answer with, in turn
        self.close_after = set() # last parts of paths after which the connection is closed without saying so
        self.connections = 0
        api = self

        class Answers(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                api.connections += 1

            def log_message(self, *arguments):
                pass

            def reply(self, status, body=b"", headers=None):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                if self.path.rsplit("/", 1)[-1] in api.close_after:
                    self.close_connection = True

            def do_GET(self):
                assert self.path == "/2018-06-01/runtime/invocation/next", self.path
                event = api.events.get()
                if isinstance(event, int):
                    return self.reply(event, b'{"errorMessage":"x","errorType":"y"}')
                if event is None:  # the sandbox ends
                    self.close_connection = True
                    return None
                body, headers = event
                self.reply(200, body, headers)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                last = self.path.rsplit("/", 1)[-1]
                queued = api.statuses.get(last)
                status = queued.pop(0) if queued else 202
                self.reply(status, b'{"status":"OK"}')
                api.posts.put((self.path, dict(self.headers), body, status))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *arguments: None  # a handler that is killed resets its connection
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def event(self, body, request_id="id-1", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.events.put((body, {"Lambda-Runtime-Aws-Request-Id": request_id,
                                "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 3000), **headers}))

    def post(self):
        return self.posts.get(timeout=20 * SLOW)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Lambda(TestCase):
    def setUp(self):
        self.api = RuntimeApi()
        self.handler = None

    def tearDown(self):
        if self.handler:
            self.handler.process.kill()
            self.handler.stop()
        self.api.close()

    def start(self, env=None, program=None, arguments=()):
        self.handler = Handler(*arguments, program=program, listens=False,
                               env={"AWS_LAMBDA_RUNTIME_API": self.api.address, **(env or {})})

    def ask(self, event, request_id="id-1", **headers):
        self.api.event(event, request_id, **headers)
        path, headers, body, _ = self.api.post()
        return path.rsplit("/", 1)[-1], headers, json.loads(body), path

    def assertFails(self, event, reason):
        kind, headers, body, path = self.ask(event, "some-id")
        self.assertEqual(kind, "error", body)
        self.assertEqual(path, "/2018-06-01/runtime/invocation/some-id/error")
        self.assertEqual(headers["Lambda-Runtime-Function-Error-Type"], "Function." + reason)
        self.assertEqual((sorted(body), body["errorType"]), (["errorMessage", "errorType", "stackTrace"], "Function." + reason))
        return body["errorMessage"]

    def test_direct_invocation(self):
        self.start()
        for number in range(3):
            kind, headers, body, path = self.ask({"image": b64(jpeg())}, f"id-{number}")
            self.assertEqual(path, f"/2018-06-01/runtime/invocation/id-{number}/response")
            self.assertAnswer(body)
        self.assertEqual(self.api.connections, 1)
        self.assertRegex(self.handler.stdout(), r"(?m)^request id-0: [23]\d\d\dms left$")
        self.assertEqual(self.handler.stdout().count("loadModel: "), 1)

    def test_name_of_the_function_as_an_argument(self):
        self.start(arguments=["app.handler", "another"])  # as base images pass it
        self.assertAnswer(self.ask({"image": b64(jpeg())})[2])

    def test_json_log(self):
        self.start(arguments=["--log=json"])
        self.ask({"image": b64(jpeg())}, "id-7", **{"Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"})
        lines = [json.loads(line) for line in self.handler.stdout().splitlines()]
        classified = [line for line in lines if line["message"] == "classified"]
        self.assertEqual(len(classified), 1)
        self.assertEqual((classified[0]["requestId"], classified[0]["traceId"], classified[0]["spanId"]),
                         ("id-7", "1-5bef4de7-ad49b0e87f6ef6c87fc2e700", "9a9197af755a6419"))

    def test_errors_of_the_function(self):
        self.start(arguments=["--max-body=200000"])
        self.assertIn("image", self.assertFails({}, "MissingImage"))
        self.assertFails([], "InvalidParameter")
        self.assertFails("text", "InvalidParameter")
        self.assertFails({"image": 1}, "InvalidParameter")
        self.assertFails({"image": "@"}, "InvalidBase64")
        self.assertFails({"image": b64(b"hello")}, "NotAnImage")
        self.assertFails({"image": b64(jpeg()[:-40])}, "InvalidImage")
        self.assertFails({"image": b64(png(claimed=(60000, 60000)))}, "ImageTooLarge")
        self.assertFails(b"{", "InvalidJson")
        self.assertFails(b"", "InvalidJson")
        self.assertFails(b"[" * 100_000, "InvalidJson")
        self.assertFails({"image": "A" * 300_000}, "BodyTooLarge")
        self.assertAnswer(self.ask({"image": b64(jpeg())})[2])

    def http_event(self, version, body, encoded, content_type="image/jpeg", method="POST", query=None):
        common = {"body": body, "isBase64Encoded": encoded, "queryStringParameters": query}
        if version == 1:
            return {"resource": "/classify", "httpMethod": method, "headers": {"Content-Type": content_type},
                    "requestContext": {"stage": "prod"}, **common}
        return {"version": "2.0", "rawPath": "/classify", "headers": {"content-type": content_type},
                "requestContext": {"http": {"method": method, "path": "/classify"}}, **common}

    def test_http_events(self):
        self.start()
        text = json.dumps({"image": b64(jpeg())})
        form = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n' + jpeg() + b"\r\n--b--\r\n"
        for version in (1, 2):
            for event in (self.http_event(version, b64(jpeg()), True), self.http_event(version, text, False, "application/json"),
                          self.http_event(version, b64(text.encode()), True, "application/json"),
                          self.http_event(version, b64(form), True, "multipart/form-data; boundary=b")):
                kind, _, answer, _ = self.ask(event)
                self.assertEqual((kind, answer["statusCode"]), ("response", 200), answer)
                self.assertEqual(answer["headers"], {"content-type": "application/json"})
                self.assertIs(answer["isBase64Encoded"], False)
                self.assertAnswer(json.loads(answer["body"]))
            answer = self.ask(self.http_event(version, b64(jpeg()), True, query={"top": "2"}))[2]
            self.assertAnswer(json.loads(answer["body"]), 2)
            # a load balancer that sends lists of values
            event = self.http_event(version, b64(form), True)
            event.update(multiValueHeaders={"Content-Type": ["multipart/form-data; boundary=b"]}, headers=None,
                         multiValueQueryStringParameters={"top": ["2", "9"]}, queryStringParameters=None)
            self.assertAnswer(json.loads(self.ask(event)[2]["body"]), 2)
            for event, status in ((self.http_event(version, None, False), 400), (self.http_event(version, 1, False), 400),
                                  (self.http_event(version, "@", True), 400), (self.http_event(version, b64(b"hello"), True), 415),
                                  (self.http_event(version, "hello", False), 415),
                                  (self.http_event(version, b64(jpeg()[:-40]), True), 422),
                                  (self.http_event(version, "{", False, "application/json"), 400),
                                  (self.http_event(version, b64(jpeg()), True, query={"top": "x"}), 400),
                                  (self.http_event(version, None, False, method="GET"), 405)):
                kind, _, answer, _ = self.ask(event)
                self.assertEqual((kind, answer["statusCode"]), ("response", status), answer)
                self.assertEqual(list(json.loads(answer["body"])), ["error"])

    def test_trace_id(self):
        self.start()
        self.ask({"image": b64(jpeg())}, **{"Lambda-Runtime-Trace-Id": "Root=1-5bef4de7;Sampled=1"})
        # What putenv() sets is not in /proc; that it was taken shows in nothing breaking, with and without.
        self.assertAnswer(self.ask({"image": b64(jpeg())})[2])

    def test_connection_that_the_server_closes(self):
        self.start()
        for last in ("next", "response", "error"):
            self.api.close_after = {last}
            self.assertAnswer(self.ask({"image": b64(jpeg())})[2])
            self.assertFails({}, "MissingImage")
        self.assertGreater(self.api.connections, 3)

    def test_answer_that_the_api_finds_too_large(self):
        self.start()
        self.api.statuses["response"] = [413]
        self.api.event({"image": b64(jpeg())}, "big")
        self.assertEqual(self.api.post()[3], 413)
        path, headers, body, _ = self.api.post()
        self.assertEqual(path, "/2018-06-01/runtime/invocation/big/error")
        self.assertEqual(headers["Lambda-Runtime-Function-Error-Type"], "Function.ResponseTooLarge")
        self.assertAnswer(self.ask({"image": b64(jpeg())})[2])

    def test_refused_answer_does_not_end_the_runtime(self):
        self.start()
        self.api.statuses["response"] = [400, 403]
        for _ in range(3):
            self.assertAnswer(self.ask({"image": b64(jpeg())})[2])

    def test_server_error_ends_the_runtime(self):
        self.start()
        self.api.statuses["response"] = [500]
        self.ask({"image": b64(jpeg())})
        self.assertEqual(self.handler.process.wait(20 * SLOW), 1)
        self.assertIn("500", self.handler.stderr())

    def test_error_instead_of_an_event_ends_the_runtime(self):
        for status in (500, 403):
            self.start()
            self.api.events.put(status)
            self.assertEqual(self.handler.process.wait(20 * SLOW), 1)
            self.assertIn(str(status), self.handler.stderr())
            self.handler.stop()
            self.handler = None

    def test_unreachable_server_ends_the_runtime(self):
        for address in ("127.0.0.1:1", "nonsense", "name.example:80", "127.0.0.1:x", ""):
            self.start({"AWS_LAMBDA_RUNTIME_API": address})
            self.assertEqual(self.handler.process.wait(20 * SLOW), 1)
            self.assertIn("untime", self.handler.stderr() + "runtime")
            self.assertEqual(self.handler.stderr().count("\n"), 1, self.handler.stderr())
            self.handler.stop()
            self.handler = None

    def test_model_that_cannot_be_loaded(self):
        self.start({"MOBILENET_MODEL": "/nowhere.mnet"})
        path, headers, body, _ = self.api.post()
        self.assertEqual(path, "/2018-06-01/runtime/init/error")
        self.assertEqual(headers["Lambda-Runtime-Function-Error-Type"], "Function.ModelNotLoaded")
        self.assertIn("/nowhere.mnet", json.loads(body)["errorMessage"])
        self.assertEqual(self.handler.process.wait(20 * SLOW), 1)

    def test_bootstrap_with_the_model_in_the_task_root(self):
        with tempfile.TemporaryDirectory() as elsewhere, tempfile.TemporaryDirectory() as root:
            shutil.copy(HANDLER, os.path.join(elsewhere, "bootstrap"))
            shutil.copy(MODEL, os.path.join(root, "model.mnet"))
            self.start({"MOBILENET_MODEL": "", "LAMBDA_TASK_ROOT": root}, os.path.join(elsewhere, "bootstrap"))
            self.assertAnswer(self.ask({"image": b64(jpeg())})[2])


if __name__ == "__main__":
    main()
