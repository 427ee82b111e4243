"""What aiohttp makes of a request."""

import os

from aiohttp import web


async def read(request):
    query = request.query.getall("access_token", [])
    form = [str(value) for value in (await request.post()).getall("access_token", [])]
    return web.json_response(
        {
            "query": query,
            "form": form,
            "both": [query, form],
            "cookie": request.cookies.get("sts_token"),
            "header": request.headers.getall("X-Target", []),
        }
    )


application = web.Application()
application.router.add_route("*", "/{path:.*}", read)
web.run_app(
    application,
    host="127.0.0.1",
    port=int(os.environ["PORT"]),
    print=None,
    access_log=None,
    keepalive_timeout=600,
)
