# shellcheck shell=bash disable=SC2034,SC2154
title="MCP: each tool gets a token for its own audience and scope"
sts=(--client gateway:2Federate)
path=/mcp
source_token=token-of-alice
request=(-H "Authorization: Bearer $source_token" -H "Mcp-Name: search_orders" -H "Content-Type: application/json" --data '{"jsonrpc":"2.0","id":1,"method":"tools/call"}')
more=(
    "another tool, another token" "-H 'Authorization: Bearer $source_token' -H 'Mcp-Name: cancel_order' --data '{}'"
    "no token: where to get one" "--data '{}'"
    "the metadata of the resource" "@/.well-known/oauth-protected-resource/mcp"
)
