//! Values with variables.

use std::mem;
use std::ptr::NonNull;

use nginx_sys::{
    NGX_OK, ngx_http_compile_complex_value, ngx_http_compile_complex_value_t,
    ngx_http_complex_value, ngx_http_complex_value_t, ngx_http_get_flushed_variable, ngx_pcalloc,
    ngx_str_t,
};

use crate::conf::Conf;
use crate::flags;
use crate::request::Request;

/// A text in which `$name` stands for a variable.
///
/// What NGINX compiles of it lives in the pool of the configuration, so a value must not outlive the
/// configuration: it belongs to a location and is evaluated for requests of that configuration only.
pub struct Value {
    parts: Vec<Part>,
}

enum Part {
    Literal(Vec<u8>),
    /// A variable alone: what is in it is read where it stands. A script would copy it.
    Variable(usize),
    Script(NonNull<ngx_http_complex_value_t>),
}

/// NGINX could not compile a value, and has said why.
pub struct Reported;

impl Value {
    /// Compiles a text.
    pub fn compile(conf: &Conf<'_>, text: &str) -> Result<Self, Reported> {
        Ok(Self { parts: vec![Part::compile(conf, text)?] })
    }

    /// Compiles the pieces of a text between which there are literal dollar signs.
    pub fn compile_pieces<'t>(
        conf: &Conf<'_>,
        pieces: impl Iterator<Item = &'t str>,
    ) -> Result<Self, Reported> {
        let mut parts = Vec::new();
        for (index, piece) in pieces.enumerate() {
            if index > 0 {
                parts.push(Part::Literal(b"$".to_vec()));
            }
            if !piece.is_empty() {
                parts.push(Part::compile(conf, piece)?);
            }
        }
        Ok(Self { parts })
    }

    /// The value, where it is the same for all requests and lies here in one piece.
    pub fn literal(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(&[]),
            [Part::Literal(literal)] => Some(literal),
            _ => None,
        }
    }

    /// The value for a request; `None` when NGINX has no memory left.
    pub fn evaluate<'r>(&'r self, request: Request<'r>) -> Option<&'r [u8]> {
        match self.parts.as_slice() {
            [] => return Some(&[]),
            [part] => return part.evaluate(request),
            _ => {}
        }
        let mut whole = Vec::new();
        for part in &self.parts {
            whole.extend_from_slice(part.evaluate(request)?);
        }
        request.bytes(&whole).ok()
    }
}

impl Part {
    fn compile(conf: &Conf<'_>, text: &str) -> Result<Self, Reported> {
        if !text.contains('$') {
            return Ok(Self::Literal(text.as_bytes().to_vec()));
        }
        if let Some(name) = only_variable(text) {
            return conf.variable_index(name).map(Self::Variable);
        }
        let mut source = conf.string(text);
        // SAFETY: the pool is valid while the configuration is read.
        let script = unsafe { ngx_pcalloc(conf.pool(), size_of::<ngx_http_complex_value_t>()) };
        let script = NonNull::new(script.cast::<ngx_http_complex_value_t>()).ok_or(Reported)?;
        // SAFETY: all zeroes is a valid request to compile.
        let mut compile = unsafe { mem::zeroed::<ngx_http_compile_complex_value_t>() };
        compile.cf = conf.as_ptr();
        compile.value = &raw mut source;
        compile.complex_value = script.as_ptr();
        // SAFETY: all that it points at is valid for the call, the text as long as the configuration.
        let status = unsafe { ngx_http_compile_complex_value(&raw mut compile) };
        if status == NGX_OK as isize { Ok(Self::Script(script)) } else { Err(Reported) }
    }

    fn evaluate<'r>(&'r self, request: Request<'r>) -> Option<&'r [u8]> {
        match self {
            Self::Literal(literal) => Some(literal),
            Self::Variable(index) => Some(request.keep_captures(|| variable(*index, request))),
            Self::Script(script) => request.keep_captures(|| evaluate(*script, request)),
        }
    }
}

impl Request<'_> {
    /// Runs what evaluates variables, and leaves `$1` and its like as they were: they belong to the
    /// regular expression of a location, a server's name or a `rewrite`, and that of a `map` writes
    /// over them.
    #[cfg(ngx_feature = "pcre")]
    fn keep_captures<R>(self, evaluate: impl FnOnce() -> R) -> R {
        let request = self.as_ptr();
        let raw = self.raw();
        let kept = (raw.ncaptures, raw.captures, raw.captures_data, flags::realloc_captures(raw));
        // What matches takes fresh memory then (ngx_http_regex_exec).
        // SAFETY: the request is valid.
        unsafe { flags::set_realloc_captures(request, 1) };
        let value = evaluate();
        // SAFETY: plain fields of a valid request. What is put back lives as long as the request.
        unsafe {
            ((*request).ncaptures, (*request).captures) = (kept.0, kept.1);
            (*request).captures_data = kept.2;
            flags::set_realloc_captures(request, kept.3);
        }
        value
    }

    /// An NGINX without regular expressions captures nothing.
    #[cfg(not(ngx_feature = "pcre"))]
    fn keep_captures<R>(self, evaluate: impl FnOnce() -> R) -> R {
        evaluate()
    }
}

/// The name in `$name` or `${name}`. With a digit in front it is a capture, and not a variable.
fn only_variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let name = name.strip_prefix('{').map_or(Some(name), |name| name.strip_suffix('}'))?;
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (name.starts_with(|first: char| !first.is_ascii_digit()) && is_name(name)).then_some(name)
}

/// What a variable holds now; nothing when it has no value.
fn variable(index: usize, request: Request<'_>) -> &[u8] {
    // SAFETY: the request is valid, and the index is one of its configuration.
    let value = unsafe { ngx_http_get_flushed_variable(request.as_ptr(), index) };
    // SAFETY: the value is the request's.
    let Some(value) = (unsafe { value.as_ref() }) else { return &[] };
    let length = flags::variable_length(value);
    if length == 0 {
        return &[];
    }
    // SAFETY: it is that long, and stays what it is for as long as nothing changes the request: all
    // that outlives the callback copies it.
    unsafe { std::slice::from_raw_parts(value.data, length) }
}

fn evaluate<'r>(
    script: NonNull<ngx_http_complex_value_t>,
    request: Request<'r>,
) -> Option<&'r [u8]> {
    let mut value = ngx_str_t::empty();
    // SAFETY: the request is valid, and so is the script: it belongs to the request's configuration.
    let status =
        unsafe { ngx_http_complex_value(request.as_ptr(), script.as_ptr(), &raw mut value) };
    if status != NGX_OK as isize {
        return None;
    }
    if value.len == 0 {
        return Some(&[]);
    }
    // SAFETY: NGINX evaluated it into the request's pool, or it is part of the request itself.
    Some(unsafe { std::slice::from_raw_parts(value.data, value.len) })
}
