"""What a request must look like: every row is sent whole and one octet a record, and the verdict
must be the same. Refused requests never reach the upstream, not even in part."""
import pytest

from proxy import basic, wait_until

AUTH = b"Authorization: " + basic("alice@example.com", "wonder land").encode() + b"\r\n"
HOST = b"Host: localhost\r\n"


def get(*lines, line=b"GET / HTTP/1.1", host=HOST, auth=AUTH):
    return line + b"\r\n" + host + auth + b"".join(x + b"\r\n" for x in lines) + b"\r\n"


def post(*lines, body=b""):
    return get(*lines, line=b"POST / HTTP/1.1") + body


CHUNKED = b"Transfer-Encoding: chunked"

# name, octets, status, reason
REFUSED = [
    ("CR inside a value", get(b"X: a\rb"), 400, "http_bare_cr"),
    ("CR CR LF after a value", get(b"X: a\r"), 400, "http_bare_cr"),
    ("CR first in a value hides a field", get(b"X:\r?Transfer-Encoding: chunked"), 400,
     "http_bare_cr"),
    ("head ended by CR LF CR x", get()[:-1] + b"?GET /x HTTP/1.1\r\n\r\n", 400, "http_bare_cr"),
    ("bare LF after the request line", b"GET / HTTP/1.1\n" + HOST + AUTH + b"\r\n", 400,
     "http_bare_lf"),
    ("bare LF as the empty line", get()[:-2] + b"\n", 400, "http_bare_lf"),
    ("bare LF after a field", get(b"X: a\nY: b"), 400, "http_bare_lf"),
    ("LF in all lines", get().replace(b"\r\n", b"\n"), 400, "http_bare_lf"),
    ("NUL in a value", get(b"X: a\0b"), 400, "http_field_value"),
    ("VT in a value", get(b"X: a\x0bb"), 400, "http_field_value"),
    ("FF in a value", get(b"X: a\x0cb"), 400, "http_field_value"),
    ("DEL in a value", get(b"X: a\x7fb"), 400, "http_field_value"),
    ("folded line", get(b"X: a", b" b"), 400, "http_folded_line"),
    ("folded line with a tab", get(b"X: a", b"\tb"), 400, "http_folded_line"),
    ("fold in Transfer-Encoding", get(b"Transfer-Encoding:", b" chunked"), 400,
     "http_folded_line"),
    ("fold in Content-Length", get(b"Content-Length:", b" 5"), 400, "http_folded_line"),
    ("fold in Connection", get(b"Connection:", b" close"), 400, "http_folded_line"),
    ("space before the first field", get(host=b" Host: localhost\r\n"), 400, "http_folded_line"),
    ("Content-Length behind a fold of Host", get(b" Content-Length: 5"), 400, "http_folded_line"),
    ("empty field name", get(b": x"), 400, "http_field_name"),
    ("space before the colon", get(b"X : a"), 400, "http_field_name"),
    ("space in a name", get(b"X Y: a"), 400, "http_field_name"),
    ("tab before the colon", get(b"X\t: a"), 400, "http_field_name"),
    ("parenthesis in a name", get(b"X(: a"), 400, "http_field_name"),
    ("quote in a name", get(b'X": a'), 400, "http_field_name"),
    ("at sign in a name", get(b"X@: a"), 400, "http_field_name"),
    ("slash in a name", get(b"X/: a"), 400, "http_field_name"),
    ("NUL in a name", get(b"X\0: a"), 400, "http_field_name"),
    ("obs-text in a name", get(b"X\xe4: a"), 400, "http_field_name"),
    ("line without a colon", get(b"nonsense"), 400, "http_field_name"),
    ("look-alike of Content-Length", get(b"Content_Length: 5"), 400, "http_field_name"),
    ("look-alike of Transfer-Encoding", get(b"Transfer_Encoding: chunked"), 400,
     "http_field_name"),
    ("two empty lines before the request", b"\r\n\r\n" + get(), 400, "http_empty_lines"),
    ("LF before the request", b"\n" + get(), 400, "http_bare_lf"),
    ("two spaces behind the method", get(line=b"GET  / HTTP/1.1"), 400, "http_start_line"),
    ("two spaces behind the target", get(line=b"GET /  HTTP/1.1"), 400, "http_start_line"),
    ("space behind the version", get(line=b"GET / HTTP/1.1 "), 400, "http_start_line"),
    ("tab before the version", get(line=b"GET /\tHTTP/1.1"), 400, None),
    ("space before the method", get(line=b" GET / HTTP/1.1"), 400, "http_start_line"),
    ("no version", get(line=b"GET /"), 400, None),
    ("HTTP/0.9", get(line=b"GET / HTTP/0.9"), 505, "http_version"),
    ("HTTP/2.0", get(line=b"GET / HTTP/2.0"), 505, "http_version"),
    ("HTTP/1.2", get(line=b"GET / HTTP/1.2"), 505, "http_version"),
    ("HTTP/1.10", get(line=b"GET / HTTP/1.10"), None, None),
    ("ICE/1.0", get(line=b"GET / ICE/1.0"), None, None),
    ("http/1.1 in lower case", get(line=b"GET / http/1.1"), None, None),
    ("CONNECT", get(line=b"CONNECT localhost:80 HTTP/1.1"), 501, "http_connect"),
    ("TRACE", get(line=b"TRACE / HTTP/1.1"), 501, "http_method"),
    ("SOURCE", get(line=b"SOURCE / HTTP/1.1"), 501, "http_method"),
    ("unknown method", get(line=b"FROB / HTTP/1.1"), 501, "http_method"),
    ("lower-case method", get(line=b"get / HTTP/1.1"), 501, "http_method"),
    ("upgrade", get(b"Connection: upgrade", b"Upgrade: websocket"), 501, "http_upgrade"),
    ("NUL in the target", get(line=b"GET /\0 HTTP/1.1"), 400, "http_target"),
    ("obs-text in the target", get(line=b"GET /\xe4 HTTP/1.1"), 400, "http_target"),
    ("FF in the target", get(line=b"GET /\x0c HTTP/1.1"), 400, "http_target"),
    ("star with GET", get(line=b"GET * HTTP/1.1"), 400, "http_target"),
    ("star with more", get(line=b"OPTIONS *foo HTTP/1.1"), 400, "http_target"),
    ("fragment", get(line=b"GET /#a HTTP/1.1"), 400, "http_target"),
    ("bad escape", get(line=b"GET /%zz HTTP/1.1"), 400, "http_target"),
    ("cut escape", get(line=b"GET /%4 HTTP/1.1"), 400, "http_target"),
    ("quote in the target", get(line=b'GET /" HTTP/1.1'), 400, "http_target"),
    ("angle in the target", get(line=b"GET /<a> HTTP/1.1"), 400, "http_target"),
    ("brace in the target", get(line=b"GET /{a} HTTP/1.1"), 400, "http_target"),
    ("bar in the target", get(line=b"GET /| HTTP/1.1"), 400, "http_target"),
    ("caret in the target", get(line=b"GET /^ HTTP/1.1"), 400, "http_target"),
    ("backslash in the target", get(line=b"GET /\\ HTTP/1.1"), 400, "http_target"),
    ("relative target", get(line=b"GET x HTTP/1.1"), 400, "http_target"),
    ("userinfo in the target", get(line=b"GET http://u@localhost/ HTTP/1.1"), 400, None),
    ("other scheme", get(line=b"GET ftp://localhost/ HTTP/1.1"), 400, "http_target"),
    ("foreign host in the target", get(line=b"GET http://other/ HTTP/1.1"), 400,
     "http_host_not_target"),
    ("no Host", get(host=b""), 400, "http_host_missing"),
    ("two Hosts", get(HOST[:-2]), 400, "http_host_repeated"),
    ("empty Host", get(host=b"Host:\r\n"), 400, "http_host_invalid"),
    ("Host with a path", get(host=b"Host: a/b\r\n"), 400, "http_host_invalid"),
    ("Host with a space", get(host=b"Host: a b\r\n"), 400, "http_host_invalid"),
    ("Host list", get(host=b"Host: a, b\r\n"), 400, "http_host_invalid"),
    ("Host with userinfo", get(host=b"Host: u@localhost\r\n"), 400, "http_host_invalid"),
    ("Host with an escape", get(host=b"Host: %6cocalhost\r\n"), 400, "http_host_invalid"),
    ("Host with an escaped dot", get(host=b"Host: a%2eexample\r\n"), 400, "http_host_invalid"),
    ("Host with two dots at the end", get(host=b"Host: localhost..\r\n"), 400,
     "http_host_invalid"),
    ("Host with an empty label", get(host=b"Host: a..b\r\n"), 400, "http_host_invalid"),
    ("Host that begins with a dot", get(host=b"Host: .localhost\r\n"), 400, "http_host_invalid"),
    ("escape in the host of the target", get(line=b"GET http://%6cocalhost/ HTTP/1.1"), 400,
     "http_target"),
    ("Host with a bad port", get(host=b"Host: localhost:8x\r\n"), 400, "http_host_invalid"),
    ("length and chunked", post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), 400,
     "http_length_and_chunked"),
    ("chunked and length", post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"), 400,
     "http_length_and_chunked"),
    ("two lengths, equal", post(b"Content-Length: 1", b"Content-Length: 1", body=b"x"), 400,
     "http_content_length"),
    ("two lengths", post(b"Content-Length: 1", b"Content-Length: 2", body=b"x"), 400,
     "http_content_length"),
    ("length list", post(b"Content-Length: 1, 1", body=b"x"), 400, "http_content_length"),
    ("length with plus", post(b"Content-Length: +1", body=b"x"), 400, "http_content_length"),
    ("length with minus", post(b"Content-Length: -1", body=b"x"), 400, "http_content_length"),
    ("length in hex", post(b"Content-Length: 0x1", body=b"x"), 400, "http_content_length"),
    ("length with underscore", post(b"Content-Length: 1_0", body=b"x"), 400,
     "http_content_length"),
    ("length with a space", post(b"Content-Length: 1 2", body=b"x"), 400, "http_content_length"),
    ("length with a point", post(b"Content-Length: 1.0", body=b"x"), 400, "http_content_length"),
    ("empty length", post(b"Content-Length:"), 400, "http_content_length"),
    ("length over 2^64", post(b"Content-Length: 18446744073709551617"), None, None),
    ("length 2^63", post(b"Content-Length: 9223372036854775808"), 413, "http_body_too_large"),
    ("length 001", post(b"Content-Length: 001", body=b"x"), 400, "http_content_length"),
    ("TE chunked, identity", post(b"Transfer-Encoding: chunked, identity"), 400,
     "http_transfer_encoding"),
    ("TE xchunked", post(b"Transfer-Encoding: xchunked"), 400, "http_transfer_encoding"),
    ("TE quoted", post(b'Transfer-Encoding: "chunked"'), 400, "http_transfer_encoding"),
    ("TE with a parameter", post(b"Transfer-Encoding: chunked;q=1"), 400,
     "http_transfer_encoding"),
    ("TE gzip", post(b"Transfer-Encoding: gzip"), 400, "http_transfer_encoding"),
    ("TE identity", post(b"Transfer-Encoding: identity"), 400, "http_transfer_encoding"),
    ("TE with VT", post(b"Transfer-Encoding: \x0bchunked"), 400, None),
    ("TE chunked twice", post(b"Transfer-Encoding: chunked, chunked"), 400,
     "http_transfer_encoding"),
    ("TE identity, chunked", post(b"Transfer-Encoding: identity, chunked"), 400,
     "http_transfer_encoding"),
    ("TE gzip, chunked", post(b"Transfer-Encoding: gzip, chunked"), 400,
     "http_transfer_encoding"),
    ("TE with an empty element", post(b"Transfer-Encoding: ,chunked"), 400,
     "http_transfer_encoding"),
    ("two TE fields", post(b"Transfer-Encoding: identity", CHUNKED), 400,
     "http_transfer_encoding"),
    ("empty TE with a length", post(b"Transfer-Encoding:", b"Content-Length: 1", body=b"x"), 400,
     None),
    ("TE in HTTP/1.0", get(CHUNKED, line=b"POST / HTTP/1.0") + b"0\r\n\r\n", 400,
     "http_transfer_encoding"),
    ("unknown expectation", post(b"Expect: 200-ok", b"Content-Length: 1", body=b"x"), 417,
     "http_expectation"),
    ("target too long", get(line=b"GET /" + b"a" * 9000 + b" HTTP/1.1"), 414,
     "http_target_too_long"),
    ("value too long", get(b"X: " + b"a" * 40000), 431, "http_head_too_large"),
    ("too many fields", get(*[b"X: a"] * 200), 431, "http_fields_too_many"),
    ("two Authorization fields", get(AUTH[:-2]), 400, "credentials_repeated"),
]

# Bodies that are refused when their head has been let through: the upstream sees no complete
# request, and the client's connection ends.
BAD_BODIES = [
    ("size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("size with plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("size with minus", b"-5\r\nhello\r\n0\r\n\r\n"),
    ("size with underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    ("space before the size", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("size g", b"g\r\nhello\r\n0\r\n\r\n"),
    ("empty size", b"\r\nhello\r\n0\r\n\r\n"),
    ("size of 65 bits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("size 2^63", b"8000000000000000\r\nhello\r\n0\r\n\r\n"),
    ("LF after the size", b"5\nhello\r\n0\r\n\r\n"),
    ("CR after the size", b"5\rhello\r\n0\r\n\r\n"),
    ("extension with LF", b"5;a=b\nc\r\nhello\r\n0\r\n\r\n"),
    ("extension with CR", b"5;a=b\rc\r\nhello\r\n0\r\n\r\n"),
    ("extension with NUL", b"5;a\0\r\nhello\r\n0\r\n\r\n"),
    ("two octets for the CRLF behind data", b"5\r\nhelloXX0\r\n\r\n"),
    ("LF behind data", b"5\r\nhello\n0\r\n\r\n"),
    ("extensions that add up", b"".join(b"1;" + b"a" * 200 + b"\r\nx\r\n" for _ in range(200)) +
     b"0\r\n\r\n"),
    ("thousands of zeros", b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n"),
    ("long extension", b"5;" + b"a" * 60000 + b"\r\nhello\r\n0\r\n\r\n"),
    ("bare LF in trailers", b"5\r\nhello\r\n0\r\nX: y\n\r\n"),
    ("bare LF ends trailers", b"5\r\nhello\r\n0\r\nX: y\r\n\n"),
    ("folded trailer", b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n"),
    ("trailers too large", b"5\r\nhello\r\n0\r\nX: " + b"y" * 20000 + b"\r\n\r\n"),
]

# name, octets, what the upstream must see: target, {field: values}, body
ACCEPTED = [
    ("plain", get(), "/", {"host": ["localhost"]}, b""),
    ("one empty line before", b"\r\n" + get(), "/", {}, b""),
    ("absolute-form", get(line=b"GET http://localhost/a?b HTTP/1.1"), "/a?b",
     {"host": ["localhost"]}, b""),
    ("Host with a dot at the end", get(host=b"Host: localhost.\r\n"), "/",
     {"host": ["localhost."]}, b""),
    ("HTTP/1.0 with Host", get(line=b"GET / HTTP/1.0"), "/", {"host": ["localhost"]}, b""),
    ("OPTIONS *", get(line=b"OPTIONS * HTTP/1.1"), "*", {}, b""),
    ("blanks around a value", get(b"X:  \t a b \t "), "/", {"x": ["a b"]}, b""),
    ("obs-text in a value", get(b"X: \xc3\xa4"), "/", {"x": ["\xc3\xa4"]}, b""),
    ("Upgrade without Connection", get(b"Upgrade: h2c"), "/", {"upgrade": []}, b""),
    ("length", post(b"Content-Length: 5", body=b"hello"), "/", {"content-length": ["5"]},
     b"hello"),
    ("chunked", post(CHUNKED, body=b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), "/",
     {"transfer-encoding": ["chunked"], "content-length": []}, b"hello!"),
    ("chunked, any case, and an extension",
     post(b"Transfer-Encoding: CHUNKED", body=b"5;a=b\r\nhello\r\n0\r\n\r\n"), "/", {}, b"hello"),
    ("trailers are dropped",
     post(CHUNKED, body=b"5\r\nhello\r\n0\r\nX-Client-User: eve\r\nContent-Length: 9\r\n"
          b"Host: x\r\nAuthorization: x\r\nX-T: 1\r\n\r\n"), "/",
     {"x-client-user": ["alice@example.com"], "x-t": []}, b"hello"),
    ("Connection may not name framing, Host or our fields",
     post(b"Content-Length: 5", b"Connection: Content-Length, Host, X-Client-User, X-Gone",
          b"X-Gone: 1", body=b"hello"), "/",
     {"host": ["localhost"], "content-length": ["5"], "x-client-user": ["alice@example.com"],
      "x-gone": [], "connection": []}, b"hello"),
    ("name with underscore", get(b"X_Y: 1"), "/", {"x_y": ["1"]}, b""),
    ("empty value", get(b"X:"), "/", {"x": [""]}, b""),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory, pki):
    from proxy import Proxy
    from upstream import Upstream
    upstream = Upstream()
    proxy = Proxy(tmp_path_factory.mktemp("proxy"), pki, upstream.address).start()
    yield proxy, upstream
    assert proxy.stop() == 0
    upstream.close()


def talk(client, octets, octetwise):
    """Send until the proxy has heard enough; a connection that it closes early is no error."""
    try:
        client.send(octets, octetwise)
    except OSError:
        pass


@pytest.mark.parametrize("octetwise", [False, True], ids=["whole", "octetwise"])
@pytest.mark.parametrize("row", REFUSED, ids=[r[0] for r in REFUSED])
def test_refused(shared, row, octetwise):
    proxy, upstream = shared
    _, octets, status, reason = row
    if octetwise and len(octets) > 12000:
        octetwise = False  # the same cut into pieces
    seen = len(upstream.raw)
    records = len(proxy.access())
    with proxy.connect() as client:
        talk(client, octets, octetwise)
        answer = client.answer()
        assert answer is not None
        if status is not None:
            assert answer.status == status, answer.raw
        assert 400 <= answer.status < 600
        assert answer.get("connection") == "close" or reason == "credentials_repeated"
        answer.problem()
    record = wait_until(lambda: proxy.access()[records:])[0]
    if reason is not None:
        assert record["auth.reason"] == reason, record
    assert len(upstream.raw) == seen, "something of it reached the upstream"


@pytest.mark.parametrize("octetwise", [False, True], ids=["whole", "octetwise"])
@pytest.mark.parametrize("row", BAD_BODIES, ids=[r[0] for r in BAD_BODIES])
def test_bad_body(shared, row, octetwise):
    proxy, upstream = shared
    octets = post(CHUNKED, body=row[1])
    if octetwise and len(octets) > 12000:
        octetwise = False
    complete = len(upstream.requests)
    if not octetwise and len(octets) < 12000:
        octets = octets.replace(b"POST / ", b"POST /in-hand ")  # nothing of it may go on
    with proxy.connect() as client:
        talk(client, octets + get(line=b"GET /smuggled HTTP/1.1"), octetwise)
        answer = client.answer()
        assert answer is None or answer.status in (400, 413), answer.raw
        assert client.at_end()
    assert len(upstream.requests) == complete
    assert not any(b"smuggled" in raw or b"in-hand" in raw for raw in upstream.raw)


@pytest.mark.parametrize("octetwise", [False, True], ids=["whole", "octetwise"])
@pytest.mark.parametrize("row", ACCEPTED, ids=[r[0] for r in ACCEPTED])
def test_accepted(shared, row, octetwise):
    proxy, upstream = shared
    _, octets, target, fields, body = row
    with proxy.connect() as client:
        client.send(octets, octetwise)
        answer = client.answer()
    assert answer.status == 200, answer.raw
    request = upstream.requests[-1]
    assert request.target == target
    assert request.body == body
    for field, values in fields.items():
        assert request.all(field) == values, (field, request.fields)


def test_truncated_body_is_not_forwarded_as_complete(shared):
    proxy, upstream = shared
    complete = len(upstream.requests)
    with proxy.connect() as client:
        client.send(post(b"Content-Length: 10", body=b"hello"))
    wait_until(lambda: any(r["auth.reason"] in ("http_truncated", "client_closed")
                           for r in proxy.access()))
    assert len(upstream.requests) == complete


def test_pipelined_requests_are_answered_in_order(shared):
    proxy, upstream = shared
    with proxy.connect() as client:
        client.send(get(line=b"GET /1 HTTP/1.1") + post(b"Content-Length: 2", body=b"hi") +
                    get(line=b"HEAD /3 HTTP/1.1") + get(line=b"GET /4 HTTP/1.1"))
        assert client.answer().body == b"ok\n"
        assert client.answer().body == b"ok\n"
        assert client.answer(head_only=True).get("content-length") == "3"
        assert client.answer().body == b"ok\n"
    assert [r.target for r in upstream.requests[-4:]] == ["/1", "/", "/3", "/4"]


def test_a_second_request_is_judged_anew(shared):
    proxy, upstream = shared
    with proxy.connect() as client:
        client.send(get() + get(auth=b""))
        assert client.answer().status == 200
        assert client.answer().status == 401
        assert client.get("/again", "alice@example.com", "wonder land").status == 200
