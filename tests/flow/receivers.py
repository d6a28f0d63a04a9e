"""Those who are told something: a mail server and a webhook, on 127.0.0.1, with what they got."""
import email
import email.policy
import http.server
import json
import socketserver
import ssl
import threading


def tls(pki):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(pki.dir / "server.crt"), str(pki.dir / "server.key"))
    return context


class Receiver:
    """A server on a thread of its own; end() ends it."""

    def listen(self, server):
        self.server = server
        server.daemon_threads = True
        self.port = server.server_address[1]
        self.thread = threading.Thread(target=server.serve_forever, daemon=True)
        self.thread.start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()


class Mail(Receiver):
    """SMTP: begin "tls" (smtps), "starttls" or "plain". refuse: answer to RCPT; login: what AUTH
    PLAIN must hold."""

    def __init__(self, pki, begin="tls", refuse=None, login=None):
        self.mails, self.commands = [], []
        self.begin, self.refuse, self.login = begin, refuse, login
        self.context = tls(pki)
        self.hang = threading.Event()
        self.slow = False
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    outer.talk(self.request)
                except (OSError, ValueError):
                    pass

        self.listen(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))

    def talk(self, connection):
        secure = self.begin == "tls"
        if secure:
            connection = self.context.wrap_socket(connection, server_side=True)
        file = connection.makefile("rwb", buffering=0)
        say = lambda text: file.write(text.encode() + b"\r\n")
        say("220 localhost ready")
        to = None
        while line := file.readline().decode().strip():
            word = line.split(" ")[0].upper()
            self.commands.append((secure, line))
            if self.slow:
                self.hang.wait(60)
            if word == "EHLO":
                more = ["250-STARTTLS"] if self.begin == "starttls" and not secure else []
                more += ["250-AUTH PLAIN"] if self.login else []
                for text in ["250-localhost", *more, "250 8BITMIME"]:
                    say(text)
            elif word == "STARTTLS" and self.begin == "starttls":
                say("220 go ahead")
                connection = self.context.wrap_socket(connection, server_side=True)
                file = connection.makefile("rwb", buffering=0)
                secure = True
            elif word == "AUTH":
                if line.endswith(" PLAIN"):
                    say("334 ")
                    line = file.readline().decode().strip()
                good = line.split(" ")[-1] == self.login
                say("235 welcome" if good else "535 no")
            elif word == "MAIL":
                say("250 ok")
            elif word == "RCPT":
                to = line[line.index("<") + 1:line.index(">")]
                say(self.refuse or "250 ok")
            elif word == "DATA":
                say("354 go on")
                octets = b""
                while not octets.endswith(b"\r\n.\r\n"):
                    octets += file.readline()
                mail = email.message_from_bytes(octets[:-3], policy=email.policy.default)
                self.mails.append((to, mail))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("502 what?")


class Webhook(Receiver):
    """HTTPS; posts: (fields, body) of each."""

    def __init__(self, pki, status=200):
        self.posts, self.status = [], status
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posts.append((self.headers, body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *unused):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = tls(pki).wrap_socket(server.socket, server_side=True)
        self.listen(server)

    def bodies(self):
        return [json.loads(body) for _, body in self.posts]
