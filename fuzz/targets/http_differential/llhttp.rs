//! llhttp, the reader of Node.js.

use std::ffi::{CStr, c_char, c_int, c_uchar};
use std::ptr;

use crate::Read;

/// As in oracles/llhttp.c.
#[repr(C)]
struct Reading {
    body: *mut c_uchar,
    body_length: usize,
    end: usize,
    reason: *const c_char,
    status: c_int,
    is_whole: c_int,
}

unsafe extern "C" {
    fn llhttp_read(text: *const c_uchar, length: usize, reading: *mut Reading);
}

pub fn read(text: &[u8]) -> Result<Read, String> {
    let mut body = vec![0; text.len()];
    let mut reading = Reading {
        body: body.as_mut_ptr(),
        body_length: 0,
        end: 0,
        reason: ptr::null(),
        status: 0,
        is_whole: 0,
    };
    // SAFETY: the text has so many bytes, and so has the body, of which no byte comes from elsewhere
    // than the text. Both live until the call is over, and it keeps neither.
    unsafe { llhttp_read(text.as_ptr(), text.len(), &mut reading) };
    if reading.is_whole == 0 {
        assert!(!reading.reason.is_null(), "llhttp refuses without a reason");
        // SAFETY: the reasons of llhttp are literals of C.
        let reason = unsafe { CStr::from_ptr(reading.reason) };
        return Err(reason.to_string_lossy().into_owned());
    }
    body.truncate(reading.body_length);
    let status = u16::try_from(reading.status).expect("a status has three digits");
    Ok(Read { status, body, end: reading.end })
}
