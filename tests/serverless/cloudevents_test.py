#!/usr/bin/env python3
"""CloudEvents with the npm package cloudevents on the other side."""
import support
from support import *


class CloudEvents(TestCase):
    def test_independent_encoder_and_decoder(self):
        with http_handler() as handler, tempfile.NamedTemporaryFile(suffix=".jpg") as photo:
            photo.write(jpeg())
            photo.flush()
            done = run_node("cloudevents_client.js", f"http://127.0.0.1:{handler.port}/", photo.name)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    skip_without_npm("cloudevents")
    main()
