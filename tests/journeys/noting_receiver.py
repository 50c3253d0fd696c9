"""An application server that notes each callback in a file before it answers.

``noting_receiver.py PORT FILE [REFUSED]``: of a hundred callbacks it refuses REFUSED, by their
object; what is noted survives its own ``kill -9``.
"""

import asyncio
import json
import os
import sys
import zlib
from urllib.parse import parse_qs


async def answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, notes: int, refused: int
) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = (await reader.readexactly(int(lines["content-length"]))).decode()
        key = parse_qs(body)["object"][0]
        accepted = zlib.crc32(key.encode()) % 100 >= refused
        note = {"id": lines.get("webhook-id", ""), "key": key, "accepted": accepted}
        os.write(notes, (json.dumps(note) + "\n").encode())
        status = b"200 OK" if accepted else b"403 Forbidden"
        writer.write(
            b"HTTP/1.1 %b\r\nContent-Length: 15\r\nContent-Type: application/json\r\n\r\n"
            b'{"Status":"OK"}' % status
        )
        await writer.drain()
    except (OSError, EOFError):
        pass
    finally:
        writer.close()


async def main(port: int, file: str, refused: int) -> None:
    notes = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    server = await asyncio.start_server(
        lambda reader, writer: answer(reader, writer, notes, refused), "127.0.0.1", port
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if sys.argv[3:] else 0))
