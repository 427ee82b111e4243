"""Lets the gateway gw-v1 make legacy exchanges: of tokens of the partner, and for orders and samlapp.

usage: permissions.py <URL of Keycloak> <password of the administrator>
"""

import json
import sys
import urllib.parse
import urllib.request

base, password = sys.argv[1:]
form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": password}
endpoint = f"{base}/realms/master/protocol/openid-connect/token"
with urllib.request.urlopen(endpoint, urllib.parse.urlencode(form).encode()) as answer:
    token = json.load(answer)["access_token"]


def call(method, path, body=None):
    request = urllib.request.Request(
        f"{base}/admin/realms/shop{path}",
        json.dumps(body).encode() if body is not None else None,
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def client(name):
    return call("GET", f"/clients?clientId={name}")[0]["id"]


permitted = [f"/clients/{client(name)}" for name in ("orders", "samlapp")]
permitted.append("/identity-provider/instances/partner")
permissions = [
    call("PUT", f"{path}/management/permissions", {"enabled": True})["scopePermissions"]["token-exchange"]
    for path in permitted
]
authorization = f"/clients/{client('realm-management')}/authz/resource-server"
policy = {"name": "gw-v1", "clients": [client("gw-v1")], "logic": "POSITIVE"}
policy = call("POST", f"{authorization}/policy/client", policy)["id"]
for permission in permissions:
    path = f"{authorization}/permission/scope/{permission}"
    settings = call("GET", path)
    for member in ("resources", "scopes"):
        listed = call("GET", f"{authorization}/policy/{permission}/{member}")
        settings[member] = [each.get("_id") or each["id"] for each in listed]
    settings["policies"] = [policy]
    call("PUT", path, settings)
