"""Local placeholder for the Weights & Biases server that records everything the client sends.

It answers the few requests that the real client makes while it logs or syncs a run. It has neither
accounts nor pages, so the tests do not cover how the hosted service presents the data.
"""

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "0123456789" * 4
"""Well-formed API key; the client validates the format."""


@dataclass
class Run:
    """Data received for one run."""

    about: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)
    history: list = field(default_factory=list)
    summary: dict = field(default_factory=dict)
    files: set = field(default_factory=set)
    offsets: list = field(default_factory=list)  # first line of each chunk of the history
    exit_code: int | None = None


class StandIn(ThreadingHTTPServer):
    """HTTP server that imitates the W&B API.

    Args:
        refusal: failure to simulate: `401` for an invalid key, `500` for a rejected history,
            `silent` for no response at all; None responds normally.
    """

    daemon_threads = True

    def __init__(self, refusal=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.refusal = refusal
        self.requests = []
        self.failures = []  # errors of this server itself
        self.runs = {}
        self.artifacts = []
        self.views = {}  # workspaces and reports by id
        self.lock = threading.Lock()
        self.over = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.shutdown()
        self.server_close()
        assert self.failures == []

    def handle_error(self, request, client_address):
        """Ignore connections that the client drops when it exits."""

    def answer(self, name, variables):
        """Response data of one GraphQL operation."""
        if name == "Viewer":
            return {"viewer": {"id": "u", "entity": "team", "username": "user", "flags": "{}"}}
        if name == "GetDefaultEntity":
            return {"viewer": {"id": "u", "entity": "team"}}
        if name == "GetProjects":
            page = {"endCursor": None, "hasNextPage": False}
            return {"models": {"pageInfo": page, "edges": []}}
        if name in ("upsertView", "UpsertView2"):
            return {"upsertView": {"view": self._viewed(variables), "inserted": True}}
        if name == "RunResumeStatus":
            return {"model": self._resumed(variables)}
        if name == "UpsertBucket":
            return {"upsertBucket": self._upserted(variables)}
        if name == "CreateRunFiles":
            urls = [{"name": f, "uploadUrl": f"{self.url}/put/{f}"} for f in variables["files"]]
            self.runs[variables["run"]].files |= set(variables["files"])
            return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": urls}}
        if name == "CreateArtifact":
            self.artifacts.append(variables["input"])
            artifact = {"id": "a", "state": "COMMITTED", "artifactSequence": {"id": "s"}}
            return {"createArtifact": {"artifact": artifact}}
        if name == "ArtifactType":
            return {"project": {"artifact": None}}
        return {}

    def _viewed(self, variables):
        view = variables | {"spec": json.loads(variables["spec"])}
        identity = variables.get("id") or f"view{len(self.views)}"
        self.views[identity] = view
        project = {"id": "p", "name": view["projectName"], "entityName": view["entityName"]}
        return {**variables, "id": identity, "project": project}

    def _resumed(self, variables):
        name, model = variables["name"], _project(variables)
        run = self.runs.get(name)
        if run is None:
            return {**model, "bucket": None}
        bucket = {
            "id": name,
            "name": name,
            "summaryMetrics": json.dumps(run.summary),
            "displayName": run.about["displayName"],
            "logLineCount": 0,
            "historyLineCount": len(run.history),
            "eventsLineCount": 0,
            "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
            "eventsTail": "[]",
            "config": json.dumps(run.config),
            "tags": run.about.get("tags", []),
            "notes": None,
            "wandbConfig": json.dumps({"t": {}}),
        }
        return {**model, "bucket": bucket}

    def _upserted(self, variables):
        with self.lock:
            run = self.runs.setdefault(variables["name"], Run())
        run.about |= {key: value for key, value in variables.items() if value is not None}
        run.config |= json.loads(variables["config"] or "{}")
        bucket = {"id": variables["name"], "name": variables["name"]}
        bucket["project"] = _project(variables)
        bucket |= {"displayName": run.about.get("displayName"), "historyLineCount": 0}
        return {"bucket": bucket, "inserted": True}

    def stream(self, name, body):
        """Store history, summary and exit code of a run."""
        run = self.runs[name]
        files = body.get("files") or {}
        if chunk := files.get("wandb-history.jsonl"):
            run.offsets.append(chunk["offset"])
            lines = [json.loads(line) for line in chunk["content"]]
            run.history[chunk["offset"] :] = lines
        for line in files.get("wandb-summary.json", {}).get("content", []):
            run.summary |= json.loads(line)
        if body.get("complete"):
            run.exit_code = body["exitcode"]


def _project(variables):
    """The project that a request names; `team` is the account's default entity."""
    entity = variables.get("entity") or "team"
    return {"id": "p", "name": variables["project"], "entity": {"id": "e", "name": entity}}


class Handler(BaseHTTPRequestHandler):
    """Handler of a single request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path))
        try:
            status, data = self.answered(body)
        except Exception as error:  # without a response, the client would retry forever
            self.server.failures.append(f"{self.path}: {error!r}")
            status, data = 400, {"errors": [{"message": repr(error)}]}
        content = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def answered(self, body):
        """Status and content of the response."""
        if self.server.refusal == "silent":
            self.server.over.wait()
        if self.server.refusal == 401:
            return 401, {"errors": [{"message": "user is not logged in"}]}
        if self.path == "/graphql":
            request = json.loads(body)
            name = re.search(r"(?:query|mutation) (\w+)", request["query"])[1]
            answer = self.server.answer(name, request.get("variables") or {})
            return 200, {"data": answer}
        if self.path.endswith("/file_stream"):
            if self.server.refusal == 500:
                return 500, {}
            self.server.stream(self.path.split("/")[-2], json.loads(body))
        return 200, {}

    do_GET = do_POST = do_PUT = handle_request  # noqa: N815 - the names that http.server calls
