#!/usr/bin/env python3
"""Amazon's Runtime Interface Emulator runs the Lambda zip: the runtime API is Amazon's own code here.

The emulator is the Go module github.com/aws/aws-lambda-runtime-interface-emulator; tools.sh installs it."""
import platforms
from support import *


class Emulator(TestCase):
    def setUp(self):
        self.task = tempfile.TemporaryDirectory()
        self.bootstrap = platforms.unpack("lambda.zip", self.task.name, "bootstrap")
        self.port, runtime = platforms.free_port(), platforms.free_port()
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [platforms.tool("aws-lambda-rie"), "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
             "--runtime-api-address", f"127.0.0.1:{runtime}", self.bootstrap, "app.handler"],
            stdout=self.log, stderr=subprocess.STDOUT, cwd=self.task.name, start_new_session=True,
            env={"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": self.task.name, "AWS_LAMBDA_FUNCTION_TIMEOUT": "20"})
        platforms.wait_for_port(self.port)

    def tearDown(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()
        self.task.cleanup()

    def invoke(self, event):
        response = request(self.port, "POST", "/2015-03-31/functions/function/invocations", event)
        self.assertEqual(response.status, 200, self.output())
        return response.json()

    def output(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode(errors="replace")

    def test_invocations(self):
        self.assertAnswer(self.invoke({"image": b64(jpeg())}))
        answer = self.invoke({"image": b64(png()), "top": 1})  # the same process, warm
        self.assertAnswer(answer, 1)
        self.assertNotIn("loadModel", answer["timings"])
        failed = self.invoke({"image": "@"})
        self.assertEqual(failed["errorType"], "Function.InvalidBase64")
        event = {"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "headers": {"content-type": "image/png"},
                 "body": b64(png()), "isBase64Encoded": True}
        answer = self.invoke(event)
        self.assertEqual(answer["statusCode"], 200)
        self.assertAnswer(json.loads(answer["body"]))
        self.assertIn("memory used: rss=", self.output())

    def test_model_that_cannot_be_loaded(self):
        os.remove(os.path.join(self.task.name, "model.mnet"))
        response = request(self.port, "POST", "/2015-03-31/functions/function/invocations", {"image": b64(png())})
        self.assertIn("ModelNotLoaded", response.body.decode() + self.output())


if __name__ == "__main__":
    platforms.need("aws-lambda-rie")
    platforms.need_zips()
    main()
