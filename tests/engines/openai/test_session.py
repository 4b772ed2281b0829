"""How a server is reached: what is taken from the environment, and what isn't."""

import asyncio
import os
import resource
import socket
import ssl
import subprocess
import sys
from queue import SimpleQueue

import pytest

from pipeline.engines.openai import session
from pipeline.engines.openai.connection import Connection
from pipeline.engines.openai.session import ServerSession, Unanswered
from tests.engines.openai.conftest import OK, BadServer, chunked, ending, token

MANY = 1000


@pytest.fixture
def replies():
    return SimpleQueue()


@pytest.fixture
def connection(server, replies):
    with Connection(server.url, {"authorization": "Bearer abc"}, 60, told(replies)) as made:
        yield made


def told(replies):
    return lambda id_, reply: replies.put((id_, reply))


def asked(url, replies):
    """What comes of a request to an address."""
    with Connection(url, {}, 60, told(replies)) as made:
        made.send(0, "/v1/completions", {}, 1)
        return replies.get()[1]


def test_a_request_says_what_it_is_and_who_asks(server, connection, replies):
    connection.send(0, "/v1/completions", {"prompt": "Grüße"}, 1)
    assert replies.get()[1].error is None
    head = server.heads[-1].lower()
    for line in ("content-type: application/json", "authorization: bearer abc"):
        assert f"\r\n{line}\r\n" in head
    assert "accept-encoding: identity" in head
    assert server.bodies == [{"prompt": "Grüße"}]


def test_a_servers_paths_may_begin_with_one_of_its_own(server, replies):
    assert asked(f"{server.url}/behind/", replies).error is None
    assert server.heads[-1].startswith("POST /behind/v1/completions HTTP/1.1\r\n")


def test_no_proxy_of_the_environment_is_asked(server, connection, replies, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert asked(server.url, replies).error is None
    with ServerSession(server.url, {}) as made:
        assert made.get("/v1/models", 20).is_ok


def test_a_cookie_or_a_long_header_harms_nothing(server, connection, replies):
    async def talkative(body):
        yield OK.replace(
            b"\r\n\r\n", b"\r\nset-cookie: a=b\r\nx-long: %s\r\n\r\n" % (b"x" * 30_000)
        )
        yield chunked(b"".join([token("a", [5]), *ending(1)])) + chunked(b"")

    server.script = talkative
    for number in range(2):
        connection.send(number, "/v1/completions", {}, 1)
        assert replies.get()[1].error is None


def test_nothing_listens_there(replies):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        reply = asked(url, replies)
        with ServerSession(url, {}) as made, pytest.raises(Unanswered, match="Cannot connect"):
            made.get("/v1/models", 20)
    assert "Cannot connect" in reply.error
    assert reply.lost


def test_one_that_can_not_be_reached_is_given_up_as_that(server, replies, monkeypatch):
    """It takes the connection, and says nothing of TLS."""
    monkeypatch.setattr(session, "CONNECT_S", 0.1)
    reply = asked(server.url.replace("http:", "https:"), replies)
    assert "Connection timeout" in reply.error
    assert reply.lost


def test_a_page_that_does_not_come_is_given_up(server):
    async def silent(body):
        await asyncio.sleep(60)
        yield b""

    server.script = silent
    with ServerSession(server.url, {}) as made:
        with pytest.raises(Unanswered, match=r"nothing came within 0\.1 s"):
            made.get("/silent", 0.1)
        assert made.get("/v1/models", 20).is_ok


def test_six_is_spoken_too(replies):
    try:
        server = BadServer(host="::1")
    except OSError:
        pytest.skip("this machine has no ::1")
    try:
        assert asked(f"http://[::1]:{server.port}", replies).error is None
        assert f"Host: [::1]:{server.port}" in server.heads[-1]
    finally:
        server.close()


def test_many_streams_are_open_at_once(server, replies, room):
    everyone = asyncio.Event()

    async def together(body):
        yield OK
        yield chunked(token("a", [5]))
        if len(server.bodies) == MANY:
            everyone.set()
        await everyone.wait()
        yield chunked(b"".join(ending(1))) + chunked(b"")

    server.script = together
    with Connection(server.url, {}, 600, told(replies)) as connection:
        for number in range(MANY):
            connection.send(number, "/v1/completions", {"number": number}, 1)
        ended = dict(replies.get() for _ in range(MANY))
    assert sorted(ended) == [*range(MANY)]
    assert {(each.error, each.text) for each in ended.values()} == {(None, "a")}
    assert sorted(each["number"] for each in server.bodies) == [*range(MANY)]
    assert server.connections == MANY


@pytest.fixture
def room(monkeypatch):
    """Files for both ends of so many connections, and time for them to come about."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MANY + 1000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"a process may have {hard} files open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    monkeypatch.setattr(session, "CONNECT_S", 600)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def certificate(tmp_path):
    """Of 127.0.0.1, signed by itself: certificate and key in one file."""
    from datetime import datetime, timedelta
    from ipaddress import ip_address

    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime.now() + timedelta(days=2))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    kind = serialization.Encoding.PEM
    secret = key.private_bytes(
        kind, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "server.pem"
    path.write_bytes(made.public_bytes(kind) + secret)
    return path


ASK = """
import sys
from pipeline.engines.openai.session import ServerSession
with ServerSession(sys.argv[1], {}) as session:
    print(session.get("/v1/models", 20).status)
"""


def test_https_is_believed_where_its_certificate_is_known(certificate, replies):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = BadServer(context=context)
    url = f"https://127.0.0.1:{server.port}"
    try:
        reply = asked(url, replies)
        assert "certificate verify failed" in reply.error and reply.lost
        assert server.heads == []
        known = {**os.environ, "SSL_CERT_FILE": str(certificate)}
        command = [sys.executable, "-c", ASK, url]
        found = subprocess.run(command, env=known, capture_output=True, text=True, timeout=120)
        assert found.stdout == "200\n", found.stderr
    finally:
        server.close()
