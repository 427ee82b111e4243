"""A gRPC server: each message is answered with the call's Authorization, a line feed and the message."""

from concurrent import futures

import grpc


def authorization(context):
    values = [value for key, value in context.invocation_metadata() if key == "authorization"]
    return "|".join(values).encode()


def unary(message, context):
    context.set_trailing_metadata((("x-trailer", "there"),))
    return authorization(context) + b"\n" + message


def server_stream(message, context):
    for number in range(int(message)):
        yield authorization(context) + b"\n%d" % number


def client_stream(messages, context):
    return authorization(context) + b"\n" + b",".join(messages)


def both(messages, context):
    for message in messages:
        yield authorization(context) + b"\n" + message


class Handlers(grpc.GenericRpcHandler):
    handlers = {
        "/probe/Unary": grpc.unary_unary_rpc_method_handler(unary),
        "/probe/ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "/probe/ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "/probe/Both": grpc.stream_stream_rpc_method_handler(both),
    }

    def service(self, details):
        return self.handlers.get(details.method)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
server.add_generic_rpc_handlers((Handlers(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
