"""Builds the images, starts envoy/docker-compose.yaml with Docker or podman, and signs in through the containers.

It restarts and stops them, and prints what each step took. Arguments are the services with Envoy that are tried in turn:
`envoy` (the default), `envoy-native`. With IMAGES (and VERSION) it tries the images of a release instead, and builds
nothing. COMPOSE="podman-compose" chooses the program; otherwise the first one that works is used.
"""

import base64
import html
import http.client
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "envoy"
RELEASED = "IMAGES" in os.environ
FILE = FOLDER / ("docker-compose.released.yaml" if RELEASED else "docker-compose.yaml")
PROJECT = f"envoy-cognito-check-{os.getpid()}"
# These ports are part of the demo's configuration.
FIXED_PORTS = [9230, 9233]
USER, PASSWORD = "jsmith", "The@Password"
EXPECTED = {
    "x-auth-user": "jsmith",
    "x-auth-name": "John Smith",
    "x-auth-email": "jsmith@example.com",
    "x-auth-roles": "authp/admin,authp/user",
    "x-auth-timezone": "America/New_York",
}
START, STOP = 120, 10


class Failure(Exception):
    """Something is not as it should be."""


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, text=True, check=False, **options)


def answers(*command: str) -> bool:
    if not shutil.which(command[0]):
        return False
    try:
        return run(list(command), capture_output=True, timeout=60).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def find_compose() -> tuple[list[str], str] | None:
    """The command that reads the compose file, and the program that has the containers."""
    if chosen := os.environ.get("COMPOSE", "").split():
        return chosen, "podman" if "podman" in chosen[0] else "docker"
    if answers("docker", "info") and answers("docker", "compose", "version"):
        return ["docker", "compose"], "docker"
    if answers("podman", "info") and answers("podman-compose", "--version"):
        return ["podman-compose"], "podman"
    return None


class Browser:
    """Follows redirects and keeps cookies, one jar for each host name, as browsers do."""

    def __init__(self):
        self.jars: dict[str, dict[str, str]] = {}

    def open(self, url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Returns status, body and the last URL."""
        for _ in range(10):
            status, headers, body = self.request(url, form)
            location = headers.get("location")
            if status not in (302, 303) or not location:
                return status, body, url
            url, form = urljoin(url, location), None
        raise Failure(f"redirects without end at {url}")

    def request(self, url: str, form: dict[str, str] | None = None):
        parts = urlsplit(url)
        jar = self.jars.setdefault(parts.hostname, {})
        headers = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-site": "same-origin"}
        if jar:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        try:
            path = parts.path or "/"
            connection.request(
                "GET" if form is None else "POST",
                f"{path}?{parts.query}" if parts.query else path,
                None if form is None else urlencode(form),
                headers,
            )
            response = connection.getresponse()
            body = response.read().decode(errors="replace")
            for cookie in response.headers.get_all("set-cookie") or []:
                pair, _, attributes = cookie.partition(";")
                name, _, value = pair.partition("=")
                if "max-age=0" in attributes.lower():
                    jar.pop(name, None)
                else:
                    jar[name] = value
            return response.status, response.headers, body
        finally:
            connection.close()

    def sign_in(self, url: str) -> tuple[int, str, str]:
        """Opens a page, and types the password where it is asked for."""
        status, body, at = self.open(url)
        if 'name="password"' not in body:
            raise Failure(f"{url} should have led to the sign-in page, but ended at {at} with {status}:\n{body}")
        action = html.unescape(re.search(r'action="([^"]*)"', body)[1])
        csrf = html.unescape(re.search(r'name="_csrf" value="([^"]*)"', body)[1])
        return self.open(urljoin(at, action), {"_csrf": csrf, "username": USER, "password": PASSWORD})

    def secrets(self) -> list[str]:
        return [value for jar in self.jars.values() for value in jar.values()]


def expect(what: str, seen, wanted) -> None:
    if seen != wanted:
        raise Failure(f"{what}: {seen!r} instead of {wanted!r}")
    print(f"    {what}")


class Check:
    def __init__(self, compose: list[str], engine: str, envoy: str):
        self.compose, self.engine, self.envoy = compose, engine, envoy
        self.services = [envoy, "cognito", "app"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.site = f"http://localhost:{self.port}"
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.environment = {**os.environ, "DEMO_PORT": str(self.port), "SESSION_KEY": self.key}

    def call(self, *arguments: str, fails: bool = False, **options) -> subprocess.CompletedProcess:
        # Docker starts a service of a profile if it is named; podman-compose doesn't.
        profile = ["--profile", "native"] if self.envoy == "envoy-native" else []
        command = [*self.compose, "-p", PROJECT, "-f", str(FILE), *profile, *arguments]
        done = run(command, cwd=FOLDER, env=self.environment, **options)
        if done.returncode != 0 and not fails:
            output = f"\n{done.stdout}{done.stderr}" if done.stdout is not None else ""
            raise Failure(f"{' '.join(command)} ended with {done.returncode}{output}")
        return done

    def quietly(self, *arguments: str, fails: bool = False) -> str:
        done = self.call(*arguments, fails=fails, capture_output=True)
        return done.stdout + done.stderr

    def timed(self, what: str, *arguments: str) -> float:
        begun = time.monotonic()
        self.quietly(*arguments)
        seconds = time.monotonic() - begun
        print(f"  {what}: {seconds:.1f} s")
        return seconds

    def wait(self, what: str, begun: float) -> None:
        """Until the site answers."""
        last = "nothing yet"
        while time.monotonic() - begun < START:
            try:
                status, _, _ = Browser().request(f"{self.site}/public/page")
                if status == 200:
                    print(f"  {what}: {time.monotonic() - begun:.1f} s")
                    return
                last = f"status {status}"
            except OSError as error:
                last = str(error)
            time.sleep(0.2)
        raise Failure(f"{self.site} doesn't answer after {START} s: {last}")

    def build(self) -> None:
        print(f"building the images of {', '.join(self.services)}", flush=True)
        begun = time.monotonic()
        self.call("build", *self.services)
        print(f"  built: {time.monotonic() - begun:.0f} s")

    def start(self) -> None:
        begun = time.monotonic()
        self.quietly("up", "-d", *self.services)
        self.wait("started, and the app answers through Envoy", begun)

    def sign_in(self) -> Browser:
        print("  a sign-in")
        browser = Browser()
        page = f"{self.site}/reports?from=compose"
        status, _, url = browser.sign_in(page)
        expect("it ends on the page that was asked for", (status, url), (200, page))
        seen = json.loads(browser.request(f"{self.site}/json")[2])
        headers = dict(seen["headers"])
        expect("the app gets the identity", {name: headers.get(name) for name in EXPECTED}, EXPECTED)
        statuses = [browser.request(self.site + path)[0] for path in ("/admin", "/finance", "/internal/x", "/.auth/me")]
        expect("rules and the identity page work", statuses, [200, 403, 403, 200])
        expect("a script gets no redirect", self.plain("/"), 401)
        status, _, body = Browser().request("http://127.0.0.1:9233/")
        expect("the stand-in has its admin page", (status, "jsmith" in body), (200, True))
        return browser

    def plain(self, path: str) -> int:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=20)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status

    def restart(self, browser: Browser) -> None:
        begun = time.monotonic()
        self.quietly("restart", self.envoy)
        self.wait("Envoy restarted", begun)
        expect("the session goes on, as its key is set", browser.request(f"{self.site}/reports")[0], 200)
        begun = time.monotonic()
        self.quietly("restart", "cognito")
        self.wait("the stand-in restarted", begun)
        expect("the session goes on", browser.request(f"{self.site}/reports")[0], 200)
        begun, seen = time.monotonic(), None
        # It has new keys, and perhaps a new address, which Envoy looks up every five seconds.
        while seen != (200, f"{self.site}/later") and time.monotonic() - begun < 30:
            try:
                status, _, url = Browser().sign_in(f"{self.site}/later")
                seen = (status, url)
            except OSError as error:
                seen = str(error)
                time.sleep(0.3)
        expect("and others sign in", seen, (200, f"{self.site}/later"))
        print(f"  after {time.monotonic() - begun:.1f} s")

    def sign_out(self, browser: Browser) -> None:
        status, _, url = browser.open(f"{self.site}/.auth/sign-out")
        expect("sign-out ends on its page", (status, url), (200, f"{self.site}/.auth/signed-out"))
        expect("then the password is asked for again", 'name="password"' in browser.open(f"{self.site}/reports")[1], True)

    def search_logs(self, browser: Browser, cookies: list[str]) -> None:
        logs = self.quietly("logs")
        known = [PASSWORD, self.key, "ldjkr0pn1jmo9lule3ge06ju13rhmsffda1vama1f80frlcvplf", *cookies]
        # What the app prints tells the password of the demo.
        lines = [line for line in logs.splitlines() if "and sign in as jsmith" not in line]
        found = [secret[:4] + "…" for secret in known if any(secret in line for line in lines) and len(secret) > 8]
        expect("no secret is in the logs", found, [])
        expect("the logs say what to open", f"Open {self.site} and sign in as {USER}" in logs, True)
        expect("the logs have the filter's lines", "event=sign_in.completed" in logs, True)

    def stop(self) -> None:
        for service in self.services:
            seconds = self.timed(f"{service} stopped", "stop", "-t", str(2 * STOP), service)
            if seconds > STOP:
                raise Failure(f"{service} ignores the signal to stop")
            expect("with exit code 0", self.exit_code(service), "0")

    def exit_code(self, service: str) -> str:
        labels = {"project": PROJECT, "service": service}
        filters = [word for name, value in labels.items() for word in ("--filter", f"label=com.docker.compose.{name}={value}")]
        found = run([self.engine, "ps", "--all", "--quiet", *filters], capture_output=True).stdout.split()
        if len(found) != 1:
            raise Failure(f"{service} has {len(found)} containers")
        inspected = run([self.engine, "inspect", "--format", "{{.State.ExitCode}}", found[0]], capture_output=True)
        return inspected.stdout.strip()

    def all(self) -> None:
        if not RELEASED:
            self.build()
        print(f"{self.envoy}, by {' '.join(self.compose)}", flush=True)
        try:
            self.start()
            browser = self.sign_in()
            cookies = browser.secrets()
            self.restart(browser)
            self.sign_out(browser)
            self.search_logs(browser, cookies)
            self.stop()
        except (Failure, OSError):
            print(self.quietly("logs", fails=True)[-5000:], file=sys.stderr)
            raise
        finally:
            self.quietly("down", "--volumes", "--timeout", "5", fails=True)


def main() -> int:
    found = find_compose()
    if found is None:
        print(
            "compose-check: neither Docker with Compose 2 nor podman with podman-compose can run containers here, "
            "so nothing was checked.",
            file=sys.stderr,
        )
        return 1
    for port in FIXED_PORTS:
        with socket.socket() as taken:
            if taken.connect_ex(("127.0.0.1", port)) == 0:
                print(f"compose-check: port {port} is taken, which the demo needs.", file=sys.stderr)
                return 1
    try:
        for envoy in sys.argv[1:] or ["envoy"]:
            Check(*found, envoy).all()
    except (Failure, OSError) as failure:
        print(f"compose-check: FAILED: {failure}", file=sys.stderr)
        return 1
    print("compose-check: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
