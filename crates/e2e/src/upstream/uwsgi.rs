//! uwsgi: a head of four bytes, names and values with their lengths, and the body.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::{Received, read_body, text};

pub(super) fn receive(stream: &mut dyn Read) -> io::Result<Received> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut packet = vec![0; usize::from(u16::from_le_bytes([head[1], head[2]]))];
    stream.read_exact(&mut packet)?;
    let mut rest = packet.as_slice();
    let mut parameters = BTreeMap::new();
    while !rest.is_empty() {
        let name = string(&mut rest)?;
        parameters.insert(name, string(&mut rest)?);
    }
    let body = read_body(stream, &parameters)?;
    Ok(Received { parameters, body })
}

fn string(rest: &mut &[u8]) -> io::Result<String> {
    let mut length = [0; 2];
    rest.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::from(u16::from_le_bytes(length))];
    rest.read_exact(&mut bytes)?;
    Ok(text(&bytes))
}
