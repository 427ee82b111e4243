/* Reads one answer with llhttp, as strictly as it does by itself. */

#include <string.h>

#include "llhttp.h"

struct reading {
    unsigned char *body;
    size_t body_length;
    /* Bytes of the text up to the end of the answer. */
    size_t end;
    /* Why there is no answer; llhttp's own words, which last for ever. */
    const char *reason;
    int status;
    int is_whole;
};

/* Interim answers have no body (RFC 9110, section 15.2). llhttp leaves some of them to its user. */
static int is_interim(const llhttp_t *parser)
{
    return parser->status_code / 100 == 1 && parser->status_code != 101;
}

static int on_headers_complete(llhttp_t *parser)
{
    return is_interim(parser) ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct reading *reading = parser->data;

    memcpy(reading->body + reading->body_length, at, length);
    reading->body_length += length;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct reading *reading = parser->data;

    if (is_interim(parser)) {
        return 0;
    }
    reading->status = parser->status_code;
    reading->is_whole = 1;
    return HPE_PAUSED;
}

/* `reading->body` has room for as many bytes as the text has. */
void llhttp_read(const unsigned char *text, size_t length, struct reading *reading)
{
    llhttp_t parser;
    llhttp_settings_t settings;
    llhttp_errno_t error;

    llhttp_settings_init(&settings);
    settings.on_headers_complete = on_headers_complete;
    settings.on_body = on_body;
    settings.on_message_complete = on_message_complete;
    llhttp_init(&parser, HTTP_RESPONSE, &settings);
    parser.data = reading;

    error = llhttp_execute(&parser, (const char *) text, length);
    if (reading->is_whole) {
        reading->end = (size_t) (llhttp_get_error_pos(&parser) - (const char *) text);
        return;
    }
    if (error == HPE_OK) {
        error = llhttp_finish(&parser);
        reading->end = length;
    }
    if (!reading->is_whole) {
        reading->reason = llhttp_get_error_reason(&parser);
        if (reading->reason == NULL || *reading->reason == '\0') {
            reading->reason = llhttp_errno_name(error);
        }
    }
}
