/*
 * The flags of a request, and those of a variable's value, as the compiler of NGINX has laid them out.
 * bindgen counts the bits of such fields from where a run of them begins, which is wrong where that is
 * within a word: from NGINX 1.29.3 on "port" stands before them, and bindgen takes most flags for others.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#define GET(name)                                                             \
    unsigned ngx_sts_get_##name(const ngx_http_request_t *r)                \
    {                                                                         \
        return r->name;                                                       \
    }

#define SET(name)                                                             \
    void ngx_sts_set_##name(ngx_http_request_t *r, unsigned value)            \
    {                                                                         \
        r->name = value;                                                      \
    }

GET(count)
GET(internal)
GET(filter_finalize)
GET(header_sent)
GET(post_action)
GET(cached)
GET(request_body_no_buffering)
GET(reading_body)
GET(discard_body)
GET(uri_changes)

SET(count)
SET(preserve_body)
SET(allow_ranges)
SET(single_range)
SET(disable_not_modified)
SET(limit_rate_set)
SET(valid_unparsed_uri)
SET(error_page)

/* The value of a variable: bindgen would set its 28 bits of length one by one. */

void ngx_sts_set_variable(ngx_variable_value_t *v, u_char *data, size_t len, unsigned found)
{
    v->len = (unsigned) len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = !found;
    v->data = data;
}

size_t ngx_sts_get_variable_length(const ngx_variable_value_t *v)
{
    return v->not_found ? 0 : v->len;
}

#if (NGX_PCRE)
GET(realloc_captures)
SET(realloc_captures)
#endif
