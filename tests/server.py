"""A running `omma run` for the stories: starts it on a free port, asks it things, ends it."""
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request


class Omma:
    """Use as `with Omma(binary, home, ["test:"]) as server:`."""

    def __init__(self, binary, home, args, env=None):
        self.args = [binary, "run", "--listen", "127.0.0.1:0", *args]
        self.env = {**os.environ, "OMMA_HOME": str(home), "OMMA_LOG_FORM": "json", **(env or {})}
        self.home = home
        self.log_path = f"{home}/omma.log"
        self.process = None
        self.url = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, timeout_s=10):
        os.makedirs(self.home, exist_ok=True)
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(self.args, stdout=subprocess.PIPE, stderr=self.log,
                                        stdin=subprocess.DEVNULL, env=self.env)
        self.url = self.process.stdout.readline().decode().strip()
        if not self.url.startswith("http"):
            raise RuntimeError(f"omma run did not start: {open(self.log_path).read()}")
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self.status("/readyz") == 200:
                return
            time.sleep(0.05)
        raise RuntimeError(f"not ready after {timeout_s} s: {open(self.log_path).read()}")

    def stop(self, how=signal.SIGTERM, timeout_s=15):
        if not self.process:
            return None
        self.process.send_signal(how)
        try:
            code = self.process.wait(timeout_s)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.log.close()
            self.process = None
        return code

    def request(self, method, path, body=None, headers=None, timeout_s=10):
        """(status, headers, bytes) whatever the status is."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def status(self, path):
        try:
            return self.request("GET", path)[0]
        except (urllib.error.URLError, OSError):
            return 0

    def json(self, path):
        status, _, body = self.request("GET", path)
        assert status in (200, 503), (status, body)
        return json.loads(body)

    def camera(self, camera_id):
        return next(c for c in self.json("/api/v1/cameras")["cameras"] if c["id"] == camera_id)

    def wait_for(self, what, timeout_s, every_s=0.05):
        """Polls what() until it is true; returns the seconds it took."""
        start = time.monotonic()
        while True:
            got = what()
            if got:
                return time.monotonic() - start
            assert time.monotonic() - start < timeout_s, f"not within {timeout_s} s: {what.__doc__}"
            time.sleep(every_s)

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
