"""What the tests against real platforms share. support.py of tests/serverless does the rest."""
import os
import shutil
import socket
import sys
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "serverless"))
TOOLS = os.environ.get("MOBILENET_PLATFORM_TOOLS", "")  # where tools.sh puts programs


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def tool(name):
    return shutil.which(name, path=os.pathsep.join([TOOLS, os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def need(name):
    if tool(name) is None:
        skip(f"{name} is not installed (tests/platforms/tools.sh)")


def need_zips():
    zips = os.environ.get("MOBILENET_ZIPS", "")
    if not os.path.exists(os.path.join(zips, "lambda.zip")):
        skip("no zips were built (target handler_zips)")


def unpack(name, folder, entry):
    with zipfile.ZipFile(os.path.join(os.environ["MOBILENET_ZIPS"], name)) as archive:
        archive.extractall(folder)
    program = os.path.join(folder, entry)
    os.chmod(program, 0o755)  # Python's zipfile forgets it
    return program


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
