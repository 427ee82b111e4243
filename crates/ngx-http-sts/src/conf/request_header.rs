//! `STSRequestHeader`: headers of the calls.

use std::rc::Rc;

use sts_core::options::Template;
use sts_core::request_header::{check_name, is_value, only_traces};

use crate::conf::argument::Problem;
use crate::conf::directive::{Accepted, Block};
use crate::conf::text::Text;
use crate::request_header::RequestHeader;

/// The word that keeps the value out of the key.
pub(super) const NOT_IN_KEY: &str = "key=off";

/// `name value [key=off]`, repeatable.
pub(super) fn add(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    let (name, value, is_in_key) = match arguments {
        [name, value] => (name, value, true),
        [name, value, NOT_IN_KEY] => (name, value, false),
        _ => {
            let problem = format!("the third word can only be \"{NOT_IN_KEY}\"");
            return Err(Problem::from(problem).into());
        }
    };
    let name = check_name(name).map_err(|error| error.to_string())?;
    let template = Template::of_argument(value);
    if !template.pieces().all(|piece| is_value(piece.trim().as_bytes())) {
        return Err(Problem::from("the value holds characters that no header can have").into());
    }
    let is_in_key = is_in_key && !only_traces(&name);
    let text = Text::compile(block.conf, template)?;
    let list = Rc::get_mut(block.settings.request_headers.get_or_insert_default());
    let list = list.ok_or_else(|| Problem::from("the list is in use"))?;
    if list.iter().any(|known: &RequestHeader| known.name == name) {
        return Err(format!("the header \"{name}\" is given twice").into());
    }
    list.push(RequestHeader { name, text, is_in_key });
    Ok(())
}
