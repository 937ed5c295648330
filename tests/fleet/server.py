# SPDX-License-Identifier: Apache-2.0
"""server.py BEHAVIOUR PORTFILE RECEIVED: an HTTP server that takes rows as ClickHouse does, or misbehaves.
server.py count RECEIVED TABLE: how many rows with different keys of a table have arrived; TABLE user: who sent them."""
import base64, gzip, http.server, json, os, sys, time, urllib.parse

if sys.argv[1] == "count":
    keys, user = set(), ""
    for line in open(sys.argv[2], encoding="utf-8"):
        table, who, row = line.split(" ", 2)
        user = who
        row = json.loads(row)
        if table == sys.argv[3]:
            keys.add((row["tape"], row["id"]))
    print(user if sys.argv[3] == "user" else len(keys))
    sys.exit()

behaviour, port_file, received = sys.argv[1:]
inserts = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        try:
            self.end_headers()
            self.wfile.write(body)
        except BrokenPipeError:
            pass

    def do_GET(self):
        if behaviour == "close":
            return self.connection.close()
        if behaviour == "echo":
            return self.answer(500, "sent with " + base64.b64decode(self.headers["Authorization"].split()[1]).decode() + "\n")
        if behaviour == "slow":
            time.sleep(5)
        if behaviour == "refuse":
            return self.answer(401, "Code: 193, e.displayText() = DB::Exception: Wrong password\n")
        if behaviour == "error500":
            return self.answer(500, "Code: 243, e.displayText() = DB::Exception: Cannot reserve 1 MiB, not enough space\n")
        self.answer(200, "99\n" if behaviour == "version" else "1\n")

    def take_spans(self, body):
        if behaviour != "collector":
            return self.answer(404, "404 page not found\n")
        assert self.headers["Content-Type"] == "application/json"
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
            with open(received, "ab") as out:
                out.write(body)
        self.answer(200, "{}")

    def do_POST(self):
        global inserts
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            return self.take_spans(body)
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)["query"][0]
        assert query.startswith("INSERT INTO p11tape.") and query.endswith(" FORMAT JSONEachRow"), query
        table = query.split(".")[1].split()[0]
        user = base64.b64decode(self.headers.get("Authorization", "Basic LTo=").split()[1]).decode().split(":")[0]
        inserts += 1
        with open(received, "a", encoding="utf-8") as out:
            for line in gzip.decompress(body).decode("utf-8").splitlines():
                out.write(f"{table} {user} {line}\n")
        if behaviour == "flaky" and inserts % 2 == 1:
            return self.connection.close()
        self.answer(200, "")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w") as out:
    out.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
