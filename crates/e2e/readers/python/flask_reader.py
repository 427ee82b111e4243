"""What Flask makes of a request, behind WSGI."""

from flask import Flask, jsonify, request

application = Flask(__name__)


@application.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT"])
@application.route("/<path:path>", methods=["GET", "POST", "PUT"])
def read(path):
    return jsonify(
        query=request.args.getlist("access_token"),
        form=request.form.getlist("access_token"),
        both=request.values.getlist("access_token"),
        cookie=request.cookies.getlist("sts_token"),
        header=request.headers.getlist("X-Target"),
    )
