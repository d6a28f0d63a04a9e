"""ca/openapi.yaml: what it says is what the code has, and what is answered is what it says."""
import json
import re

import jsonschema
import pytest
import yaml

from documents import ROOT
from proxy import basic
from test_ca_api import (ALICE, BOB, CAROL, REQUESTS, ca, call, csr, file, install,  # noqa: F401
                         post_json, public, shown)

TEXT = (ROOT / "ca/openapi.yaml").read_text()
API = yaml.safe_load(TEXT)
WITHDRAWN = {"withdrawnTime", "withdrawnReason"}
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = {(m.upper(), path): operation for path, item in API["paths"].items()
              for m, operation in item.items() if m in METHODS}


def follow(node):
    while "$ref" in node:
        target = API
        for part in node["$ref"].lstrip("#/").split("/"):
            target = target[part]
        node = target
    return node


def routes_of_the_api():
    """The table in ca/api.c."""
    table = (ROOT / "ca/api.c").read_text().split("} routes[] = {")[1].split("};")[0]
    found = set()
    for method, noun, verb, has_id in re.findall(
            r'\{"(\w+)", "(\w+)", (NULL|"\w+"), (true|false), \w+\}', table):
        thing = "serial" if noun == "certificates" else "id"
        path = f"/ca/v1/{noun}" + (f"/{{{thing}}}" if has_id == "true" else "")
        found.add((method, path + ("" if verb == "NULL" else f"/{verb.strip(chr(34))}")))
    assert len(found) == table.count('{"'), "a row is written in another way"
    return found


def words(source, pattern):
    return set(re.findall(pattern, (ROOT / source).read_text()))


def routes_of_the_rest():
    found = {("POST", "/ca/enrol"), ("POST", "/ca/public/ocsp")}
    for name in words("ca/public.c", r'str_(?:eq|starts)\(path, STR\("([^"]+)"\)\)'):
        if name != "ocsp":
            found.add(("GET", f"/ca/public/{name}" + ("{question}" if name.endswith("/") else "")))
    for name in words("ca/est.c", r'str_eq\(path, STR\("([^"]+)"\)\)'):
        method = "POST" if "enroll" in name else "GET"
        found.add((method, f"/.well-known/est/{{profile}}/{name}"))
    return found


def test_every_path_of_the_code_is_in_the_file_and_the_other_way_round():
    assert set(OPERATIONS) == routes_of_the_api() | routes_of_the_rest()


def test_references_lead_somewhere_and_all_is_used():
    used = set(re.findall(r'\$ref: "(#[^"]+)"', TEXT))
    for reference in used:
        follow({"$ref": reference})
    for kind, parts in API["components"].items():
        for name in parts:
            assert kind == "securitySchemes" or f"#/components/{kind}/{name}" in used, name
    names = [o["operationId"] for o in OPERATIONS.values()]
    assert len(names) == len(set(names)) and API["openapi"].startswith("3.1")
    for (_, path), operation in OPERATIONS.items():
        given = API["paths"][path].get("parameters", []) + operation.get("parameters", [])
        in_path = {p["name"] for p in map(follow, given) if p["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path)), path


def test_states_and_reasons_are_those_of_the_code():
    states = re.search(r"#define LIFE_STATES\(X\)(.*?)\n\n", (ROOT / "ca/life.h").read_text(), re.S)
    assert API["components"]["schemas"]["state"]["enum"] == re.findall(r'"(\w+)"', states.group(1))
    asked = OPERATIONS["POST", "/ca/v1/certificates/{serial}/withdraw"]["requestBody"]["content"][
        "application/json"]["schema"]["properties"]["reason"]
    told = API["components"]["schemas"]["requestBase"]["properties"]["withdrawnReason"]
    assert follow(asked) == follow(told)
    reasons = follow(asked)["enum"]
    assert reasons == re.findall(r'return "(\w+)";', (ROOT / "ca/withdraw.c").read_text())


def conforms(method, path, answer):
    """The answer is one that the file has for the operation; gives its body."""
    operation = OPERATIONS[method, path]
    response = operation["responses"].get(str(answer.status))
    if response is None:
        assert answer.status >= 400, (path, answer.status, answer.body)
        response = operation["responses"]["default"]
    response = follow(response)
    for name, header in response.get("headers", {}).items():
        assert answer.get(name) or not header.get("required"), name
    if "content" not in response:
        assert answer.body == b""
        return None
    assert answer.get("content-type") in response["content"], (path, answer.get("content-type"))
    if not answer.get("content-type").endswith("json"):
        return answer.body
    body = json.loads(answer.body)
    schema = response["content"][answer.get("content-type")]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": API["components"]}).validate(body)
    if answer.status >= 400:
        assert body["status"] == answer.status and body["title"]
    return body


@pytest.mark.parametrize("body", [
    {},
    {"type": "about:blank", "title": "Forbidden", "status": 403},
    {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": ""},
    {"type": "about:blank", "title": "OK", "status": 200, "detail": "x"},
    {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "x", "more": 1},
])
def test_the_schemas_refuse_something(body):
    schema = {"$ref": "#/components/schemas/problem", "components": API["components"]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(body)


def test_the_proxy_gives_it_out(ca):
    answer = public(ca, "openapi.yaml")
    assert conforms("GET", "/ca/public/openapi.yaml", answer) == TEXT.encode()


def test_refusals_are_problem_documents(ca):
    """Each operation, asked for what is not there or not so; and each path, by another method."""
    nothing = {"{id}": "0" * 24, "{serial}": "00", "{profile}": "none", "{question}": "AAAA"}
    for (method, path), operation in OPERATIONS.items():
        real = path
        for name, value in nothing.items():
            real = real.replace(name, value)
        if "simplereenroll" in path:
            continue  # the proxy's own business where the route asks for a certificate
        if method == "POST" and path != "/ca/public/ocsp":
            answer = call(ca, ALICE, method, real, "{", "application/json")
            assert 400 <= answer.status < 500, (real, answer.status)
            conforms(method, path, answer)
            answer = call(ca, ALICE, method, real, "x" * 70000, "application/json")
            assert answer.status == 413, (real, answer.status)
            conforms(method, path, answer)
        elif "{id}" in path or "{serial}" in path:
            answer = call(ca, ALICE, method, real)
            assert answer.status == 404, (real, answer.status)
            conforms(method, path, answer)
        answer = call(ca, ALICE, "DELETE", real)
        assert answer.status == 405 and method in answer.get("allow"), (real, answer.status)
        conforms(method, path, answer)


def test_the_life_of_a_request(ca):
    """PENDING, APPROVED on the way, REJECTED, EXECUTED, as the file says them."""
    one, many = "/ca/v1/requests/{id}", "/ca/v1/requests"
    asked = conforms("POST", many, call(ca, ALICE, "POST", f"{REQUESTS}?profile=two", csr(ca.dir)))
    assert (asked["status"], asked["notYetApprovedBy"], asked["result"], asked["executionTime"]) == (
        "PENDING", ["operators"], None, None)
    path = f"{REQUESTS}/{asked['id']}"
    first = conforms("POST", f"{one}/approve", call(ca, BOB, "POST", f"{path}/approve"))
    assert (first["status"], first["approvedBy"], first["notYetApprovedBy"]) == (
        "PENDING", [BOB], ["operators"])
    conforms("GET", f"{one}/certificate", call(ca, ALICE, "GET", f"{path}/certificate"))
    done = conforms("POST", f"{one}/approve", call(ca, CAROL, "POST", f"{path}/approve"))
    assert (done["status"], done["approvedBy"], done["notYetApprovedBy"], done["rejectedBy"]) == (
        "EXECUTED", [BOB, CAROL], [], [])
    assert done["executionTime"] > done["requestTime"][:19]
    assert done["result"].startswith("-----BEGIN CERTIFICATE-----")
    pem = conforms("GET", f"{one}/certificate", call(ca, ALICE, "GET", f"{path}/certificate"))
    assert pem.count(b"BEGIN CERTIFICATE") == 3
    other = file(ca, "client", name="other")
    refused = conforms("POST", f"{one}/deny",
                       post_json(ca, BOB, f"{REQUESTS}/{other['id']}/deny", reason="not known"))
    assert (refused["status"], refused["rejectedBy"], refused["reason"]) == (
        "REJECTED", [BOB], "not known")
    conforms("POST", f"{one}/approve", call(ca, CAROL, "POST", f"{REQUESTS}/{other['id']}/approve"))
    for query in ("", "?limit=1", "?state=denied", "?state=gone", "?limit=0", "?after=x"):
        conforms("GET", many, call(ca, ALICE, "GET", REQUESTS + query))
    assert conforms("GET", one, call(ca, ALICE, "GET", path))["state"] == "delivered"


def test_the_life_of_a_certificate(ca):
    """Renewed, listed, withdrawn, held and back, taken in."""
    old = file(ca, "auto", name="old")
    install(ca, old, "old")
    certificates, many = "/ca/v1/certificates", "/ca/v1/requests"
    renewed = conforms("POST", "/ca/v1/renew",
                       shown(ca, "old", "POST", "/ca/v1/renew", csr(ca.dir, name="new")))
    assert renewed["renews"] == old["id"] and renewed["difference"]["fields"]
    for query in ("", "?limit=1", "?expiresBefore=2040-01-01", "?expiresBefore=x"):
        conforms("GET", certificates, call(ca, ALICE, "GET", certificates + query))
    serial, one = renewed["serial"], f"{certificates}/{{serial}}"
    assert conforms("GET", one, call(ca, ALICE, "GET", f"{certificates}/{serial}")) == conforms(
        "GET", "/ca/v1/requests/{id}", call(ca, ALICE, "GET", f"{REQUESTS}/{renewed['id']}"))
    for user, verb, reason, status in [
            (ALICE, "withdraw", "because", 400), (ALICE, "withdraw", "certificateHold", 204),
            (ALICE, "withdraw", "certificateHold", 409), (ALICE, "restore", "", 403),
            (ALICE, "withdraw", "superseded", 204), (ALICE, "withdraw", "superseded", 409)]:
        answer = post_json(ca, user, f"{certificates}/{serial}/{verb}", reason=reason)
        assert answer.status == status, (verb, reason, answer.body)
        conforms("POST", f"{one}/{verb}", answer)
        if status == 204:
            now = conforms("GET", one, call(ca, ALICE, "GET", f"{certificates}/{serial}"))
            assert (now["state"], now["withdrawnReason"]) == ("withdrawn", reason)
            assert now["withdrawnTime"] >= now["requestTime"]
    page = conforms("GET", many, call(ca, ALICE, "GET", f"{many}?state=withdrawn"))
    assert "superseded" in {r["withdrawnReason"] for r in page["requests"]}
    made = file(ca, "client", name="held")
    call(ca, BOB, "POST", f"{REQUESTS}/{made['id']}/approve")
    held = json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{made['id']}").body)["serial"]
    post_json(ca, BOB, f"{certificates}/{held}/withdraw", reason="certificateHold")
    conforms("POST", f"{one}/restore", call(ca, BOB, "POST", f"{certificates}/{held}/restore"))
    assert not WITHDRAWN & set(conforms("GET", one, call(ca, BOB, "GET", f"{certificates}/{held}")))


def test_registered_and_public(ca):
    person = json.dumps({"user": ALICE, "company": "Example", "profile": "client"})
    register = lambda user: conforms("POST", "/ca/v1/registrations", call(
        ca, user, "POST", "/ca/v1/registrations", person, "application/json"))
    assert register(ALICE)["status"] == 403
    told = register(BOB)
    assert told["kind"] == "registered"
    conforms("POST", "/ca/v1/requests/{id}/code",
             call(ca, BOB, "POST", f"{REQUESTS}/{told['id']}/code"))
    one = "/ca/v1/requests/{id}"
    conforms("GET", one, call(ca, BOB, "GET", f"{REQUESTS}/{told['id']}"))
    for name in ("ca.pem", "crl.pem", "crl.der"):
        conforms("GET", f"/ca/public/{name}", public(ca, name))
    with ca.connect(None) as client:
        client.send(f"POST /ca/public/ocsp HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                    f"{basic(ALICE, ca.passwords[ALICE])}\r\nContent-Length: 1\r\n\r\nx".encode())
        conforms("POST", "/ca/public/ocsp", client.answer())
