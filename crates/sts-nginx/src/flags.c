/*
 * The flags of a request, as the compiler of NGINX has laid them out. bindgen counts the bits of such
 * fields from where a run of them begins, which is wrong where that is within a word: from NGINX 1.29.3 on
 * "port" stands before them, and bindgen takes most flags for others.
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

#if (NGX_PCRE)
GET(realloc_captures)
SET(realloc_captures)
#endif
