#!/usr/bin/env python3
"""OpenWhisk's ActionLoop over a real pipe on file descriptor 3, and the one-shot --native form."""
import shutil
from support import *


class Loop:
    """The executable as ActionLoop's proxy starts it: another working directory, next to nothing in the environment."""

    def __init__(self, command, env=None, name=None):
        answers, theirs = os.pipe()
        # pass_fds keeps numbers, and the number has to be 3.
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$0" "$@" 3>&{theirs} {theirs}>&-', *command], pass_fds=[theirs],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
            env={**sanitizer_environment(), **(env or {})})
        os.close(theirs)
        self.answers = os.fdopen(answers, "rb")

    def send(self, line):
        self.process.stdin.write(line if isinstance(line, bytes) else (json.dumps(line) + "\n").encode())
        self.process.stdin.flush()

    def ask(self, line):
        self.send(line)
        return self.answer()

    def answer(self):
        line = self.answers.readline()
        assert line.endswith(b"\n"), line
        return json.loads(line)

    def finish(self):
        """Ends the input: exit status, standard output, standard error, and what was left on descriptor 3."""
        out, err = self.process.communicate(timeout=20 * SLOW)
        rest = self.answers.read()
        self.answers.close()
        return self.process.returncode, out.decode(), err.decode(), rest


class ActionLoop(TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.exec = os.path.join(self.folder.name, "exec")
        shutil.copy(HANDLER, self.exec)
        shutil.copy(MODEL, os.path.join(self.folder.name, "model.mnet"))

    def tearDown(self):
        self.folder.cleanup()

    def test_classify(self):
        loop = Loop([self.exec])
        for _ in range(3):
            self.assertAnswer(loop.ask({"value": {"image": b64(jpeg())}, "activation_id": "a", "deadline": 1}))
        status, out, err, rest = loop.finish()
        self.assertEqual((status, err, rest), (0, "", b""))
        self.assertEqual(out.count("memory used: rss="), 3)
        self.assertEqual(out.count("loadModel: "), 1)

    def test_acknowledgement(self):
        loop = Loop([self.exec], {"__OW_WAIT_FOR_ACK": "1"})
        self.assertEqual(loop.answer(), {"ok": True})
        self.assertAnswer(loop.ask({"value": {"image": b64(jpeg())}}))
        self.assertEqual(loop.finish()[3], b"")
        os.remove(os.path.join(self.folder.name, "model.mnet"))
        status, out, err, rest = Loop([self.exec], {"__OW_WAIT_FOR_ACK": "1"}).finish()
        self.assertEqual((status, rest), (1, b""))
        self.assertIn("model.mnet", err)

    def test_wrong_lines(self):
        loop = Loop([self.exec, "--max-body=200000"])
        for line in (b"\n", b"nonsense\n", b"[]\n", b'{"value":1}\n', b'{"value":{}}\n', b'{"value":{"image":"@"}}\n',
                     b'{"value":{"image":"aGVsbG8="}}\n', b"[" * 100_000 + b"\n", b"x" * 200_001 + b"\n", b"x" * 900_000 + b"\n",
                     b'{"a=b":1}\n', b"\xff\xfe\0\n"):
            answer = loop.ask(line)
            self.assertEqual(list(answer), ["error"], line[:50])
            self.assertIsInstance(answer["error"], str)
        self.assertAnswer(loop.ask({"value": {"image": b64(png())}}))
        self.assertEqual(loop.finish()[0], 0)

    def test_last_line_without_an_end(self):
        loop = Loop([self.exec])
        loop.send(json.dumps({"value": {"image": b64(png())}}).encode())
        status, out, err, rest = loop.finish()
        self.assertEqual(status, 0)
        self.assertAnswer(json.loads(rest))

    def test_end_of_input(self):
        self.assertEqual(Loop([self.exec]).finish(), (0, "", "", b""))

    def test_web_action(self):
        loop = Loop([self.exec])
        answer = loop.ask({"value": {"__ow_method": "post", "__ow_headers": {"content-type": "image/jpeg"}, "__ow_body": b64(jpeg())}})
        self.assertEqual(answer["statusCode"], 200)
        self.assertAnswer(answer["body"])
        answer = loop.ask({"value": {"__ow_method": "post", "__ow_headers": {}, "__ow_body": "@"}})
        self.assertEqual(answer["error"]["statusCode"], 400)
        loop.finish()


class OwnCases(TestCase):
    def test_echo_unicode_large_and_environment(self):
        loop = Loop([WHISK_CASES, "actionloop", "echo"], {"__OW_WAIT_FOR_ACK": "1"})
        self.assertEqual(loop.answer(), {"ok": True})
        for value in ({"string": "\u2744 \u2603 \u2744"}, {"lines": "a\nb\r\n\t\""}, {"arg": "a" * 1048561}, {"arg": "b" * 5_000_000}):
            self.assertEqual(loop.ask({"value": value}), value)
        # The log is there before the answer: nothing of this round may still be missing.
        loop.ask({"value": {}})
        ready, _, _ = select.select([loop.process.stdout], [], [], 0)
        self.assertTrue(ready)
        status, out, err, rest = loop.finish()
        self.assertEqual((status, out.count("hello stdout\n"), err.count("hello stderr\n")), (0, 5, 5))

        loop = Loop([WHISK_CASES, "actionloop", "environment"])
        given = {"api_host": "h", "api_key": "abc", "namespace": "zzz", "action_name": "xxx", "activation_id": "iii", "deadline": "123"}
        self.assertEqual(loop.ask({"value": {}, **given}), given)
        self.assertEqual(loop.ask({"value": {}, "deadline": 5})["deadline"], "5")
        loop.finish()

        loop = Loop([WHISK_CASES, "actionloop", "number"])
        self.assertEqual(loop.ask({"value": {}}), {"error": "The action did not return a dictionary."})
        loop.finish()


class Native(TestCase):
    def run_native(self, *arguments, text="", program=HANDLER, env=None):
        done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True, cwd="/", timeout=20 * SLOW,
                              env={**sanitizer_environment(), "MOBILENET_MODEL": MODEL, **(env or {})})
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.rstrip("\n").rsplit("\n", 1)[-1])

    def test_parameters(self):
        parameters = json.dumps({"image": b64(jpeg())})
        self.assertAnswer(self.run_native("--native", parameters))
        self.assertAnswer(self.run_native("--native", text=parameters))
        self.assertAnswer(self.run_native("--native", text=json.dumps({"image": b64(jpeg())}, indent=2)))
        for wrong in ("", "{", "[]", "{}", '{"image":1}', '{"image":"@"}'):
            self.assertEqual(list(self.run_native("--native", text=wrong)), ["error"])
        self.assertEqual(list(self.run_native("--native", "nonsense")), ["error"])
        self.assertIn("model", self.run_native("--native", parameters, env={"MOBILENET_MODEL": "/nowhere.mnet"})["error"])

    def test_by_the_name_exec(self):
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "exec")
            shutil.copy(HANDLER, program)
            parameters = json.dumps({"image": b64(jpeg())})
            self.assertAnswer(self.run_native(parameters, program=program))
            self.assertAnswer(self.run_native(text=parameters, program=program))


if __name__ == "__main__":
    main()
