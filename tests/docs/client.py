# Asks `forking.py` for the command of this file's name; `forking.py` writes the first line.
import json
import os
import signal
import socket
import sys

connection = socket.socket(socket.AF_UNIX)
connection.connect(os.path.join(os.path.dirname(sys.argv[0]), "socket"))
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, _: connection.send(bytes([number])))
request = json.dumps(
    {"arguments": sys.argv, "directory": os.getcwd(), "environment": dict(os.environ)}
)
socket.send_fds(connection, [request[:1].encode()], [0, 1, 2])
connection.sendall(f"{request[1:]}\n".encode())
status = connection.recv(1)
# A server that is gone sends nothing.
sys.exit(status[0] if status else 70)
