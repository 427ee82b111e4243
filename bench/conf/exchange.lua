-- The token from the shared dict, or from the STS by a cosocket of the pool.
local decode = require("cjson.safe").decode
local tokens = ngx.shared.tokens

local var = ngx.var
local source = var.source_token
if source == "" then
    return ngx.exit(401)
end

local path = var.sts_path
local key = path .. source
if #key > 65535 then
    -- A shared dict has no longer keys.
    key = path .. ngx.sha1_bin(source)
end
local target = tokens:get(key)
if target then
    var.target_token = target
    return
end

-- A Redis that several nodes share, where there is one: GET, and SET with the life.
local store = tonumber(var.store_port)
local function ask_store(command)
    local redis = ngx.socket.tcp()
    redis:settimeout(1000)
    if not redis:connect("127.0.0.1", store, { pool_size = 1024 }) or not redis:send(command) then
        return nil
    end
    local line = redis:receive("*l")
    local bytes = line and tonumber(line:match("^%$(%d+)$"))
    local value
    if bytes then
        value = redis:receive(bytes)
        redis:receive(2)
    end
    redis:setkeepalive(600000)
    return value
end
if store then
    target = ask_store("*2\r\n$3\r\nGET\r\n$" .. #key .. "\r\n" .. key .. "\r\n")
    if target then
        -- What is left of its life costs a question more, which is left out here.
        tokens:set(key, target, 300)
        var.target_token = target
        return
    end
end

local socket = ngx.socket.tcp()
socket:settimeout(tonumber(var.sts_timeout))
local connected = socket:connect("127.0.0.1", tonumber(var.sts_port), { pool_size = 1024 })
if not connected then
    return ngx.exit(502)
end

local body = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token="
    .. ngx.escape_uri(source)
    .. "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
local sent = socket:send({
    "POST ", path, " HTTP/1.1\r\nHost: 127.0.0.1:", var.sts_port,
    "\r\nAuthorization: Basic b3R4Y2xpZW50OjJGZWRlcmF0ZQ==",
    "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ", #body,
    "\r\n\r\n", body,
})
if not sent then
    return ngx.exit(502)
end

local status, problem = socket:receive("*l")
if not status then
    return ngx.exit(problem == "timeout" and 504 or 502)
end
local length
repeat
    local line = socket:receive("*l")
    if not line then
        return ngx.exit(502)
    end
    length = length or tonumber(line:lower():match("^content%-length:%s*(%d+)"))
until line == ""
local answer = length and socket:receive(length)
if not answer then
    return ngx.exit(502)
end
socket:setkeepalive(600000)

local decoded = status:sub(10, 12) == "200" and decode(answer)
if not decoded or not decoded.access_token then
    return ngx.exit(502)
end
tokens:set(key, decoded.access_token, tonumber(decoded.expires_in) or 0)
if store then
    local life = tostring(decoded.expires_in or 60)
    ask_store("*5\r\n$3\r\nSET\r\n$" .. #key .. "\r\n" .. key .. "\r\n$" .. #decoded.access_token .. "\r\n"
        .. decoded.access_token .. "\r\n$2\r\nEX\r\n$" .. #life .. "\r\n" .. life .. "\r\n")
end
var.target_token = decoded.access_token
