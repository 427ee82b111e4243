"""An HTTP/3 client. Prints one JSON object a line: the user, the status, the headers and the body.

usage: http3.py <port> <CA certificate> <bytes of a body> <user>...

All requests go over one connection, 20 at once. A user with "back" in the name takes the request back
when it has been sent. With bytes of a body the requests are POSTs.
"""

import asyncio
import json
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset

port, ca, size, *users = sys.argv[1:]
body = b"x" * int(size)


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)
        self.answers = {}

    def quic_event_received(self, event):
        if isinstance(event, StreamReset) and event.stream_id in self.answers:
            self.finish(event.stream_id, "reset by the server")
        if isinstance(event, ConnectionTerminated):
            for stream in list(self.answers):
                self.finish(stream, f"connection ended: {event.reason_phrase}")
        for received in self.http.handle_event(event):
            stream = getattr(received, "stream_id", None)
            if stream not in self.answers:
                continue
            answer = self.answers[stream]
            if isinstance(received, HeadersReceived):
                answer["headers"] += [
                    [name.decode(), value.decode()] for name, value in received.headers
                ]
            elif isinstance(received, DataReceived):
                answer["body"] += received.data
            if getattr(received, "stream_ended", False):
                self.finish(stream, None)

    def finish(self, stream, error):
        answer = self.answers.pop(stream)
        answer["error"] = error
        done = answer.pop("done")
        if not done.done():
            done.set_result(answer)

    async def ask(self, user):
        stream = self._quic.get_next_available_stream_id()
        done = asyncio.get_running_loop().create_future()
        self.answers[stream] = {"user": user, "headers": [], "body": b"", "done": done}
        headers = [
            (b":method", b"POST" if body else b"GET"),
            (b":scheme", b"https"),
            (b":authority", b"localhost"),
            (b":path", b"/"),
        ]
        if user:
            headers.append((b"authorization", f"Bearer {user}".encode()))
        if body:
            headers.append((b"content-length", str(len(body)).encode()))
        self.http.send_headers(stream, headers, end_stream=not body)
        if body:
            self.http.send_data(stream, body, end_stream=True)
        self.transmit()
        if "back" in user:
            await asyncio.sleep(0.01)
            self._quic.stop_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
            self.transmit()
            self.finish(stream, "taken back")
        return await done


async def main():
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name="localhost")
    configuration.load_verify_locations(ca)
    turns = asyncio.Semaphore(20)
    async with connect(
        "127.0.0.1", int(port), configuration=configuration, create_protocol=Client
    ) as client:

        async def ask(user):
            async with turns:
                return await asyncio.wait_for(client.ask(user), 60)

        for answer in await asyncio.gather(*map(ask, users)):
            answer["body"] = answer["body"].decode()
            print(json.dumps(answer))


asyncio.run(main())
