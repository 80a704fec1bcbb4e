"""Has Envoy Gateway's own translator (`egctl x translate`) read envoy/envoy-gateway with the native module, and a real Envoy
run what it makes.

EGCTL and ENVOY name the programs, FILTER the native module; it also needs openssl. What differs from a cluster: the translator's clusters and
routes are in Envoy's own file instead of coming by xDS, the module and the certificate are local files, and the app is
a server of this test.
"""

import base64
import http.client
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFESTS = ["gateway.yaml", "native/envoy-proxy.yaml", "native/extension-policy.yaml"]
HOST = "app.example.com"
# An address that nobody has; the app's takes its place.
PLACEHOLDER = "192.0.2.5"
RESOURCES = (".v3.Listener", ".v3.Cluster", ".v3.ClusterLoadAssignment", ".v3.RouteConfiguration")
SECRETS = {
    "COGNITO_USER_POOL_ID": "us-east-1_UFeMzbuJe",
    "COGNITO_CLIENT_ID": "2jvuq8gkhfoh7u4fdfihiditj5",
    "COGNITO_CLIENT_SECRET": "secret-of-the-client",
    "SESSION_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}
CLUSTER = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{ name: eg }}
spec: {{ controllerName: gateway.envoyproxy.io/gatewayclass-controller }}
---
apiVersion: v1
kind: Service
metadata: {{ name: app, namespace: app }}
spec: {{ clusterIP: {PLACEHOLDER}, ports: [{{ name: http, port: 8000, targetPort: 8000 }}] }}
"""


def everywhere(value, change):
    """Calls `change` for each object in a JSON document."""
    if isinstance(value, dict):
        change(value)
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        everywhere(child, change)


def translated(folder: Path) -> dict:
    # JSON is YAML.
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "app-example-com", "namespace": "app"},
        "type": "kubernetes.io/tls",
        "data": {f"tls.{name}": base64.b64encode((folder / name).read_bytes()).decode() for name in ("crt", "key")},
    }
    texts = [CLUSTER, json.dumps(secret), *((ROOT / "envoy/envoy-gateway" / name).read_text() for name in MANIFESTS)]
    (folder / "objects.yaml").write_text("\n---\n".join(texts))
    command = [os.environ["EGCTL"], "x", "translate", "--from", "gateway-api", "--to", "gateway-api,xds"]
    command += ["--type", "all", "--output", "json", "--file", folder / "objects.yaml"]
    return json.loads(subprocess.check_output(command))


def assert_accepted(objects: dict) -> None:
    """Every condition of every object is good."""
    seen = []

    def note(at: dict) -> None:
        if "reason" in at and "message" in at:
            seen.append((at["type"], at["status"], at["message"]))

    everywhere(objects, note)
    bad = [one for one in seen if one[1] != "True"]
    if bad or not seen:
        sys.exit(f"not accepted: {bad or 'nothing'}")
    print(f"{len(seen)} conditions, all true")


def bootstrap(xds: dict, folder: Path, ports: dict[int, int], app: int) -> dict:
    """Everything that the translator says in one file."""
    dumps = {config["@type"].rsplit(".", 1)[-1]: config for config in xds["configs"]}
    made = dumps["BootstrapConfigDump"]["bootstrap"]
    made.pop("dynamicResources")
    endpoints = [one["endpointConfig"] for one in dumps["EndpointsConfigDump"]["dynamicEndpointConfigs"]]
    endpoints = {one["clusterName"]: one for one in endpoints}
    routes = [one["routeConfig"] for one in dumps["RoutesConfigDump"]["dynamicRouteConfigs"]]
    routes = {one["name"]: one for one in routes}
    static = made["staticResources"]
    # Envoy Gateway itself, and the proxies among each other.
    others = ("xds_cluster", "wasm_cluster", "local_cluster")
    static["clusters"] = [one for one in static["clusters"] if one["name"] not in others]
    made.get("clusterManager", {}).pop("localClusterName", None)
    for cluster in (one["cluster"] for one in dumps["ClustersConfigDump"]["dynamicActiveClusters"]):
        if cluster.pop("edsClusterConfig", None):
            cluster |= {"type": "STATIC", "loadAssignment": endpoints[cluster["name"]]}
        static["clusters"].append(cluster)
    listeners = [one["activeState"]["listener"] for one in dumps["ListenersConfigDump"]["dynamicListeners"]]
    static["listeners"] = [one for one in listeners if one["name"].startswith("app/")]

    def change(at: dict) -> None:
        # In a bootstrap, these have no type.
        if str(at.get("@type", "")).endswith(RESOURCES):
            del at["@type"]
        if "rds" in at:
            at["routeConfig"] = routes[at.pop("rds")["routeConfigName"]]
        if at.pop("tlsCertificateSdsSecretConfigs", None):
            files = {"certificateChain": "crt", "privateKey": "key"}
            at["tlsCertificates"] = [{key: {"filename": str(folder / name)} for key, name in files.items()}]
        if at.get("address") == PLACEHOLDER:
            at |= {"address": "127.0.0.1", "portValue": app}
        if at.get("portValue") in ports:
            at |= {"address": "127.0.0.1", "portValue": ports[at["portValue"]]}
        if str(at.get("filename", "")).endswith(".so"):
            at["filename"] = os.environ["FILTER"]

    everywhere(static, change)
    made.pop("admin", None)
    return made


class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


def get(port: int, path: str, **headers: str) -> tuple[int, str, bytes]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(HOST, timeout=20)
    raw = socket.create_connection(("127.0.0.1", port), 20)
    connection.sock = context.wrap_socket(raw, server_hostname=HOST)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.headers.get("location", ""), answer.read()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
            + ["-addext", f"subjectAltName=DNS:{HOST}", "-keyout", folder / "key", "-out", folder / "crt"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        made = translated(folder)
        xds = made.pop("xds")
        assert_accepted(made)
        app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
        threading.Thread(target=app.serve_forever, daemon=True).start()
        port = free_port()
        # Envoy Gateway adds 10,000 to ports below 1,024.
        config = bootstrap(next(iter(xds.values())), folder, {10443: port}, app.server_address[1])
        (folder / "envoy.json").write_text(json.dumps(config))
        command = [os.environ["ENVOY"], "-c", folder / "envoy.json", "--concurrency", "1", "--use-dynamic-base-id"]
        command += ["--service-node", "gateway", "--service-cluster", "gateway", "--log-level", "warning"]
        environment = {**os.environ, **SECRETS}
        with open(folder / "log", "w") as log:
            envoy = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)
            try:
                check(port, envoy, folder)
            finally:
                envoy.terminate()
                envoy.wait(20)


def check(port: int, envoy: subprocess.Popen, folder: Path) -> None:
    for _ in range(200):
        if envoy.poll() is not None:
            sys.exit((folder / "log").read_text())
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    status, location, _ = get(port, "/reports", accept="text/html", sec_fetch_mode="navigate")
    authorize = "https://myapp.auth.us-east-1.amazoncognito.com/oauth2/authorize?"
    assert status == 302 and location.startswith(authorize), (status, location)
    status, _, body = get(port, "/reports", accept="application/json")
    assert status == 401 and json.loads(body)["error"] == "unauthenticated", (status, body)
    status, _, body = get(port, "/healthz", x_auth_user="forged")
    assert status == 200 and "x-auth-user" not in json.loads(body), (status, body)
    print("a sign-in begins, a script gets 401, a public path reaches the app, and a forged header doesn't: ok")


if __name__ == "__main__":
    main()
