"""The proxies that are compared, and the upstream behind them: how each is configured, started and
ended. What is the same for all, and what each was given to do its best, stands in EQUAL and CHOSEN,
which go into every report."""
import dataclasses
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

import load
import procstat

SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
CIPHERS = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
CONNECTIONS = 9000  # of clients at a time; with their upstream connections below 20,000 descriptors
LIMIT_S = 60  # to start or to end; a configuration with 100,000 users takes some seconds

EQUAL = [
    "one worker (countersign, nginx: one process; HAProxy: one thread) pinned to one core; load "
    "tool and upstream on another core",
    "the same OpenSSL, the same server certificate, CA, client certificates, users and passwords",
    "TLS 1.2 and 1.3; groups X25519, P-256; AES-128-GCM preferred by the server; client "
    "certificate required and verified; names of CAs sent; HTTP/1.1",
    "a revocation list of the CA, with one entry where no other number is told",
    "every request: password checked, and refused unless the certificate's CN is the user",
    "the upstream is told user, subject, verdict, X-Forwarded-For, -Proto and -Host; it never "
    "sees the password",
    "an access log with a line for each request, into a file",
    "kept-alive connections to one upstream over TCP",
]
CHOSEN = [
    "passwords: nginx compares plain text ({PLAIN}) and HAProxy too (insecure-password), the "
    "cheapest that each knows; countersign takes no such thing and checks SHA-256-crypt, once, "
    "and then remembers. All users come once before anything is measured.",
    "nginx: reuseport, upstream keepalive, access log buffered, answers buffered in memory only, "
    "no limit of requests for a connection; user and CN compared by one regular expression "
    "(PCRE JIT). nginx reads its file of users anew for each request; nothing can be set there.",
    "HAProxy: http-reuse always, log to a file without a syslog server between, no limit of idle "
    "upstream connections.",
    "countersign: defaults but for resumption (off by default, on where the others have it), the "
    "names of the fields, Via, and room: how many connections, of all and of one address, for how "
    "long. By default its handshakes of TLS 1.3 are its own where a client begins in the usual way, as "
    "all do here, and those of TLS 1.2 libssl's.",
]


def connections_max():
    """How many connections one worker can hold by its limit of descriptors: some are kept back, for
    upstreams."""
    return load.descriptors() - 1500


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


@dataclasses.dataclass
class Setup:
    """What one proxy is started with."""
    material: object
    upstream_port: int
    countersign: str = ""
    crl: object = None
    resumption: bool = True
    slow_hashes: bool = False  # nginx and HAProxy get the hashes too, not plain text
    with_ca: bool = False  # the CA stands behind the server's certificate
    routes: tuple = ("/",)
    roomy: bool = False  # countersign with as large tables as it takes
    workers: int = 1  # of countersign; all on the one core

    def chain(self):
        return self.material.chain if self.with_ca else self.material.certificate

    def users(self):
        return [self.material.withdrawn, *self.material.users]


class Server:
    """A process with its configuration in a directory of its own. Subclasses write it (configure)
    and give the command."""

    def __init__(self, directory, core):
        self.dir = directory
        self.core = core
        self.port = free_port()
        self.process = None
        self.dir.mkdir(parents=True)

    def start(self):
        with open(self.dir / "output.txt", "wb") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(self.core), *self.command()], stdin=subprocess.DEVNULL,
                stdout=self.stdout() or output, stderr=output, start_new_session=True)
        end = time.monotonic() + LIMIT_S
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{self.command()[0]} does not start:\n{self.output()}")
            time.sleep(0.02)
        return self

    def ready(self):
        return accepts(self.port)

    def stdout(self):
        return None

    def output(self):
        return "".join(f.read_text(errors="replace")[-3000:]
                       for f in (self.dir / "output.txt", self.dir / "error.log") if f.exists())

    def pids(self):
        return procstat.family(self.process.pid)

    def stop(self):
        """Ended at once: nobody waits for idle connections to be closed one by one. All together, as a
        master that outlives a worker starts another, which would outlive the master."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        path.chmod(0o600)
        return path


class Upstream(Server):
    """nginx with fixed answers: /small says which user it was told, /large is 64 KiB."""

    LARGE = 65536

    def __init__(self, directory, core):
        super().__init__(directory, core)
        (self.dir / "large").write_bytes(b"x" * self.LARGE)
        self.write("nginx.conf", nginx_frame(self.dir, f"""
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    sendfile on;
    open_file_cache max=10;
    server {{
        listen 127.0.0.1:{self.port} reuseport;
        root {self.dir};
        location / {{ default_type text/plain; return 200 "$http_x_client_user"; }}
        location = /large {{ default_type text/plain; }}
    }}"""))

    def command(self):
        return nginx_command(self.dir)


def nginx_frame(directory, http):
    return f"""daemon off;
user {pwd.getpwuid(os.getuid()).pw_name};
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log error;
events {{ worker_connections {2 * CONNECTIONS}; }}
http {{
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server_tokens off;{http}
}}
"""


def nginx_command(directory):
    return [program("nginx"), "-p", str(directory), "-e", str(directory / "error.log"), "-c",
            str(directory / "nginx.conf")]


def program(name):
    """Debian keeps servers in /usr/sbin, which is not in every user's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or name


class Nginx(Server):
    def __init__(self, directory, core, setup):
        super().__init__(directory, core)
        crl = f"ssl_crl {setup.crl};" if setup.crl else ""
        resumption = "" if setup.resumption else "ssl_session_tickets off; ssl_session_cache off;"
        if setup.slow_hashes:
            self.write("users", setup.material.htpasswd.read_text())
        else:
            self.write("users", "".join(f"{u.name}:{{PLAIN}}{u.password}\n" for u in setup.users()))
        self.write("nginx.conf", nginx_frame(self.dir, f"""
    log_format access '$time_iso8601 $remote_addr "$remote_user" "$ssl_client_s_dn" '
                      '"$request" $status $body_bytes_sent $request_time '
                      '$ssl_protocol $upstream_addr $upstream_response_time';
    access_log {self.dir}/access.log access buffer=64k flush=1s;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    tcp_nodelay on;
    map "$remote_user $ssl_client_s_dn" $paired {{
        default 0;
        "~^(?<who>[^ ]+) (?:.*,)?CN=\\k<who>(?:,|$)" 1;
    }}
    upstream app {{
        server 127.0.0.1:{setup.upstream_port};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{self.port} ssl reuseport backlog=1024;
        server_name localhost;
        ssl_certificate {setup.chain()};
        ssl_certificate_key {setup.material.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ecdh_curve X25519:prime256v1;
        ssl_ciphers {CIPHERS};
        ssl_conf_command Ciphersuites {SUITES};
        ssl_prefer_server_ciphers on;
        ssl_client_certificate {setup.material.ca};
        ssl_verify_client on;
        {crl}
        {resumption}
        auth_basic "compare";
        auth_basic_user_file {self.dir}/users;
        if ($paired = 0) {{ return 403; }}
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header Authorization "";
            proxy_set_header X-Client-User $remote_user;
            proxy_set_header X-Client-Subject $ssl_client_s_dn;
            proxy_set_header X-Client-Verify $ssl_client_verify;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $host;
            proxy_buffers 16 16k;
            proxy_buffer_size 16k;
            proxy_busy_buffers_size 64k;
            proxy_max_temp_file_size 0;
        }}
    }}"""))

    def command(self):
        return nginx_command(self.dir)


class Haproxy(Server):
    def __init__(self, directory, core, setup):
        super().__init__(directory, core)
        both = self.dir / "server.pem"
        self.write(both.name, setup.chain().read_text() + setup.material.key.read_text())
        crl = f"crl-file {setup.crl}" if setup.crl else ""
        if setup.slow_hashes:
            known = [line.split(":", 1) for line in setup.material.htpasswd.read_text().split()]
            users = "".join(f"    user {name} password {hashed}\n" for name, hashed in known)
        else:
            users = "".join(f"    user {u.name} insecure-password {u.password}\n"
                            for u in setup.users())
        bind = (f"127.0.0.1:{self.port} backlog 1024 ssl crt {both} ca-file {setup.material.ca} "
                "verify required")
        self.write("haproxy.cfg", f"""global
    nbthread 1
    maxconn {CONNECTIONS}
    log stdout format raw local0
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-ciphers {CIPHERS}
    ssl-default-bind-ciphersuites {SUITES}
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
    maxconn {CONNECTIONS}
userlist known
{users}
frontend secured
    bind {bind} curves X25519:P-256 alpn http/1.1 {crl}
    log-format "%Ts.%ms %ci %[var(txn.cn)] %[var(txn.subject)] %{{+Q}}r %ST %B %Tt %sslv %s %Tr"
    http-request auth realm compare unless {{ http_auth(known) }}
    http-request set-var(txn.cn) ssl_c_s_dn(CN)
    http-request set-var(txn.subject) ssl_c_s_dn(,0,rfc2253)
    http-request deny unless {{ http_auth_user,strcmp(txn.cn) eq 0 }}
    http-request set-header X-Client-User %[http_auth_user]
    http-request del-header Authorization
    http-request set-header X-Client-Subject %[var(txn.subject)]
    http-request set-header X-Client-Verify %[ssl_c_verify]
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    default_backend app
backend app
    http-reuse always
    server app 127.0.0.1:{setup.upstream_port} pool-max-conn -1
""")

    def command(self):
        return [program("haproxy"), "-db", "-f", str(self.dir / "haproxy.cfg")]

    def stdout(self):
        return open(self.dir / "access.log", "wb")


class Countersign(Server):
    def __init__(self, directory, core, setup):
        super().__init__(directory, core)
        self.program = setup.countersign
        self.admin_port = free_port()
        self.workers = setup.workers
        self.write("users.htpasswd", setup.material.htpasswd.read_text())
        crl = f"\n      crl: {setup.crl}" if setup.crl else ""
        users, tuning, most = "", "", 2 * CONNECTIONS
        if setup.roomy:
            most = 200000
            users, tuning = ", remember_max: 200000", (
                "tuning: { remember_chains_max: 200000, remember_certificates_max: 65536 }\n")
        self.write("countersign.yaml", f"""listeners:
  - address: 127.0.0.1:{self.port}
    tls: {{ certificate: {setup.chain()}, key: {setup.material.key} }}
    client:
      ca: {setup.material.ca}{crl}
users: {{ htpasswd: users.htpasswd{users} }}
routes:
""" + "".join(f"  - {{ path: {path}, upstream: app }}\n" for path in setup.routes) + f"""upstreams:
  app: {{ servers: [ "127.0.0.1:{setup.upstream_port}" ] }}
admin: {{ address: "127.0.0.1:{self.admin_port}" }}
headers: {{ issuer: "", serial: "", fingerprint: "", via: false }}
limits: {{ connections: {most}, connections_per_address: 0 }}
timeouts: {{ keepalive: 1h }}
resumption: {{ enabled: {"true" if setup.resumption else "false"} }}
{tuning}log: {{ access: access.log, error: error.log }}
process: {{ workers: {setup.workers} }}
""")

    def command(self):
        return [str(self.program), "run", "-c", str(self.dir / "countersign.yaml")]

    def ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.admin_port), timeout=1) as s:
                s.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return s.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


KINDS = {"countersign": Countersign, "nginx": Nginx, "haproxy": Haproxy}
