#!/usr/bin/env python3
"""OpenWhisk's container protocol. First the cases of OpenWhisk's own runtime tests, with the actions they ask for
(whisk_cases.cpp); then the classifier."""
from support import *

NO_CODE = {"name": "classify", "main": "main", "code": "", "binary": False}


class Container:
    """A handler as OpenWhisk's invoker sees it."""

    def __init__(self, program=None, env=None):
        arguments = ["openwhisk"] if program else ["--openwhisk", "--address=127.0.0.1", "--port=0", "--max-body=2000000"]
        self.handler = Handler(*arguments, program=program, env=env)

    def init(self, value=None, **fields):
        return self.handler.request("POST", "/init", {"value": value or {**NO_CODE, **fields}}, JSON)

    def run(self, value=None, **context):
        body = {**context} if value is None else {"value": value, **context}
        return self.handler.request("POST", "/run", body, JSON)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.handler.__exit__(kind, value, trace)
        self.out, self.err = self.handler.out_text, self.handler.err_text


class OwnCases(TestCase):
    """Named after the cases in OpenWhisk's BasicActionRunnerTests."""

    def container(self, env=None):
        return Container(WHISK_CASES, env)

    def assertMarks(self, container, count):
        for stream in (container.out, container.err):
            lines = stream.split("\n")
            self.assertEqual(lines.count(END_MARK), count, stream)
            if count:
                self.assertEqual(lines[-2:], [END_MARK, ""])

    def test_initialization_with_no_code(self):
        for value in (NO_CODE, {**NO_CODE, "code": None}, {"name": "x", "main": "main", "binary": False}, {}):
            with self.container() as c:
                self.assertEqual(c.init(value).status, 200, value)
            self.assertMarks(c, 0)

    def test_initialization_with_no_content(self):
        with self.container() as c:
            self.assertEqual(c.handler.request("POST", "/init", {}, JSON).status, 200)

    def test_initialization_fails(self):
        with self.container() as c:
            response = c.init(main="fail")
            self.assertRefused(response, 503, "never starts")
            self.assertRefused(c.run({}), 403, "not been initialized")

    def test_not_returning_a_json_object(self):
        with self.container() as c:
            self.assertEqual(c.init(main="number").status, 200)
            response = c.run()
            self.assertNotEqual(response.status, 200)
            self.assertEqual(response.json(), {"error": "The action did not return a dictionary."})
        self.assertMarks(c, 1)

    def test_initialize_a_second_time(self):
        with self.container() as c:
            self.assertEqual(c.init().status, 200)
            response = c.init()
            self.assertEqual(response.status, 403)
            self.assertEqual(response.json(), {"error": "Cannot initialize the action more than once."})
        self.assertIn("Cannot initialize the action more than once.", c.out + c.err)
        self.assertMarks(c, 0)

    def test_entry_point_other_than_main(self):
        with self.container() as c:
            self.assertEqual(c.init(main="niam").status, 200)
            self.assertEqual(c.run({"string": "hello"}).json(), {"string": "hello"})

    def test_echo_arguments_and_print_messages(self):
        arguments = ({"string": "hello"}, {"string": "\u2744 \u2603 \u2744"}, {"numbers": [42, 1]}, {"boolean": True},
                     {"object": {"a": "A"}}, {"null": None, "float": -1.5e-7, "empty": {}, "none": []})
        with self.container() as c:
            self.assertEqual(c.init().status, 200)
            for value in arguments:
                response = c.run(value)
                self.assertEqual((response.status, response.json()), (200, value))
        self.assertIn("hello stdout", c.out)
        self.assertIn("hello stderr", c.err)
        self.assertMarks(c, len(arguments))

    def test_unicode(self):
        with self.container() as c:
            self.assertEqual(c.init(main="unicode").status, 200)
            self.assertEqual(c.run({"delimiter": "\u2744"}).json(), {"winter": "\u2744 \u2603 \u2744"})
        self.assertIn("\u2744 \u2603 \u2744", c.out)
        self.assertMarks(c, 1)

    def test_environment_before_initialization(self):
        env = {"ARRAY": ["a", "b"], "OBJECT": {"a": "A"}, "STRING": "xyz", "NUMBER": 3, "BOOL": True, "NULL": None}
        with self.container() as c:
            self.assertEqual(c.init(main="partition", env=env).status, 200)
            fields = c.run({}).json()
            self.assertEqual(json.loads(fields.pop("ARRAY")), ["a", "b"])
            self.assertEqual(json.loads(fields.pop("OBJECT")), {"a": "A"})
            self.assertEqual(fields, {"STRING": "xyz", "NUMBER": "3", "BOOL": "true", "NULL": ""})
        self.assertMarks(c, 1)
        with self.container() as c:
            self.assertEqual(c.init(main="at_init", env={"STRING": "early"}).status, 200)
            self.assertEqual(c.run({}).json(), {"STRING": "early"})

    def test_expected_environment_variables(self):
        given = {"api_key": "abc", "namespace": "zzz", "action_name": "xxx", "activation_id": "iii", "deadline": "123"}
        with self.container({"__OW_API_HOST": "xyz"}) as c:
            self.assertEqual(c.init(main="environment").status, 200)
            self.assertEqual(c.run({}, **given).json(), {"api_host": "xyz", **given})
            self.assertEqual(c.run({}, **{**given, "deadline": 456}).json()["deadline"], "456")
            # One activation's context is not the next one's; what the container was started with stays.
            self.assertEqual(c.run({}, api_host="other").json()["api_host"], "other")
            self.assertEqual(c.run({}, namespace="n").json(),
                             {"api_host": "xyz", "api_key": "", "namespace": "n", "action_name": "", "activation_id": "",
                              "deadline": ""})

    def test_large_input(self):
        value = {"arg": "a" * 1048561}
        with self.container() as c:
            self.assertEqual(c.init().status, 200)
            self.assertEqual(c.run(value).json(), value)
        self.assertMarks(c, 1)

    def test_application_error(self):
        with self.container() as c:
            self.assertEqual(c.init(main="fails").status, 200)
            response = c.run({})
            self.assertEqual((response.status, response.json()), (200, {"error": "this action always fails"}))
        self.assertMarks(c, 1)

    def test_wrong_requests(self):
        with self.container() as c:
            post = lambda path, body: c.handler.request("POST", path, body, JSON)
            for body in ("", "{", "[]", "1", '{"value":1}', '{"value":[]}', '{"value":{"main":1}}', '{"value":{"code":{}}}',
                         '{"value":{"binary":"x"}}', '{"value":{"env":[]}}', '{"value":{"env":{"a=b":"c"}}}'):
                self.assertRefused(post("/init", body), 400)
            self.assertEqual(c.init().status, 200)
            wrong = ("", "{", "[]", '"x"', '{"value":1}', '{"value":[]}', '{"value":null}', '{"value":{},"a=b":1}', "[" * 70000)
            for body in wrong:
                self.assertRefused(post("/run", body), 400)
            self.assertRefused(c.handler.request("GET", "/run"), 405, "POST")
            self.assertRefused(c.handler.request("GET", "/"), 404, "/init or /run")
            self.assertRefused(c.handler.request("POST", "/nope", "{}"), 404)
            self.assertEqual(c.run({"still": "works"}).json(), {"still": "works"})
        self.assertMarks(c, len(wrong) + 1)


class Classifier(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.c = Container()
        cls.first_log = cls.c.handler.stdout()
        cls.init = cls.c.init({**NO_CODE, "code": "UEsDBA==", "binary": True})

    @classmethod
    def tearDownClass(cls):
        assert cls.c.handler.stop() == 0, cls.c.handler.err_text

    def test_init(self):
        self.assertEqual(self.init.status, 200)

    def test_parameters(self):
        for value in ({"image": b64(jpeg())}, {"image": "data:image/jpeg;base64," + b64(jpeg())}, {"__ow_body": b64(png())}):
            response = self.c.run(value, activation_id="x", deadline=int(time.time() * 1000) + 60000)
            self.assertEqual(response.status, 200)
            self.assertAnswer(response.json())
        self.assertAnswer(self.c.run({"image": b64(jpeg()), "top": 1}).json(), 1)

    def test_application_errors(self):
        for value, word in (({}, "image"), ({"image": 1}, "a number"), ({"image": "@"}, "base64"), ({"image": b64(b"hello")}, "JPEG"),
                            ({"image": b64(jpeg()[:-40])}, "truncated"), ({"image": b64(png(claimed=(60000, 60000)))}, "60000x60000")):
            response = self.c.run(value)
            self.assertEqual(response.status, 200)
            self.assertEqual(list(response.json()), ["error"])
            self.assertIn(word, response.json()["error"])
        self.test_parameters()

    def web(self, body, content_type="image/jpeg", **more):
        return {"__ow_method": "post", "__ow_headers": {"content-type": content_type}, "__ow_path": "", "__ow_body": body, **more}

    def test_web_action(self):
        form = (b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n' + jpeg() + b"\r\n--b--\r\n")
        plain_json = json.dumps({"image": b64(jpeg())})
        for value in (self.web(b64(jpeg())), self.web(b64(form), "multipart/form-data; boundary=b"),
                      self.web(plain_json, "application/json"), self.web(b64(plain_json.encode()), "application/json"),
                      {"__ow_method": "post", "__ow_headers": {}, "__ow_path": "", "image": b64(jpeg())}):
            answer = self.c.run(value).json()
            self.assertEqual((answer["statusCode"], answer["headers"]), (200, {"content-type": "application/json"}))
            self.assertAnswer(answer["body"])
        self.assertAnswer(self.c.run(self.web(b64(jpeg()), __ow_query="top=2")).json()["body"], 2)

    def test_web_action_errors(self):
        for value, status in ((self.web("@@"), 400), (self.web(b64(b"hello")), 415), (self.web(b64(jpeg()[:-40])), 422),
                              (self.web(1), 400), (self.web(b64(jpeg()), __ow_query="top=x"), 400), ({"__ow_method": "get"}, 400)):
            response = self.c.run(value)
            self.assertEqual(response.status, 200)
            error = response.json()["error"]
            self.assertEqual(error["statusCode"], status)
            self.assertEqual(error["headers"], {"content-type": "application/json"})
            self.assertEqual(list(error["body"]), ["error"])

    def test_limits(self):
        out, err = self.c.handler.stdout(), self.c.handler.stderr()
        self.assertRefused(self.c.handler.request("POST", "/run", bytes(2_000_001), JSON), 413, "2000000")
        self.assertEqual(self.c.handler.stdout()[len(out):], END_MARK + "\n")
        self.assertTrue(self.c.handler.stderr()[len(err):].endswith("\n" + END_MARK + "\n"))
        self.test_parameters()

    def test_log_is_complete_before_the_answer(self):
        before = len(self.c.handler.stdout())
        self.c.run({"image": b64(jpeg())})
        lines = self.c.handler.stdout()[before:].split("\n")
        self.assertEqual([line.split(":")[0] for line in lines if not line.startswith("loadModel")],
                         ["decodeImage", "imageToInput", "classify", "main", "memory used", END_MARK, ""])


class Start(TestCase):
    def test_json_log(self):
        with Handler("--openwhisk", "--address=127.0.0.1", "--port=0", "--log=json") as handler:
            handler.request("POST", "/init", {"value": NO_CODE}, JSON)
            handler.request("POST", "/run", {"value": {"image": b64(jpeg())}, "activation_id": "a7", "transaction_id": "t7"}, JSON)
            handler.request("POST", "/run", {"value": {}, "activation_id": "a8"}, JSON)
            lines = handler.stdout().splitlines()
            self.assertEqual(lines.count(END_MARK), 2)  # the platform searches for it as it is
            lines = [json.loads(line) for line in lines if line != END_MARK]
            self.assertEqual([(line["requestId"], line["traceId"]) for line in lines if line["message"] == "classified"], [("a7", "t7")])
            errors = [json.loads(line) for line in handler.stderr().splitlines() if line != END_MARK]
            self.assertEqual([(line["severity"], line["requestId"]) for line in errors], [("ERROR", "a8")])

    def test_binds_before_the_model_is_loaded(self):
        with Handler("--openwhisk", "--address=127.0.0.1", "--port=0", env={"MOBILENET_MODEL": "/nowhere.mnet"}) as handler:
            response = handler.request("POST", "/init", {"value": NO_CODE}, JSON)
            self.assertRefused(response, 503, "/nowhere.mnet")


if __name__ == "__main__":
    main()
