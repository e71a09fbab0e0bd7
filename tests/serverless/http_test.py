#!/usr/bin/env python3
"""The HTTP transport, over real sockets: what is right, everything that can be wrong, and that the next request works."""
import glob
import shutil
import threading
import support
from support import *


class Http(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.handler = http_handler("--timeout=1", "--max-body=300000", "--max-pixels=1000000")

    @classmethod
    def tearDownClass(cls):
        status = cls.handler.stop()
        assert status == 0, (status, cls.handler.err_text)

    def post(self, body, content_type="image/png", path="/classify", headers=None):
        return self.handler.request("POST", path, body, {"Content-Type": content_type, **(headers or {})})

    def tearDown(self):
        """Whatever a test did: the next request works."""
        response = self.post(png())
        self.assertEqual(response.status, 200, response)
        self.assertAnswer(response.json())

    # ---- what is right

    def test_raw_image(self):
        for path in ("/classify", "/", "/api/classify"):
            for body in (png(), jpeg()):
                response = self.post(body, path=path)
                self.assertEqual(response.status, 200, response)
                self.assertEqual(response.headers["content-type"], "application/json")
                self.assertAnswer(response.json())

    def test_content_type_does_not_hide_an_image(self):
        for content_type in ("application/octet-stream", "application/x-www-form-urlencoded", "text/plain", ""):
            self.assertEqual(self.post(png(), content_type).status, 200)

    def test_json(self):
        for text in (b64(png()), "data:image/png;base64," + b64(png()), base64.encodebytes(png()).decode(),
                     base64.urlsafe_b64encode(png()).decode().rstrip("=")):
            response = self.post({"image": text}, "application/json; charset=utf-8")
            self.assertEqual(response.status, 200, response)
            self.assertAnswer(response.json())

    def test_top(self):
        self.assertAnswer(self.post(png(), path="/classify?top=2").json(), 2)
        self.assertAnswer(self.post(png(), path="/classify?a=b&top=1&c").json(), 1)
        self.assertAnswer(self.post({"image": b64(png()), "top": 2}, "application/json").json(), 2)
        for top in ("0", "-1", "1001", "x", "1.5", "99999999999999999999", "%31"):
            self.assertRefused(self.post(png(), path="/classify?top=" + top), 400, "top")
        for top in (0, -1, 1.5, True, [], {}, "x"):
            self.assertRefused(self.post({"image": b64(png()), "top": top}, "application/json"), 400, "top")

    @staticmethod
    def form(*parts, boundary="----x", preamble=b"", end=True):
        body = preamble
        for disposition, content in parts:
            body += (f'--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n'
                     "Content-Type: application/octet-stream\r\n\r\n").encode() + content + b"\r\n"
        return body + (f"--{boundary}--\r\n".encode() if end else b"")

    def test_form(self):
        multipart = "multipart/form-data; boundary=----x"
        for body in (self.form(('name="image"; filename="a.png"', png())),
                     self.form(('name="photo"; filename="a.png"', png())),
                     self.form(('name="other"', b"text"), ('name="image"', png())),
                     self.form(('name="image"; filename="a.png"', png()), preamble=b"to be ignored\r\n"),
                     # neither has a file name
                     self.form(('name="filename"', b"panda"), ('name="x; filename=y"', b"x"), ('name="file"; filename="a.png"', png())),
                     # not a boundary, though it looks like one
                     self.form(('name="note"', b"--\r\n----\r\n--x"), ('name=image', png()))):
            response = self.post(body, multipart)
            self.assertEqual(response.status, 200, response)
            self.assertAnswer(response.json())
        body = self.form(('name="top"', b"1"), ('name="image"; filename="a.png"', png()))
        self.assertAnswer(self.post(body, 'multipart/form-data; boundary="----x"').json(), 1)

    def test_wrong_forms(self):
        multipart = "multipart/form-data; boundary=----x"
        image = ('name="image"; filename="a.png"', png())
        self.assertRefused(self.post(self.form(image), "multipart/form-data"), 400, "boundary")
        self.assertRefused(self.post(self.form(image), "multipart/form-data; boundary=" + "b" * 71), 400, "boundary")
        self.assertRefused(self.post(self.form(image), "multipart/form-data; boundary=other"), 400, "closing boundary")
        self.assertRefused(self.post(self.form(image, end=False), multipart), 400, "closing boundary")
        self.assertRefused(self.post(self.form(), multipart), 400, "image")
        self.assertRefused(self.post(b"", multipart), 400, "closing boundary")
        self.assertRefused(self.post(self.form(('name="other"', b"x")), multipart), 400, "image")
        self.assertRefused(self.post(self.form(('name="image"', b"")), multipart), 400, "0 bytes")
        for cut in range(0, len(self.form(image)), 37):
            self.assertRefused(self.post(self.form(image)[:cut], multipart), 400)

    def test_health_and_page(self):
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.handler.request("GET", path).status, 200)
            head = self.handler.request("HEAD", path)
            self.assertEqual((head.status, head.body), (200, b""))
            self.assertRefused(self.handler.request("POST", path), 405, "GET")
        page = self.handler.request("GET", "/")
        self.assertEqual(page.headers["content-type"], "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", page.headers["content-security-policy"])
        self.assertNotRegex(page.body.decode(), r"https?://(?!www\.w3\.org)")

    def test_metrics(self):
        def read():
            response = self.handler.request("GET", "/metrics")
            self.assertEqual(response.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
            values = {}
            for line in response.body.decode().splitlines():
                if not line.startswith("#"):
                    self.assertRegex(line, r'^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+$')
                    name, value = line.rsplit(" ", 1)
                    values[name] = float(value)
            return values
        before = read()
        self.post(png())
        self.post(b"no image")
        after = read()
        def grown(name):
            return after[name] - before[name]
        self.assertEqual(grown("mobilenet_requests_total"), 2)
        self.assertEqual(grown('mobilenet_errors_total{kind="not_an_image"}'), 1)
        for stage in ("decodeImage", "imageToInput", "classify", "main"):
            self.assertEqual(grown(f'mobilenet_stage_seconds_count{{stage="{stage}"}}'), 1)
            self.assertEqual(grown(f'mobilenet_stage_seconds_bucket{{stage="{stage}",le="+Inf"}}'), 1)
        self.assertGreater(after["process_resident_memory_bytes"], 1e6)

    def test_log(self):
        self.post(png())
        log = self.handler.stdout()
        for stage in ("decodeImage", "imageToInput", "loadModel", "classify", "main"):
            self.assertRegex(log, rf"(?m)^{stage}: \d+\.\d{{3}}ms$")
        self.assertRegex(log, r"(?m)^memory used: rss=\d+\.\d\dMB$")
        self.assertEqual(log.count("loadModel"), 1)

    # ---- connections

    def test_keep_alive_and_pipelining(self):
        with connect(self.handler.port) as connection:
            for _ in range(3):
                self.assertEqual(request(0, "POST", "/classify", png(), connection=connection).status, 200)
            connection.sendall(encode_request("GET", "/healthz") + encode_request("POST", "/classify", png()))
            data = b""
            while data.count(b"HTTP/1.1 200 OK") < 2 or not data.endswith(b"}"):
                more = connection.recv(65536)
                self.assertTrue(more, data)
                data += more
        with connect(self.handler.port) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            self.assertEqual(read_response(connection).headers["connection"], "close")
            self.assertEqual(connection.recv(1), b"")

    def test_chunked_body(self):
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (png()[:100], png()[100:])) + b"0\r\n\r\n"
        with connect(self.handler.port) as connection:
            connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
            self.assertEqual(read_response(connection).status, 200)

    def test_expect_continue(self):
        with connect(self.handler.port) as connection:
            connection.sendall(encode_request("POST", "/classify", png(), {"Expect": "100-continue"})[:-len(png())])
            self.assertEqual(connection.recv(65536), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(png())
            self.assertEqual(read_response(connection).status, 200)
        with connect(self.handler.port) as connection:  # no need to send it at all
            connection.sendall(encode_request("POST", "/classify", headers={"Content-Length": "9000000",
                                                                            "Expect": "100-continue"}))
            self.assertRefused(read_response(connection), 413, "body")

    def test_slow_client(self):
        for part in (b"POST /cl", encode_request("POST", "/classify", png())[:-10]):
            with connect(self.handler.port) as connection:
                connection.sendall(part)
                started = time.monotonic()
                self.assertRefused(read_response(connection), 408, "1 seconds")
                self.assertLess(time.monotonic() - started, 5 * SLOW)
                self.assertEqual(connection.recv(1), b"")

    def test_drip_fed_request_does_not_extend_the_deadline(self):
        with connect(self.handler.port) as connection:
            started = time.monotonic()
            try:
                for byte in encode_request("POST", "/classify", png()):
                    connection.sendall(bytes([byte]))
                    time.sleep(0.02)
                    if select.select([connection], [], [], 0)[0]:
                        break
            except OSError:
                pass
            self.assertRefused(read_response(connection), 408)
            self.assertLess(time.monotonic() - started, 5 * SLOW)

    def test_slow_client_does_not_hold_up_others(self):
        with connect(self.handler.port) as slow:
            slow.sendall(b"POST /classify HTTP/1.1\r\n")
            started = time.monotonic()
            self.assertEqual(self.post(png()).status, 200)
            self.assertLess(time.monotonic() - started, 0.9 * SLOW)

    def test_client_that_hangs_up(self):
        whole = encode_request("POST", "/classify", png())
        for cut in (0, 1, 20, len(whole) - 1, len(whole)):
            connection = connect(self.handler.port)
            connection.sendall(whole[:cut])
            # With a reset, so that the handler's next write to it fails.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        with connect(self.handler.port) as half:
            half.sendall(whole[:-1])
            half.shutdown(socket.SHUT_WR)
            self.assertRefused(read_response(half), 400, "ended")

    def test_many_idle_connections(self):
        connections = [connect(self.handler.port) for _ in range(700)]
        self.assertEqual(self.post(png()).status, 200)
        for connection in connections:
            connection.close()

    # ---- what is wrong

    def test_unknown_path_and_method(self):
        for path in ("/nope", "/classify/", "//", "/%00", "/" + "x" * 3000, "/\"quote"):
            self.assertRefused(self.handler.request("GET", path), 404, "/classify")
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"):
            response = self.handler.request(method, "/classify")
            self.assertRefused(response, 405, method)
            self.assertEqual(response.headers["allow"], "POST")
        self.assertRefused(self.handler.request("PUT", "/"), 405, "POST")

    def test_body_over_the_limit(self):
        self.assertRefused(self.post(bytes(300_001)), 413, "300000")
        self.assertRefused(self.post(bytes(5_000_000)), 413, "300000")
        self.assertRefused(self.post(bytes(300_000)), 415)
        with connect(self.handler.port) as connection:
            connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                for _ in range(100):
                    connection.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")
            except OSError:
                pass
            self.assertRefused(read_response(connection), 413, "300000")

    def test_headers_over_the_limit(self):
        self.assertRefused(self.handler.request("GET", "/", headers={"X": "y" * 20000}), 431, "headers")

    def test_too_many_pixels(self):
        for claimed in ((1001, 1000), (60000, 60000)):
            self.assertRefused(self.post(png(claimed=claimed)), 413, f"{claimed[0]}x{claimed[1]}", "expected at most 1")

    def test_target_as_a_whole_url(self):
        for target in ("http://example.org/healthz", "HTTP://127.0.0.1:1/healthz?x=1"):
            self.assertEqual(self.handler.request("GET", target).status, 200, target)
        self.assertEqual(self.handler.request("GET", "http://example.org").status, 200)

    def test_not_an_image(self):
        for body in (b"x", b"hello", b"GIF89a", b"\xff\xd8", bytes(1000), b"{}", b"<html>"):
            self.assertRefused(self.post(body), 415, "expected JPEG, PNG or BMP")
        for body, name in ((b"GIF89a", "GIF"), (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"), (b"<html>", "HTML"), (b"%PDF-1.4", "PDF")):
            self.assertRefused(self.post(body), 415, name)
        self.assertRefused(self.post(b""), 400, "0 bytes")
        self.assertRefused(self.handler.request("POST", "/classify", headers={"Content-Length": None}), 400)

    def test_jpeg_decoder(self):
        """libjpeg-turbo decodes arithmetic coding, which stb_image cannot; the metrics name the decoder."""
        with open(os.path.join(HERE, "..", "fuzz", "corpus", "decode_image", "jpeg_arithmetic"), "rb") as file:
            status = self.post(file.read()).status
        metrics = self.handler.request("GET", "/metrics").body.decode()
        turbo = 'jpeg_decoder="libjpeg-turbo"' in metrics
        self.assertEqual(status, 200 if turbo else 415)
        if glob.glob("/usr/lib/*/libturbojpeg.a"):
            self.assertTrue(turbo)

    def test_damaged_image(self):
        self.assertRefused(self.post(jpeg()[:-3]), 422, "image")
        self.assertRefused(self.post(jpeg()[:len(jpeg()) // 2]), 422, "image")
        self.assertRefused(self.post(png()[:40]), 422, "image")
        self.assertRefused(self.post(b"BM" + bytes(100)), 422, "image")
        for at in range(8, len(jpeg()), 13):  # whatever comes out of it: an answer or a refusal
            spoilt = bytearray(jpeg())
            spoilt[at] ^= 0x55
            self.assertIn(self.post(bytes(spoilt)).status, (200, 413, 422))

    def test_wrong_json(self):
        def refused(body, status, *words):
            self.assertRefused(self.post(body, "application/json"), status, *words)
        for body in (b"", b"{", b'{"image":', b"nonsense", b'{"image":"x"}}', b'{"image":"\xff', b"{}\0", b"[1,", b'{"a":1e999}'):
            refused(body, 400, "body", "JSON")
        refused(b"[" * 100_000, 400, "64 levels")
        refused(b'{"a":' * 50_000, 400, "64 levels")
        refused(b"[" + b"1," * 120_000 + b"1]", 400, "100000 values")
        for body, found in (([], "an array"), ("x", "body"), (1, "body"), (None, "body")):
            refused(json.dumps(body), 400)
        refused({}, 400, "image", "no such field")
        refused({"image": None}, 400, "image")
        for image, found in ((1, "a number"), ([], "an array"), ({}, "an object"), (True, "a boolean")):
            refused({"image": image}, 400, "image", found)
        refused({"image": ""}, 400, "0 bytes")
        refused({"image": "@@@@"}, 400, "'@' at position 0", "base64")
        refused({"image": b64(png())[:-5] + "\u2603"}, 400, "base64")
        refused({"image": "AAAAA"}, 400, "base64")
        refused({"image": "AA=A"}, 400, "base64")
        refused({"image": "A==="}, 400, "base64")
        refused({"image": "data:image/png," + b64(png())}, 400, "data: URL")
        refused({"image": "data:"}, 400, "data: URL")
        refused({"image": b64(b"hello")}, 415, "68 65 6c 6c 6f")

    def test_wrong_http(self):
        for text in (b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n",
                     b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
                     b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                     b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                     b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                     b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                     b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                     b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n"):
            with connect(self.handler.port) as connection:
                connection.sendall(text)
                response = read_response(connection)
                self.assertRefused(response, 413 if b"9999999999" in text and response.status == 413 else 400)
                self.assertEqual(response.headers["connection"], "close")
        self.assertRefused(self.post(png(), headers={"Content-Encoding": "gzip"}), 415, "Content-Encoding")

    def raw(self, text):
        with connect(self.handler.port) as connection:
            connection.sendall(text)
            return read_response(connection)

    def test_host(self):
        for hosts, status in ((b"", 400), (b"Host: a\r\n", 200), (b"Host:\r\n", 200), (b"Host: a\r\nHost: a\r\n", 400)):
            self.assertEqual(self.raw(b"GET /healthz HTTP/1.1\r\n" + hosts + b"\r\n").status, status, hosts)
        self.assertEqual(self.raw(b"GET /healthz HTTP/1.0\r\n\r\n").status, 200)
        self.assertRefused(self.raw(b"GET /healthz HTTP/1.1\r\n\r\n"), 400, "Host")

    def test_expectations(self):
        self.assertRefused(self.post(png(), headers={"Expect": "foo"}), 417, "foo", "100-continue")
        whole = b"POST /classify HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(png())
        with connect(self.handler.port) as connection:  # HTTP/1.0 knows no 100 Continue
            connection.sendall(whole)
            time.sleep(0.2)
            connection.sendall(png())
            self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200 "))

    def test_folded_header(self):
        for fold in (b"\r\n b", b"\r\n\tb"):
            self.assertRefused(self.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: a" + fold + b"\r\n\r\n"), 400, "obs-fold")

    def test_line_feed_alone(self):
        self.assertRefused(self.raw(b"GET /healthz HTTP/1.1\nHost: x\n\n"), 400, "line feed")

    def test_empty_lines_before_a_request(self):
        self.assertEqual(self.raw(b"\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status, 200)

    def test_http_2_and_other_versions(self):
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        for text in (preface, b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/3.0\r\nHost: x\r\n\r\n"):
            self.assertRefused(self.raw(text), 505, "HTTP/1.1")
        upgrade = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        self.assertEqual(self.raw(upgrade).status, 200)  # a server may stay with HTTP/1.1

    def test_tls_on_the_plain_port(self):
        self.assertRefused(self.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400, "method")

    # ---- CloudEvents; cloudevents_test.py has an independent encoder and decoder

    EVENT = {"ce-specversion": "1.0", "ce-id": "a 1", "ce-source": "/camera", "ce-type": "photo"}

    def test_binary_event(self):
        for content_type, body in (("image/png", png()), ("application/json", json.dumps({"image": b64(png())}).encode())):
            response = self.post(body, content_type, "/", self.EVENT)
            self.assertEqual(response.status, 200, response)
            self.assertEqual(response.headers["content-type"], "application/json")
            self.assertEqual(response.headers["ce-specversion"], "1.0")
            self.assertEqual(response.headers["ce-inreplyto"], "a 1")
            self.assertRegex(response.headers["ce-id"], "^[0-9a-f]{32}$")
            self.assertAnswer(response.json())
        for attribute in self.EVENT:
            if attribute != "ce-specversion":
                rest = {k: v for k, v in self.EVENT.items() if k != attribute}
                self.assertRefused(self.post(png(), "image/png", "/", rest), 400, attribute[3:])
        self.assertRefused(self.post(png(), "image/png", "/", {**self.EVENT, "ce-specversion": "0.3"}), 400, "specversion")

    def test_structured_event(self):
        event = {"specversion": "1.0", "id": "\u2603\"", "source": "/camera", "type": "photo"}
        structured = "application/cloudevents+json; charset=UTF-8"
        for data in ({"data_base64": b64(png()), "datacontenttype": "image/png"}, {"data": {"image": b64(png())}},
                     {"data_base64": b64(json.dumps({"image": b64(png())}).encode()), "datacontenttype": "application/json"}):
            response = self.post({**event, **data}, structured, "/")
            self.assertEqual(response.status, 200, response)
            self.assertTrue(response.headers["content-type"].startswith("application/cloudevents+json"))
            answer = response.json()
            self.assertEqual((answer["specversion"], answer["inreplyto"]), ("1.0", event["id"]))
            self.assertAnswer(answer["data"])
        whole = {**event, "data_base64": b64(png())}
        for attribute in event:
            self.assertRefused(self.post({k: v for k, v in whole.items() if k != attribute}, structured), 400, attribute)
            self.assertRefused(self.post({**whole, attribute: 1}, structured), 400, attribute)
        self.assertRefused(self.post(event, structured), 400, "data")
        self.assertRefused(self.post({**event, "data_base64": 1}, structured), 400, "data_base64")
        self.assertRefused(self.post({**event, "data_base64": "@"}, structured), 400, "data_base64")
        self.assertRefused(self.post({**event, "data": "text"}, structured), 400, "data")
        self.assertRefused(self.post(json.dumps(whole).encode().replace(rb"\u2603", b"\xff\xfe"), structured), 400, "id", "UTF-8")
        self.assertRefused(self.post([], structured), 400, "array")
        self.assertRefused(self.post("{", structured), 400, "JSON")
        self.assertRefused(self.post([whole], "application/cloudevents-batch+json"), 415, "batch")


class Life(TestCase):
    def test_sigterm_finishes_what_has_begun(self):
        handler = http_handler()
        begun, idle = connect(handler.port), connect(handler.port)
        begun.sendall(encode_request("POST", "/classify", png())[:-10])
        request(0, "GET", "/healthz", connection=idle)
        time.sleep(0.2)
        handler.process.send_signal(signal.SIGTERM)
        self.assertEqual(idle.recv(1), b"")
        idle.close()
        begun.sendall(png()[-10:])
        response = read_response(begun)
        self.assertEqual((response.status, response.headers["connection"]), (200, "close"))
        begun.close()
        self.assertEqual(handler.process.wait(10 * SLOW), 0)
        with self.assertRaises(OSError):
            connect(handler.port)
        handler.stop()

    def test_trickle_ends_at_the_deadline_while_the_handler_is_busy(self):
        with http_handler("--timeout=1", "--max-pixels=40000000") as handler:
            trickles = [connect(handler.port) for _ in range(20)]
            for each in trickles:
                each.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
                each.setblocking(False)
            large = png_of_zeros(3000, 3000)
            busy = [threading.Thread(target=handler.request, args=("POST", "/classify", large)) for _ in range(16)]
            for thread in busy:
                thread.start()
            end = time.monotonic() + 3 * SLOW
            while time.monotonic() < end:
                for each in trickles:
                    try:
                        each.send(b"x")
                    except OSError:
                        pass  # answered and closed
                time.sleep(0.001)
            for thread in busy:
                thread.join()
            for each in trickles:
                each.settimeout(10 * SLOW)
                self.assertTrue(each.recv(100).startswith(b"HTTP/1.1 408 "))
                each.close()

    @unittest.skipIf(SANITIZED, "the limit is not set under sanitizers")
    def test_no_memory_left_is_an_answer(self):
        with http_handler("--max-body=8388608", env={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}) as handler:
            many_values = b'{"a":[' + b"1," * 99_000 + b"1]}"
            self.assertRefused(handler.request("POST", "/classify", many_values, JSON), 400, "image")
            held, size, refused = [], 8_000_000, 0
            while size > 300_000:  # fill the memory with bodies that never end
                each = connect(handler.port)
                each.sendall(f"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: {size + 1}\r\n\r\n".encode())
                try:
                    each.sendall(bytes(size))
                    each.settimeout(0.2)
                    answer = each.recv(100)
                    self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
                    refused += 1
                    size //= 2
                except TimeoutError:
                    held.append(each)
                except ConnectionError:  # the answer came before the body was through
                    refused += 1
                    size //= 2
            self.assertGreater(refused, 0)
            self.assertEqual(handler.request("POST", "/classify", many_values, JSON).status, 503)
            for each in held:
                each.close()
            time.sleep(0.2)
            self.assertRefused(handler.request("POST", "/classify", many_values, JSON), 400, "image")

    def test_exif_orientation(self):
        """A PNG is lossless, so that the rotated pixels give the very same answer."""
        width, height = 40, 24
        pixels = [[bytes(((x * x) & 255, (7 * y) & 255, (x * y) & 255)) for x in range(width)] for y in range(height)]
        rows = lambda table: b"".join(b"\0" + b"".join(row) for row in table)
        upright = [[pixels[height - 1 - x][y] for x in range(height)] for y in range(width)]  # a quarter to the right
        lying, standing = png(width, height, rows=rows(pixels)), png(height, width, rows=rows(upright))
        exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
        chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
        lying = lying[:33] + chunk + lying[33:]
        results = lambda handler, image: handler.request("POST", "/classify", image).json()["results"]
        with http_handler() as handler:
            expected, plain = results(handler, standing), results(handler, lying)
            self.assertNotEqual(expected, plain)
        for arguments, env, rotated in ((["--exif-orientation"], {}, True), ([], {"MOBILENET_EXIF_ORIENTATION": "1"}, True),
                                        ([], {"MOBILENET_EXIF_ORIENTATION": "0"}, False)):
            with http_handler(*arguments, env=env) as handler:
                self.assertEqual(results(handler, lying), expected if rotated else plain)

    def test_keep_alive(self):
        with http_handler("--keep-alive=0") as handler, connect(handler.port) as connection:
            self.assertEqual(request(0, "GET", "/healthz", connection=connection).headers["connection"], "close")
        with http_handler("--keep-alive=1") as handler, connect(handler.port) as connection:
            self.assertNotIn("connection", request(0, "GET", "/healthz", connection=connection).headers)
            started = time.monotonic()
            self.assertEqual(connection.recv(1), b"")
            self.assertLess(time.monotonic() - started, 5 * SLOW)

    def test_sigterm_when_idle(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            handler = http_handler()
            started = time.monotonic()
            self.assertEqual(handler.stop(number), 0)
            self.assertLess(time.monotonic() - started, 2 * SLOW)

    def test_port_from_environment(self):
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        for env in ({"PORT": str(port)}, {"FUNCTIONS_CUSTOMHANDLER_PORT": str(port), "PORT": "1"}):
            with Handler("--address=127.0.0.1", env=env) as handler:
                self.assertEqual(handler.port, port)
                self.assertEqual(handler.request("GET", "/readyz").status, 200)

    def run_handler(self, *arguments, env=None):
        done = subprocess.run([HANDLER, *arguments], capture_output=True, text=True, timeout=20 * SLOW,
                              env={**sanitizer_environment(), **(env or {})})
        return done.returncode, done.stdout, done.stderr

    def test_wrong_start(self):
        for arguments, env, words in (
                (["--port=x"], {}, ["--port", '"x"']), (["--port=70000"], {}, ["--port"]), (["--nope=1"], {}, ["--nope"]),
                (["--port"], {}, ["--port"]), ([], {"PORT": "x"}, ["PORT"]), (["--max-body=0"], {}, ["--max-body"]),
                (["x"], {}, ['"x"']), (["--lambda"], {}, ["AWS_LAMBDA_RUNTIME_API"]),
                (["--quiet=perhaps"], {}, ["--quiet", '"perhaps"']), ([], {"MOBILENET_EXIF_ORIENTATION": "x"}, ["MOBILENET_EXIF_ORIENTATION"]),
                (["--log=xml"], {}, ["--log", "json"]), (["--openwhisk", "--workers=2"], {}, ["--workers"]),
                (["--address=name.example", "--model=" + MODEL], {}, ["numeric"]),
                (["--address=127.0.0.1", "--port=0", "--model=/nowhere/x.mnet"], {}, ["/nowhere/x.mnet"]),
                (["--address=127.0.0.1", "--port=0", "--model=" + support.__file__], {}, ["support.py", "not a packed model"])):
            status, out, err = self.run_handler(*arguments, env=env)
            self.assertIn(status, (1, 2), (arguments, out, err))
            self.assertEqual(err.count("\n"), 1, err)
            for word in words:
                self.assertIn(word, err)
        status, out, err = self.run_handler("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("--openwhisk", out)
        self.assertIn("MOBILENET_EXIF_ORIENTATION", out)
        self.assertLess(max(len(line) for line in out.splitlines()), 121)

    @unittest.skipIf(SANITIZED, "skipped: sanitizers need memory of their own")
    def test_image_that_the_platform_has_no_memory_for(self):
        large = png_of_zeros(4000, 3000)  # 36 KB, and 36 MB of pixels, twice while it is decoded
        with http_handler(env={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "64"}) as handler:
            for _ in range(3):
                self.assertRefused(handler.request("POST", "/classify", large), 503, "memory")
                self.assertEqual(handler.request("POST", "/classify", png()).status, 200)
        with http_handler() as handler:
            self.assertEqual(handler.request("POST", "/classify", large).status, 200)

    def test_port_in_use(self):
        with http_handler() as handler:
            status, out, err = self.run_handler("--address=127.0.0.1", f"--port={handler.port}")
            self.assertEqual(status, 1)
            self.assertIn("in use", err)

    def test_model_beside_the_executable(self):
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "program")
            shutil.copy(HANDLER, program)
            shutil.copy(MODEL, os.path.join(folder, "model.mnet"))
            with http_handler(program=program, env={"MOBILENET_MODEL": ""}) as handler:
                self.assertEqual(handler.request("POST", "/classify", png()).status, 200)

    def test_curl(self):
        curl = shutil.which("curl")
        if curl is None:
            self.skipTest("skipped: curl is not installed")
        with http_handler() as handler, tempfile.NamedTemporaryFile(suffix=".png") as file:
            # Noise does not compress: large enough for curl to wait for 100 Continue.
            file.write(png() + os.urandom(1_500_000))
            file.flush()
            url = f"http://127.0.0.1:{handler.port}/classify"
            for arguments in (["--data-binary", "@" + file.name], ["-F", "image=@" + file.name], ["-T", file.name, "-X", "POST"],
                              ["-H", "Transfer-Encoding: chunked", "--data-binary", "@" + file.name]):
                done = subprocess.run([curl, "-sS", "--noproxy", "*", *arguments, url], capture_output=True, timeout=30 * SLOW)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertAnswer(json.loads(done.stdout))

    def test_answers_are_those_of_tensorflow_js(self):
        if not DATA or not os.path.exists(PROGRAM):
            self.skipTest("skipped: MOBILENET_TEST_DATA and MOBILENET_PROGRAM do not name the reference data and the converter")
        name = "mobilenet_v1_0.25_224"
        labels = os.path.join(HERE, "..", "..", "models", "imagenet_labels.txt")
        with tempfile.TemporaryDirectory() as folder:
            model = os.path.join(folder, "model.mnet")
            subprocess.run([PROGRAM, "convert", f"{DATA}/models/{name}", "-o", model, "--labels", labels],
                           check=True, capture_output=True)
            with http_handler("--model=" + model) as handler:
                for image in ("panda", "hot_dog"):
                    with open(f"{DATA}/images/pixels/{image}.png", "rb") as file:
                        answer = handler.request("POST", "/classify?top=5", file.read()).json()
                    with open(f"{DATA}/reference/{name}/{image}.json") as file:
                        expected = json.load(file)["top"][:5]
                    for found, wanted in zip(answer["results"], expected):
                        self.assertEqual(found["classIndex"], wanted["classIndex"])
                        self.assertEqual(found["className"], wanted["className"])
                        self.assertAlmostEqual(found["probability"], wanted["probability"], delta=1e-4)


if __name__ == "__main__":
    main()
