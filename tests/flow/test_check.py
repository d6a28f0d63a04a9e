"""countersign check: every error with its place, what to do about it, and nothing that is none."""
import json
import re
from pathlib import Path

import pytest
import yaml

from pki import Authority, cert_pem, crl_pem

ROOT = Path(__file__).resolve().parents[2]


def errors(result):
    return re.findall(r"^.*?:\d+:\d+: error: (.*)$", result.stderr, re.M)


def spoil(proxy, pki, what):
    listener = proxy.config["listeners"][0]
    if what == "missing key":
        listener["tls"]["key"] = "none.key"
    elif what == "another key":
        listener["tls"]["key"] = str(pki.dir / "alice.key")
    elif what == "no key":
        listener["tls"]["key"] = str(pki.dir / "ca.crt")
        pki.write("ca.crt", cert_pem(pki.ca.cert), 0o600)
    elif what == "missing certificate":
        listener["tls"]["certificate"] = "none.crt"
    elif what == "no certificate":
        listener["tls"]["certificate"] = str(pki.dir / "server.key")
    elif what == "missing ca":
        listener["client"]["ca"] = "none.crt"
    elif what == "no ca":
        listener["client"]["ca"] = str(pki.dir / "alice.crt")
    elif what == "empty ca":
        listener["client"]["ca"] = str(pki.write("empty.crt", b""))
    elif what == "missing crl":
        listener["client"]["crl"] = "none.crl"
    elif what == "crl of another":
        listener["client"]["crl"] = str(pki.write("strange.crl", crl_pem(Authority("Other").crl())))
    elif what == "missing users":
        proxy.config["users"]["htpasswd"] = "none.htpasswd"
    elif what == "log directory":
        proxy.config["log"]["access"] = "none/access.log"
    elif what == "error log is a directory":
        proxy.config["log"]["error"] = str(proxy.dir)
    elif what == "control directory":
        proxy.config["admin"]["socket"] = "none/control.sock"
    elif what == "listener directory":
        listener["address"] = "unix:none/l.sock"
    elif what == "admin directory":
        proxy.config["admin"]["address"] = "unix:none/a.sock"


@pytest.mark.parametrize("what", [
    "missing key", "another key", "no key", "missing certificate", "no certificate", "missing ca",
    "no ca", "empty ca", "missing crl", "crl of another", "missing users", "log directory",
    "error log is a directory", "control directory", "listener directory", "admin directory"])
def test_one_fault_one_error_and_what_to_do(make_proxy, pki, what):
    proxy = make_proxy()
    listener = proxy.config["listeners"][0]
    listener["client"]["crl"] = str(pki.dir / "empty.crl")
    proxy.write_config()
    assert proxy.run("check", "-c", str(proxy.config_path)).returncode == 0
    spoil(proxy, pki, what)
    proxy.write_config()
    result = proxy.run("check", "-c", str(proxy.config_path))
    assert result.returncode == 1
    assert len(errors(result)) == 1, result.stderr
    assert re.search(r"^ *help: [A-Z\"].*\.$", result.stderr, re.M), result.stderr
    start = proxy.run("run", "-c", str(proxy.config_path))
    assert start.returncode == 1, "check refuses what would run"


def test_memory_of_the_bounds_is_told(make_proxy):
    proxy = make_proxy({"limits": {"connections": 10000}, "process": {"workers": 3},
                        "users": {**make_proxy().config["users"], "remember_max": 100000},
                        "tuning": {"remember_chains_max": 100000}})
    proxy.write_config()
    said = proxy.run("check", "-c", str(proxy.config_path)).stdout
    # 280 + 80 octets for 100,000 each; where handshakes are our own, 8 KiB for 2,048 certificates.
    rest = "kept sessions 0 MiB, remembered by each of 3 workers %d MiB: at most about %d MiB in all\n"
    lean = "memory: 10000 idle connections 49 MiB (5 KiB each), "
    later = not re.search(r"OpenSSL 3\.[01]\.", proxy.run("--version").stdout)
    usual = "352 MiB (36 KiB each), " if later else "264 MiB (27 KiB each), "
    certificates = 0 if later else 16
    each, most = 35 + certificates, (455 if later else 367) + 3 * certificates
    assert lean + "of TLS 1.2 " + usual + rest % (each, most) in said
    for changes, told in [({"tls": {"min_version": "1.3"}}, lean + rest % (each, 152 + 3 * certificates)),
                          ({"own_records": False},
                           "memory: 10000 idle connections " + usual + rest % (35, most - 3 * certificates)),
                          ({"fixed_chain": False},
                           lean + "of TLS 1.2 " + usual + rest % (35, most - 3 * certificates))]:
        other = make_proxy({**proxy.config, "tuning": {**proxy.config["tuning"], **changes}}
                           if "tls" not in changes else proxy.config)
        if "tls" in changes:
            other.config["listeners"][0]["tls"]["min_version"] = "1.3"
        other.write_config()
        assert told in other.run("check", "-c", str(other.config_path)).stdout
    proxy.config["listeners"][0]["tls"].pop("min_version", None)
    proxy.config["resumption"] = {"enabled": True, "keep_max": 1024}
    proxy.write_config()
    said = proxy.run("check", "-c", str(proxy.config_path)).stdout
    assert "kept sessions 4 MiB" in said and f"about {most + 4} MiB in all\n" in said
    assert proxy.run("check", "-q", "-c", str(proxy.config_path)).stdout == ""


def test_relative_socket_addresses_start_at_the_file(make_proxy):
    proxy = make_proxy()
    listener = dict(proxy.config["listeners"][0], address="unix:l.sock")
    proxy.config["listeners"].append(listener)
    proxy.config["upstreams"]["api"]["servers"].append("unix:./s.sock")
    proxy.write_config()
    shown = proxy.run("config", "show", "-c", str(proxy.config_path)).stdout
    assert f"unix:{proxy.dir}/l.sock" in shown and f"unix:{proxy.dir}/s.sock" in shown
    proxy.start()
    assert (proxy.dir / "l.sock").is_socket()
    assert proxy.stop() == 0
    assert not (proxy.dir / "l.sock").exists(), "a socket file is taken away by whoever made it"
    proxy.config["listeners"][1]["address"] = "unix:@l.sock"
    proxy.write_config()
    assert "absolute path" in proxy.run("check", "-c", str(proxy.config_path)).stderr


def schema_of(proxy):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(proxy.run("config", "schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_schema_takes_what_check_takes(make_proxy):
    proxy = make_proxy()
    schema = schema_of(proxy)
    examples = sorted((ROOT / "conf/examples").glob("*.yaml"))
    assert examples
    for path in examples:
        assert not list(schema.iter_errors(yaml.safe_load(path.read_text()))), path
    for address in ("127.0.0.1:1", "[::]:8443", "unix:a.sock", "systemd:web", "0.0.0.0:${PORT}"):
        proxy.config["listeners"][0]["address"] = address
        assert schema.is_valid(proxy.config), address


@pytest.mark.parametrize("section,key,value", [
    ("listeners", "address", "127.0.0.1"), ("listeners", "address", "8443"),
    ("listeners", "adress", "127.0.0.1:1"), ("routes", "path", "x"), ("routes", "require", "bth"),
    ("upstreams", "servers", ["localhost"]), ("upstreams", "servers", ["systemd:x"])])
def test_schema_refuses_what_check_refuses(make_proxy, section, key, value):
    proxy = make_proxy()
    entry = proxy.config[section]["api" if section == "upstreams" else 0]
    entry[key] = value
    proxy.write_config()
    assert not schema_of(proxy).is_valid(proxy.config)
    assert proxy.run("check", "-c", str(proxy.config_path)).returncode == 1
