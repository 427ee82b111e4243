//! SCGI: a netstring of names and values that end with NUL, and the body.

use std::io::{self, Read};

use super::{Received, read_body, text};

pub(super) fn receive(stream: &mut dyn Read) -> io::Result<Received> {
    let mut length = 0;
    loop {
        match byte(stream)? {
            b':' => break,
            digit @ b'0'..=b'9' => length = length * 10 + usize::from(digit - b'0'),
            other => return Err(io::Error::other(format!("{other} in the length"))),
        }
    }
    let mut head = vec![0; length];
    stream.read_exact(&mut head)?;
    if byte(stream)? != b',' {
        return Err(io::Error::other("the netstring has no end"));
    }
    let texts: Vec<String> = head.split(|byte| *byte == 0).map(text).collect();
    let pairs = texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    let parameters = pairs.collect();
    let body = read_body(stream, &parameters)?;
    Ok(Received { parameters, body })
}

fn byte(stream: &mut dyn Read) -> io::Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}
