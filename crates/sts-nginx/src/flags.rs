//! The flags of a request, and those of the value of a variable, by the compiler of NGINX: flags.c says why.

use std::ffi::c_uint;

use nginx_sys::{ngx_http_request_t, ngx_variable_value_t};

macro_rules! get {
    ($($name:ident => $function:ident;)*) => {
        $(
            pub(crate) fn $name(request: &ngx_http_request_t) -> c_uint {
                unsafe extern "C" {
                    fn $function(request: *const ngx_http_request_t) -> c_uint;
                }
                // SAFETY: the request is valid, and the function reads one of its fields.
                unsafe { $function(request) }
            }
        )*
    };
}

macro_rules! set {
    ($($name:ident => $function:ident;)*) => {
        $(
            /// # Safety
            /// The request is valid.
            pub(crate) unsafe fn $name(request: *mut ngx_http_request_t, value: c_uint) {
                unsafe extern "C" {
                    fn $function(request: *mut ngx_http_request_t, value: c_uint);
                }
                // SAFETY: the caller's contract; the function writes one of its fields.
                unsafe { $function(request, value) }
            }
        )*
    };
}

get! {
    count => ngx_sts_get_count;
    internal => ngx_sts_get_internal;
    filter_finalize => ngx_sts_get_filter_finalize;
    header_sent => ngx_sts_get_header_sent;
    post_action => ngx_sts_get_post_action;
    cached => ngx_sts_get_cached;
    request_body_no_buffering => ngx_sts_get_request_body_no_buffering;
    reading_body => ngx_sts_get_reading_body;
    discard_body => ngx_sts_get_discard_body;
    uri_changes => ngx_sts_get_uri_changes;
}

set! {
    set_count => ngx_sts_set_count;
    set_preserve_body => ngx_sts_set_preserve_body;
    set_allow_ranges => ngx_sts_set_allow_ranges;
    set_single_range => ngx_sts_set_single_range;
    set_disable_not_modified => ngx_sts_set_disable_not_modified;
    set_limit_rate_set => ngx_sts_set_limit_rate_set;
    set_valid_unparsed_uri => ngx_sts_set_valid_unparsed_uri;
    set_error_page => ngx_sts_set_error_page;
}

#[cfg(ngx_feature = "pcre")]
get! { realloc_captures => ngx_sts_get_realloc_captures; }

#[cfg(ngx_feature = "pcre")]
set! { set_realloc_captures => ngx_sts_set_realloc_captures; }

/// Gives a variable a value that the next reader asks for again; none where `found` is false.
pub(crate) fn set_variable(
    value: &mut ngx_variable_value_t,
    data: *mut u8,
    length: u32,
    found: bool,
) {
    unsafe extern "C" {
        fn ngx_sts_set_variable(
            value: *mut ngx_variable_value_t,
            data: *mut u8,
            length: usize,
            found: c_uint,
        );
    }
    // SAFETY: the value is valid, and the function writes its fields.
    unsafe { ngx_sts_set_variable(value, data, length as usize, found.into()) }
}

/// Bytes of the value of a variable: 0 where it has none.
pub(crate) fn variable_length(value: &ngx_variable_value_t) -> usize {
    unsafe extern "C" {
        fn ngx_sts_get_variable_length(value: *const ngx_variable_value_t) -> usize;
    }
    // SAFETY: the value is valid, and the function reads its fields.
    unsafe { ngx_sts_get_variable_length(value) }
}
