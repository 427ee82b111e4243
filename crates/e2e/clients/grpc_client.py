"""A gRPC client. Prints one JSON object a line: what was called for which user, and what came of it.

usage: grpc_client.py <address> <what> <user>...
"""

import json
import queue
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

address, what, *users = sys.argv[1:]
# One connection for all calls.
channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
ROUNDS = 20


def metadata(user):
    return (("authorization", f"Bearer {user}"),) if user else ()


def unary(user):
    reply, call = channel.unary_unary("/probe/Unary").with_call(
        user.encode(), metadata=metadata(user), timeout=30
    )
    assert ("x-trailer", "there") in [(key, value) for key, value in call.trailing_metadata()]
    return [reply]


def server_stream(user):
    return list(
        channel.unary_stream("/probe/ServerStream")(
            b"%d" % ROUNDS, metadata=metadata(user), timeout=30
        )
    )


def client_stream(user):
    messages = (b"%d" % number for number in range(ROUNDS))
    return [
        channel.stream_unary("/probe/ClientStream")(messages, metadata=metadata(user), timeout=30)
    ]


def both(user):
    """Each message is sent when the one before it has been answered."""
    messages = queue.Queue()
    replies = channel.stream_stream("/probe/Both")(
        iter(messages.get, None), metadata=metadata(user), timeout=30
    )
    all_replies = []
    for number in range(ROUNDS):
        messages.put(b"%d" % number)
        all_replies.append(next(replies))
    messages.put(None)
    assert next(replies, None) is None
    return all_replies


def run(user):
    try:
        replies = {
            "unary": unary,
            "server-stream": server_stream,
            "client-stream": client_stream,
            "both": both,
        }[what](user)
        return {"user": user, "code": "OK", "replies": [reply.decode() for reply in replies]}
    except grpc.RpcError as error:
        return {"user": user, "code": error.code().name, "details": error.details()}


with ThreadPoolExecutor(max_workers=16) as pool:
    for result in pool.map(run, users):
        print(json.dumps(result))
