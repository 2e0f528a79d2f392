"""The page's API, tested from its own description: every operation is called as it says, and as it forbids."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.support.page_api import call, said, state_of
from tests.support.schema_values import ANYTHING, objects, sound, sound_objects
from vsortd.web.api.openapi import openapi_document
from vsortd.web.api.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.browser import Answer, PageHome
    from vsortd.web.api.operation import ApiOperation

Described = dict[str, Any]

few = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Of these the first line is enough: see test_what_happens_is_told.
STREAMS: Final = {"events"}
HEX: Final = "0123456789abcdef"  # an id of nothing
ALL: Final = {one.name: one for one in OPERATIONS}
CALLED: Final = sorted(ALL.keys() - STREAMS)
WITH_BODY: Final = sorted(name for name, one in ALL.items() if one.method != "GET")
WITH_QUERY: Final = sorted(
    name for name, one in ALL.items() if one.method == "GET" and not one.elsewhere and name not in STREAMS
)
WITH_IDS: Final = sorted(name for name, one in ALL.items() if one.placeholders)
NO_IDS: Final = (
    "..%2F..%2Fetc%2Fpasswd",
    "%2Fetc%2Fpasswd",
    "..",
    "0",
    "-1",
    "1.0",
    "9" * 40,
    "%00",
    "1%00",
    "v1-0123456789abcdef",
    "٣",
    "<img>",
)


@pytest.fixture(scope="module")
def document(home: PageHome) -> Described:
    """Return the description, as the page serves it."""
    answer = home.ask("/v1/openapi.json")
    assert 200 == answer.status
    found: Described = json.loads(answer.body)
    return found


@pytest.fixture(scope="module")
def ids(home: PageHome) -> list[int]:
    """Return the items that there are at the beginning."""
    return [one["id"] for one in said(call(home, "GET", "/v1/items"))["items"]]


def described(document: Described, operation: ApiOperation[Any]) -> Described:
    found: Described = document["paths"][operation.path][operation.method.lower()]
    return found


def asked_schema(document: Described, operation: ApiOperation[Any]) -> Described:
    """Return the schema of what an operation takes in its query or its body."""
    found = described(document, operation)
    if operation.method != "GET":
        content = found.get("requestBody", {}).get("content", {"application/json": {"schema": {"properties": {}}}})
        schema: Described = content.get("application/json", {"schema": {"properties": {}}})["schema"]
        return schema
    fields = [one for one in found["parameters"] if one["in"] == "query"]
    return {
        "properties": {one["name"]: one["schema"] for one in fields},
        "required": [one["name"] for one in fields if one["required"]],
    }


def filled(path: str, values: dict[str, Any]) -> str:
    """Put values at a path's placeholders."""
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path


def closed(schema: Any) -> Any:
    """Return a schema that allows no key which it doesn't name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(one) for key, one in schema.items()}
    return made | {"additionalProperties": False} if isinstance(made.get("properties"), dict) else made


def judge(document: Described, operation: ApiOperation[Any], answer: Answer) -> None:
    """See that an answer is one of those that are described, of the form that is described."""
    responses = described(document, operation)["responses"]
    status = "200" if operation.elsewhere and answer.status in {206, 304} else str(answer.status)
    assert status in responses, (status, answer.text[:500])
    assert answer.status < 500, answer.text[:500]
    content = responses[status]["content"]
    kind = answer.headers["content-type"].partition(";")[0]
    if "application/json" not in content:
        assert kind.partition("/")[0] == next(iter(content)).partition("/")[0]
        return
    if operation.elsewhere and kind == "text/html":
        return  # a view's own route tells people what is wrong
    schema = {**content["application/json"]["schema"], "components": closed(document["components"])}
    Draft202012Validator(schema).validate(json.loads(answer.body))


def send(home: PageHome, operation: ApiOperation[Any], values: dict[str, Any], asked: dict[str, Any]) -> Answer:
    path = filled(operation.path, values)
    if operation.method == "GET":
        query = urlencode(asked, doseq=True, errors="surrogatepass")
        return call(home, "GET", f"{path}?{query}"[:20_000] if asked else path)
    etag = {"if_match": home.ask("/v1/config").headers["etag"]} if operation.method == "PUT" else {}
    return call(home, operation.method, path, asked, **etag)


# The description


def test_it_is_sound_openapi(document: Described) -> None:
    assert openapi_document(int(document["components"]["securitySchemes"]["session"]["name"][7:])) == document
    assert "3.1.0" == document["openapi"]
    assert document["info"].keys() >= {"title", "version"}
    names = set()
    for path, methods in document["paths"].items():
        placeholders = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert path.startswith("/")
        for method, one in methods.items():
            assert method in {"get", "post", "put"}
            names.add(one["operationId"])
            inside = {each["name"] for each in one["parameters"] if each["in"] == "path"}
            assert placeholders == inside
            for each in one["parameters"]:
                assert each["in"] in {"path", "query", "header"}
                assert each["required"] or each["in"] != "path"
                Draft202012Validator.check_schema(each["schema"])
            for status, response in one["responses"].items():
                assert 200 <= int(status) < 600
                assert response["description"]
    assert len(names) == sum(map(len, document["paths"].values())), "every operation has a name of its own"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def references(value: Any) -> Iterator[str]:
    """Yield every reference in a document."""
    if isinstance(value, dict):
        yield from (one for key, one in value.items() if key == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_a_handler_returns_is_what_is_described(name: str) -> None:
    operation = ALL[name]
    if operation.run is None:
        assert operation.elsewhere or operation.stream
        return
    returned = operation.run.__annotations__["return"]
    assert returned in {"Response", operation.answers.__name__}


# As it says


@pytest.mark.few(17)
@pytest.mark.parametrize("name", CALLED)
@few
@given(data=st.data())
def test_what_is_described_is_answered_as_described(
    home: PageHome, document: Described, ids: list[int], name: str, data: st.DataObject
) -> None:
    operation = ALL[name]
    values = {}
    for one in described(document, operation)["parameters"]:
        if one["in"] == "path":
            known = st.sampled_from(ids) if one["name"] in {"item", "id"} else st.nothing()
            values[one["name"]] = data.draw(known | sound(one["schema"]), label=one["name"])
    asked = data.draw(sound_objects(asked_schema(document, operation)), label="asked")
    judge(document, operation, send(home, operation, values, asked))
    if name == "pause":
        said(call(home, "POST", "/v1/resume"))


# As it forbids


def wrong(schema: Described) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with a field that isn't known, or one that is of no sound kind or value."""
    more = st.fixed_dictionaries({"path": st.sampled_from(["/etc/passwd", "../..", 1, None])})
    unknown = st.builds(lambda one, other: {**one, **other}, objects(schema), more)
    bad = [
        ANYTHING.filter(lambda value, one=one: not Draft202012Validator(one).is_valid(value)).map(
            lambda value, field=field: {field: value}
        )
        for field, one in schema.get("properties", {}).items()
    ]
    return st.one_of(unknown, *bad)


@pytest.mark.parametrize("name", WITH_BODY)
def test_what_a_body_may_not_hold_is_refused(home: PageHome, document: Described, name: str) -> None:
    operation = ALL[name]
    item = said(call(home, "GET", "/v1/items"))["items"][0]["id"]
    values = dict.fromkeys(operation.placeholders, item) | {"job": HEX, "pair": HEX}
    before = state_of(home)

    @few
    @given(asked=wrong(asked_schema(document, operation)))
    def refused(asked: dict[str, Any]) -> None:
        answer = send(home, operation, values, asked)
        assert answer.status in {413, 422}, answer.text[:500]
        if answer.status == 422:
            judge(document, operation, answer)

    refused()
    for body in (b"[", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"a": ' * 1000):
        answer = home.ask(filled(operation.path, values), operation.method, body=body, origin=home.address)
        assert 422 == answer.status, body[:20]
    assert before == state_of(home)


@pytest.mark.parametrize("name", WITH_QUERY)
@few
@given(data=st.data())
def test_what_a_query_may_not_hold_is_refused(
    home: PageHome, document: Described, name: str, data: st.DataObject
) -> None:
    operation = ALL[name]
    values = dict.fromkeys(operation.placeholders, 1) | {"job": HEX, "pair": HEX}
    schema = asked_schema(document, operation)
    wild = {key: str(value)[:2000] for key, value in data.draw(objects(schema)).items()}
    assert send(home, operation, values, wild).status < 500
    assert 422 == send(home, operation, values, {**wild, "path": "/etc/passwd"}).status


@pytest.mark.parametrize("name", WITH_IDS)
def test_only_ids_lead_anywhere(home: PageHome, name: str) -> None:
    operation = ALL[name]
    before = state_of(home)
    for wrong_id in NO_IDS:
        written = wrong_id if "%" in wrong_id else quote(wrong_id)
        values = {one: "0" if one == "ms" else written for one in operation.placeholders}
        answer = send(home, operation, values, {})
        assert 404 == answer.status, (wrong_id, answer.text[:200])
        assert b"root:" not in answer.body
        assert b"Traceback" not in answer.body
    assert before == state_of(home)


def test_what_is_no_operation_is_refused_as_json(home: PageHome) -> None:
    for method, path, status in (("GET", "/v1/nothing", 404), ("POST", "/v1/items", 405), ("GET", "/v1/", 404)):
        assert said(call(home, method, path), status)["ok"] is False


@pytest.mark.few(13)
@pytest.mark.parametrize("name", sorted(ALL))
def test_nobody_else_is_answered(home: PageHome, name: str) -> None:
    operation = ALL[name]
    path = filled(operation.path, dict.fromkeys(operation.placeholders, 1))
    assert 401 == call(home, operation.method, path, cookie="").status
    if operation.method != "GET":
        for origin in ("http://elsewhere.example", "null", ""):
            assert 403 == call(home, operation.method, path, {}, origin=origin).status


# What it is for


def test_what_happens_is_told(home: PageHome) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/v1/events", headers={"Cookie": home.cookie})
        answer = connection.getresponse()
        assert "text/event-stream" == (answer.getheader("content-type") or "").partition(";")[0]
        assert b"event: status" in answer.readline() + answer.readline()
    assert 422 == home.ask("/v1/events?from=1").status
