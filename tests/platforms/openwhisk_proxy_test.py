#!/usr/bin/env python3
"""OpenWhisk's own proxy runs the ActionLoop zip.

The proxy is the program ./main of the Go module github.com/apache/openwhisk-runtime-go, under the name openwhisk-proxy.
It always listens on port 8080, so it gets a network namespace of its own."""
import shutil
import platforms
from support import *


class Proxy(TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([platforms.tool("openwhisk-proxy")], cwd=self.folder.name, stdout=self.log,
                                        stderr=subprocess.STDOUT, start_new_session=True,
                                        env={"PATH": os.environ["PATH"], **self.environment})
        platforms.wait_for_port(8080)

    environment = {}

    def tearDown(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def post(self, path, body):
        return request(8080, "POST", path, body, JSON)

    def output(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode(errors="replace")

    def initialize(self, name="openwhisk.zip"):
        with open(os.path.join(os.environ["MOBILENET_ZIPS"], name), "rb") as file:
            return self.post("/init", {"value": {"name": "classify", "main": "main", "binary": True, "code": b64(file.read())}})

    def test_zips(self):
        response = self.initialize()
        self.assertEqual(response.status, 200, f"{response} {self.output()}")
        for _ in range(3):
            response = self.post("/run", {"value": {"image": b64(jpeg())}, "activation_id": "a", "deadline": 1})
            self.assertEqual(response.status, 200, response)
            self.assertAnswer(response.json())
        for value, word in (({}, "image"), ({"image": "@"}, "base64"), ({"image": b64(b"hello")}, "JPEG")):
            response = self.post("/run", {"value": value})
            self.assertIn(word, response.json()["error"])
        web = {"__ow_method": "post", "__ow_headers": {"content-type": "image/png"}, "__ow_body": b64(png())}
        self.assertAnswer(self.post("/run", {"value": web}).json()["body"])
        time.sleep(0.2)
        self.assertEqual(self.output().count("memory used: rss="), 4)
        self.assertEqual(self.output().count("loadModel: "), 1)  # one process for all

    def test_embedded(self):
        self.assertEqual(self.initialize("openwhisk-embedded.zip").status, 200)
        self.assertAnswer(self.post("/run", {"value": {"image": b64(png()), "top": 2}}).json(), 2)


class WaitingProxy(Proxy):
    """Newer ones wait for an acknowledgement."""
    environment = {"OW_WAIT_FOR_ACK": "1"}


if __name__ == "__main__":
    platforms.need("openwhisk-proxy")
    platforms.need_zips()
    platforms.need("unshare")
    platforms.need("ip")
    if os.geteuid() != 0:
        platforms.skip("a network namespace needs root")
    if os.environ.get("MOBILENET_IN_NAMESPACE") != "1":
        os.execvpe("unshare", ["unshare", "--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh", sys.executable, *sys.argv],
                   {**os.environ, "MOBILENET_IN_NAMESPACE": "1"})
    main()
