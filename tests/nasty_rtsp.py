"""A hand-written RTSP server that does what cameras do and no server should, for the stories.

Each behaviour is one named option of `Nasty`; without any it is a plain camera with one H.264 track over TCP.
"""
import base64
import hashlib
import re
import socket
import struct
import subprocess
import threading
import time

MTU = 1400


def pictures_of(clip, count=60):
    """The first pictures of a clip: lists of NAL units, each list one access unit."""
    stream = subprocess.run(["ffmpeg", "-v", "error", "-i", str(clip), "-an", "-c", "copy", "-frames:v", str(count),
                             "-bsf:v", "h264_mp4toannexb,h264_metadata=aud=insert", "-f", "h264", "-"],
                            check=True, capture_output=True).stdout
    pictures = []
    for unit in re.split(rb"\x00*\x00\x00\x01", stream)[1:]:
        if unit[0] & 31 == 9:
            pictures.append([])
        else:
            pictures[-1].append(unit)
    return pictures


def rtp_packets(units, seq, ticks, mark="last"):
    """The RTP packets of one picture (single units and FU-A)."""
    payloads = []
    for unit in units:
        if len(unit) <= MTU:
            payloads.append(unit)
            continue
        head, body = unit[0], unit[1:]
        pieces = [body[i:i + MTU] for i in range(0, len(body), MTU)]
        for i, piece in enumerate(pieces):
            flags = (0x80 if i == 0 else 0) | (0x40 if i == len(pieces) - 1 else 0)
            payloads.append(bytes([head & 0xe0 | 28, flags | head & 31]) + piece)
    packets = []
    for i, payload in enumerate(payloads):
        is_marked = mark == "all" or (mark == "last" and i == len(payloads) - 1)
        packets.append(struct.pack(">BBHII", 0x80, is_marked << 7 | 96, (seq + i) & 0xffff,
                                   ticks & 0xffffffff, 0x1234) + payload)
    return packets


class Nasty:
    """Use as `with Nasty(pictures, early=True) as camera:` and connect to camera.url."""

    def __init__(self, pictures, fps=25, **options):
        self.pictures, self.fps, self.options = pictures, fps, options
        self.requests = []      # (method, url, headers) in order, of all connections
        self.answers = []       # what the client answered to requests of ours
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/live"
        self.is_over = False

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.listener.close()

    def accept(self):
        while not self.is_over:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(Session(self, client),), daemon=True).start()

    def serve(self, session):
        try:
            session.run()
        except OSError:
            session.note_the_rest()
        finally:
            session.close()

    def methods(self):
        return [method for method, _, _ in self.requests]


class Session:
    def __init__(self, camera, client):
        self.camera, self.client, self.options = camera, client, camera.options
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.settimeout(0.01)
        self.received = b""
        self.nonces = 0
        self.is_playing = False
        self.channel = self.options.get("channel", 0)

    def close(self):
        self.client.close()

    def note_the_rest(self):
        """What the client still said before it went."""
        try:
            while message := self.receive():
                self.camera.requests.append((*message[0].split(" ")[:2], message[1]))
        except OSError:
            pass

    # ---- bytes ----------------------------------------------------------------------------------

    def send(self, data):
        self.client.settimeout(5)
        if self.options.get("split"):
            for i in range(len(data)):
                self.client.send(data[i:i + 1])
        else:
            self.client.sendall(data)
        self.client.settimeout(0.01)

    def send_frame(self, channel, data):
        self.send(struct.pack(">BBH", 0x24, channel, len(data)) + data)

    def receive(self):
        """The next message's (first line, headers), or None when nothing came just now."""
        while b"\r\n\r\n" not in self.received:
            try:
                data = self.client.recv(65536)
            except TimeoutError:
                return None
            if not data:
                raise OSError("closed")
            self.received += data
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        return lines[0], dict(line.split(": ", 1) for line in lines[1:])

    # ---- requests -------------------------------------------------------------------------------

    def run(self):
        while not self.camera.is_over:
            message = self.receive()
            if message and message[0].startswith("RTSP/"):
                self.camera.answers.append(message)
            elif message:
                method, url, _ = message[0].split(" ")
                self.camera.requests.append((method, url, message[1]))
                if self.options.get("stall_at") != method:
                    self.answer(method, url, message[1])
            if self.is_playing:
                self.play()

    def reply(self, status, cseq, headers=(), body=""):
        end = "\n" if self.options.get("bare_lf") else "\r\n"
        lines = [f"RTSP/1.0 {status}"]
        if self.options.get("wrong_cseq"):
            cseq = int(cseq) + 1000
        lines += [f"CSeq: {cseq}", *headers]
        lines += [f"X-{i}: {'y' * 500}" for i in range(self.options.get("long_head", 0))]
        if body or "length" in self.options:
            lines.append(f"Content-Length: {self.options.get('length', len(body))}")
        self.send((end.join([*lines, "", ""]) + body).encode())

    def is_allowed(self, method, url, headers):
        """Digest with a nonce that changes when the options say so."""
        user = self.options.get("user")
        if not user or method == "OPTIONS":
            return True
        given = headers.get("Authorization", "")
        nonce = f"nonce{self.nonces}"
        algorithm = self.options.get("algorithm", "MD5")
        hash_of = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}.get(algorithm)
        if algorithm == "Basic":
            return given == "Basic " + base64.b64encode(user.encode()).decode()
        name, password = user.split(":", 1)
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given))

        def digest(text):
            return hash_of(text.encode()).hexdigest()

        a1, a2 = digest(f"{name}:cam:{password}"), digest(f"{method}:{url}")
        middle = f"{nonce}:{fields.get('nc')}:{fields.get('cnonce')}:auth" if self.options.get("qop") else nonce
        return fields.get("response") == digest(f"{a1}:{middle}:{a2}") and fields.get("uri") == url

    def challenge(self, cseq, stale=False):
        algorithm = self.options.get("algorithm", "MD5")
        if algorithm == "Basic":
            self.reply("401 Unauthorized", cseq, ['WWW-Authenticate: Basic realm="cam"'])
            return
        self.nonces += 1
        value = f'Digest realm="cam", nonce="nonce{self.nonces}", algorithm={algorithm}'
        value += ', qop="auth"' if self.options.get("qop") else ""
        value += ", stale=true" if stale else ""
        self.reply("401 Unauthorized", cseq, [f"WWW-Authenticate: {value}"])

    def answer(self, method, url, headers):
        cseq = headers["CSeq"]
        if not self.is_allowed(method, url, headers):
            return self.challenge(cseq)
        if self.options.get("stale_at") == method and self.nonces < 2:
            return self.challenge(cseq, stale=self.options.get("says_stale", True))
        if method in self.options.get("status", {}):
            return self.reply(self.options["status"][method], cseq, self.options.get("status_headers", ()))
        return getattr(self, "do_" + method.lower())(url, cseq)

    def do_options(self, _, cseq):
        if "raw" in self.options:
            return self.send(self.options["raw"])
        if self.options.get("endless"):
            while True:
                self.send(b"RTSP/1.0 200 OK\r\nX: " + b"y" * 60000)
        self.reply("200 OK", cseq, ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"])

    def do_describe(self, url, cseq):
        if self.options.get("redirect") and "moved" not in url:
            return self.reply("302 Found", cseq, [f"Location: {self.camera.url}/moved"])
        body = self.options.get("sdp")
        if body is None:
            sets = [u for u in self.camera.pictures[0] if u[0] & 31 in (7, 8)]
            sprop = ",".join(base64.b64encode(u).decode() for u in sets)
            body = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=control:*\r\n"
                    "m=audio 0 RTP/AVP 0\r\na=control:audio\r\nm=video 0 RTP/AVP 96\r\n"
                    f"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
                    "a=control:video\r\n")
        if self.options.get("bare_lf"):
            body = body.replace("\r\n", "\n")
        base = [] if self.options.get("no_base") else [f"Content-Base: {url}/"]
        return self.reply("200 OK", cseq, ["Content-Type: application/sdp", *base], body)

    def do_setup(self, _, cseq):
        transport = self.options.get("transport", f"RTP/AVP/TCP;unicast;interleaved={self.channel}-{self.channel + 1}")
        self.reply("200 OK", cseq, [f"Transport: {transport}",
                                    f"Session: s3ss10n;timeout={self.options.get('timeout', 60)}"])

    def do_play(self, _, cseq):
        self.seq, self.ticks, self.shown = 65530, 0xfffff000, 0
        if self.options.get("early"):
            for _ in range(self.options["early"]):
                self.show()
            time.sleep(0.3)
        if self.options.get("asks"):
            for method in ("OPTIONS", "GET_PARAMETER", "PING"):
                self.send(f"{method} * RTSP/1.0\r\nCSeq: 77\r\n\r\n".encode())
        self.reply("200 OK", cseq)
        self.started, self.is_playing = time.monotonic(), True

    def do_get_parameter(self, _, cseq):
        self.reply("200 OK", cseq)

    def do_teardown(self, _, cseq):
        self.reply("200 OK", cseq)
        raise OSError("over")

    # ---- pictures -------------------------------------------------------------------------------

    def show(self):
        units = self.camera.pictures[self.shown % len(self.camera.pictures)]
        packets = rtp_packets(units, self.seq, self.ticks, self.options.get("mark", "last"))
        for i, packet in enumerate(packets):
            if self.options.get("loses") and (self.shown, i) == (5, 0):
                continue
            if self.options.get("garbage") and self.shown % 7 == 3 and i == 0:
                self.send(b"\x80\x00$\xff\xff\xffgarbage\r\n")
            self.send_frame(self.channel, packet)
        self.seq += len(packets)
        self.ticks += 90000 // self.camera.fps
        self.shown += 1

    def play(self):
        if self.shown >= self.options.get("stall_after", 1 << 30):
            return
        if self.shown == self.options.get("bye_after"):
            self.send_frame(self.channel + 1, struct.pack(">BBHI", 0x81, 203, 1, 0x1234))
        if self.shown == self.options.get("cut_after"):
            self.client.sendall(b"$\x00\x10")
            raise OSError("cut off")
        if self.started + self.shown / self.camera.fps <= time.monotonic():
            self.show()
