"""An upstream that records, octet for octet, what reaches it, and answers as it is told."""
import socket
import threading


class Request:
    def __init__(self, head, body):
        self.raw_head = head
        self.body = body
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ", 2)
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]

    def all(self, field):
        return [v for n, v in self.fields if n.lower() == field.lower()]

    def get(self, field):
        values = self.all(field)
        return values[0] if values else None


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nok\n"


class Upstream:
    """answer: octets, or a function of (request, socket) that writes by itself and returns octets
    or None; answering None closes the connection."""

    def __init__(self, answer=OK, unix_path=None):
        self.answer = answer
        self.requests = []
        self.connections = 0
        self.raw = []
        if unix_path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(unix_path)
            self.address = f"unix:{unix_path}"
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.listener.listen(512)
        self.open = set()
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if self.closed:
                connection.close()
                return
            self.connections += 1
            self.open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self._loop(connection)
        except OSError:
            pass
        finally:
            self.open.discard(connection)
            connection.close()

    def _loop(self, connection):
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    if data:
                        self.raw.append(data)
                    return
                data += piece
            head, data = data.split(b"\r\n\r\n", 1)
            self.raw.append(head)
            body, data = self._body(connection, head, data)
            request = Request(head, body)
            self.requests.append(request)
            answer = self.answer(request, connection) if callable(self.answer) else self.answer
            if answer is None:
                return
            connection.sendall(answer)

    @staticmethod
    def _body(connection, head, data):
        request = Request(head, b"")
        if (request.get("transfer-encoding") or "").lower() == "chunked":
            body = b""
            while True:
                while b"\r\n" not in data:
                    data += _more(connection)
                size, data = data.split(b"\r\n", 1)
                length = int(size.split(b";")[0], 16)
                if length == 0:
                    while not (data.startswith(b"\r\n") or b"\r\n\r\n" in data):
                        data += _more(connection)
                    if data.startswith(b"\r\n"):
                        return body, data[2:]
                    return body, data.split(b"\r\n\r\n", 1)[1]
                while len(data) < length + 2:
                    data += _more(connection)
                body += data[:length]
                data = data[length + 2:]
        length = int(request.get("content-length") or 0)
        while len(data) < length:
            data += _more(connection)
        return data[:length], data[length:]

    def close(self):
        self.closed = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def _more(connection):
    piece = connection.recv(65536)
    if not piece:
        raise OSError("closed in a body")
    return piece
