"""A platform of the tests' own, in memory: what it knows, and how it answers the API."""

import hashlib
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from pratique.base.errors import InvalidInput
from pratique.content.manifest import Manifest
from pratique.content.packs import Unpacker

Document = dict[str, Any]
OWNER_TOKEN = "owner-token"
SECRET = "s3cret"
SUB = "c0d681b1-87c9-576d-bab2-4f40f5619b86"
TENANT = "af8a76c5-56f3-534d-8820-57d3381244ae"


class RefusedError(Exception):
    """An error that the platform answers on purpose."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, "hint": hint, "problems": []}}


class Platform:
    """What the server knows, and every request that it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, Any]] = []
        self.authorizations: list[str] = []
        self.tokens = {OWNER_TOKEN}
        self.groups: dict[str, Document] = {"rg": {"name": "rg", "location": "local", "tags": {}}}
        self.workspaces: dict[str, Document] = {}
        self.identities: dict[str, Document] = {}
        self.vaults: dict[str, Document] = {}
        self.deleted_vaults: dict[str, Document] = {}
        self.services: dict[str, Document] = {}
        """Of API management."""
        self.blobs: dict[str, bytes] = {}
        self.packs: list[int] = []
        """How many blobs each pack had that arrived."""
        self.manifests: dict[str, Document] = {}
        self.assets: dict[str, list[Document]] = {"data": [], "environments": [], "models": [], "components": []}
        self.jobs: dict[str, Document] = {}
        self.computes: dict[str, Document] = {}
        self.job_ends: Document = {"status": "Completed"}
        self.outputs: dict[tuple[str, str], str] = {}
        self.log = b""
        self.cuts: list[int] = []
        """Bytes after which the log's stream is cut, one for each connection."""
        self.endpoints: dict[str, Document] = {}
        self.keys = {"primaryKey": "key-1", "secondaryKey": "key-2"}
        self.endpoint_ends: Document = {"provisioning_state": "Succeeded"}
        self.deployments: dict[tuple[str, str], Document] = {}
        self.deployment_ends: Document = {"provisioning_state": "Succeeded"}
        self.score: Callable[[Document, dict[str, str]], tuple[int, dict[str, str], bytes]] = _echo
        self.users: dict[str, Document] = {}
        self.principals: dict[str, Document] = {}
        self.roles: dict[str, Document] = {}
        self.add_workspace("ws", "rg")

    def add_workspace(self, name: str, group: str) -> None:
        self.workspaces[name] = {
            "name": name,
            "resource_group": group,
            "location": "local",
            "tags": {},
            "mlflow_tracking_uri": f"http://door/mlflow/{name}",
        }

    def sent(self, method: str, path: str) -> list[Any]:
        """The bodies of the requests to `path`, below the API's root."""
        return [body for verb, where, body in self.requests if verb == method and where == f"/api/v1/{path}"]

    def keep_tree(self, files: dict[str, bytes]) -> str:
        """Store a tree as an upload would; returns the digest of its manifest."""
        rows = []
        for path, body in files.items():
            digest = hashlib.sha256(body).hexdigest()
            self.blobs[digest] = body
            rows.append({"path": path, "digest": digest, "size": len(body)})
        document = {"entries": sorted(rows, key=lambda row: str(row["path"]))}
        digest = Manifest.from_document(document).digest
        self.manifests[digest] = document
        return digest


def _echo(body: Document, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"got": body, "deployment": headers.get("azureml-model-deployment", "")}).encode()


class Handler(BaseHTTPRequestHandler):
    """One request, routed by its first words."""

    protocol_version = "HTTP/1.1"
    platform: ClassVar[Platform]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        where = urlsplit(self.path)
        self.tags = parse_qs(where.query).get("tag", [])
        self.query = {key: values[0] for key, values in parse_qs(where.query).items()}
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        self.body: Any = json.loads(raw) if raw and is_json else raw
        self.platform.requests.append((self.command, where.path, self.body))
        self.platform.authorizations.append(self.headers.get("Authorization", ""))
        words = [unquote(word) for word in where.path.strip("/").split("/")]
        try:
            answer = self._route(words)
        except RefusedError as refused:
            self._send(refused.status, json.dumps(refused.body).encode(), {"Content-Type": "application/json"})
            return
        if answer is not NotImplemented:
            printed = json.dumps(answer, indent=2, sort_keys=True)
            self._send(200, printed.encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _route(self, words: list[str]) -> Any:
        if words[:1] == ["oauth2"]:
            return self._token()
        if words[:2] == ["identity", "token"]:
            if self.headers.get("X-IDENTITY-HEADER") != "proof":
                raise RefusedError(401, "Unauthenticated", "nobody we know")
            self.platform.tokens.add("token-of-the-job")
            return {"access_token": "token-of-the-job", "expires_on": str(int(time.time()) + 3600)}
        if words[:1] == ["endpoints"]:
            return self._score()
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.platform.tokens:
            raise RefusedError(401, "Unauthenticated", "nobody we know", "log in")
        match words[2:]:
            case ["account"]:
                return {
                    "id": "1",
                    "name": "ada",
                    "kind": "user",
                    "roles": [],
                    "subscription_id": SUB,
                    "tenant_id": TENANT,
                }
            case ["groups", _, "identities", *rest] | ["identities", *rest]:
                return self._named(self.platform.identities, rest, "identity")
            case ["groups", *rest]:
                return self._named(self.platform.groups, rest, "group")
            case ["vaults", *rest]:
                return self._vaults(rest)
            case ["deleted-vaults", *rest]:
                return self._named(self.platform.deleted_vaults, rest, "deleted vault")
            case ["apim", *rest]:
                return self._named(self.platform.services, rest, "API service")
            case ["workspaces"]:
                return list(self.platform.workspaces.values())
            case ["workspaces", name]:
                return self._workspace(name)
            case ["workspaces", _, "manifests", *rest]:
                return self._manifests(rest)
            case ["workspaces", _, "blobs"]:
                return self._pack()
            case ["workspaces", _, "blobs", digest]:
                return self._blob(digest)
            case ["workspaces", _, ("data" | "environments" | "models" | "components") as kind, *rest]:
                return self._assets(kind, rest)
            case ["workspaces", _, "computes", *rest]:
                return self._computes(rest)
            case ["workspaces", _, "jobs", *rest]:
                return self._jobs(rest)
            case ["workspaces", _, "online-endpoints", *rest]:
                return self._endpoints(rest)
            case ["users", *rest]:
                return self._named(self.platform.users, rest, "user")
            case ["service-principals", *rest]:
                return self._principals(rest)
            case ["role-assignments", *rest]:
                return self._roles(rest)
            case ["tokens"]:
                return {"access_token": f"{OWNER_TOKEN}-for-{self.body['audience']}", "token_type": "Bearer"}
            case ["links"]:
                return {"url": f"{self.platform.url}/open/once?next={self.body['next']}"}
        raise RefusedError(404, "NotFound", f"no route {words}")

    def _token(self) -> Any:
        form = parse_qs(self.body.decode())
        if form["client_secret"] != [SECRET]:
            raise RefusedError(401, "Unauthenticated", "that is not its secret", "make a new one")
        token = f"token-of-{form['client_id'][0]}"
        self.platform.tokens.add(token)
        return {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def _named(self, things: dict[str, Document], rest: list[str], noun: str) -> Any:
        if not rest:
            return list(things.values())
        [name] = rest
        if self.command == "PUT":
            things[name] = {"name": name, **self.body}
        if name not in things:
            raise RefusedError(404, "NotFound", f"there is no {noun} {name!r}")
        return things.pop(name) if self.command == "DELETE" else things[name]

    def _vaults(self, rest: list[str]) -> Any:
        found = self._named(self.platform.vaults, rest, "vault")
        if self.command == "DELETE":
            self.platform.deleted_vaults[rest[0]] = found
        return found

    def _workspace(self, name: str) -> Any:
        if self.command == "PUT":
            self.platform.add_workspace(name, self.body["resource_group"])
            self.platform.workspaces[name] |= self.body["spec"]
        if name not in self.platform.workspaces:
            raise RefusedError(404, "NotFound", f"there is no workspace {name!r}")
        if self.command == "DELETE":
            return self.platform.workspaces.pop(name)
        if self.command == "PATCH":
            self.platform.workspaces[name] |= self.body
        return self.platform.workspaces[name]

    def _manifests(self, rest: list[str]) -> Any:
        if rest == ["held"]:
            return {"held": [digest for digest in self.body["digests"] if digest in self.platform.manifests]}
        if rest:
            return self.platform.manifests[rest[0]]
        manifest = Manifest.from_document(self.body)
        missing = sorted({entry.digest for entry in manifest.entries} - set(self.platform.blobs))
        if not missing:
            self.platform.manifests[manifest.digest] = manifest.to_document()
        return {"digest": manifest.digest, "missing": missing}

    def _pack(self) -> Any:
        unpacker = Unpacker()
        try:
            found = dict(unpacker.feed(self.body))
            unpacker.finish()
        except InvalidInput as error:
            raise RefusedError(400, "InvalidInput", str(error)) from error
        self.platform.blobs |= found
        self.platform.packs.append(len(found))
        return {"count": len(found)}

    def _blob(self, digest: str) -> Any:
        if self.command == "PUT":
            if hashlib.sha256(self.body).hexdigest() != digest:
                raise RefusedError(400, "InvalidInput", "the bytes are not what the digest says")
            self.platform.blobs[digest] = self.body
            return {}
        self._send(200, self.platform.blobs[digest], {"Content-Type": "application/octet-stream"})
        return NotImplemented

    def _assets(self, kind: str, rest: list[str]) -> Any:
        known = self.platform.assets[kind]
        match rest:
            case [] if self.command == "POST":
                spec = self.body["spec"]
                of_name = [one for one in known if one["name"] == spec["name"]]
                made = {"version": str(len(of_name) + 1), "tags": {}, **spec}
                known.append(made)
                return made
            case []:
                view = self.query.get("archived", "no")
                shown = {one["name"]: one for one in known if not one.get("is_archived")}
                hidden = {one["name"]: one for one in known if one["name"] not in shown}
                newest = hidden if view == "only" else hidden | shown if view == "include" else shown
                return [one for one in newest.values() if self._has_tags(one)]
            case [name, "versions"]:
                found = [one for one in reversed(known) if one["name"] == name]
                if not found:
                    raise RefusedError(404, "NotFound", f"there is no {name!r}")
                wanted = {"no": (False,), "only": (True,)}.get(self.query.get("archived", "include"), (False, True))
                found = [one for one in found if self._has_tags(one) and bool(one.get("is_archived")) in wanted]
                return found[: int(self.query.get("max_results", len(found)))]
        [name, _, version] = rest
        found = [one for one in known if one["name"] == name and version in (one["version"], "@latest")]
        if not found:
            raise RefusedError(404, "NotFound", f"there is no {name!r} in version {version!r}", "see list")
        if self.command == "DELETE":
            known.remove(found[-1])
        if self.command == "PATCH":
            found[-1].update(self.body)
        return found[-1]

    def _has_tags(self, one: Document) -> bool:
        tags = {*one["tags"], *(f"{name}={value}" for name, value in one["tags"].items())}
        return set(self.tags) <= tags

    def _computes(self, rest: list[str]) -> Any:
        computes = self.platform.computes
        if self.command == "PUT":
            spec = self.body["spec"]
            computes[spec["name"]] = {"provisioning_state": "Succeeded", **spec}
            return computes[spec["name"]]
        if not rest:
            return list(computes.values())
        if rest[0] not in computes:
            raise RefusedError(404, "NotFound", f"there is no compute {rest[0]!r}")
        if self.command == "POST":
            computes[rest[0]]["state"] = "Stopped" if rest[1] == "stop" else "Running"
        return computes.pop(rest[0]) if self.command == "DELETE" else computes[rest[0]]

    def _jobs(self, rest: list[str]) -> Any:
        jobs = self.platform.jobs
        if not rest and self.command == "POST":
            name = self.body["spec"].get("name", "brave_lantern")
            if "name" in self.body["spec"] and name in jobs:
                raise RefusedError(409, "AlreadyExists", f"there is a job {name!r} already")
            jobs[name] = {
                "name": name,
                "status": "Running",
                "tags": self.body["git"],
                "services": {"Studio": {"endpoint": "http://door/run"}},
                **{key: self.body["spec"].get(key) for key in ("command", "display_name", "inputs")},
            }
            return jobs[name]
        if not rest:
            parent = self.query.get("parent")
            shown = [
                one
                for one in jobs.values()
                if (self.query["archived"] == "true" or not one.get("is_archived")) and one.get("parent") == parent
            ]
            return shown[: int(self.query["limit"])]
        if rest[0] not in jobs:
            raise RefusedError(404, "NotFound", f"there is no job {rest[0]!r}")
        job = jobs[rest[0]]
        match rest[1:]:
            case ["stream"]:
                return self._stream(job)
            case ["cancel"]:
                job["status"] = "Canceled"
            case ["outputs", output]:
                if (rest[0], output) not in self.platform.outputs:
                    raise RefusedError(404, "NotFound", f"the job made no output {output!r}")
                return {"manifest": self.platform.outputs[rest[0], output]}
            case [] if self.command == "PATCH":
                job.update(self.body)
        return job

    def _stream(self, job: Document) -> Any:
        offset = int(self.query["offset"])
        cut = self.platform.cuts.pop(0) if self.platform.cuts else None
        body = self.platform.log[offset:] if cut is None else self.platform.log[offset : offset + cut]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        if cut is None:
            self.wfile.write(b"0\r\n\r\n")
            job.update(self.platform.job_ends)
        else:
            self.close_connection = True
        return NotImplemented

    def _endpoints(self, rest: list[str]) -> Any:
        endpoints = self.platform.endpoints
        if not rest:
            return list(endpoints.values())
        name = rest[0]
        if rest[1:2] == ["deployments"]:
            return self._deployments(name, rest[2:])
        if self.command == "PUT":
            endpoints[name] = {
                "name": name,
                "provisioning_state": "Creating",
                "traffic": {},
                "scoring_uri": f"{self.platform.url}/endpoints/ws/{name}/score",
                **self.body["spec"],
            }
            return dict(endpoints[name])
        if name not in endpoints:
            raise RefusedError(404, "NotFound", f"there is no endpoint {name!r}")
        match rest[1:]:
            case ["keys"]:
                return self.platform.keys
            case ["regenerate-keys"]:
                self.platform.keys[f"{self.body['key_type']}Key"] = "key-3"
                return endpoints[name]
        if self.command == "DELETE":
            return endpoints.pop(name)
        if self.command == "PATCH":
            endpoints[name] |= self.body
        if "wait" in self.query:
            endpoints[name] |= self.platform.endpoint_ends
        return endpoints[name]

    def _deployments(self, endpoint: str, rest: list[str]) -> Any:
        known = self.platform.deployments
        if not rest:
            return [one for (owner, _), one in known.items() if owner == endpoint]
        key = (endpoint, rest[0])
        if self.command == "PUT":
            known[key] = {"name": rest[0], "endpoint_name": endpoint, **self.body["spec"]}
            known[key]["provisioning_state"] = "Creating"
            return dict(known[key])
        if key not in known:
            raise RefusedError(404, "NotFound", f"there is no deployment {rest[0]!r}")
        if rest[1:] == ["logs"]:
            lines = [f"line {number}\n" for number in range(100)][-int(self.query["lines"]) :]
            self._send(200, "".join(lines).encode(), {"Content-Type": "text/plain"})
            return NotImplemented
        if self.command == "DELETE":
            return known.pop(key)
        if "wait" in self.query:
            known[key] |= self.platform.deployment_ends
        return known[key]

    def _principals(self, rest: list[str]) -> Any:
        known = self.platform.principals
        if rest:
            found = [one for one in known.values() if rest[0] in (one["appId"], one["displayName"])]
            if not found:
                raise RefusedError(404, "NotFound", f"there is no service principal {rest[0]!r}")
            return known.pop(found[0]["appId"]) if self.command == "DELETE" else found[0]
        if self.command == "POST":
            made = {"appId": f"app-{len(known)}", "displayName": self.body["name"], "tenant": "t"}
            known[str(made["appId"])] = made
            return {**made, "password": SECRET}
        return list(known.values())

    def _roles(self, rest: list[str]) -> Any:
        known = self.platform.roles
        if rest:
            return known.pop(rest[0])
        if self.command == "POST":
            if not self.body["scope"].startswith("/"):
                raise RefusedError(400, "InvalidInput", "it is not a scope")
            made = {
                "id": f"role-{len(known)}",
                "principalName": self.body["assignee"],
                "roleDefinitionName": self.body["role"],
                "scope": self.body["scope"],
            }
            known[str(made["id"])] = made
            return made
        names = {"assignee": "principalName", "scope": "scope"}
        return [one for one in known.values() if all(one[names[key]] == value for key, value in self.query.items())]

    def _score(self) -> Any:
        if self.headers.get("Authorization") != "Bearer key-1":
            self._send(401, b"", {})
            return NotImplemented
        status, headers, body = self.platform.score(
            self.body, {key.lower(): value for key, value in self.headers.items()}
        )
        self._send(status, body, headers)
        return NotImplemented
