// What auth_request asks: the target token as a header.
function exchange(r) {
    r.subrequest(r.variables.call, function (reply) {
        if (reply.status != 200) {
            r.return(502);
            return;
        }
        var answer = JSON.parse(reply.responseText);
        if (!answer.access_token) {
            r.return(502);
            return;
        }
        r.headersOut['Target-Token'] = answer.access_token;
        r.status = 204;
        r.sendHeader();
        r.finish();
    });
}

export default { exchange };
