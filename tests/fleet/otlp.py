# SPDX-License-Identifier: Apache-2.0
"""otlp.py FILE: checks lines of OTLP/JSON and prints how many spans there are of some names.

MESSAGES has the fields of ExportTraceServiceRequest as opentelemetry-proto publishes them (collector/trace/v1), by their
JSON names. The JSON of protobuf is checked strictly: an unknown field, a 64-bit number that is not a text, or an enum that
is not a number is an error, as the protocol wants it."""
import json, re, sys

MESSAGES = {
    "Request": {"resourceSpans": ["ResourceSpans"]},
    "ResourceSpans": {"resource": "Resource", "scopeSpans": ["ScopeSpans"], "schemaUrl": "string"},
    "Resource": {"attributes": ["KeyValue"], "droppedAttributesCount": "uint32", "entityRefs": ["EntityRef"]},
    "ScopeSpans": {"scope": "Scope", "spans": ["Span"], "schemaUrl": "string"},
    "Scope": {"name": "string", "version": "string", "attributes": ["KeyValue"], "droppedAttributesCount": "uint32"},
    "Span": {"traceId": "id16", "spanId": "id8", "traceState": "string", "parentSpanId": "id8", "flags": "uint32",
             "name": "string", "kind": "kind", "startTimeUnixNano": "uint64", "endTimeUnixNano": "uint64",
             "attributes": ["KeyValue"], "droppedAttributesCount": "uint32", "events": ["Event"],
             "droppedEventsCount": "uint32", "links": ["Link"], "droppedLinksCount": "uint32", "status": "Status"},
    "Link": {"traceId": "id16", "spanId": "id8", "traceState": "string", "attributes": ["KeyValue"],
             "droppedAttributesCount": "uint32", "flags": "uint32"},
    "Status": {"message": "string", "code": "code"},
    "KeyValue": {"key": "string", "value": "AnyValue"},
    "AnyValue": {"stringValue": "string", "boolValue": "bool", "intValue": "int64", "doubleValue": "double"},
}
SCALARS = {
    "string": lambda v: isinstance(v, str),
    "bool": lambda v: isinstance(v, bool),
    "double": lambda v: isinstance(v, float),
    "uint32": lambda v: isinstance(v, int) and 0 <= v < 1 << 32,
    "uint64": lambda v: isinstance(v, str) and v.isdigit() and int(v) < 1 << 64,
    "int64": lambda v: isinstance(v, str) and re.fullmatch("-?[0-9]+", v) and -(1 << 63) <= int(v) < 1 << 63,
    "id16": lambda v: re.fullmatch("[0-9a-f]{32}", v) and int(v, 16) != 0,
    "id8": lambda v: re.fullmatch("[0-9a-f]{16}", v) and int(v, 16) != 0,
    "kind": lambda v: v in (1, 2, 3, 4, 5),
    "code": lambda v: v in (0, 1, 2),
}


def check(value, kind, place):
    if isinstance(kind, list):
        assert isinstance(value, list), place
        for i, v in enumerate(value):
            check(v, kind[0], f"{place}[{i}]")
    elif kind in SCALARS:
        assert SCALARS[kind](value), (place, kind, value)
    else:
        assert isinstance(value, dict), place
        assert len(value) == 1 or kind != "AnyValue", place
        for key, v in value.items():
            assert key in MESSAGES[kind], f"{place} has a field {key}"
            check(v, MESSAGES[kind][key], f"{place}.{key}")


names, known, wanted = {}, set(), []
for line in open(sys.argv[1], encoding="utf-8"):
    request = json.loads(line)
    check(request, "Request", "request")
    for resource in request["resourceSpans"]:
        assert any(a["key"] == "host.name" for a in resource["resource"]["attributes"])
        for s in (s for scope in resource["scopeSpans"] for s in scope["spans"]):
            key = (s["traceId"], s["spanId"])
            assert key not in known, key
            known.add(key)
            assert int(s["startTimeUnixNano"]) <= int(s["endTimeUnixNano"])
            assert len({a["key"] for a in s["attributes"]}) == len(s["attributes"])
            wanted += [(s["traceId"], s["parentSpanId"])] if "parentSpanId" in s else []
            wanted += [(l["traceId"], l["spanId"]) for l in s.get("links", [])]
            names[s["name"]] = names.get(s["name"], 0) + 1
assert all(w in known for w in wanted)
print(names["session"], names["C_Login"], names["C_Sign"])
